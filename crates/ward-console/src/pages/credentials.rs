//! Pages of *Credentials*.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use ward_model::word::Role;
use ward_model::{ApprovalId, Roles, UnixMillis};

use super::words::{self, Plain as _};
use super::{Here, page};
use crate::deeds::OperatorsShown;
use crate::facts::{Credential, CredentialPage, CredentialsAsk};
use crate::limits::PAGE_ROWS;
use crate::say::{Grouped as _, Moment as _};

/// The query string; an empty value is no filter.
#[derive(Debug, Default, Deserialize)]
pub struct CredentialQuery {
    kind: Option<String>,
    warning: Option<String>,
    over: Option<String>,
    after: Option<String>,
}

impl CredentialQuery {
    /// Understands it; a word that is none matches nothing, and is shown as chosen.
    pub fn parse(self) -> CredentialsAsk {
        let some = |it: Option<String>| it.filter(|it| !it.is_empty());
        CredentialsAsk {
            kind: some(self.kind),
            warning: some(self.warning),
            over: some(self.over).is_some(),
            after: some(self.after),
            rows_max: PAGE_ROWS,
        }
    }
}

impl CredentialsAsk {
    fn is_kind(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }

    fn is_warning(&self, warning: &str) -> bool {
        self.warning.as_deref() == Some(warning)
    }

    fn is_set(&self) -> bool {
        self.kind.is_some() || self.warning.is_some() || self.over
    }

    fn link(&self, after: Option<&String>) -> String {
        let pair = |key: &str, value: &str| format!("{key}={}", words::encoded(value));
        let pairs: Vec<String> = [
            self.kind.as_deref().map(|it| pair("kind", it)),
            self.warning.as_deref().map(|it| pair("warning", it)),
            self.over.then(|| pair("over", "true")),
            after.map(|it| pair("after", it)),
        ]
        .into_iter()
        .flatten()
        .collect();
        match pairs.is_empty() {
            true => "/console/credentials".to_owned(),
            false => format!("/console/credentials?{}", pairs.join("&")),
        }
    }
}

impl Credential {
    fn title(&self) -> String {
        match self.name.is_empty() {
            true => format!("{} {}", plain_kind(self.kind), self.number()),
            false => self.name.clone(),
        }
    }

    fn number(&self) -> &str {
        self.id.rsplit_once('-').map_or(self.id.as_str(), |(_, number)| number)
    }

    fn tone(&self) -> &'static str {
        match self.state {
            "live" if self.warnings.is_empty() => "good",
            "live" | "ending" => "watch",
            "revoked" => "bad",
            _ => "plain",
        }
    }

    fn path(&self) -> String {
        format!("/console/credentials/{}", self.id)
    }

    fn is_api_key(&self) -> bool {
        self.kind == "api_key"
    }

    fn opens(&self) -> bool {
        matches!(self.state, "live" | "ending")
    }
}

fn plain_kind(kind: &str) -> &'static str {
    match kind {
        "signing_key" => "Signing key",
        "api_key" => "API key",
        "client" => "Client",
        "passkey" => "Passkey",
        "session" => "Session",
        "provider_secret" => "Secret at the identity provider",
        _ => "Credential",
    }
}

fn plain_warning(warning: &str) -> &'static str {
    match warning {
        "signing_key_old" => "signs for too long",
        "held_by_leaver" => "a leaver could read it",
        "api_key_unused" | "client_unused" => "not used lately",
        "expiring" => "ends soon",
        "unowned" => "nobody answers for it",
        _ => "look at it",
    }
}

fn plain_consumer(kind: &str) -> &'static str {
    match kind {
        "route" => "route",
        "client" => "client",
        _ => "at",
    }
}

/// An API key that was just made.
pub struct Shown<'a> {
    /// Its id.
    pub id: i64,
    /// Its text.
    pub text: &'a str,
    /// Its end.
    pub expires_at: Option<UnixMillis>,
    /// When the one it replaces ends.
    pub old_ends_at: Option<UnixMillis>,
}

#[derive(Template)]
#[template(path = "credentials.html")]
pub(super) struct CredentialsPage<'a> {
    pub(super) here: Here,
    pub(super) filter: &'a CredentialsAsk,
    pub(super) page: &'a CredentialPage,
}

#[derive(Template)]
#[template(path = "credential.html")]
pub(super) struct CredentialOnePage<'a> {
    pub(super) here: Here,
    pub(super) it: &'a Credential,
    pub(super) who: &'a OperatorsShown,
}

#[derive(Template)]
#[template(path = "api_key_new.html")]
pub(super) struct NewPage<'a> {
    pub(super) here: Here,
    pub(super) who: &'a OperatorsShown,
    pub(super) every: &'a [Role],
    pub(super) none: Roles,
}

#[derive(Template)]
#[template(path = "api_key.html")]
pub(super) struct ShownPage<'a> {
    pub(super) here: Here,
    pub(super) it: &'a Shown<'a>,
}

#[derive(Template)]
#[template(path = "waits.html")]
pub(super) struct WaitsPage<'a> {
    pub(super) here: Here,
    pub(super) approval: ApprovalId,
    pub(super) action: &'a str,
    pub(super) pairs: &'a [(String, String)],
}

/// *Credentials*.
pub fn credentials(filter: &CredentialsAsk, found: &CredentialPage) -> Response {
    page(StatusCode::OK, &CredentialsPage { here: Here::Credentials, filter, page: found })
}

/// One credential.
pub fn credential(it: &Credential, who: &OperatorsShown) -> Response {
    page(StatusCode::OK, &CredentialOnePage { here: Here::Credentials, it, who })
}

/// The form of a new API key.
pub fn new_api_key(who: &OperatorsShown) -> Response {
    let every: Vec<Role> = Roles::every_persons().iter().collect();
    let (here, none) = (Here::Credentials, Roles::NONE);
    page(StatusCode::OK, &NewPage { here, who, every: &every, none })
}

/// An API key, this once. WHY nothing else is told to keep it: no page of it can be had again.
pub fn api_key(it: &Shown<'_>) -> Response {
    page(StatusCode::OK, &ShownPage { here: Here::Credentials, it })
}

/// It waits for another operator; the same form can be sent again from here.
pub fn waits(approval: ApprovalId, action: &str, pairs: &[(String, String)]) -> Response {
    page(StatusCode::ACCEPTED, &WaitsPage { here: Here::Credentials, approval, action, pairs })
}
