//! The two operators of the demo: what weakens waits until the other one has consented.
//!
//! They sign in and consent as anyone does, with passkeys: those of the demo are bytes in a file.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};
use ward_signin::soft::SoftAuthenticator;

use super::incident::Engineer;
use super::{Tour, text_at};
use crate::client::{Answer, Client};
use crate::clock;
use crate::demo::OPERATORS_FILE;

/// An operator in person: a signed-in session, and the passkey to prove himself again.
pub(super) struct Operator {
    console: Client,
    origin: String,
    passkey: SoftAuthenticator,
    cookie: String,
}

impl Operator {
    /// Signs one of the demo's operators in, `one` or `two`.
    pub(super) async fn sign_in(dir: &Path, api: &str, key: &str) -> Result<Self> {
        let file = dir.join(OPERATORS_FILE);
        let text = std::fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?;
        let all: Value = serde_json::from_str(&text).context("operators.json")?;
        let passkey = all.get(key).and_then(|one| one.get("passkey")).context("no passkey")?;
        let passkey = SoftAuthenticator::from_json(passkey.to_string().as_bytes())?;
        let (console, origin) = (Client::new(api), text_at(&all, "origin")?);
        let mut operator = Self { console, origin, passkey, cookie: String::new() };
        let answer = operator.ceremony("/console/passkey").await?;
        let cookie = answer.headers.get("set-cookie").and_then(|value| value.to_str().ok());
        let cookie = cookie.and_then(|value| value.split(';').next());
        operator.cookie = cookie.context("the sign-in gave no session")?.to_owned();
        Ok(operator)
    }

    /// Consents to a proposal with his passkey: the answer, good or not.
    pub(super) async fn consent(&mut self, approval: &str) -> Result<Answer> {
        self.ceremony(&format!("/console/approvals/{approval}/consent")).await
    }

    /// Begins a ceremony, proves himself, ends it; the last answer there was.
    async fn ceremony(&mut self, path: &str) -> Result<Answer> {
        let begun = self.post(&format!("{path}/begin"), &json!({})).await?;
        if begun.status != 200 {
            return Ok(begun);
        }
        let begun = begun.json()?;
        let options = begun.get("options").context("no options")?.to_string();
        let response = self.passkey.get(&options, &self.origin).map_err(|error| anyhow!(error))?;
        let response: Value = serde_json::from_str(&response)?;
        let body = json!({ "ceremony": begun.get("ceremony"), "response": response });
        self.post(&format!("{path}/finish"), &body).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        let headers = [
            ("content-type", "application/json"),
            ("ward-console", "tour"),
            ("user-agent", "ward-tour"),
            ("cookie", self.cookie.as_str()),
        ];
        self.console.call(Method::POST, path, &headers, Bytes::from(body.to_string())).await
    }
}

impl Tour {
    /// One of the demo's operators, signed in.
    pub(super) async fn operator(&self, key: &str) -> Result<Operator> {
        Operator::sign_in(&self.dir, &self.at("api_url")?, key).await
    }

    /// Asks for what weakens as the first operator, has the second consent, asks again.
    pub(super) async fn approved(&self, path: &str, body: &Value) -> Result<Value> {
        let held = self.api.post(path, body).await?;
        if held.status != 202 {
            return held.ok();
        }
        let approval = text_at(&held.json()?, "approval")?;
        let consented = self.operator("two").await?.consent(&approval).await?;
        if consented.status != 200 {
            bail!("consent: {}", consented.status);
        }
        self.api.post(path, body).await?.ok()
    }

    /// Nobody weakens anything alone: a request and a file, each held and then not.
    pub(super) async fn no_lone_insider(&mut self, engineer: &Engineer) -> Result<()> {
        let issuer = self.at("imported_key.issuer")?;
        let learning = json!({ "issuer": issuer, "mode": "learning" });
        let held = self.api.post("/api/issuers/mode", &learning).await?;
        let state = held.json().and_then(|it| text_at(&it, "state")).unwrap_or_default();
        let got = format!("{} {state}", held.status);
        self.step("one operator lets an issuer learn: held", "202 waiting", async { Ok(got) })
            .await;
        let approval = held.json().and_then(|it| text_at(&it, "approval")).unwrap_or_default();

        let own = async { self.operator("one").await?.consent(&approval).await };
        let own = own.await.map(|answer| answer.status.to_string());
        self.step("... he consents to it himself: refused", "403", async { own }).await;

        let other = self.at("other_customer_id")?;
        let (now, seed) = (clock::now().seconds(), self.fresh());
        let forged = engineer.forge(&self.demo, &other, now, seed)?;
        let answer = self.gate.with(&forged).get("/me").await?;
        let got = self.outcome(&answer).await;
        self.step("... and nothing has changed", "401 refuse never_issued", async { got }).await;

        let withdraw = format!("/api/approvals/{approval}/withdraw");
        let withdrawn = self.api.post(&withdraw, &json!({})).await?;
        let withdrawn = withdrawn.ok().and_then(|it| text_at(&it, "state"));
        self.step("... he takes it back", "withdrawn", async { withdrawn }).await;
        self.a_weaker_file().await
    }

    /// A catalogue edited to show more: the old one goes on until another operator has consented.
    async fn a_weaker_file(&mut self) -> Result<()> {
        let file = self.dir.join("catalogue.toml");
        let before = std::fs::read_to_string(&file).context("catalogue.toml")?;
        let weaker = before.replacen("mode = \"enforce\"", "mode = \"observe\"", 1);
        put(&file, &weaker)?;
        let reload = async || self.api.post("/api/reload", &json!({})).await;
        let held = reload().await?;
        let mode = self.first_mode().await;
        let got = format!("{} {}", held.status, mode.unwrap_or_default());
        self.step("a file that weakens a route: held, the old one runs", "202 enforce", async {
            Ok(got)
        })
        .await;

        let approval = held.json().and_then(|it| text_at(&it, "approval")).unwrap_or_default();
        let consented = async { self.operator("two").await?.consent(&approval).await };
        let status = consented.await.map(|answer| answer.status).unwrap_or_default();
        let observed = self.wait(|| async {
            let mode = self.first_mode().await?;
            Ok((mode == "observe").then_some(mode))
        });
        let mode = observed.await.unwrap_or_default();
        self.step("... another operator consents: in force", "200 observe", async {
            Ok(format!("{status} {mode}"))
        })
        .await;

        put(&file, &before)?;
        let stricter = self.api.post("/api/reload", &json!({})).await?;
        let mode = self.first_mode().await.unwrap_or_default();
        self.step("... a stricter file needs nobody", "200 enforce", async {
            Ok(format!("{} {mode}", stricter.status))
        })
        .await;
        Ok(())
    }

    /// The mode of the first route.
    async fn first_mode(&self) -> Result<String> {
        let catalogue = self.api.get("/api/catalogue").await?.ok()?;
        let mode = catalogue.pointer("/routes/0/mode").and_then(Value::as_str);
        Ok(mode.context("no route")?.to_owned())
    }
}

fn put(file: &Path, text: &str) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "plays whoever edits the demo's files")]
    std::fs::write(file, text).with_context(|| format!("{}", file.display()))
}
