//! `keys`: an issuer's token keys as versions of one Vault key: shown, made, rotated, configured.
//!
//! Version N is the issuer's N-th token key in the order of records; the latest active one signs, and
//! all others are for verification, which asks the ledger. A key never changes purpose, is never
//! deleted, exported or backed up here. What `config` cannot mean in Ward is refused, not ignored.
//! Best test: `transit/tests.rs`.

use std::sync::Arc;

use data_encoding::BASE64;
use serde_json::{Map, Value, json};
use ward_keys::{KeyChange, KeyError, NewKey};
use ward_ledger::Key;
use ward_model::word::{Algorithm, Cause, KeyPurpose, KeyState};
use ward_model::{Entry, Record, UnixMillis};

use super::Call;
use super::wire::{Answer, Refusal, boolean, integer, text};
use crate::issuance::{Issuance, operator_act};

/// `SubjectPublicKeyInfo` of a P-256 key up to its point (RFC 5480 §2).
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The token keys of an issuer that have signed or sign, in the order of their records: version N is
/// at N - 1. WHY not `next`: it would be the latest version before it signs.
pub(super) fn versions(issuance: &Issuance, issuer: &str) -> Vec<Arc<Key>> {
    let mut keys = issuance.0.ledger.keys();
    keys.retain(|key| {
        key.purpose == KeyPurpose::Token && key.issuer == issuer && key.state != KeyState::Next
    });
    keys
}

/// `LIST /v1/transit/keys`: those that the caller's rules open and that are there.
pub(super) fn list(call: &Call<'_>) -> Answer {
    let rules = call.signing.rules();
    let is_callers = call.signing.is_callers(&call.caller);
    let there = |name: &String| {
        let rule = rules.transit(name, &is_callers);
        rule.is_some_and(|it| !versions(&call.signing.0.issuance, &it.issuer).is_empty())
    };
    let names: Vec<String> = rules.transit_keys(&is_callers).into_iter().filter(there).collect();
    if names.is_empty() { Err(Refusal::NotFound) } else { Ok(json!({ "keys": names })) }
}

/// `GET /v1/transit/keys/{name}`.
pub(super) fn read(call: &Call<'_>) -> Answer {
    let (issuer, _) = call.opened()?;
    shown(call, &issuer)
}

fn shown(call: &Call<'_>, issuer: &str) -> Answer {
    let versions = versions(&call.signing.0.issuance, issuer);
    let newest = versions.last().ok_or(Refusal::NotFound)?;
    let mut keys = Map::new();
    for (at, key) in versions.iter().enumerate() {
        keys.insert((at + 1).to_string(), version(key));
    }
    Ok(json!({
        "name": call.name,
        "type": kind(newest.algorithm),
        "keys": keys,
        "latest_version": versions.len(),
        "min_available_version": 0,
        "min_decryption_version": 1,
        "min_encryption_version": versions.len(),
        "imported_key": newest.source == ward_model::word::KeySource::Imported,
        "auto_rotate_period": 0,
        "derived": false,
        "exportable": false,
        "allow_plaintext_backup": false,
        "deletion_allowed": false,
        "soft_deleted": false,
        "supports_signing": true,
        "supports_encryption": false,
        "supports_decryption": false,
        "supports_derivation": false,
    }))
}

fn version(key: &Key) -> Value {
    let (name, public_key) = match key.algorithm {
        Algorithm::Es256 => ("P-256", pem(&key.public_key)),
        Algorithm::EdDsa => ("ed25519", BASE64.encode(&key.public_key)),
    };
    json!({
        "name": name,
        "public_key": public_key,
        "certificate_chain": "",
        "creation_time": time(key.since),
        // Beyond Vault's own: what the header of a token must name, and what the key may still do.
        "kid": key.kid,
        "state": key.state,
    })
}

fn pem(point: &[u8]) -> String {
    let base64 = BASE64.encode(&[&P256_SPKI, point].concat());
    let mut out = String::from("-----BEGIN PUBLIC KEY-----\n");
    for line in base64.as_bytes().chunks(64) {
        out.push_str(core::str::from_utf8(line).unwrap_or_default());
        out.push('\n');
    }
    out.push_str("-----END PUBLIC KEY-----\n");
    out
}

/// RFC 3339, as Vault writes moments.
fn time(moment: UnixMillis) -> String {
    jiff::Timestamp::from_millisecond(moment.ms())
        .map_or_else(|_| moment.ms().to_string(), |time| time.to_string())
}

const fn kind(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Es256 => "ecdsa-p256",
        Algorithm::EdDsa => "ed25519",
    }
}

