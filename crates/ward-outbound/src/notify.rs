//! The notifier: targets, the handle that takes notices, and the one task that delivers them.
//!
//! `offer` never waits and never fails; [`run`] asks [`crate::outbox`] what is due, makes the
//! attempts, and reports each. Notices live in memory: after a restart the caller offers again
//! those whose delivery no record shows, and receivers know a repetition by its id.
//! It must never hold a lock while it waits. Driver code. Best tests: `notify/tests.rs`,
//! `interop/notify.py`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{StatusCode, Uri};
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use ward_model::UnixMillis;

use crate::client::{Client, SendError};
use crate::limits::{STOP_MAX, WEBHOOK_ANSWER_BYTES_MAX};
use crate::mail::{Letter, MailAddress, Mailer};
use crate::notice::Notice;
use crate::outbox::{Attempt, Counts, Job, Outbox, Plan, Report};
use crate::webhook::{self, SigningSecret};

/// One receiver of notices. A list of mail recipients is as many targets, so that one who is
/// refused, or has left, keeps nothing from the others.
#[derive(Clone)]
pub struct Target {
    /// What the console and the reports call it.
    pub name: Arc<str>,
    /// How it is reached.
    pub way: Way,
}

/// How a target is reached.
#[derive(Clone)]
pub enum Way {
    /// A signed webhook; the address is one of [`crate::client::parse_url`].
    Webhook {
        /// Where to.
        url: Uri,
        /// What signs.
        secret: SigningSecret,
    },
    /// A letter to one recipient.
    Mail {
        /// The server.
        mailer: Mailer,
        /// The sender.
        from: MailAddress,
        /// The recipient.
        to: MailAddress,
    },
}

/// Makes attempts: the targets, and what is needed to reach them.
pub struct Courier {
    client: Client,
    targets: Vec<Target>,
    console: String,
}

impl Courier {
    /// `console` is the console's public address without a path (`https://ward.example.com`).
    #[must_use]
    pub fn new(client: Client, targets: Vec<Target>, console: &str) -> Self {
        Self { client, targets, console: console.trim_end_matches('/').to_owned() }
    }

    /// The targets' names, in their order.
    pub fn names(&self) -> impl Iterator<Item = Arc<str>> + '_ {
        self.targets.iter().map(|target| Arc::clone(&target.name))
    }

    /// Makes one attempt; `now` is the time a webhook is signed with.
    pub async fn attempt(&self, job: &Job, now: UnixMillis) -> Attempt {
        match self.targets.get(job.target).map(|target| &target.way) {
            Some(Way::Webhook { url, secret }) => self.webhook(url, secret, &job.notice, now).await,
            Some(Way::Mail { mailer, from, to }) => self.mail(mailer, from, to, &job.notice).await,
            None => Attempt::Refused("there is no such target".to_owned()),
        }
    }

    async fn webhook(
        &self,
        url: &Uri,
        secret: &SigningSecret,
        notice: &Notice,
        now: UnixMillis,
    ) -> Attempt {
        let (id, body) = (notice.id().as_str(), notice.json(&self.console));
        let request = match webhook::request(url, secret, id, now, body) {
            Ok(request) => request,
            Err(error) => return Attempt::Refused(crate::words::causes(&error)),
        };
        match self.client.send(request, WEBHOOK_ANSWER_BYTES_MAX).await {
            Ok(answer) => judge(answer.status()),
            Err(error @ SendError::Address(_)) => Attempt::Refused(error.words()),
            Err(error) => Attempt::Failed(error.words()),
        }
    }

    async fn mail(
        &self,
        mailer: &Mailer,
        from: &MailAddress,
        to: &MailAddress,
        notice: &Notice,
    ) -> Attempt {
        let body = notice.text(&self.console);
        let (subject, id) = (notice.title(), notice.id().as_str());
        let letter = Letter { from, to, subject, body: &body, id, date: notice.at() };
        match mailer.send(&letter).await {
            Ok(()) => Attempt::Delivered,
            Err(error) if error.may_pass() => Attempt::Failed(error.words()),
            Err(error) => Attempt::Refused(error.words()),
        }
    }
}

/// What a receiver's status means (Standard Webhooks, "Deliverability"): 2xx has it; 410 wants no
/// more; everything else, redirects too, may be put right.
fn judge(status: StatusCode) -> Attempt {
    let words = format!("the receiver answered {status}");
    match status {
        _ if status.is_success() => Attempt::Delivered,
        StatusCode::GONE => Attempt::Refused(words),
        _ if status.is_redirection() => {
            Attempt::Failed(format!("{words}; redirects are not followed"))
        }
        _ => Attempt::Failed(words),
    }
}

/// Takes notices; cloning it is cheap. What it takes is delivered by [`run`].
#[derive(Clone)]
pub struct Notifier {
    shared: Arc<Shared>,
}

struct Shared {
    outbox: Mutex<Outbox>,
    /// Rung when there may be something to do.
    bell: Notify,
}

