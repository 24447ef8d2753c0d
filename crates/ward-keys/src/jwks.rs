//! The published key set: public halves of every key whose signatures may still be believed.
//!
//! A compromised key is left out at once: who verifies offline cannot tell issued from forged; who
//! asks Ward still can. A retired key is left out once no token
//! under it can be alive. Source: RFC 7517 §5, RFC 8037 §2, RFC 8414 §2 (`jwks_uri`).

use ward_ledger::{Key, Ledger};
use ward_model::UnixMillis;
use ward_model::word::{KeyPurpose, KeyState};

use crate::pair::jwk;

/// The JWK Set of token, transaction and answer keys, newest first.
#[must_use]
pub fn jwks(ledger: &Ledger) -> serde_json::Value {
    set(ledger, |_| true)
}

/// The same at a moment: without retired keys under which no token of at most `life_ms_max` lives.
#[must_use]
pub fn jwks_at(ledger: &Ledger, now: UnixMillis, life_ms_max: i64) -> serde_json::Value {
    set(ledger, |key| {
        let old = key
            .grandfathering
            .map_or(key.since, |window| key.since.max(window.cut_over.plus_ms(window.life_ms_max)));
        key.state != KeyState::Retired || now < old.plus_ms(life_ms_max).plus_ms(SKEW_MS)
    })
}

/// How long past a token's end a verifier with a slow clock may still look for its key.
const SKEW_MS: i64 = 5 * 60_000;

fn set(ledger: &Ledger, lives: impl Fn(&Key) -> bool) -> serde_json::Value {
    let mut keys: Vec<serde_json::Value> = Vec::new();
    for key in ledger.keys().iter().rev() {
        let published = match key.state {
            KeyState::Next | KeyState::Active | KeyState::Retired => true,
            KeyState::Compromised => false,
        };
        let verifies = match key.purpose {
            KeyPurpose::Token | KeyPurpose::Transaction | KeyPurpose::Answer => true,
            KeyPurpose::Checkpoint => false,
        };
        if !published || !verifies || !lives(key) {
            continue;
        }
        let jwk = jwk(key.algorithm, &key.public_key);
        let Ok(serde_json::Value::Object(mut members)) = serde_json::from_str(&jwk) else {
            continue;
        };
        members.insert("kid".to_owned(), key.kid.clone().into());
        members.insert("alg".to_owned(), key.algorithm.as_str().into());
        members.insert("use".to_owned(), "sig".into());
        keys.push(members.into());
    }
    serde_json::json!({ "keys": keys })
}
