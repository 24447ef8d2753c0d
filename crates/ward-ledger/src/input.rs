//! A JWS signing input that somebody else laid out, read strictly before anything is signed.
//!
//! What it is: the only form in which bytes from outside come near a token key. It is read by the
//! same parser the check uses, so that what is signed and entered is what will be understood.
//! What it must never do: take a header member that chooses a key or changes what is signed, a
//! nested token, a claim Ward sets itself, or two readings of one text.
//! Source: RFC 7515 §§2-5, RFC 7519 §§4-5, RFC 7797 (`b64`, refused), RFC 8725 §3.
//! Best test: `input/tests.rs`; fuzz target `transit`.

use ward_model::word::Algorithm;
use ward_model::{PrincipalName, UnixMillis};

use crate::base64::Room;
use crate::json::{Json, object};
use crate::limits::{SIGNATURE_CHARS, TOKEN_BYTES_MAX};
use crate::token::{self, Claims};

/// Members a header has: these three and no others.
const HEADER: [&str; 3] = ["alg", "kid", "typ"];
/// Types of access tokens (RFC 9068 §2.1, RFC 7519 §5.1).
const TYPES: [&str; 3] = ["at+jwt", "application/at+jwt", "JWT"];
/// Claims whose meaning the ledger knows. `login` is set by Ward alone ([`crate::Ledger::admit`]).
const CLAIMS: [&str; 13] = [
    "jti",
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "client_id",
    "kind",
    "tenant",
    "scope",
    "cnf",
    "login",
];

