//! `ward tour`: the incident, played against a running demo, step by step.
//!
//! Everything is seen from outside: HTTP calls and files, nothing of Ward's inside. The thief's
//! signatures are made in `forge.rs`. Exit 0 only if every step came out as it must.

mod compromise;
mod forge;
mod incident;
mod journal;
mod operators;
mod reads;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;
use ward_model::UnixMillis;

use crate::client::{Answer, Client};
use crate::clock;
pub use forge::StolenKey;
pub use table::Step;

/// Everything the tour holds: the demo's addresses and credentials, and what came out so far.
pub struct Tour {
    dir: PathBuf,
    demo: Value,
    api: Client,
    scim: Client,
    gate: Client,
    shop: Client,
    seed: u64,
    /// When the last step ended.
    mark: UnixMillis,
    steps: Vec<Step>,
}

/// Plays the tour against the demo in `dir`; prints the table (or JSON) and says whether all is well.
///
/// # Errors
/// The demo does not run, or answers nothing.
pub async fn run(dir: &Path, json: bool) -> Result<bool> {
    let mut tour = Tour::open(dir)?;
    if let Err(error) = tour.play().await {
        if tour.steps.is_empty() {
            return Err(error);
        }
        tour.step("the tour goes on to its end", "true", async { Err(error) }).await;
    }
    let ok = tour.steps.iter().all(|step| step.ok);
    if json {
        crate::say(&serde_json::to_string_pretty(&tour.steps)?);
    } else {
        crate::say(&table::render(&tour.steps));
    }
    Ok(ok)
}

impl Tour {
    async fn play(&mut self) -> Result<()> {
        self.reads_before().await?;
        let engineer = self.engineer_leaves().await?;
        self.forgeries(&engineer).await?;
        self.a_key_compromised().await?;
        self.no_lone_insider(&engineer).await?;
        self.learning_and_observing().await?;
        self.offline_verifiers().await?;
        self.sellers_and_riders().await?;
        self.staff_walks().await?;
        self.journal_is_checked().await
    }

    fn open(dir: &Path) -> Result<Self> {
        let file = dir.join("demo.json");
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("{}: start `ward demo` first", file.display()))?;
        let demo: Value = serde_json::from_str(&text).context("demo.json")?;
        let at = |key: &str| text_at(&demo, key);
        let api = Client::new(at("api_url")?).with(&at("admin_token")?).purpose("tour")?;
        let scim = Client::new(at("scim_url")?).with(&at("scim_token")?);
        let gate = Client::new(at("gate_url")?);
        let shop = Client::new(at("shop_url")?);
        let seed = u64::try_from(clock::now().ms()).unwrap_or_default();
        Ok(Self {
            dir: dir.to_owned(),
            demo,
            api,
            scim,
            gate,
            shop,
            seed,
            mark: clock::now(),
            steps: Vec::new(),
        })
    }

    /// A text of `demo.json` by its path, for example `customer.id`.
    fn at(&self, path: &str) -> Result<String> {
        text_at(&self.demo, path)
    }

    /// Runs one step: `work` says what came out; it must equal `want`.
    async fn step(
        &mut self,
        name: &'static str,
        want: &str,
        work: impl Future<Output = Result<String>>,
    ) {
        let got = work.await.unwrap_or_else(|error| format!("error: {error:#}"));
        let ms = u64::try_from(clock::now().since(self.mark)).unwrap_or_default();
        self.mark = clock::now();
        let ok = got == want;
        let step = Step { name, want: want.to_owned(), got, ok, ms };
        crate::progress(&format!("{} {name}", if ok { "ok  " } else { "FAIL" }));
        self.steps.push(step);
    }

    /// A number not used before in this tour.
    fn fresh(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(1);
        self.seed
    }

    /// What happened to a request, as an operator sees it: `permit` or `refuse <reason>`.
    async fn verdict(&self, answer: &Answer) -> Result<String> {
        let id = answer.request_id().context("no Ward-Request-Id on the answer")?;
        let access = self.api.get(&format!("/api/accesses/{id}")).await?.ok()?;
        let word = |key: &str| access.get(key).and_then(Value::as_str).unwrap_or("none");
        Ok(match word("verdict") {
            "permit" => "permit".to_owned(),
            verdict => format!("{verdict} {}", word("reason")),
        })
    }

    /// Status and verdict in one text: `401 refuse never_issued`.
    async fn outcome(&self, answer: &Answer) -> Result<String> {
        Ok(format!("{} {}", answer.status, self.verdict(answer).await?))
    }
}

/// A text (or number) in a JSON document by a dotted path.
fn text_at(document: &Value, path: &str) -> Result<String> {
    let found = path.split('.').try_fold(document, |value, key| value.get(key));
    match found {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => anyhow::bail!("demo.json has no {path}"),
    }
}
