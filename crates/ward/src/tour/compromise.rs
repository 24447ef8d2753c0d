//! A key is declared to be in other hands, live: what was issued under it goes on, nothing else does.

use anyhow::Result;
use serde_json::{Value, json};

use super::forge::{StolenKey, token_id};
use super::incident::incident_of;
use super::{Tour, text_at};
use crate::clock;

impl Tour {
    /// A good token before; the counts; the declaration, held and then not; the same token after; a
    /// forged one.
    pub(super) async fn a_key_compromised(&mut self) -> Result<()> {
        let pem = StolenKey::generate()?;
        let issuer = self.at("imported_key.issuer")?;
        let import = json!({
            "pem": pem, "issuer": issuer, "holders": [self.at("staff.id")?], "activate": true,
        });
        let key = self.approved("/api/keys/import", &import).await?;
        let kid = text_at(&key, "kid")?;
        let customer = self.at("customer.id")?;
        let token = self.issue("customer", &customer, None).await?;
        let answer = self.gate.with(&token).get("/me").await?;
        let got = self.outcome(&answer).await;
        self.step("a customer's token under a key nobody doubts", "200 permit", async { got })
            .await;

        let path = format!("/api/keys/{kid}/compromised");
        let held = self.api.post(&path, &json!({})).await?;
        let state = held.json().and_then(|it| text_at(&it, "state")).unwrap_or_default();
        let got = format!("{} {state}", held.status);
        self.step("one operator says the key is in other hands: held", "202 waiting", async {
            Ok(got)
        })
        .await;

        let shown = self.api.get(&format!("/api/keys/{kid}/preview")).await?.ok()?;
        let count = |name: &str| shown.get(name).and_then(Value::as_u64).unwrap_or(u64::MAX);
        let got = format!("{} keep working, {} lost", count("keep_working"), count("lost"));
        self.step("... the counts before the act", "1 keep working, 0 lost", async { Ok(got) })
            .await;

        let done = self.approved(&path, &json!({})).await?;
        let signs = text_at(&done, "kid")?;
        let answer = self.gate.with(&token).get("/me").await?;
        let got = self.outcome(&answer).await.map(|it| format!("{it}, {}", signs != kid));
        self.step(
            "... another consents: the same token works, a new key signs",
            "200 permit, true",
            async { got },
        )
        .await;

        let now = clock::now().seconds();
        let claims = json!({
            "jti": token_id(self.fresh()), "iss": issuer, "sub": self.at("other_customer_id")?,
            "aud": self.at("imported_key.audience")?, "iat": now, "exp": now + 900,
            "client_id": "login", "kind": "customer",
        });
        let forged = StolenKey::from_pem(&pem, &kid)?.sign(&claims)?;
        let answer = self.gate.with(&forged).get("/me").await?;
        let refused = self.outcome(&answer).await?;
        let api = self.api.clone();
        let named = self.wait(|| async { incident_of(&api, &kid).await }).await;
        let got = named.map(|_| format!("{refused}, an incident"));
        let want = "401 refuse never_issued, an incident";
        self.step("... one forged under it is refused", want, async { got }).await;
        Ok(())
    }
}