/// Why bytes are no signing input. The words name members and rules, never a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// Longer than a token may be.
    #[error("input is longer than a token may be")]
    TooLong,
    /// Not two parts of canonical base64url.
    #[error(
        "input is not a JWS signing input: header.payload, each base64url without padding; this \
         key signs nothing else"
    )]
    NotSigningInput,
    /// More than two parts.
    #[error("input is a whole or nested token; only header.payload is signed")]
    Nested,
    /// The header is no JSON object, or not strictly one.
    #[error("the header is not strictly a JSON object")]
    Header,
    /// A header member that is not `alg`, `kid`, `typ`.
    #[error("the header has {0}; only alg, kid and typ are signed")]
    HeaderMember(&'static str),
    /// `alg` is missing, or not one this house signs with.
    #[error("alg must be the key's: ES256 or EdDSA")]
    Algorithm,
    /// `kid` is missing or no text.
    #[error("kid must be the kid of the key's latest version")]
    Kid,
    /// `typ` is missing or of something else than an access token.
    #[error("typ must be at+jwt or JWT: this key signs access tokens only")]
    Type,
    /// The payload is no JSON object of claims, or a registered claim is malformed.
    #[error("the payload is not strictly a JSON object of claims (RFC 7519 section 4)")]
    Claims,
    /// A claim every token must have is missing or malformed.
    #[error("the claim {0} is missing or malformed")]
    Missing(&'static str),
    /// `login` is Ward's to set.
    #[error("the claim login is Ward's to set: have the token issued by POST /api/tokens")]
    Login,
    /// The `jti` is Ward's own.
    #[error("the claim jti is one of Ward's own")]
    Jti,
}

/// A signing input, parsed: `header.payload`. Made by [`SigningInput::parse`] alone.
pub struct SigningInput {
    text: String,
    algorithm: Algorithm,
    kid: String,
    issuer: String,
    principal: PrincipalName,
    issued_at: UnixMillis,
    expires_at: UnixMillis,
    claims: Claims,
    jti: Option<String>,
    login: bool,
    others: Vec<String>,
}

impl SigningInput {
    /// Reads `text` strictly.
    ///
    /// # Errors
    /// [`InputError`]: the first thing that is wrong.
    pub fn parse(text: &[u8]) -> Result<Self, InputError> {
        if text.len() + 1 + SIGNATURE_CHARS > TOKEN_BYTES_MAX {
            return Err(InputError::TooLong);
        }
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let text = core::str::from_utf8(text).ok().filter(|text| text.bytes().all(|it| plain(&it)));
        let text = text.ok_or(InputError::NotSigningInput)?;
        let (header, payload) = text.split_once('.').ok_or(InputError::NotSigningInput)?;
        if payload.contains('.') {
            return Err(InputError::Nested);
        }
        let (algorithm, kid) = read_header(header.as_bytes())?;
        let mut room = Room::new();
        let bytes = room.decode(payload.as_bytes()).ok_or(InputError::NotSigningInput)?;
        let members = object(bytes).ok_or(InputError::Claims)?;
        let claims = token::foreign_claims(bytes).ok_or(InputError::Claims)?;
        let jti = members.iter().find(|(name, _)| name == "jti").and_then(|(_, jti)| match jti {
            Json::Text(jti) => Some(jti.clone()),
            _ => None,
        });
        let login = members.iter().any(|(name, _)| name == "login");
        let others = members.into_iter().map(|(name, _)| name);
        let others = others.filter(|name| !CLAIMS.contains(&name.as_str())).collect();
        if claims.aud.is_empty() {
            return Err(InputError::Missing("aud"));
        }
        let date = |date: Option<i64>, name| {
            date.map(UnixMillis::from_seconds).ok_or(InputError::Missing(name))
        };
        Ok(Self {
            text: text.to_owned(),
            algorithm,
            kid,
            issuer: claims.iss.clone().ok_or(InputError::Missing("iss"))?,
            principal: claims.principal().ok_or(InputError::Missing("sub or kind"))?,
            issued_at: date(claims.iat, "iat")?,
            expires_at: date(claims.exp, "exp")?,
            claims,
            jti,
            login,
            others,
        })
    }

    /// The very text that is signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
    /// `alg`.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
    /// `kid`.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }
    /// `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }
    /// `sub` and `kind`; without `kind` a customer.
    #[must_use]
    pub const fn principal(&self) -> &PrincipalName {
        &self.principal
    }
    /// `aud`: one at least.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.claims.aud
    }
    /// `iat`.
    #[must_use]
    pub const fn issued_at(&self) -> UnixMillis {
        self.issued_at
    }
    /// `exp`.
    #[must_use]
    pub const fn expires_at(&self) -> UnixMillis {
        self.expires_at
    }
    /// `nbf`.
    #[must_use]
    pub fn not_before(&self) -> Option<UnixMillis> {
        self.claims.nbf.map(UnixMillis::from_seconds)
    }
    /// `tenant`.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.claims.tenant.as_deref()
    }
    /// `client_id`.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.claims.client_id.as_deref()
    }
    /// `jti`, which is the client's own.
    #[must_use]
    pub fn jti(&self) -> Option<&str> {
        self.jti.as_deref()
    }
    /// Whether it claims a `login`.
    #[must_use]
    pub const fn names_login(&self) -> bool {
        self.login
    }
    /// Names of claims whose meaning the ledger does not know.
    #[must_use]
    pub fn others(&self) -> &[String] {
        &self.others
    }
}

fn read_header(part: &[u8]) -> Result<(Algorithm, String), InputError> {
    let mut room = Room::new();
    let bytes = room.decode(part).ok_or(InputError::NotSigningInput)?;
    let members = object(bytes).ok_or(InputError::Header)?;
    if let Some((name, _)) = members.iter().find(|(name, _)| !HEADER.contains(&name.as_str())) {
        return Err(InputError::HeaderMember(known_word(name)));
    }
    let text = |wanted: &str| {
        let found = members.iter().find(|(name, _)| name == wanted)?;
        if let Json::Text(text) = &found.1 { Some(text.as_str()) } else { None }
    };
    if !text("typ").is_some_and(|typ| TYPES.contains(&typ)) {
        return Err(InputError::Type);
    }
    let algorithm = text("alg").and_then(Algorithm::from_name).ok_or(InputError::Algorithm)?;
    let kid = text("kid").filter(|kid| !kid.is_empty()).ok_or(InputError::Kid)?;
    Ok((algorithm, kid.to_owned()))
}

/// A member's name as it may be told: those that are known to be dangerous by name.
fn known_word(name: &str) -> &'static str {
    const KNOWN: [&str; 11] =
        ["crit", "b64", "cty", "enc", "zip", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256"];
    KNOWN.iter().find(|known| **known == name).copied().unwrap_or("another member")
}

#[cfg(test)]
mod tests;
