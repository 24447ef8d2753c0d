//! What a token says of itself, read before anything in it is believed.
//!
//! Needed to ask the ledger under the token's own audience, and to know whose token it claims to
//! be. Nothing here opens anything: the claims are given out only after the ledger said that the
//! token is exactly the one issued. Pure; bounded. Best test: `introspection/tests.rs`, and below.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};
use ward_ledger::limits::{AUDIENCES_MAX, TOKEN_BYTES_MAX};

/// Claims an introspection answer may carry (RFC 7662 §2.2, RFC 9068 §2.2, RFC 8693 §§4.1, 4.4,
/// RFC 7800 §3.1), and Ward's own `kind`, `tenant` and `login`.
const TOLD: [&str; 19] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "client_id",
    "scope",
    "cnf",
    "act",
    "may_act",
    "auth_time",
    "acr",
    "amr",
    "kind",
    "tenant",
    "login",
    "login_unproven",
];

/// The claims of a token nobody has vouched for.
#[derive(Debug)]
pub(crate) struct Spoken {
    members: Map<String, Value>,
}

impl Spoken {
    /// Reads the claims of a compact JWS; `None` when it is none, or longer than any token.
    pub(crate) fn read(raw: &str) -> Option<Self> {
        if raw.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let mut parts = raw.split('.');
        let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let bytes = BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?;
        serde_json::from_slice(&bytes).ok().map(|members| Self { members })
    }

    /// `aud`, as a list.
    pub(crate) fn audiences(&self) -> Vec<&str> {
        match self.members.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(list)) => {
                list.iter().filter_map(Value::as_str).take(AUDIENCES_MAX).collect()
            }
            _ => Vec::new(),
        }
    }

    /// `client_id`.
    pub(crate) fn client_id(&self) -> Option<&str> {
        self.members.get("client_id")?.as_str()
    }

    /// `exp` and `nbf`, Unix seconds.
    pub(crate) fn window(&self) -> (Option<i64>, Option<i64>) {
        let at = |name| self.members.get(name).and_then(Value::as_i64);
        (at("exp"), at("nbf"))
    }

    /// The claims an introspection answer carries. To be called only for a token that is live.
    pub(crate) fn told(&self) -> Map<String, Value> {
        let known = TOLD.iter().filter_map(|name| {
            self.members.get(*name).map(|value| ((*name).to_owned(), value.clone()))
        });
        let mut told: Map<String, Value> = known.collect();
        // RFC 9449 §6.2: a token bound to a key is used with DPoP; RFC 8705 keeps `Bearer`.
        let by_key = self.members.get("cnf").is_some_and(|cnf| cnf.get("jkt").is_some());
        let token_type = if by_key { "DPoP" } else { "Bearer" };
        told.insert("token_type".to_owned(), token_type.into());
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(claims: &[u8]) -> String {
        format!("h.{}.s", BASE64URL_NOPAD.encode(claims))
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_nothing_else_is_told(raw in ".{0,200}", claims in any::<Vec<u8>>()) {
            for text in [raw, token(&claims)] {
                if let Some(spoken) = Spoken::read(&text) {
                    let known = |name: &String| name == "token_type" || TOLD.contains(&&**name);
                    prop_assert!(spoken.told().keys().all(known));
                    let (_, _) = (spoken.audiences(), spoken.window());
                }
            }
        }
    }

    #[test]
    fn claims_of_any_type_are_read_as_what_they_are() {
        for (claims, audiences, client, window) in [
            (
                r#"{"aud":"a","client_id":"c","exp":5,"nbf":1}"#,
                vec!["a"],
                Some("c"),
                (Some(5), Some(1)),
            ),
            (r#"{"aud":["a",7,"b"],"client_id":7,"exp":"5"}"#, vec!["a", "b"], None, (None, None)),
            (r#"{"aud":{},"exp":1e300}"#, vec![], None, (None, None)),
        ] {
            let spoken = Spoken::read(&token(claims.as_bytes())).unwrap();
            let found = (spoken.audiences(), spoken.client_id(), spoken.window());
            assert_eq!(found, (audiences, client, window), "{claims}");
        }
        let bound = token(br#"{"cnf":{"jkt":"x"},"secret":1}"#);
        let told = Spoken::read(&bound).unwrap().told();
        assert_eq!((&told["token_type"], told.get("secret")), (&"DPoP".into(), None));
        for junk in ["", ".", "a.b", "a.b.c.d", &token(b"[]"), &token(b"7"), &"a".repeat(9000)] {
            assert!(Spoken::read(junk).is_none(), "{junk}");
        }
    }
}