/// `POST /v1/transit/keys/{name}`: makes the issuer's first token key, if the rule lets it. A key
/// that is there is shown, as Vault does.
pub(super) async fn create(call: &Call<'_>, members: Map<String, Value>) -> Answer {
    let (issuer, rule) = call.opened()?;
    let algorithm = match text(&members, "type")? {
        // Vault's own default cannot sign.
        "" | "aes256-gcm96" => {
            return Err(Refusal::input("type must be ecdsa-p256 or ed25519: token keys sign"));
        }
        "ecdsa-p256" => Algorithm::Es256,
        "ed25519" => Algorithm::EdDsa,
        other => return Err(Refusal::input(format!("unknown key type {other}"))),
    };
    for flag in ["exportable", "allow_plaintext_backup", "derived", "convergent_encryption"] {
        if boolean(&members, flag)? {
            return Err(Refusal::input(format!("{flag} is refused: a token key never leaves")));
        }
    }
    no_schedule(&members)?;
    if !versions(&call.signing.0.issuance, &issuer).is_empty() {
        return shown(call, &issuer);
    }
    if !rule.may_create {
        let told = "the rule of this caller does not let it make keys (transit_create)";
        return Err(Refusal::Forbidden(told.to_owned()));
    }
    let parts = Arc::clone(&call.signing.0.issuance.0);
    let now = call.signing.0.issuance.now();
    let state = KeyState::Active;
    let new = NewKey { purpose: KeyPurpose::Token, algorithm, issuer: issuer.clone(), state };
    let change =
        tokio::task::spawn_blocking(move || parts.keys.generate(&new, &parts.ledger, now)).await;
    changed(call, "make key by transit", change).await?;
    shown(call, &issuer)
}

/// `POST /v1/transit/keys/{name}/rotate`.
pub(super) async fn rotate(call: &Call<'_>, members: Map<String, Value>) -> Answer {
    let (issuer, rule) = call.opened()?;
    no_schedule(&members)?;
    if !rule.may_rotate {
        let told = "the rule of this caller does not let it rotate keys (transit_rotate)";
        return Err(Refusal::Forbidden(told.to_owned()));
    }
    let old = call.signing.key(&issuer)?.record().number;
    let parts = Arc::clone(&call.signing.0.issuance.0);
    let now = call.signing.0.issuance.now();
    let work = move || parts.keys.rotate(old, Cause::Rotation, &parts.ledger, now);
    let change = tokio::task::spawn_blocking(work).await;
    changed(call, "rotate key by transit", change).await?;
    shown(call, &issuer)
}

/// Records a change of keys and who asked for it, as one group.
async fn changed(
    call: &Call<'_>,
    verb: &str,
    change: Result<Result<KeyChange, KeyError>, tokio::task::JoinError>,
) -> Result<(), Refusal> {
    let change = match change {
        Ok(Ok(change)) => change,
        Ok(Err(KeyError::Input { what } | KeyError::Conflict { what })) => {
            return Err(Refusal::input(what));
        }
        Ok(Err(_)) | Err(_) => return Err(Refusal::Failed("the key store failed")),
    };
    let number = change.key;
    tracing::info!(key = number.0, "keys changed through the transit door");
    let act = operator_act(call.caller, verb, i64::from(number.0), &number.0.to_le_bytes());
    let mut group: Vec<Record> = act.into_iter().map(Record::from).collect();
    group.extend_from_slice(change.records());
    debug_assert!(Entry::lane(&group) >= Entry::lane(&change));
    call.signing.0.issuance.append(group).await?;
    Ok(())
}

/// `POST /v1/transit/keys/{name}/config`: what Ward does anyway is taken, all else refused.
pub(super) fn configure(call: &Call<'_>, members: Map<String, Value>) -> Answer {
    let (issuer, _) = call.opened()?;
    let latest = versions(&call.signing.0.issuance, &issuer).len();
    if latest == 0 {
        let told = format!("no existing key named {} could be found", call.name);
        return Err(Refusal::input(told));
    }
    for flag in ["deletion_allowed", "exportable", "allow_plaintext_backup"] {
        if boolean(&members, flag)? {
            return Err(Refusal::input(format!("{flag} is refused: a token key never leaves")));
        }
    }
    no_schedule(&members)?;
    for (name, what, honoured) in [
        ("min_decryption_version", "decryption", 1),
        ("min_encryption_version", "encryption", latest),
    ] {
        let Some(asked) = integer(&members, name)? else { continue };
        match usize::try_from(asked) {
            Err(_) => {
                return Err(Refusal::input(format!("min {what} version cannot be negative")));
            }
            Ok(asked) if asked > latest => {
                return Err(Refusal::input(format!(
                    "cannot set min {what} version of {asked}, latest key version is {latest}"
                )));
            }
            Ok(asked) if asked == 0 || asked == honoured => {}
            Ok(_) if what == "encryption" => {
                return Err(Refusal::input(
                    "the latest version alone signs: min_encryption_version stays there",
                ));
            }
            Ok(_) => {
                return Err(Refusal::input(
                    "tokens of older versions live until they end: have them revoked \
                     (POST /api/tokens/revoke with key), or the key marked as compromised",
                ));
            }
        }
    }
    shown(call, &issuer)
}

/// `DELETE /v1/transit/keys/{name}`.
pub(super) fn delete(call: &Call<'_>) -> Answer {
    call.opened()?;
    let told = format!("error deleting policy {}: deletion is not allowed for this key", call.name);
    Err(Refusal::Input(told))
}

fn no_schedule(members: &Map<String, Value>) -> Result<(), Refusal> {
    match members.get("auto_rotate_period") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Number(number)) if number.as_i64() == Some(0) => Ok(()),
        Some(Value::String(text)) if matches!(text.as_str(), "" | "0" | "0s" | "0m" | "0h") => {
            Ok(())
        }
        Some(_) => Err(Refusal::input(
            "auto_rotate_period is refused: rotation is scheduled by Ward's operators",
        )),
    }
}
