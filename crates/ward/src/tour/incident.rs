//! The incident itself: an engineer who could read a signing key leaves, and forges with it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use super::Tour;
use super::forge::{StolenKey, junk_signature, token_id};
use crate::client::Answer;
use crate::clock;

/// How long the tour waits for what happens off the hot path, milliseconds.
const WAIT_MS: i64 = 10_000;
/// How long the tour looks for something that must not happen.
const QUIET: std::time::Duration = std::time::Duration::from_millis(500);

/// The thief of this tour: his key, and the credentials he had.
pub struct Engineer {
    person: String,
    kid: String,
    stolen: StolenKey,
    token: String,
    api_key: String,
    customer_token: String,
    cut_over_s: i64,
}

impl Tour {
    /// The engineer joins, could read an imported key, and leaves.
    pub(super) async fn engineer_leaves(&mut self) -> Result<Engineer> {
        let engineer = self.engineer_joins().await?;
        let page = format!("/staff/customers/{}", self.at("customer.id")?);
        let (gate, api) = (self.gate.clone(), self.api.clone());

        let open = gate.with(&engineer.token).get(&page).await?;
        let got = self.outcome(&open).await;
        self.step("the engineer's token works while he is here", "200 permit", async { got }).await;

        let old = engineer.old_token(&self.at("other_customer_id")?, self.fresh())?;
        let answer = gate.with(&old).get("/me").await?;
        let got = self.outcome(&answer).await;
        self.step(
            "an old login token passes while its key's holders are here",
            "200 permit",
            async { got },
        )
        .await;

        let before = clock::now();
        self.scim_active(&engineer.person, false).await?;
        let token = gate.with(&engineer.token).get(&page).await?;
        let api_key = gate.with(&engineer.api_key).get(&page).await?;
        let ms = clock::now().since(before);
        let got = format!("{} {}", token.status, api_key.status);
        self.step("he leaves: his token and his API key are refused", "401 401", async { Ok(got) })
            .await;
        self.step("... within a second of the signal", "true", async {
            Ok((ms < 1000).to_string())
        })
        .await;

        let kid = engineer.kid.clone();
        let state = self.wait(|| async {
            let state = key_state(&api.get("/api/keys").await?.ok()?, &kid);
            Ok((state != "active").then_some(state))
        });
        let state = state.await;
        self.step("the key he could read is rotated", "compromised", async { state }).await;

        let answer = gate.with(&engineer.customer_token).get("/me").await?;
        let got = self.outcome(&answer).await;
        self.step("a customer's token under that key still works", "200 permit", async { got })
            .await;
        Ok(engineer)
    }

