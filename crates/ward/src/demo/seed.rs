//! What the demo starts with: people, keys, credentials, and who exists. Written to `demo.json`.
//!
//! On a later start, credentials that still work are kept and the rest is issued again; what the
//! journal says of people and keys stays as it is.

mod operators;

pub use operators::FILE as OPERATORS_FILE;

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Value, json};
use ward_keys::{DeclaredHolder, Grandfathering, Import};
use ward_ledger::Checked;
use ward_model::record::ExistenceFed;
use ward_model::word::{ApiKeyKind, PersonState};
use ward_model::{NamespaceNumber, PersonId, PrincipalKind, PrincipalName, Roles};
use ward_people::PersonRow;
use ward_people::person::{id_from_random, id_text};
use ward_tokens::{ApiKeyAsk, TokenAsk};

use super::{AUDIENCE, ISSUER};
use crate::app::App;
use crate::tour::StolenKey;
use crate::{clock, progress};

const DAY_MS: i64 = ward_model::time::DAY_MS;
/// Days the demo's API keys live.
const API_KEY_DAYS: i64 = 30;
/// Days old tokens of the imported key may be let in.
const WINDOW_DAYS: i64 = 7;
/// The copy of the imported key that its holder kept.
const PEM: &str = "imported-key.pem";

/// Seeds what is missing and writes `demo.json`, last and by rename.
pub async fn seed(app: &Arc<App>, dir: &Path, shop: &shop::Summary, urls: Value) -> Result<Value> {
    feed(app, dir).await?;
    let before: Value = std::fs::read_to_string(dir.join("demo.json"))
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let old = Kept { app, before: &before };
    let one = operators::seed(&old, dir, &urls).await?;
    let staff = old.person("staff", "staff@shop.example", "Staff").await?;
    let leaver = old.person("leaver", "engineer@shop.example", "Engineer").await?;
    let imported = imported_key(app, dir, leaver, &before).await?;
    let seller = shop.seller_id.to_string();
    let customer = shop.customer_id.to_string();
    let own = json!({
        "admin_token": old.admin_token(one).await?,
        "scim_token": old.api_key("/scim_token", ApiKeyKind::Scim, "identity-provider").await?,
        "customer": {
            "id": customer, "token": old.token("customer", PrincipalKind::Customer, &customer).await?,
        },
        "other_customer_id": shop.other_customer_id.to_string(),
        "missing_customer_id": shop.missing_customer_id.to_string(),
        "seller": {
            "id": seller,
            "token": old.token("seller", PrincipalKind::Seller, &seller).await?,
            "own_order": shop.seller_order.to_string(),
            "other_order": shop.other_seller_order.to_string(),
        },
        "rider": {
            "token": old.token("rider", PrincipalKind::Rider, &shop.rider_id.to_string()).await?,
        },
        "staff": {
            "id": id_text(staff),
            "token": old.token("staff", PrincipalKind::Person, &id_text(staff)).await?,
        },
        "service_api_key": old.api_key("/service_api_key", ApiKeyKind::Service, "order-sync").await?,
        "leaver": old.leaver(leaver).await?,
        "imported_key": imported,
    });
    let mut file = urls;
    if let (Some(file), Some(own)) = (file.as_object_mut(), own.as_object()) {
        file.extend(own.clone());
    }
    write(dir, &file)?;
    Ok(file)
}

/// Who exists: every customer of the sample company, once.
async fn feed(app: &Arc<App>, dir: &Path) -> Result<()> {
    let namespace = NamespaceNumber(i32::from(PrincipalKind::Customer.byte()));
    if app.register.fed(namespace).existing > 0 {
        return Ok(());
    }
    progress("feeding who exists");
    let (register, db) = (app.register.clone(), dir.join("shop.db"));
    let fed = tokio::task::spawn_blocking(move || -> Result<_> {
        let ids: Result<Vec<i64>, _> = shop::existing_customer_ids(&db)?.collect();
        let ids = ids?.into_iter().map(|id| id.to_string());
        Ok(register.import(namespace, ids, |_| {})?)
    });
    let fed = fed.await??;
    let record = ExistenceFed {
        namespace,
        existing: fed.existing,
        tombstones: fed.tombstones,
        watermark: fed.watermark,
    };
    let recorded = app.journal.append(record, clock::now()).await;
    recorded.map(|_| ()).context("the feed could not be recorded")
}

/// A key an engineer could read before it came into custody.
async fn imported_key(
    app: &Arc<App>,
    dir: &Path,
    holder: PersonId,
    before: &Value,
) -> Result<Value> {
    if let Some(kept) = before.get("imported_key")
        && dir.join(PEM).exists()
    {
        return Ok(kept.clone());
    }
    let pem = StolenKey::generate()?;
    let now = clock::now();
    let person_key = app.ledger.principal_key(PrincipalKind::Person, &id_text(holder));
    let import = Import {
        passphrase: None,
        kid: None,
        issuer: ISSUER.to_owned(),
        holders: vec![DeclaredHolder { person: holder, person_key, since: now }],
        others_unknown: false,
        grandfathering: Some(Grandfathering {
            cut_over: now,
            life_ms_max: 3_600_000,
            closes_at: now.plus_ms(WINDOW_DAYS * DAY_MS),
        }),
    };
    let (shared, text) = (Arc::clone(app), pem.clone());
    let change = tokio::task::spawn_blocking(move || {
        shared.keys.import(text.as_bytes(), &import, &shared.ledger, now)
    });
    let change = change.await?.context("the demo's key could not be imported")?;
    let number = change.key;
    let recorded = app.journal.append(change, now).await;
    let _recorded = recorded.context("the import could not be recorded")?;
    let key = app.ledger.key(number).context("the imported key is not there")?;
    secret_file(&dir.join(PEM), pem.as_bytes())?;
    Ok(json!({
        "kid": key.kid, "alg": key.algorithm, "pem_path": PEM, "issuer": ISSUER, "audience": AUDIENCE,
    }))
}

