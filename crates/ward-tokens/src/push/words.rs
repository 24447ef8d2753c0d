//! What followers read: one JSON object a revocation. Names are looked up here, off the journal's
//! writer. A principal whose name is gone, or a client that is, becomes `ask`: safe, if dear.

use serde_json::{Map, Value, json};
use ward_ledger::{Ledger, Locator};
use ward_model::{KeyNumber, PrincipalNumber, UnixMillis};

use super::{Cut, Kept};
use crate::desk::Names;
use crate::limits::{BEAT_SECONDS, JTI_PREFIX_CHARS};

/// The first message of a stream.
pub(super) fn hello(from: i64, next: i64, complete: bool, epoch: u64) -> Value {
    json!({
        "type": "hello", "from": from, "next": next, "complete": complete, "epoch": epoch,
        "heartbeat_seconds": BEAT_SECONDS,
    })
}

/// Nothing happened, and the stream is there.
pub(super) fn heartbeat(next: i64, now: UnixMillis) -> Value {
    json!({ "type": "heartbeat", "next": next, "at": now.seconds() })
}

/// The last message of a stream that Ward ends.
pub(super) fn end(next: i64, why: &str) -> Value {
    json!({ "type": "end", "next": next, "why": why })
}

/// A revocation, to be applied by the follower. May block on the register.
pub(super) fn message(kept: &Kept, ledger: &Ledger, names: &Names) -> Value {
    let mut members = match kept.cut {
        Cut::Token(origin, sequence) => {
            let sealed = ledger.secret().seal_locator(Locator { origin, sequence }, [0; 14]);
            let prefix: String = sealed.chars().take(JTI_PREFIX_CHARS).collect();
            object(json!({ "type": "token", "jti_prefix": prefix }))
        }
        Cut::Principal(number) => principal("principal_revoked", number, names),
        Cut::Suspended(number) => principal("principal_suspended", number, names),
        Cut::Restored(number) => principal("principal_restored", number, names),
        Cut::Client(key) => match ledger.client_by_key(key) {
            Some(client) => {
                object(json!({ "type": "client_revoked", "client_id": client.client_id }))
            }
            None => ask(),
        },
        Cut::Key(key) => of_key(key, ledger, &json!({ "type": "key_revoked" })),
        Cut::KeySide(key, side, moment) => {
            let said = json!({
                "type": "key_cut", "side": side.as_str(), "moment": moment.seconds(),
            });
            of_key(key, ledger, &said)
        }
        Cut::State(key, state, since) => {
            let said = json!({
                "type": "key_state", "state": state.as_str(), "since": since.seconds(),
            });
            of_key(key, ledger, &said)
        }
        Cut::ApiKey(id) => object(json!({ "type": "api_key_revoked", "ward_api_key": id })),
        Cut::Unnamed => ask(),
    };
    members.insert("seq".to_owned(), kept.index.into());
    members.insert("at".to_owned(), kept.at.seconds().into());
    Value::Object(members)
}

/// Something was taken back that a follower cannot name: every answer it keeps is to be asked anew.
fn ask() -> Map<String, Value> {
    object(json!({ "type": "ask" }))
}

fn principal(kind: &str, number: PrincipalNumber, names: &Names) -> Map<String, Value> {
    match names(number) {
        Some(name) => object(json!({ "type": kind, "kind": name.kind.as_str(), "sub": name.id() })),
        None => ask(),
    }
}

fn of_key(key: KeyNumber, ledger: &Ledger, said: &Value) -> Map<String, Value> {
    let Some(key) = ledger.key(key) else { return ask() };
    let mut members = object(said.clone());
    members.insert("kid".to_owned(), key.kid.to_string().into());
    members
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
