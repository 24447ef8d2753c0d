//! The driver: with receivers that fail first, with paused time, with an end.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::*;
use crate::client::{Times, parse_url};
use crate::notice::NoticeId;
use crate::outbox::Fate;
use crate::testing::{Act, Authority, Server, answer};
use crate::webhook::verify;

const T0: UnixMillis = UnixMillis::new(1_795_000_000_000);
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn notice(id: &str) -> Notice {
    let id = NoticeId::parse(id).unwrap();
    Notice::new(id, T0, "approval.proposed", "A change is held", &[], "/approvals/7").unwrap()
}

fn courier(url: &str) -> Courier {
    let client = Client::new(&Authority::new("any").trust(), Times::default()).unwrap();
    let secret = SigningSecret::parse(SECRET).unwrap();
    let way = Way::Webhook { url: parse_url(url).unwrap(), secret };
    Courier::new(client, vec![Target { name: "hook".into(), way }], "https://ward.example/")
}

/// Runs a notifier with one notice until it is delivered or given up; the reports.
async fn until_over(courier: Courier, plan: Plan) -> Vec<Report> {
    let (courier, notifier) = (Arc::new(courier), Notifier::new(["hook".into()], plan));
    let (told, mut reports) = mpsc::unbounded_channel();
    notifier.offer(notice("approval-7"), T0);
    let (stop, stopped) = oneshot::channel::<()>();
    let driver = tokio::spawn(async move {
        let deliver = move |job: Job| {
            let courier = Arc::clone(&courier);
            async move { courier.attempt(&job, T0).await }
        };
        // The clock stands at the end of all waits: what is to be repeated is due at once.
        let around = Surroundings {
            clock: || T0,
            jitter: || 0,
            report: move |report| told.send(report).unwrap(),
        };
        run(&notifier, deliver, around, async { drop(stopped.await) }).await
    });
    let mut seen = Vec::new();
    while let Some(report) = reports.recv().await {
        let over = !matches!(report.fate, Fate::WillRetry { .. });
        seen.push(report);
        if over {
            break;
        }
    }
    stop.send(()).unwrap();
    assert_eq!(driver.await.unwrap().waiting, 0);
    seen
}

const AT_ONCE: Plan = Plan { first_ms: 0, longest_ms: 0, attempts_max: 3 };

fn fates(reports: &[Report]) -> Vec<(u32, &str)> {
    let word = |fate: &Fate| match fate {
        Fate::Delivered => "delivered",
        Fate::WillRetry { .. } => "will retry",
        Fate::GaveUp { .. } => "gave up",
        Fate::Dropped => "dropped",
    };
    reports.iter().map(|report| (report.attempts, word(&report.fate))).collect()
}

#[tokio::test]
async fn a_receiver_that_fails_twice_gets_the_same_notice_a_third_time() {
    let server = Server::start(None, |nth| answer(if nth < 2 { 500 } else { 200 }, "")).await;
    let courier = courier(&format!("http://127.0.0.1:{}/hook", server.port));
    let reports = until_over(courier, AT_ONCE).await;
    assert_eq!(fates(&reports), [(1, "will retry"), (2, "will retry"), (3, "delivered")]);
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    let secret = SigningSecret::parse(SECRET).unwrap();
    for (headers, body) in &seen {
        assert_eq!(*body, seen[0].1);
        let text = |name: &str| headers[name].to_str().unwrap();
        assert_eq!((text("webhook-id"), text("content-type")), ("approval-7", "application/json"));
        let (seconds, signature) = (text("webhook-timestamp"), text("webhook-signature"));
        assert!(verify(&secret, "approval-7", seconds.parse().unwrap(), signature, body, T0));
    }
}

#[tokio::test]
async fn receivers_are_believed_only_when_they_say_yes() {
    type Case = (fn(usize) -> Act, &'static [(u32, &'static str)], &'static str);
    let cases: [Case; 6] = [
        (|_| answer(204, ""), &[(1, "delivered")], ""),
        (|_| answer(410, ""), &[(1, "gave up")], "the receiver answered 410 Gone"),
        (
            |_| answer(302, ""),
            &[(1, "will retry"), (2, "will retry"), (3, "gave up")],
            "the receiver answered 302 Found; redirects are not followed (3 attempts)",
        ),
        (
            |_| answer(404, ""),
            &[(1, "will retry"), (2, "will retry"), (3, "gave up")],
            "the receiver answered 404 Not Found (3 attempts)",
        ),
        (
            |_| answer(200, vec![0; WEBHOOK_ANSWER_BYTES_MAX + 1]),
            &[(1, "will retry"), (2, "will retry"), (3, "gave up")],
            "the answer is longer than 65536 bytes (3 attempts)",
        ),
        (
            |nth| if nth == 0 { Act::Close } else { answer(200, "") },
            &[(1, "will retry"), (2, "delivered")],
            "",
        ),
    ];
    for (act, want, words) in cases {
        let server = Server::start(None, act).await;
        let courier = courier(&format!("http://127.0.0.1:{}/", server.port));
        let reports = until_over(courier, AT_ONCE).await;
        assert_eq!(fates(&reports), want, "{reports:?}");
        if let Some(Fate::GaveUp { why }) = reports.last().map(|report| &report.fate) {
            assert_eq!(why, words);
        }
    }
}