/// Credentials of an earlier start.
struct Kept<'a> {
    app: &'a Arc<App>,
    before: &'a Value,
}

impl Kept<'_> {
    fn text(&self, path: &str) -> Option<String> {
        self.before.pointer(path).and_then(Value::as_str).map(str::to_owned)
    }

    async fn person(&self, key: &str, user_name: &str, name: &str) -> Result<PersonId> {
        let kept = self.text(&format!("/{key}/id"));
        if let Some(person) = kept.and_then(|id| ward_people::person::parse_id(&id))
            && self.app.holdings.read(|it| it.person(person).is_some())
        {
            return Ok(person);
        }
        let person = id_from_random(clock::random());
        let now = clock::now();
        let row = PersonRow {
            id: person,
            user_name: format!("{user_name}.{}", now.ms()),
            external_id: None,
            display_name: Some(name.to_owned()),
            formatted: None,
            family_name: None,
            given_name: None,
            emails: Vec::new(),
            created: now,
            modified: now,
            deleted: false,
            state: PersonState::Active,
        };
        self.app.people.join(row, true).await.context("a person could not join")?;
        Ok(person)
    }

    async fn token(&self, key: &str, kind: PrincipalKind, sub: &str) -> Result<String> {
        if let Some(kept) = self.text(&format!("/{key}/token"))
            && let Checked::Pass(_) = self.app.ledger.check(&kept, AUDIENCE, clock::now())
        {
            return Ok(kept);
        }
        self.issue(kind, sub).await
    }

    async fn issue(&self, kind: PrincipalKind, sub: &str) -> Result<String> {
        let ask = TokenAsk {
            principal: PrincipalName::new(kind, sub)?,
            client_id: "login".to_owned(),
            audience: AUDIENCE.to_owned(),
            life_ms: DAY_MS,
            tenant: None,
            scope: None,
            login: Some("demo".to_owned()),
        };
        let token = self.app.issuance.issue(ask).await.context("a token could not be issued")?;
        Ok(token.expose().to_owned())
    }

    async fn api_key(&self, path: &str, kind: ApiKeyKind, owner: &str) -> Result<String> {
        let owner = PrincipalName::new(PrincipalKind::Service, owner)?;
        self.api_key_of(path, kind, owner, Roles::NONE).await
    }

    /// The first operator's API key for automation: it may also do what machines do, so that one
    /// credential plays the login service and the feed of who exists.
    async fn admin_token(&self, one: PersonId) -> Result<String> {
        let name = PrincipalName::new(PrincipalKind::Person, id_text(one))?;
        let roles = Roles::every_persons().iter().chain(Roles::machines().iter()).collect();
        self.api_key_of("/admin_token", ApiKeyKind::Operator, name, roles).await
    }

    async fn api_key_of(
        &self,
        path: &str,
        kind: ApiKeyKind,
        owner: PrincipalName,
        roles: Roles,
    ) -> Result<String> {
        if let Some(kept) = self.text(path)
            && let Checked::Pass(_) = self.app.ledger.check_api_key(&kept, clock::now())
        {
            return Ok(kept);
        }
        let expires_at = clock::now().plus_ms(API_KEY_DAYS * DAY_MS);
        let ask = ApiKeyAsk { kind, owner, expires_at, roles };
        let made = self.app.issuance.issue_api_key(ask, None).await;
        let made = made.map_err(|error| anyhow!("an API key could not be issued: {error}"))?;
        Ok(made.text.expose().clone())
    }

    /// The leaver's credentials; once he has left they stay what they were.
    async fn leaver(&self, person: PersonId) -> Result<Value> {
        let id = id_text(person);
        let key = self.app.ledger.principal_key(PrincipalKind::Person, &id);
        if self.app.ledger.is_suspended(key)
            && let Some(kept) = self.before.get("leaver")
        {
            return Ok(kept.clone());
        }
        let name = PrincipalName::new(PrincipalKind::Person, id.clone())?;
        Ok(json!({
            "id": id,
            "token": self.token("leaver", PrincipalKind::Person, &id).await?,
            "api_key": self.api_key_of("/leaver/api_key", ApiKeyKind::Person, name, Roles::NONE).await?,
        }))
    }
}

fn write(dir: &Path, file: &Value) -> Result<()> {
    let beside = dir.join("demo.json.new");
    secret_file(&beside, serde_json::to_string_pretty(file)?.as_bytes())?;
    #[expect(clippy::disallowed_methods, reason = "made anew at every start: nothing to lose")]
    std::fs::rename(&beside, dir.join("demo.json")).context("demo.json")
}

/// Writes a file that only its owner can read.
fn secret_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path).with_context(|| format!("{}", path.display()))?;
    file.write_all(bytes).with_context(|| format!("{}", path.display()))
}
