//! Who is told: proposals, emergencies and new incidents, to the targets of `[notify.NAME]`.
//!
//! A notice is made of a record and names nobody but operators' ids. Nothing waits for it: what
//! cannot be told is tried again, then counted and logged, and stands in the console all the same.
//! After a restart, proposals that still wait are told again, under the same ids: receivers know
//! them by `webhook-id` or `Message-ID`.
//! Best test: at the end of this file; `interop/notify.py` for the way out.

mod owner;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use ward_model::word::AlertKind;
use ward_model::{ApprovalId, Position, Record, Secret, UnixMillis};
use ward_operators::Proposal;
use ward_outbound::client::{Client, Times, parse_url};
use ward_outbound::mail::{Login, MailAddress, Mailer, Server};
use ward_outbound::notice::{Notice, NoticeId};
use ward_outbound::notify::{Courier, Notifier, Surroundings, Target, Way, run};
use ward_outbound::outbox::{Fate, Job, Plan, Report};
use ward_outbound::trust::Trust;
use ward_outbound::webhook::SigningSecret;

use crate::app::App;
use crate::clock;
use crate::config::Config;
use crate::config::operators::Notify;
use crate::exit::{Exit, fail};

/// Where notices go, and what waits. Cheap to clone.
#[derive(Clone)]
pub struct Telling {
    notifier: Notifier,
    courier: Arc<Courier>,
    mutes: Arc<BTreeSet<AlertKind>>,
    to_owners: owner::ToOwners,
}

impl Telling {
    /// The targets of a configuration; their secrets are read now.
    ///
    /// # Errors
    /// Exit code 64: a secret cannot be read, an address is none.
    pub fn new(config: &Config) -> Result<Self, Exit> {
        let wrong = |name: &str, error: &dyn core::fmt::Display| {
            Exit::new(64, format!("notify.{name}: {error}"))
        };
        let trust = Trust::system(None).map_err(|error| wrong("*", &error))?;
        let mut targets = Vec::new();
        for (name, target) in &config.notify {
            let way = match target {
                Notify::Webhook { url, secret_file } => webhook(url, secret_file),
                Notify::Mail { server, from, to, login } => {
                    mail(server, from, to, login.as_ref(), &trust)
                }
            };
            let way = way.map_err(|error| wrong(name, &error))?;
            targets.push(Target { name: name.as_str().into(), way });
        }
        let client = Client::new(&trust, Times::default()).map_err(|error| wrong("*", &error))?;
        let console = config.operators.console.clone();
        let console =
            console.unwrap_or_else(|| format!("http://localhost:{}", config.control.port()));
        let mail = targets.iter().find_map(|target| match &target.way {
            Way::Mail { mailer, from, .. } => Some((mailer.clone(), from.clone())),
            Way::Webhook { .. } => None,
        });
        let to_owners =
            owner::ToOwners { way: mail, client: client.clone(), console: console.clone() };
        let courier = Courier::new(client, targets, &console);
        let notifier = Notifier::new(courier.names(), Plan::default());
        let mutes = Arc::new(config.mutes.clone());
        Ok(Self { notifier, courier: Arc::new(courier), mutes, to_owners })
    }

    /// Tells what a record says, if it is to be told.
    pub fn see(&self, at: Position, record: &Record) {
        if about(record).is_some_and(|kind| self.mutes.contains(&kind)) {
            return;
        }
        if let Some(notice) = notice(at, record) {
            self.offer(notice);
        }
    }

    /// Writes to whoever answers for what leaked. Reads the store; muting does not reach it.
    pub fn see_owner(&self, app: &App, at: Position, record: &Record) {
        if let Record::AlertRaised(alert) = record {
            owner::tell(app, &self.to_owners, at, alert);
        }
    }

    fn offer(&self, notice: Notice) {
        self.notifier.offer(notice, clock::now()).iter().for_each(log);
    }
}

