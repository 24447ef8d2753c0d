//! What a token in Ward's layout says, whole: for introspection and exchange, off the hot path.
//!
//! It reads what is written and believes nothing: MUST be asked only of a token that
//! [`crate::Ledger::check`] passed or [`crate::Ledger::locate`] found. Strict JSON within the
//! bounds of `limits.rs`. Source: RFC 9068 §2.2, RFC 8693 §4.1. Best test: `layout.rs`.

use ward_model::{Confirmation, PrincipalKind, PrincipalName, UnixMillis};

use crate::base64::Room;
use crate::json::{Json, object};
use crate::limits::ACTORS_MAX;
use crate::token::{self, confirmation, get, numeric_date, text};

/// The claims of a token.
#[derive(Clone, Debug)]
pub struct Told {
    /// `jti`.
    pub jti: String,
    /// `iss`.
    pub issuer: String,
    /// `sub` and `kind`.
    pub principal: PrincipalName,
    /// `aud`: one, as Ward writes it.
    pub audience: String,
    /// `iat`.
    pub issued_at: UnixMillis,
    /// `exp`.
    pub expires_at: UnixMillis,
    /// `client_id`.
    pub client_id: String,
    /// `tenant`.
    pub tenant: Option<String>,
    /// `scope`.
    pub scope: Option<String>,
    /// `cnf`.
    pub confirmation: Option<Confirmation>,
    /// `login`.
    pub login: Option<String>,
    /// `act`: the latest actor first.
    pub actors: Vec<PrincipalName>,
}

impl Told {
    /// Reads the claims of a compact JWS in Ward's layout; `None` for anything else.
    #[must_use]
    pub fn read(raw: &str) -> Option<Self> {
        let parts = token::split(raw.as_bytes())?;
        let mut room = Room::new();
        let members = object(room.decode(parts.claims)?)?;
        let need = |name| text(&members, name).flatten().map(str::to_owned);
        let may = |name| text(&members, name).map(|it| it.map(str::to_owned));
        let date = |name| numeric_date(&members, name).flatten().map(UnixMillis::from_seconds);
        Some(Self {
            jti: need("jti")?,
            issuer: need("iss")?,
            principal: principal(&members)?,
            audience: need("aud")?,
            issued_at: date("iat")?,
            expires_at: date("exp")?,
            client_id: need("client_id")?,
            tenant: may("tenant")?,
            scope: may("scope")?,
            confirmation: confirmation(&members)?,
            login: may("login")?,
            actors: actors(&members)?,
        })
    }
}

fn principal(members: &[(String, Json)]) -> Option<PrincipalName> {
    let kind = PrincipalKind::from_name(text(members, "kind")??)?;
    PrincipalName::new(kind, text(members, "sub")??).ok()
}

fn actors(mut members: &[(String, Json)]) -> Option<Vec<PrincipalName>> {
    let mut actors = Vec::new();
    while let Some(act) = get(members, "act") {
        let Json::Object(inner) = act else { return None };
        if actors.len() >= ACTORS_MAX {
            return None;
        }
        actors.push(principal(inner)?);
        members = inner;
    }
    Some(actors)
}