impl Notifier {
    /// A notifier for targets of these names, in the courier's order.
    #[must_use]
    pub fn new(targets: impl IntoIterator<Item = Arc<str>>, plan: Plan) -> Self {
        let outbox = Mutex::new(Outbox::new(targets, plan));
        Self { shared: Arc::new(Shared { outbox, bell: Notify::new() }) }
    }

    /// Takes a notice for every target, at once. Returns what had to give way to it; usually
    /// nothing.
    pub fn offer(&self, notice: Notice, now: UnixMillis) -> Vec<Report> {
        let dropped = self.outbox().offer(notice, now);
        self.shared.bell.notify_one();
        dropped
    }

    /// Takes a notice for one target, by its place, at once: after a restart, for those that have
    /// it not yet. Returns as [`Self::offer`].
    pub fn offer_one(&self, target: usize, notice: Notice, now: UnixMillis) -> Vec<Report> {
        let dropped = self.outbox().offer_one(target, notice, now);
        self.shared.bell.notify_one();
        dropped
    }

    /// How much came to which end, and how much waits.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.outbox().counts()
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.shared.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the driver gets its time and chance, and tells what happened.
pub struct Surroundings<C, J, R> {
    /// The wall clock.
    pub clock: C,
    /// Random numbers for [`Plan::next_attempt`].
    pub jitter: J,
    /// Called with each report, in order.
    pub report: R,
}

/// Delivers what `notifier` takes until `stop` ends; then attempts under way get [`STOP_MAX`].
/// `deliver` makes one attempt and must end by itself (the client and the mailer are bounded).
/// Returns what was left undelivered; no record shows its delivery, so it is offered again later.
/// Dropping the future ends the attempts under way without a report.
pub async fn run<D, F, C, J, R>(
    notifier: &Notifier,
    deliver: D,
    mut around: Surroundings<C, J, R>,
    stop: impl Future<Output = ()>,
) -> Counts
where
    D: Fn(Job) -> F,
    F: Future<Output = Attempt> + Send + 'static,
    C: Fn() -> UnixMillis,
    J: FnMut() -> u64,
    R: FnMut(Report),
{
    let mut attempts = Attempts { set: JoinSet::new(), targets: HashMap::new() };
    tokio::pin!(stop);
    loop {
        let now = (around.clock)();
        while let Some(job) = { notifier.outbox().take(now) } {
            attempts.start(job.target, deliver(job));
        }
        let next = notifier.outbox().next_due();
        let wait = next.map(|due| u64::try_from(due.since(now)).unwrap_or_default());
        tokio::select! {
            biased;
            () = &mut stop => break,
            (target, attempt) = attempts.end(), if !attempts.set.is_empty() => {
                settle(notifier, &mut around, target, attempt);
            }
            () = notifier.shared.bell.notified() => {}
            () = pause(wait), if wait.is_some() => {}
        }
    }
    let rest = async {
        while !attempts.set.is_empty() {
            let (target, attempt) = attempts.end().await;
            settle(notifier, &mut around, target, attempt);
        }
    };
    let _ = tokio::time::timeout(STOP_MAX, rest).await;
    notifier.counts()
}

/// Waits some milliseconds; the clock is looked at again after a minute, for it may be set.
async fn pause(ms: Option<u64>) {
    tokio::time::sleep(Duration::from_millis(ms.unwrap_or_default()).min(LONGEST_PAUSE)).await;
}

fn settle<C, J, R>(
    notifier: &Notifier,
    around: &mut Surroundings<C, J, R>,
    target: Option<usize>,
    attempt: Attempt,
) where
    C: Fn() -> UnixMillis,
    J: FnMut() -> u64,
    R: FnMut(Report),
{
    let (now, jitter) = ((around.clock)(), (around.jitter)());
    let Some(target) = target else { return };
    let report = notifier.outbox().settle(target, attempt, now, jitter);
    if let Some(report) = report {
        (around.report)(report);
    }
}

/// Attempts under way, and whose they are.
struct Attempts {
    set: JoinSet<Attempt>,
    targets: HashMap<Id, usize>,
}

impl Attempts {
    fn start(&mut self, target: usize, attempt: impl Future<Output = Attempt> + Send + 'static) {
        let id = self.set.spawn(attempt).id();
        self.targets.insert(id, target);
    }

    /// Waits for the next to end; never, while there is none. Dropping the future loses nothing.
    async fn end(&mut self) -> (Option<usize>, Attempt) {
        let (id, attempt) = match self.set.join_next_with_id().await {
            Some(Ok((id, attempt))) => (id, attempt),
            Some(Err(error)) => (JoinError::id(&error), broke_off()),
            None => std::future::pending().await,
        };
        (self.targets.remove(&id), attempt)
    }
}

/// An attempt that panicked: a fault of Ward's; the lane must not stay taken.
fn broke_off() -> Attempt {
    Attempt::Failed("the attempt broke off inside Ward".to_owned())
}

/// How long the driver sleeps at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
