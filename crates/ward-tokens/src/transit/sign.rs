//! `sign`: an access token's `header.payload` in, its signature out, once it is entered.
//!
//! The client laid the claims out, so each is held against the caller's rule as in typed signing,
//! and the token it will put together is entered by its digest. Items of a batch stand on their own
//! and are recorded as one group. Best test: `transit/tests.rs`.

use data_encoding::BASE64;
use serde_json::{Map, Value, json};
use ward_keys::{ActiveKey, WithheldSignatures};
use ward_ledger::{Admitted, SigningInput};
use ward_model::word::Algorithm;
use ward_model::{PrincipalNumber, Record, UnixMillis};

use super::Call;
use super::keys::versions;
use super::signature::{Marshaling, write};
use super::wire::{Answer, Refusal, boolean, integer, text};
use crate::batch::client_id;
use crate::issuance::{IssueError, one_spelling};
use crate::limits::{BATCH_MAX, IAT_SKEW_MS};
use crate::policy::{Door, Wanted};

/// What a call asks for beside its inputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) marshaling: Marshaling,
}

/// Reads and holds what is the same for every item. `hash` is the path's.
pub(super) fn terms(
    members: &Map<String, Value>,
    hash: Option<&str>,
    algorithm: Algorithm,
) -> Result<Terms, Refusal> {
    let body_hash = match text(members, "hash_algorithm")? {
        "" => text(members, "algorithm")?,
        named => named,
    };
    // Vault's order: the path's word counts before the body's.
    let named = hash.unwrap_or(body_hash);
    const KNOWN: [&str; 11] = [
        "sha1", "sha2-224", "sha2-256", "sha2-384", "sha2-512", "sha3-224", "sha3-256", "sha3-384",
        "sha3-512", "none", "",
    ];
    if !KNOWN.contains(&named) {
        return Err(Refusal::input(format!("invalid hash algorithm {named:?}")));
    }
    if algorithm == Algorithm::Es256 && !matches!(named, "" | "sha2-256") {
        return Err(Refusal::input("this key signs ES256: hash_algorithm must be sha2-256"));
    }
    if boolean(members, "prehashed")? {
        return Err(Refusal::input(
            "prehashed input is not signed: this key signs access tokens, which it must read",
        ));
    }
    let marshaling = match text(members, "marshaling_algorithm")? {
        "" | "asn1" => Marshaling::Asn1,
        "jws" => Marshaling::Jws,
        other => return Err(Refusal::input(format!("invalid marshaling type {other:?}"))),
    };
    Ok(Terms { marshaling })
}

/// Items, and whether they came as a batch.
type Items<'m> = (Vec<&'m Map<String, Value>>, bool);

/// The items of a call: of its batch, or the call itself.
pub(super) fn items(members: &Map<String, Value>) -> Result<Items<'_>, Refusal> {
    match members.get("batch_input") {
        None | Some(Value::Null) => Ok((vec![members], false)),
        Some(Value::Array(list)) => {
            if list.is_empty() {
                return Err(Refusal::input("missing batch input to process"));
            }
            if list.len() > BATCH_MAX {
                return Err(Refusal::input(format!("batch_input is at most {BATCH_MAX} items")));
            }
            let objects: Option<Vec<_>> = list.iter().map(Value::as_object).collect();
            let objects = objects.ok_or_else(|| {
                Refusal::input("failed to parse batch input: it is a list of objects")
            })?;
            Ok((objects, true))
        }
        Some(_) => Err(Refusal::input("failed to parse batch input: it is a list of objects")),
    }
}

/// The signing input of an item.
pub(super) fn input(item: &Map<String, Value>) -> Result<SigningInput, Refusal> {
    let encoded = match item.get("input") {
        None | Some(Value::Null) => return Err(Refusal::input("missing input")),
        Some(_) => text(item, "input")?,
    };
    let bytes = BASE64
        .decode(encoded.as_bytes())
        .map_err(|_| Refusal::input("unable to decode input as base64"))?;
    SigningInput::parse(&bytes).map_err(|error| Refusal::input(error.to_string()))
}

/// An item that may be signed.
struct Ready {
    input: Admitted,
    rule: String,
    per_minute: u32,
}

/// `POST /v1/transit/sign/{name}`.
pub(super) async fn sign(
    call: &Call<'_>,
    members: Map<String, Value>,
    hash: Option<String>,
) -> Answer {
    let (issuer, _) = call.opened()?;
    let key = call.signing.key(&issuer)?;
    let terms = terms(&members, hash.as_deref(), key.record().algorithm)?;
    let (items, is_batch) = items(&members)?;
    let latest = versions(&call.signing.0.issuance, &issuer).len();
    check_version(&members, latest)?;
    let now = call.signing.0.issuance.now();
    let ready: Vec<Result<Ready, Refusal>> =
        items.iter().map(|item| ready(call, &key, item, now)).collect();
    let good = || ready.iter().filter_map(|one| one.as_ref().ok());
    if let ([Err(refusal)], false) = (ready.as_slice(), is_batch) {
        return Err(refusal.clone());
    }
    call.signing.take(good().map(|it| (it.rule.as_str(), it.per_minute)), now)?;
    let names = good().map(|it| it.input.principal().clone()).collect();
    let numbers = call.signing.numbers(names).await?;
    let signed = entered(call, &key, ready, &numbers, now).await?;
    let written = |bytes: &[u8; 64]| write(latest, key.record().algorithm, terms.marshaling, bytes);
    if !is_batch {
        let bytes = signed.into_iter().next().unwrap_or(Err(Refusal::Failed("signing failed")))?;
        return Ok(json!({ "signature": written(&bytes), "key_version": latest }));
    }
    let results: Result<Vec<Value>, Refusal> = items
        .iter()
        .zip(signed)
        .map(|(item, outcome)| {
            let reference = text(item, "reference")?;
            Ok(match outcome {
                Ok(bytes) => json!({
                    "signature": written(&bytes), "key_version": latest, "reference": reference,
                }),
                Err(refusal) => json!({
                    "error": words(&refusal), "key_version": 0, "reference": reference,
                }),
            })
        })
        .collect();
    Ok(json!({ "batch_results": results? }))
}

