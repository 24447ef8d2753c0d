//! Reads as they should be: own pages, sellers, riders, staff, and who was touched.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Tour;

/// What the demo's catalogue lets a person read a day.
const STAFF_BUDGET: usize = 200;

impl Tour {
    /// A customer reads his own page; a request without a credential reads nothing.
    pub(super) async fn reads_before(&mut self) -> Result<()> {
        let customer = self.at("customer.token")?;
        let answer = self.gate.with(&customer).get("/me").await?;
        let own = answer.json().ok().and_then(|body| body.get("id").map(Value::to_string));
        let want = format!("{} permit", self.at("customer.id")?);
        let verdict = self.verdict(&answer).await;
        self.step("a customer reads his own page", &want, async {
            Ok(format!("{} {}", own.context("no id")?.trim_matches('"'), verdict?))
        })
        .await;
        let nothing = self.gate.get("/me").await?;
        let got = self.outcome(&nothing).await;
        self.step("nobody reads without a credential", "401 refuse malformed", async { got }).await;
        Ok(())
    }

    /// A seller after another's orders; a rider's page.
    pub(super) async fn sellers_and_riders(&mut self) -> Result<()> {
        let seller = self.gate.with(&self.at("seller.token")?);
        let own = seller.get(&format!("/seller/orders/{}", self.at("seller.own_order")?)).await?;
        let got = self.outcome(&own).await;
        self.step("a seller reads his own order", "200 permit", async { got }).await;
        let other =
            seller.get(&format!("/seller/orders/{}", self.at("seller.other_order")?)).await?;
        let got = self.outcome(&other).await;
        self.step("a seller after another's order", "403 refuse wrong_tenant", async { got }).await;

        let rider = self.at("rider.token")?;
        let masked = self.gate.with(&rider).get("/rider/jobs").await?;
        let plain = self.shop.with(&rider).get("/rider/jobs").await?;
        let got = (|| {
            let (masked, plain) = (phones(&masked.json()?)?, phones(&plain.json()?)?);
            let hidden = masked.iter().zip(&plain).all(|(masked, plain)| {
                masked.starts_with('*') && !plain.contains('*') && masked.len() == plain.len()
            });
            let same = masked.len() == plain.len() && !plain.is_empty();
            Ok(if hidden && same { "masked" } else { "plain" }.to_owned())
        })();
        self.step("a rider's page hides names and numbers", "masked", async { got }).await;
        Ok(())
    }

    /// A person walks the customers until the budget is spent; the scope of it is exact.
    pub(super) async fn staff_walks(&mut self) -> Result<()> {
        let n = self.fresh();
        let user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": format!("staff-{n}@shop.example"), "active": true,
        });
        let person = super::text_at(&self.scim.post("/Users", &user).await?.ok()?, "id")?;
        let token = self.issue("person", &person, None).await?;
        let staff = self.gate.with(&token);
        let mut read: BTreeSet<String> = BTreeSet::new();
        let mut last = String::new();
        for page in 1..=STAFF_BUDGET {
            let answer = staff.get(&format!("/staff/customers?page={page}")).await?;
            if answer.status != 200 {
                last = self.outcome(&answer).await?;
                break;
            }
            read.extend(ids(&answer.json()?)?);
        }
        let got = format!("{last} after {} people", read.len());
        let want = format!("429 refuse budget_spent after {STAFF_BUDGET} people");
        self.step("staff walk the customers until the budget is spent", &want, async { Ok(got) })
            .await;

        let path = format!("/api/scope?principal=person:{person}&limit=1000");
        let scope = self.api.get(&path).await?.ok()?;
        let named: BTreeSet<String> = scope
            .get("data_subjects")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|one| one.get("id").and_then(Value::as_str).map(str::to_owned))
            .collect();
        let agree = scope.get("ways_agree").and_then(Value::as_bool).unwrap_or(false);
        let got = format!("{} people, same {}, ways agree {agree}", named.len(), named == read);
        let want = format!("{} people, same true, ways agree true", read.len());
        self.step("scope names exactly the people whose pages left", &want, async { Ok(got) })
            .await;

        let one = read.iter().next().context("nobody was read")?;
        let path = format!("/api/who-read?data_subject=customer:{one}");
        let readers = self.api.get(&path).await?.ok()?;
        let named = readers.to_string().contains(&person);
        self.step("who-read names the reader", "true", async { Ok(named.to_string()) }).await;
        Ok(())
    }
}

fn phones(body: &Value) -> Result<Vec<String>> {
    let jobs = body.get("jobs").and_then(Value::as_array).context("no jobs")?;
    let phone = |job: &Value| Some(job.get("customer")?.get("phone")?.as_str()?.to_owned());
    jobs.iter().map(|job| phone(job).context("a job without a phone")).collect()
}

fn ids(body: &Value) -> Result<Vec<String>> {
    let customers = body.get("customers").and_then(Value::as_array).context("no customers")?;
    let id = |one: &Value| one.get("id").map(|id| id.to_string().trim_matches('"').to_owned());
    customers.iter().map(|one| id(one).context("a customer without an id")).collect()
}