/// A driver with a target that does as `deliver` does, on paused time.
struct Paused {
    notifier: Notifier,
    reports: mpsc::UnboundedReceiver<(UnixMillis, Report)>,
    stop: oneshot::Sender<()>,
    driver: tokio::task::JoinHandle<Counts>,
}

impl Paused {
    fn start<F>(names: &[&str], deliver: impl Fn(Job) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Attempt> + Send + 'static,
    {
        let plan = Plan { first_ms: 1_000, longest_ms: 100_000, attempts_max: 4 };
        let names: Vec<Arc<str>> = names.iter().map(|name| Arc::from(*name)).collect();
        let notifier = Notifier::new(names, plan);
        let (told, reports) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let (mine, start) = (notifier.clone(), Instant::now());
        let clock = move || T0.plus_ms(i64::try_from(start.elapsed().as_millis()).unwrap());
        let report = move |report| told.send((clock(), report)).unwrap();
        let around = Surroundings { clock, jitter: || 250, report };
        let driver = tokio::spawn(async move {
            run(&mine, deliver, around, async { drop(stopped.await) }).await
        });
        Self { notifier, reports, stop, driver }
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_come_when_the_plan_says() {
    let mut paused = Paused::start(&["hook"], |_| async { Attempt::Failed("down".to_owned()) });
    paused.notifier.offer(notice("a"), T0);
    let mut times = Vec::new();
    for _ in 0..4 {
        let (at, report) = paused.reports.recv().await.unwrap();
        times.push(at.since(T0));
        if report.attempts == 4 {
            assert_eq!(report.fate, Fate::GaveUp { why: "down (4 attempts)".to_owned() });
        }
    }
    // 750 + 250, then 3,000 + 250, then 12,000 + 250 (jitter is 250).
    assert_eq!(times, [0, 1_000, 4_250, 16_500]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_receiver_and_a_broken_attempt_hold_up_nobody() {
    let tries = Arc::new(AtomicUsize::new(0));
    let mut paused = Paused::start(&["dead", "odd", "live"], move |job| {
        let tries = Arc::clone(&tries);
        async move {
            match job.target {
                0 => std::future::pending().await,
                1 if tries.fetch_add(1, Ordering::SeqCst) == 0 => panic!("a fault of ours"),
                _ => Attempt::Delivered,
            }
        }
    });
    paused.notifier.offer(notice("a"), T0);
    let mut ends = Vec::new();
    for _ in 0..3 {
        let (_, report) = paused.reports.recv().await.unwrap();
        ends.push((report.target.to_string(), fates(&[report])[0].1.to_owned()));
    }
    let end = |name: &str, word: &str| (name.to_owned(), word.to_owned());
    ends[..2].sort();
    assert_eq!(ends, [end("live", "delivered"), end("odd", "will retry"), end("odd", "delivered")]);
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_what_is_under_way_but_not_for_ever() {
    for (takes_ms, delivered, waiting) in [(4_000, 1, 1), (3_600_000, 0, 2)] {
        let (begun, mut begins) = mpsc::unbounded_channel();
        let paused = Paused::start(&["hook"], move |_| {
            begun.send(()).unwrap();
            async move {
                tokio::time::sleep(Duration::from_millis(takes_ms)).await;
                Attempt::Delivered
            }
        });
        paused.notifier.offer(notice("a"), T0);
        paused.notifier.offer(notice("b"), T0);
        begins.recv().await.unwrap();
        let asked = Instant::now();
        paused.stop.send(()).unwrap();
        let counts = paused.driver.await.unwrap();
        assert_eq!((counts.delivered, counts.waiting), (delivered, waiting));
        assert!(asked.elapsed() <= STOP_MAX);
        // Nothing new begins; "b" is offered again after the restart.
        assert!(begins.try_recv().is_err());
    }
}