    async fn engineer_joins(&mut self) -> Result<Engineer> {
        let n = self.fresh();
        let user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": format!("engineer-{n}@shop.example"),
            "active": true,
        });
        let person = self.scim.post("/Users", &user).await?.ok()?;
        let person = super::text_at(&person, "id")?;
        let pem = StolenKey::generate()?;
        let cut_over_s = clock::now().seconds();
        let import = json!({
            "pem": pem,
            "issuer": self.at("imported_key.issuer")?,
            "holders": [person],
            "activate": true,
            "grandfathering": {
                "cut_over": cut_over_s, "life_seconds": 3600, "window_days": 7,
            },
        });
        let key = self.approved("/api/keys/import", &import).await?;
        let kid = super::text_at(&key, "kid")?;
        let token = self.issue("person", &person, None).await?;
        let customer_token = self.issue("customer", &self.at("customer.id")?, None).await?;
        let ask = json!({"kind": "person", "owner": {"kind": "person", "id": person}, "days": 30});
        let api_key = self.approved("/api/api-keys", &ask).await?;
        let api_key = super::text_at(&api_key, "api_key")?;
        let stolen = StolenKey::from_pem(&pem, &kid)?;
        Ok(Engineer { person, kid, stolen, token, api_key, customer_token, cut_over_s })
    }

    /// Has a token issued, as a login service would.
    pub(super) async fn issue(
        &self,
        kind: &str,
        sub: &str,
        tenant: Option<&str>,
    ) -> Result<String> {
        let mut ask = json!({
            "kind": kind, "sub": sub, "life_seconds": 1800,
            "audience": self.at("imported_key.audience")?, "login": "tour",
        });
        if let (Some(tenant), Some(ask)) = (tenant, ask.as_object_mut()) {
            ask.insert("tenant".to_owned(), json!(tenant));
        }
        super::text_at(&self.api.post("/api/tokens", &ask).await?.ok()?, "token")
    }

    pub(super) async fn scim_active(&self, person: &str, active: bool) -> Result<Value> {
        let patch = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "value": {"active": active}}],
        });
        let body = Bytes::from(patch.to_string());
        let headers = &[("content-type", "application/scim+json")];
        let path = format!("/Users/{person}");
        self.scim.call(Method::PATCH, &path, headers, body).await?.ok()
    }

    /// He forges with the key he kept.
    pub(super) async fn forgeries(&mut self, engineer: &Engineer) -> Result<()> {
        let other = self.at("other_customer_id")?;
        let now = clock::now().seconds();
        let seed = self.fresh();
        let forged = engineer.forge(&self.demo, &other, now, seed)?;
        self.refused("a forged token is refused on first use", &forged, "never_issued").await?;

        let before = engineer.old_token(&other, self.fresh())?;
        self.refused("the same, dated before cut-over", &before, "never_issued").await?;

        let again = engineer.stolen.re_sign(&engineer.customer_token)?;
        self.refused("a true customer's claims, signed again", &again, "never_issued").await?;

        let (kid, person) = (engineer.kid.clone(), engineer.person.clone());
        let api = self.api.clone();
        let got = self
            .wait(|| async {
                let incident = incident_of(&api, &kid).await?;
                let holders = incident.as_ref().and_then(|one| one.get("holders"));
                let holder = holders.is_some_and(|all| all.to_string().contains(&person));
                Ok(holder.then(|| "key and holder named".to_owned()))
            })
            .await;
        self.step("the incident names the key and its holder", "key and holder named", async {
            got
        })
        .await;

        let incidents = self.incident_count().await?;
        let junk = junk_signature(&self.at("customer.token")?)?;
        self.refused("a junk signature over true claims", &junk, "bad_signature").await?;
        // An incident follows its alert off the hot path: one that came would be there by then.
        tokio::time::sleep(QUIET).await;
        let after = self.incident_count().await?;
        self.step("... opens no incident", "true", async { Ok((incidents == after).to_string()) })
            .await;
        Ok(())
    }

    async fn refused(&mut self, name: &'static str, token: &str, reason: &str) -> Result<()> {
        let answer = self.gate.with(token).get("/me").await?;
        let got = self.outcome(&answer).await;
        self.step(name, &format!("401 refuse {reason}"), async { got }).await;
        Ok(())
    }

    async fn incident_count(&self) -> Result<usize> {
        let list = self.api.get("/api/incidents?limit=200").await?.ok()?;
        Ok(list.get("items").and_then(Value::as_array).map_or(0, Vec::len))
    }

    /// Issuer `learning`, route `observe`: everything passes byte for byte and is counted, until
    /// the token names somebody who does not exist.
    pub(super) async fn learning_and_observing(&mut self) -> Result<()> {
        let pem = StolenKey::generate()?;
        let issuer = format!("https://old-login-{}.shop.example", self.fresh());
        let import = json!({"pem": pem, "issuer": issuer, "holders": [], "activate": false});
        let key = self.approved("/api/keys/import", &import).await?;
        let kid = super::text_at(&key, "kid")?;
        let mode = json!({"issuer": issuer, "mode": "learning"});
        self.approved("/api/issuers/mode", &mode).await?;
        let stolen = StolenKey::from_pem(&pem, &kid)?;
        let alerts = self.alert_counts().await?;

        let first: i64 = self.at("other_customer_id")?.parse().context("customer id")?;
        let observed = self.gate.host("observe");
        let (mut leaked, mut same) = (0u32, true);
        for id in first..first + 3 {
            let token = stolen.sign(&self.claims(&issuer, &id.to_string()))?;
            let through = observed.with(&token).get("/me").await?;
            let direct = self.shop.with(&token).get("/me").await?;
            same &= through.body == direct.body && through.status == direct.status;
            leaked += u32::from(through.status == 200);
        }
        self.step("learning and observing: forgeries pass byte for byte", "true", async {
            Ok(same.to_string())
        })
        .await;
        let missing = self.at("missing_customer_id")?;
        let token = stolen.sign(&self.claims(&issuer, &missing))?;
        observed.with(&token).get("/me").await?;
        let fired = self.wait_alert("phantom_data_subject", &alerts).await;
        let want = format!("phantom_data_subject after {leaked} records");
        self.step("... until one names somebody who does not exist", &want, async {
            fired.map(|()| format!("phantom_data_subject after {leaked} records"))
        })
        .await;
        let fired = self.wait_alert("never_issued", &alerts).await;
        self.step("... each alerted as never issued", "never_issued", async {
            fired.map(|()| "never_issued".to_owned())
        })
        .await;
        let mode = json!({"issuer": issuer, "mode": "enforcing"});
        self.api.post("/api/issuers/mode", &mode).await?.ok()?;
        let token = stolen.sign(&self.claims(&issuer, &first.to_string()))?;
        let answer = observed.with(&token).get("/me").await?;
        let got = self.outcome(&answer).await;
        let want = "401 refuse never_issued";
        self.step("the issuer enforces: refused, on observed routes too", want, async { got })
            .await;
        Ok(())
    }

    /// A verifier that believes any published key accepts what the gate refuses; one that believes
    /// only the gate's transaction tokens does not.
    pub(super) async fn offline_verifiers(&mut self) -> Result<()> {
        let token = self.at("customer.token")?;
        let careless = self.shop.with(&token).get("/me").await?.status;
        let hosts = self.api.get("/api/catalogue").await?.ok()?;
        let strict = super::text_at(&hosts, "hosts.gate-only.upstream")?;
        let strict = crate::client::Client::new(strict);
        let direct = strict.with(&token).get("/me").await?.status;
        let through = self.gate.host("gate-only").with(&token).get("/me").await?.status;
        let got = format!("keys {careless}, gate-only {direct}, through the gate {through}");
        let want = "keys 200, gate-only 401, through the gate 200";
        self.step("past the gate: a shop that believes keys, one that does not", want, async {
            Ok(got)
        })
        .await;
        Ok(())
    }

    fn claims(&mut self, issuer: &str, sub: &str) -> Value {
        let now = clock::now().seconds();
        json!({
            "jti": token_id(self.fresh()), "iss": issuer, "sub": sub,
            "aud": self.at("imported_key.audience").unwrap_or_default(),
            "iat": now, "exp": now + 900, "client_id": "login", "kind": "customer",
        })
    }

    async fn alert_counts(&self) -> Result<BTreeMap<String, usize>> {
        let list = self.api.get("/api/alerts?limit=200").await?.ok()?;
        let mut counts = BTreeMap::new();
        for alert in list.get("items").and_then(Value::as_array).into_iter().flatten() {
            let kind = alert.get("kind").and_then(Value::as_str).unwrap_or_default();
            *counts.entry(kind.to_owned()).or_default() += 1;
        }
        Ok(counts)
    }

    async fn wait_alert(&self, kind: &str, before: &BTreeMap<String, usize>) -> Result<()> {
        let had = before.get(kind).copied().unwrap_or(0);
        self.wait(|| async {
            let now = self.alert_counts().await?.get(kind).copied().unwrap_or(0);
            Ok((now > had).then_some(()))
        })
        .await
    }

    /// Asks until there is an answer or the time is over.
    pub(super) async fn wait<T, F>(&self, ask: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<Option<T>>>,
    {
        let start = clock::now();
        loop {
            if let Some(answer) = ask().await? {
                return Ok(answer);
            }
            if clock::now().since(start) > WAIT_MS {
                anyhow::bail!("not within {WAIT_MS} ms");
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

impl Engineer {
    /// A token of the login service's own shape, for anybody.
    pub(super) fn forge(&self, demo: &Value, sub: &str, iat: i64, seed: u64) -> Result<String> {
        self.stolen.sign(&json!({
            "jti": token_id(seed), "iss": super::text_at(demo, "imported_key.issuer")?, "sub": sub,
            "aud": super::text_at(demo, "imported_key.audience")?,
            "iat": iat, "exp": iat + 1800, "client_id": "login", "kind": "customer",
        }))
    }

    /// A token as the login service issued them before Ward: unknown to the ledger, older than
    /// cut-over.
    fn old_token(&self, sub: &str, seed: u64) -> Result<String> {
        let iat = self.cut_over_s - 60;
        self.stolen.sign(&json!({
            "jti": token_id(seed), "iss": self.issuer(), "sub": sub, "aud": self.audience(),
            "iat": iat, "exp": iat + 3600, "client_id": "login", "kind": "customer",
        }))
    }

    fn claim(&self, name: &str) -> String {
        let part = self.customer_token.split('.').nth(1).unwrap_or_default();
        let bytes = data_encoding::BASE64URL_NOPAD.decode(part.as_bytes()).unwrap_or_default();
        let claims: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    fn issuer(&self) -> String {
        self.claim("iss")
    }

    fn audience(&self) -> String {
        self.claim("aud")
    }
}

/// The state of the key with this `kid`.
fn key_state(keys: &Value, kid: &str) -> String {
    let keys = keys.get("keys").and_then(Value::as_array).into_iter().flatten();
    let mut found = keys.filter(|key| key.get("kid").and_then(Value::as_str) == Some(kid));
    let state = found.next().and_then(|key| key.get("state")).and_then(Value::as_str);
    state.unwrap_or("unknown").to_owned()
}

/// The never-issued incident about a key, with its timeline.
pub(super) async fn incident_of(api: &crate::client::Client, kid: &str) -> Result<Option<Value>> {
    let list = api.get("/api/incidents?limit=200").await?.ok()?;
    for one in list.get("items").and_then(Value::as_array).into_iter().flatten() {
        let Ok(id) = super::text_at(one, "id") else { continue };
        let whole: Answer = api.get(&format!("/api/incidents/{id}")).await?;
        let whole = whole.ok()?;
        if whole.to_string().contains(kid) {
            return Ok(Some(whole));
        }
    }
    Ok(None)
}
