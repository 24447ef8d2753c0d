//! API keys and OAuth clients: known by keyed hash, kept as tombstones when revoked.
//!
//! `ward_<kind>_` + 30 characters base62 (178 bits) + 6 characters of checksum. The checksum is
//! looked at first, so that junk is `malformed` and costs no hash; it protects nothing else.
//! FORMAT: CRC-32 (ISO-HDLC) over all before it, in base62, most significant digit first.
//! Best test: `tests/api_keys.rs`.

use std::collections::HashMap;
use std::sync::Arc;

use ward_model::record::ClientRegistered;
use ward_model::word::ApiKeyKind;
use ward_model::{
    ApiKeyId, PersonId, PrincipalKey, PrincipalKind, PrincipalNumber, Secret, UnixMillis,
};

use crate::client_terms::ClientTerms;
use crate::terms::Terms;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_CHARS: usize = 30;
const CHECK_CHARS: usize = 6;
/// Characters behind the last `_` of every API key.
pub const API_KEY_TAIL_CHARS: usize = RANDOM_CHARS + CHECK_CHARS;
/// Random bytes an API key is made from: enough to fill its characters without bias.
pub const API_KEY_ENTROPY_BYTES: usize = 64;

/// An API key as records tell of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What it is for.
    pub kind: ApiKeyKind,
    /// Whom it acts for.
    pub owner_kind: PrincipalKind,
    /// Whom it acts for.
    pub owner: PrincipalNumber,
    /// Whom it acts for, as views key it.
    pub owner_key: PrincipalKey,
    /// When it ends.
    pub expires_at: UnixMillis,
    /// Whether it was revoked: a tombstone, so that `revoked` is exact.
    pub revoked: bool,
}

/// An OAuth client as records tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// `client_id`.
    pub client_id: String,
    /// The client as views key it.
    pub client_key: PrincipalKey,
    pub(crate) secret_hash: [u8; 32],
    /// The person answerable.
    pub owner: PersonId,
    /// The person answerable, as views key it.
    pub owner_key: PrincipalKey,
    /// The audience it may ask for.
    pub audience: String,
    /// Space-separated scopes it may ask for.
    pub scope: String,
    /// Longest life of its tokens, milliseconds.
    pub life_ms_max: i64,
    /// When the registration ends.
    pub expires_at: UnixMillis,
    /// Whether it was revoked.
    pub revoked: bool,
}

impl Client {
    pub(crate) fn new(row: &ClientRegistered) -> Self {
        Self {
            client_id: row.client_id.as_str().to_owned(),
            client_key: row.client_key,
            secret_hash: row.secret_hash,
            owner: row.owner,
            owner_key: row.owner_key,
            audience: row.audience.as_str().to_owned(),
            scope: row.scope.as_str().to_owned(),
            life_ms_max: row.life_ms_max,
            expires_at: row.expires_at,
            revoked: false,
        }
    }
}

/// API keys by hash and id, clients by key.
#[derive(Default)]
pub(crate) struct Credentials {
    pub(crate) by_hash: HashMap<[u8; 32], ApiKey>,
    pub(crate) hash_of: HashMap<ApiKeyId, [u8; 32]>,
    pub(crate) clients: HashMap<PrincipalKey, Arc<Client>>,
    pub(crate) terms: HashMap<ApiKeyId, Arc<Terms>>,
    pub(crate) client_terms: HashMap<PrincipalKey, Arc<ClientTerms>>,
}

/// Makes an API key's text. `None` if the random bytes do not give enough characters (chance
/// below 2^-90): ask again with fresh ones.
#[must_use]
pub fn compose_api_key(
    kind: ApiKeyKind,
    entropy: &[u8; API_KEY_ENTROPY_BYTES],
) -> Option<Secret<String>> {
    let mut text = format!("ward_{kind}_");
    // WHY below 248 only: 248 = 4 * 62, so every character is equally likely.
    let fair = entropy.iter().filter(|&&byte| byte < 248);
    let random: Vec<u8> = fair
        .filter_map(|&byte| BASE62.get(usize::from(byte % 62)))
        .copied()
        .take(RANDOM_CHARS)
        .collect();
    if random.len() < RANDOM_CHARS {
        return None;
    }
    text.extend(random.into_iter().map(char::from));
    let check = checksum(text.as_bytes());
    text.extend(check.into_iter().map(char::from));
    Some(Secret::new(text))
}

/// Whether `raw` is laid out as an API key with its right checksum.
#[must_use]
pub fn is_api_key(raw: &str) -> bool {
    let bytes = raw.as_bytes();
    let Some((body, check)) =
        bytes.len().checked_sub(CHECK_CHARS).and_then(|at| bytes.split_at_checked(at))
    else {
        return false;
    };
    let Some((prefix, random)) =
        body.len().checked_sub(RANDOM_CHARS).and_then(|at| body.split_at_checked(at))
    else {
        return false;
    };
    let known = ApiKeyKind::ALL.iter().any(|kind| {
        let rest = prefix.strip_prefix(b"ward_").and_then(|rest| rest.strip_suffix(b"_"));
        rest == Some(kind.as_str().as_bytes())
    });
    known && random.iter().all(u8::is_ascii_alphanumeric) && check == checksum(body)
}

fn checksum(bytes: &[u8]) -> [u8; CHECK_CHARS] {
    let mut rest = crc32(bytes);
    let mut digits = [b'0'; CHECK_CHARS];
    for digit in digits.iter_mut().rev() {
        let at = usize::try_from(rest % 62).unwrap_or(0);
        *digit = BASE62.get(at).copied().unwrap_or(b'0');
        rest /= 62;
    }
    digits
}

/// CRC-32 (ISO-HDLC), bit by bit: 45 bytes, off the token path.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc: u32, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_standard_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn what_is_made_is_known_and_nothing_near_it() {
        let entropy = core::array::from_fn(|at| u8::try_from(at * 3 % 256).unwrap());
        for &kind in ApiKeyKind::ALL {
            let made = compose_api_key(kind, &entropy).unwrap();
            let raw = made.expose();
            assert!(is_api_key(raw), "{kind}");
            for at in 0..raw.len() {
                let mut other = raw.clone().into_bytes();
                other[at] = if other[at] == b'x' { b'y' } else { b'x' };
                assert!(!is_api_key(core::str::from_utf8(&other).unwrap()), "{kind} {at}");
                assert!(!is_api_key(raw.get(..at).unwrap()));
            }
        }
        assert!(compose_api_key(ApiKeyKind::Person, &[255; 64]).is_none());
        for junk in ["", "ward_", "ward_person_", "ward__000000", "é"] {
            assert!(!is_api_key(junk), "{junk}");
        }
    }
}
