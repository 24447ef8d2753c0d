//! The published key set: public halves of every key whose signatures may still be believed.
//!
//! A compromised key is left out at once: who verifies offline cannot tell issued from forged; who
//! asks Ward still can. Source: RFC 7517 §5, RFC 8037 §2, RFC 8414 §2 (`jwks_uri`).

use ward_ledger::Ledger;
use ward_model::word::{KeyPurpose, KeyState};

use crate::pair::jwk;

/// The JWK Set of token and transaction keys, newest first.
#[must_use]
pub fn jwks(ledger: &Ledger) -> serde_json::Value {
    let mut keys: Vec<serde_json::Value> = Vec::new();
    for key in ledger.keys().iter().rev() {
        let published = match key.state {
            KeyState::Next | KeyState::Active | KeyState::Retired => true,
            KeyState::Compromised => false,
        };
        let verifies = match key.purpose {
            KeyPurpose::Token | KeyPurpose::Transaction => true,
            KeyPurpose::Checkpoint => false,
        };
        if !published || !verifies {
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