/// Delivers until `stop` ends; begins with the proposals that wait.
pub async fn start(app: Arc<App>, stop: impl Future<Output = ()>) {
    let telling = app.telling.clone();
    let waiting: Vec<Notice> = app.operators.read(|it| {
        let open = it.all_open();
        open.filter_map(|(id, one)| proposed(id, one.at, one)).collect()
    });
    waiting.into_iter().for_each(|notice| telling.offer(notice));
    let courier = Arc::clone(&telling.courier);
    let deliver = move |job: Job| {
        let courier = Arc::clone(&courier);
        async move { courier.attempt(&job, clock::now()).await }
    };
    let jitter = || u64::from_le_bytes(clock::random());
    let around = Surroundings { clock: clock::now, jitter, report: |one: Report| log(&one) };
    let _left = run(&telling.notifier, deliver, around, stop).await;
}

/// WHY not the reason: a mail server's words may quote the receiver's address.
fn log(report: &Report) {
    let (notice, target) = (report.notice.to_string(), report.target.to_string());
    match &report.fate {
        Fate::Delivered => tracing::info!(notice, target, "told"),
        Fate::WillRetry { .. } => tracing::info!(notice, target, "not told yet"),
        Fate::GaveUp { .. } => tracing::error!(notice, target, "could not be told"),
        Fate::Dropped => tracing::error!(notice, target, "gave way to newer notices"),
    }
}

/// What is told of a record. Pure.
fn notice(at: Position, record: &Record) -> Option<Notice> {
    match record {
        Record::ApprovalProposed(it) => {
            let by = if it.proposer.0 == [0; 16] {
                "nobody: Ward found it, or a machine asked".to_owned()
            } else {
                it.proposer.uuid()
            };
            let lines = [
                format!("act: {}", it.act),
                format!("what becomes weaker: {}", it.effect),
                format!("proposed by: {by}"),
                format!("consents needed: {}", it.consents),
            ];
            told(
                &format!("approval-{}", it.approval),
                at.time,
                "approval.proposed",
                &lines,
                &page(it.approval),
            )
        }
        Record::BypassOpened(it) => {
            let lines = [format!("route {}", it.route), format!("opened by {}", it.person.uuid())];
            let id = format!("bypass-{}", it.bypass);
            told(&id, at.time, "emergency.opened", &lines, "/console/incidents")
        }
        Record::AlertRaised(it) if loud(it.kind) => {
            let lines = [format!("alert: {}", it.kind)];
            told(
                &format!("alert-{}", it.alert),
                at.time,
                "alert.raised",
                &lines,
                "/console/incidents",
            )
        }
        Record::IncidentOpened(it) => {
            let lines = [format!("about: {}", it.kind)];
            let link = format!("/console/incidents/{}", it.incident);
            told(&format!("incident-{}", it.incident), at.time, "incident.opened", &lines, &link)
        }
        _ => None,
    }
}

fn proposed(id: ApprovalId, at: UnixMillis, one: &Proposal) -> Option<Notice> {
    let lines = [format!("act: {}", one.act), format!("what becomes weaker: {}", one.effect)];
    told(&format!("approval-{id}"), at, "approval.proposed", &lines, &page(id))
}

fn page(id: ApprovalId) -> String {
    format!("/console/approvals/{id}")
}

/// The kind of alert a record is about, which may be muted.
const fn about(record: &Record) -> Option<AlertKind> {
    match record {
        Record::AlertRaised(it) => Some(it.kind),
        Record::IncidentOpened(it) => Some(it.kind),
        _ => None,
    }
}

/// Alerts about operators themselves; every other is told by its incident.
const fn loud(kind: AlertKind) -> bool {
    matches!(
        kind,
        AlertKind::UnapprovedChange
            | AlertKind::EmergencyUsed
            | AlertKind::OperatorCredential
            | AlertKind::IssuerTrouble
    )
}