/// Signs what is ready, records it as one group and opens it.
async fn entered(
    call: &Call<'_>,
    key: &ActiveKey,
    ready: Vec<Result<Ready, Refusal>>,
    numbers: &[PrincipalNumber],
    now: UnixMillis,
) -> Result<Vec<Result<[u8; 64], Refusal>>, Refusal> {
    let issuance = &call.signing.0.issuance;
    let client = issuance.0.ledger.secret().client_key(&client_id(&call.caller));
    let (mut withheld, mut numbers) = (WithheldSignatures::default(), numbers.iter());
    let mut out: Vec<Result<[u8; 64], Refusal>> = Vec::with_capacity(ready.len());
    for one in ready {
        let signed = one.and_then(|it| {
            let number = *numbers.next().ok_or(Refusal::Unavailable)?;
            let signer = &issuance.0.signer;
            let done = signer.sign_input(&mut withheld, key, &it.input, (number, client), now);
            done.map_err(|error| IssueError::from(error).into())
        });
        out.push(signed.map(|()| [0; 64]));
    }
    if withheld.is_empty() {
        return Ok(out);
    }
    // CRASH: from here on the entries may be durable and the signatures lost: nobody holds a token
    // of theirs, and they end by themselves.
    let recorded = issuance.0.journal.append(withheld.entries(), now).await;
    let opened = withheld.open(recorded.map_err(IssueError::from)?, &issuance.0.signer);
    let mut withdrawn: Vec<Record> = Vec::new();
    for (place, opened) in out.iter_mut().filter(|one| one.is_ok()).zip(opened) {
        *place = opened.map(|signature| *signature.bytes()).map_err(|revocation| {
            withdrawn.push(revocation.into());
            Refusal::Forbidden("revoked meanwhile".to_owned())
        });
    }
    if !withdrawn.is_empty() {
        issuance.append(withdrawn).await?;
    }
    Ok(out)
}

/// Holds one item against the key and the caller's rule.
fn ready(
    call: &Call<'_>,
    key: &ActiveKey,
    item: &Map<String, Value>,
    now: UnixMillis,
) -> Result<Ready, Refusal> {
    let input = input(item)?;
    let record = key.record();
    if input.algorithm() != record.algorithm {
        return Err(Refusal::input(format!("alg must be the key's: {}", record.algorithm)));
    }
    if input.kid() != record.kid {
        let told = format!("kid must be that of the key's latest version: {}", record.kid);
        return Err(Refusal::input(told));
    }
    let issued_at = input.issued_at();
    if !(-IAT_SKEW_MS..=IAT_SKEW_MS).contains(&issued_at.since(now)) {
        return Err(Refusal::input("iat must be now, within a minute"));
    }
    if input.not_before().is_some_and(|nbf| nbf.since(now) > IAT_SKEW_MS) {
        return Err(Refusal::input("nbf must not lie in the future"));
    }
    if one_spelling(input.principal().clone()) != *input.principal() {
        return Err(Refusal::input("a person's sub is his SCIM id, with hyphens, in lower case"));
    }
    let client = client_id(&call.caller);
    if input.client_id().is_some_and(|claimed| claimed != client) {
        return Err(Refusal::input(format!("client_id, if it is there, must be {client}")));
    }
    let rules = call.signing.rules();
    let wanted = Wanted {
        door: Door::Transit(call.name),
        issuer: Some(input.issuer()),
        audiences: input.audiences(),
        principal: input.principal(),
        tenant: input.tenant(),
        life_ms: input.expires_at().since(issued_at.min(now)),
        login: false,
        others: input.others(),
    };
    let (rule, found) = rules
        .permit(&wanted, call.signing.is_callers(&call.caller))
        .map_err(|denied| Refusal::from(IssueError::from(denied)))?;
    let (rule, per_minute) = (rule.to_owned(), found.per_minute);
    let input = call.signing.0.issuance.0.ledger.admit(input);
    let input = input.map_err(|error| Refusal::input(error.to_string()))?;
    Ok(Ready { input, rule, per_minute })
}

/// `key_version`: 0 or the latest; older ones sign no more.
fn check_version(members: &Map<String, Value>, latest: usize) -> Result<(), Refusal> {
    let Some(version) = integer(members, "key_version")? else { return Ok(()) };
    match usize::try_from(version) {
        Ok(0) => Ok(()),
        Ok(version) if version == latest => Ok(()),
        Ok(version) if version > latest => Err(Refusal::Failed(
            "requested version for signing is higher than the latest key version",
        )),
        Ok(_) => Err(Refusal::Failed(
            "requested version for signing is less than the minimum encryption key version",
        )),
        Err(_) => Err(Refusal::Failed("requested version for signing is negative")),
    }
}

/// What an item of a batch says of its refusal.
pub(super) fn words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Input(words) | Refusal::Forbidden(words) => words.clone(),
        Refusal::Unavailable => "not recorded, so not done: try again".to_owned(),
        _ => "not done".to_owned(),
    }
}
