//! What the tests of signing add to the world of `tests.rs`.

use serde_json::Value;
use ward_ledger::{Checked, Locator};
use ward_model::record::ApiKeyIssued;
use ward_model::word::{ApiKeyKind, Cause};
use ward_model::{
    ApiKeyId, Caller, LeafIndex, PrincipalKind, PrincipalName, PrincipalNumber, Record, UnixMillis,
};

use crate::policy::{Rule, Rules, SubPattern, Tenants, TransitRule};
use crate::tests::{ISSUER, NOW};

pub(crate) use crate::tests::{LOGIN, World, ask, with};

/// The API key of the login service in these tests.
pub(crate) const LOGIN_KEY: Caller = Caller::machine(ApiKeyId(77), ApiKeyKind::Operator);

/// A rule for a service's API keys: customers with digits, a login, ten minutes, sixty a minute.
pub(crate) fn ruled(service: &str) -> Rule {
    Rule {
        caller: PrincipalName::new(PrincipalKind::Service, service).unwrap(),
        issuer: ISSUER.into(),
        audiences: vec!["shop".into()],
        kinds: vec![PrincipalKind::Customer],
        sub: Some(SubPattern::new("[0-9]{1,12}").unwrap()),
        tenants: Tenants::Listed(Vec::new()),
        life_ms_max: 600_000,
        login_required: true,
        per_minute: 60,
        extra_claims: Vec::new(),
        typed: true,
        transit: None,
    }
}

/// The same for the transit door.
pub(crate) fn transit(service: &str) -> Rule {
    let transit = TransitRule { key: "web".into(), may_create: false, may_rotate: true };
    Rule { login_required: false, typed: false, transit: Some(transit), ..ruled(service) }
}

impl World {
    pub(crate) fn rules(&self, rules: &[(&str, Rule)]) {
        let rules = rules.iter().map(|(name, rule)| ((*name).to_owned(), rule.clone()));
        self.signing.follow(Rules(rules.collect()));
    }

    /// An API key of the service `login` that has just been issued.
    pub(crate) async fn login_key(&self) -> Caller {
        let row = ApiKeyIssued {
            api_key: LOGIN_KEY.api_key,
            kind: ApiKeyKind::Operator,
            hash: [7; 32],
            owner_kind: PrincipalKind::Service,
            owner: PrincipalNumber(9),
            owner_key: self.ledger.principal_key(PrincipalKind::Service, "login"),
            expires_at: NOW.plus_ms(86_400_000),
        };
        let _ = self.journal.append(row, NOW).await;
        LOGIN_KEY
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        let read = self.journal.read(LeafIndex(0), 100_000).unwrap();
        read.into_iter().map(|(_, record)| record).collect()
    }

    /// The place of the last token that was issued.
    pub(crate) fn last_issued(&self) -> Locator {
        let issued = |record: &Record| match record {
            Record::TokenIssued(row) => {
                Some(Locator { origin: row.origin, sequence: row.sequence })
            }
            _ => None,
        };
        self.records().iter().rev().find_map(issued).unwrap()
    }

    /// Tokens revoked one by one, and why.
    pub(crate) fn revoked(&self) -> Vec<(Locator, Cause)> {
        let revoked = |record: &Record| match record {
            Record::TokenRevoked(row) => {
                Some((Locator { origin: row.origin, sequence: row.sequence }, row.cause))
            }
            _ => None,
        };
        self.records().iter().filter_map(revoked).collect()
    }

    pub(crate) fn pass(&self, ms: i64) {
        self.now.fetch_add(ms, std::sync::atomic::Ordering::AcqRel);
    }

    pub(crate) fn clock(&self) -> UnixMillis {
        UnixMillis::new(self.now.load(std::sync::atomic::Ordering::Acquire))
    }

    pub(crate) fn login_proven(&self, token: &str) -> Option<bool> {
        match self.ledger.check(token, "shop", self.clock()) {
            Checked::Pass(issued) => Some(issued.login_proven()),
            Checked::Refuse(_) => None,
        }
    }

    /// A call at the transit door.
    pub(crate) async fn vault(
        &self,
        caller: Option<Caller>,
        method: &str,
        path: &str,
        body: &str,
    ) -> (u16, Value) {
        let path = format!("/v1/transit/{path}");
        let mut request = axum::http::Request::builder().method(method).uri(path);
        if let Some(caller) = caller {
            request = request.extension(caller);
        }
        let body = axum::body::Body::from(body.to_owned());
        let (status, headers, json) = self.send(request.body(body).unwrap()).await;
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(json.get("errors").is_some(), status != 200, "{json}");
        (status.as_u16(), json)
    }
}
