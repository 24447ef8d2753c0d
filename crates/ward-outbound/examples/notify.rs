//! Sends one notice to each target of a JSON file, and prints a line of JSON for each report:
//! `cargo run -p ward-outbound --example notify -- PLAN.json`. Exit code 0 if all were delivered,
//! 1 if not, 64 if the file asks for something that Ward refuses. Secrets are read from files.
//!
//! ```json
//! {"ca": "ca.pem", "console": "https://ward.example.com",
//!  "plan": {"first_ms": 100, "longest_ms": 1000, "attempts_max": 3},
//!  "notice": {"id": "approval-7", "title": "A change is held", "lines": ["..."], "link": "/a/7"},
//!  "webhooks": [{"name": "hook", "url": "https://...", "secret": "secret-file"}],
//!  "mails": [{"name": "ada", "server": "smtps://...", "from": "ward@...", "to": "ada@...",
//!             "user": "ward", "password": "password-file"}]}
//! ```
#![expect(clippy::print_stdout, reason = "a program that prints its reports")]
#![expect(clippy::print_stderr, reason = "a program that says why it stops")]
#![expect(clippy::disallowed_methods, reason = "a program reads the clock")]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use tokio::sync::mpsc;
use ward_model::{Secret, UnixMillis};
use ward_outbound::client::{Client, Times, parse_url};
use ward_outbound::mail::{Login, MailAddress, Mailer, Server};
use ward_outbound::notice::{Notice, NoticeId};
use ward_outbound::notify::{Courier, Notifier, Surroundings, Target, Way, run};
use ward_outbound::outbox::{Fate, Job, Plan, Report};
use ward_outbound::trust::Trust;
use ward_outbound::webhook::SigningSecret;

#[derive(Deserialize)]
struct Asked {
    ca: String,
    console: String,
    plan: AskedPlan,
    notice: AskedNotice,
    #[serde(default)]
    webhooks: Vec<AskedWebhook>,
    #[serde(default)]
    mails: Vec<AskedMail>,
}

#[derive(Deserialize)]
struct AskedPlan {
    first_ms: i64,
    longest_ms: i64,
    attempts_max: u32,
}

#[derive(Deserialize)]
struct AskedNotice {
    id: String,
    title: String,
    lines: Vec<String>,
    link: String,
}

#[derive(Deserialize)]
struct AskedWebhook {
    name: String,
    url: String,
    secret: String,
}

#[derive(Deserialize)]
struct AskedMail {
    name: String,
    server: String,
    from: String,
    to: String,
    user: Option<String>,
    password: Option<String>,
}

type Failure = Box<dyn Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let prepared = std::env::args().nth(1).ok_or("one argument: a JSON file".into());
    match prepared.and_then(|file| prepare(Path::new(&file))) {
        Ok((notice, courier, plan)) => match deliver(notice, courier, plan).await {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        },
        Err(error) => {
            eprintln!("notify: {error}");
            ExitCode::from(64)
        }
    }
}

/// Reads the file, and the files it names, which are looked for beside it.
fn prepare(file: &Path) -> Result<(Notice, Courier, Plan), Failure> {
    let asked: Asked = serde_json::from_slice(&std::fs::read(file)?)?;
    let beside = |name: &str| std::fs::read_to_string(file.with_file_name(name));
    let trust = Trust::only(beside(&asked.ca)?.as_bytes())?;
    let mut targets = Vec::new();
    for it in asked.webhooks {
        let secret = SigningSecret::parse(beside(&it.secret)?.trim_end())?;
        let way = Way::Webhook { url: parse_url(&it.url)?, secret };
        targets.push(Target { name: it.name.into(), way });
    }
    for it in asked.mails {
        let mut login = None;
        if let (Some(user), Some(password)) = (it.user, it.password) {
            let password = Secret::new(beside(&password)?.trim_end().to_owned());
            login = Some(Login { user, password });
        }
        let server = Server::parse(&it.server)?;
        let mailer = Mailer::new(server, login, &trust, Times::default())?;
        let (from, to) = (MailAddress::parse(&it.from)?, MailAddress::parse(&it.to)?);
        targets.push(Target { name: it.name.into(), way: Way::Mail { mailer, from, to } });
    }
    let AskedNotice { id, title, lines, link } = asked.notice;
    let id = NoticeId::parse(&id)?;
    let notice = Notice::new(id, now(), "approval.proposed", &title, &lines, &link)?;
    let AskedPlan { first_ms, longest_ms, attempts_max } = asked.plan;
    let courier = Courier::new(Client::new(&trust, Times::default())?, targets, &asked.console);
    Ok((notice, courier, Plan { first_ms, longest_ms, attempts_max }))
}

/// Delivers to every target, printing each report; whether all have it.
async fn deliver(notice: Notice, courier: Courier, plan: Plan) -> bool {
    let notifier = Notifier::new(courier.names(), plan);
    let mut left = courier.names().count();
    let courier = Arc::new(courier);
    notifier.offer(notice, now());
    let (over, mut overs) = mpsc::unbounded_channel();
    let attempt = |job: Job| {
        let courier = Arc::clone(&courier);
        async move { courier.attempt(&job, now()).await }
    };
    let report = |report: Report| {
        println!("{}", line(&report));
        if !matches!(report.fate, Fate::WillRetry { .. }) {
            let _ = over.send(());
        }
    };
    let all_over = async {
        while left > 0 && overs.recv().await.is_some() {
            left = left.saturating_sub(1);
        }
    };
    let around = Surroundings { clock: now, jitter: || 0, report };
    let counts = run(&notifier, attempt, around, all_over).await;
    counts.gave_up == 0 && counts.waiting == 0
}

fn line(report: &Report) -> serde_json::Value {
    let (fate, why) = match &report.fate {
        Fate::Delivered => ("delivered", ""),
        Fate::WillRetry { why, .. } => ("will retry", why.as_str()),
        Fate::GaveUp { why } => ("gave up", why.as_str()),
        Fate::Dropped => ("dropped", ""),
    };
    serde_json::json!({
        "notice": report.notice.as_str(), "target": &*report.target, "attempts": report.attempts,
        "fate": fate, "why": why,
    })
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis::new(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