fn told(
    id: &str,
    at: UnixMillis,
    kind: &'static str,
    lines: &[String],
    link: &str,
) -> Option<Notice> {
    let title = match kind {
        "approval.proposed" => "Ward: a change that weakens waits for your consent",
        "emergency.opened" => "Ward: a route was opened in an emergency",
        "incident.opened" => "Ward: a new incident",
        _ => "Ward: an alert about operators",
    };
    told_as(id, at, kind, title, lines, link)
}

fn told_as(
    id: &str,
    at: UnixMillis,
    kind: &'static str,
    title: &str,
    lines: &[String],
    link: &str,
) -> Option<Notice> {
    let made = NoticeId::parse(id).and_then(|id| Notice::new(id, at, kind, title, lines, link));
    made.inspect_err(|error| tracing::error!(%error, "a notice could not be made")).ok()
}

fn webhook(url: &str, secret_file: &Path) -> Result<Way, Exit> {
    let told = |error: &dyn core::fmt::Display| Exit::new(64, error.to_string());
    let secret = read(secret_file)?;
    let secret = SigningSecret::parse(secret.expose().trim()).map_err(|error| told(&error))?;
    Ok(Way::Webhook { url: parse_url(url).map_err(|error| told(&error))?, secret })
}

fn mail(
    server: &str,
    from: &str,
    to: &str,
    login: Option<&(String, std::path::PathBuf)>,
    trust: &Trust,
) -> Result<Way, Exit> {
    let told = |error: &dyn core::fmt::Display| Exit::new(64, error.to_string());
    let login = match login {
        Some((user, file)) => {
            let password = Secret::new(read(file)?.expose().trim_end().to_owned());
            Some(Login { user: user.clone(), password })
        }
        None => None,
    };
    let server = Server::parse(server).map_err(|error| told(&error))?;
    let mailer =
        Mailer::new(server, login, trust, Times::default()).map_err(|error| told(&error))?;
    let from = MailAddress::parse(from).map_err(|error| told(&error))?;
    let to = MailAddress::parse(to).map_err(|error| told(&error))?;
    Ok(Way::Mail { mailer, from, to })
}

fn read(file: &Path) -> Result<Secret<String>, Exit> {
    std::fs::read_to_string(file).map(Secret::new).map_err(|error| fail(64, file, &error))
}

#[cfg(test)]
mod tests {
    use ward_model::record::{AlertRaised, ApprovalProposed};
    use ward_model::*;

    use super::*;

    const AT: Position = Position { index: LeafIndex(1), time: UnixMillis::new(1) };

    fn proposal(proposer: u8) -> Record {
        ApprovalProposed {
            approval: ApprovalId(7),
            act: Text::cut("issuer_learning"),
            target: Text::default(),
            digest: [0; 32],
            effect: Text::cut("https://a learns"),
            proposer: PersonId([proposer; 16]),
            api_key: ApiKeyId::NONE,
            session: SessionId::NONE,
            consents: 1,
            from_roles: Roles::NONE,
            expires_at: UnixMillis::new(2),
            alone_from: UnixMillis::new(0),
        }
        .into()
    }

    #[test]
    fn proposals_are_told_with_what_becomes_weaker() {
        let one = notice(AT, &proposal(1)).unwrap();
        assert_eq!(one.id().to_string(), "approval-7");
        assert!(one.text("").contains("https://a learns"));
        let nobody = notice(AT, &proposal(0)).unwrap();
        assert!(nobody.text("").contains("nobody"));
    }

    #[test]
    fn alerts_about_operators_are_told_and_others_by_their_incident() {
        for kind in AlertKind::ALL {
            let alert = AlertRaised {
                alert: AlertId(3),
                kind: *kind,
                principal: PrincipalNumber::NONE,
                data_subject: DataSubjectNumber::NONE,
                key: KeyNumber::NONE,
                api_key: ApiKeyId::NONE,
                access: AccessId::default(),
                route: RouteNumber::NONE,
                leaked: 0,
            };
            assert_eq!(notice(AT, &alert.into()).is_some(), loud(*kind), "{kind}");
        }
    }
}
