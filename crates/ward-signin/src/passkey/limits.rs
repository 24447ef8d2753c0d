//! Bounds of what a browser may send, and for how long.

/// How long a challenge may be answered, in milliseconds; the browser is told the same.
pub const CHALLENGE_AGE_MS_MAX: i64 = 5 * 60 * 1000;
/// Bytes of a whole answer: an attestation of a TPM with its certificates fits, in base64url.
pub const RESPONSE_BYTES_MAX: usize = 32 * 1024;
/// Bytes of the client data: type, challenge and origin.
pub const CLIENT_DATA_BYTES_MAX: usize = 4 * 1024;
/// Bytes of a credential id (WebAuthn Level 3 §7.1 step 25).
pub const CREDENTIAL_ID_BYTES_MAX: usize = 1023;
/// Bytes of a user handle (WebAuthn Level 2 §5.4.3).
pub const USER_HANDLE_BYTES_MAX: usize = 64;
/// Bytes of a COSE key: RSA of 4,096 bits with room for its labels.
pub const PUBLIC_KEY_BYTES_MAX: usize = 1024;
/// Bits of an RSA modulus, least and most.
pub const RSA_BITS: [usize; 2] = [2048, 4096];
/// How deep CBOR may nest: an attestation's list of certificates is at 3.
pub const CBOR_DEPTH_MAX: usize = 6;
/// Pairs of a CBOR map.
pub const CBOR_PAIRS_MAX: usize = 32;

const _: () = assert!(CLIENT_DATA_BYTES_MAX < RESPONSE_BYTES_MAX);
const _: () = assert!(RSA_BITS[1] / 8 < PUBLIC_KEY_BYTES_MAX);
const _: () = assert!(CREDENTIAL_ID_BYTES_MAX + PUBLIC_KEY_BYTES_MAX < RESPONSE_BYTES_MAX / 2);
