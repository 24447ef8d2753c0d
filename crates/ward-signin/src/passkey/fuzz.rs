//! The body of the fuzz target `passkey`.

use ward_model::UnixMillis;

use super::authenticator::{AuthenticatorData, attested_data};
use super::cose::PublicKey;
use super::{Known, RelyingParty, UserHandle};

/// No bytes make a reader panic: as attestation object, authenticator data, public key, and as a
/// whole answer to a registration, a sign-in and a consent; a key that was registered can be used.
pub fn fuzz_passkey(bytes: &[u8]) {
    if let Some(data) = attested_data(bytes) {
        let _ = AuthenticatorData::read(&data);
    }
    if let Some(data) = AuthenticatorData::read(bytes)
        && let Some(attested) = data.attested
    {
        let _ = PublicKey::read(attested.public_key);
    }
    let _ = PublicKey::read(bytes);
    let Ok(party) = RelyingParty::of_site("https://ward.example", "Ward") else { return };
    let Some(user) = UserHandle::new(b"fuzz") else { return };
    let now = UnixMillis::new(0);
    let (_, pending) = party.begin_registration(&user, "fuzz", &[], [7; 32], now);
    if let Ok(registered) = party.finish_registration(pending, bytes, |_| false, now) {
        assert!(PublicKey::read(&registered.public_key).is_ok(), "a registered key can be used");
    }
    let known = || Known { public_key: bytes.to_vec(), sign_count: 0, user_handle: user.clone() };
    let (_, pending) = party.begin_assertion(&[], [7; 32], now);
    let _ = party.finish_assertion(pending, bytes, |_| Some(known()), now);
    let (_, pending) = party.begin_assertion_over(&[1; 32], &[], [7; 32], now);
    let _ = party.finish_assertion_over(pending, &[1; 32], bytes, |_| Some(known()), now);
}
