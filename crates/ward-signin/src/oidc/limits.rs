//! Every bound of the relying party.

/// Bytes of an answer: metadata, keys, tokens.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Milliseconds from asking the provider to the last byte of its answer.
pub const FETCH_MS_MAX: u64 = 10_000;
/// Bytes of an `id_token` in its compact form.
pub const ID_TOKEN_BYTES_MAX: usize = 192 * 1024;
/// Bytes of a logout token in its compact form.
pub const LOGOUT_TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Bytes of an access token; it is used for `at_hash` only, then dropped.
pub const ACCESS_TOKEN_BYTES_MAX: usize = 32 * 1024;

/// Keys of a key set, those of unknown kinds included.
pub const KEYS_MAX: usize = 64;
/// Bytes of a key's name (`kid`).
pub const KEY_ID_BYTES_MAX: usize = 256;
/// Bits of an RSA modulus, rounded to bytes: 2048 to 8192 bits.
pub const RSA_MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// Groups of one person.
pub const GROUPS_MAX: usize = 500;
/// Bytes of a group's name.
pub const GROUP_BYTES_MAX: usize = 256;
/// Audiences of a token.
pub const AUDIENCES_MAX: usize = 16;
/// Bytes of a subject: OpenID Connect Core 1.0 §2, `sub`.
pub const SUBJECT_BYTES_MAX: usize = 255;
/// Bytes of a session's name (`sid`): some providers send a sealed one of several hundred.
pub const SESSION_BYTES_MAX: usize = 1024;
/// Bytes of the other names a token brings: `jti`, `acr`, e-mail address.
pub const NAME_BYTES_MAX: usize = 256;
/// Methods of authentication (`amr`) of one sign-in.
pub const METHODS_MAX: usize = 16;

/// Bytes of an address.
pub const ADDRESS_BYTES_MAX: usize = 2048;
/// Bytes of the query string a browser brings back.
pub const CALLBACK_BYTES_MAX: usize = 8 * 1024;
/// Bytes of a path to go back to after the sign-in.
pub const RETURN_PATH_BYTES_MAX: usize = 512;

/// Milliseconds from the redirect to the browser's return.
pub const PENDING_AGE_MAX_MS: i64 = 5 * 60 * 1000;
/// Milliseconds by which the provider's clock may differ from ours.
pub const CLOCK_SKEW_MAX_MS: i64 = 60 * 1000;
/// Milliseconds by which an authentication may lie before the step-up it is for: both moments are
/// the provider's and rounded to seconds.
pub const FRESH_SLACK_MS: i64 = 3 * 1000;
/// Milliseconds from a logout token's `iat` to its arrival, skew aside.
pub const LOGOUT_AGE_MAX_MS: i64 = 5 * 60 * 1000;
/// Milliseconds a logout token's `jti` is remembered.
pub const LOGOUT_MEMORY_MS: i64 = 8 * 60 * 1000;
/// Logout tokens remembered; more in that time are refused.
pub const LOGOUTS_REMEMBERED_MAX: usize = 4096;
/// Milliseconds a client assertion is good for.
pub const ASSERTION_LIFE_MS: i64 = 60 * 1000;

/// Milliseconds for which metadata is believed.
pub const METADATA_AGE_MAX_MS: i64 = 60 * 60 * 1000;
/// Milliseconds for which keys are believed.
pub const KEYS_AGE_MAX_MS: i64 = 15 * 60 * 1000;
/// Milliseconds between two fetches of keys because a token named one not held.
pub const KEYS_PAUSE_MS: i64 = 30 * 1000;
/// Milliseconds between two fetches of which the first failed.
pub const FAILED_PAUSE_MS: i64 = 2 * 1000;

/// Random bytes one sign-in takes: state, nonce, verifier and assertion, 32 each.
pub const RANDOM_BYTES: usize = 4 * 32;

const _: () = {
    // A full list of groups fits, in base64 and with its quotes and commas; the answer holds both
    // tokens.
    assert!((GROUPS_MAX * (GROUP_BYTES_MAX + 3)) / 3 * 4 < ID_TOKEN_BYTES_MAX);
    assert!(ID_TOKEN_BYTES_MAX + ACCESS_TOKEN_BYTES_MAX < ANSWER_BYTES_MAX);
    assert!(KEYS_PAUSE_MS < KEYS_AGE_MAX_MS && FAILED_PAUSE_MS < KEYS_PAUSE_MS);
    // A logout token stays remembered for as long as it would be accepted: from an `iat` ahead of
    // us by the skew, for its age and the skew.
    assert!(LOGOUT_AGE_MAX_MS + 2 * CLOCK_SKEW_MAX_MS < LOGOUT_MEMORY_MS);
};
