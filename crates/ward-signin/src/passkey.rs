//! WebAuthn: the relying party. A passkey is registered, then proves who is there; over an act's
//! digest its signature is a consent.
//!
//! Pure: time and randomness are arguments, what is open is a value that is used up. It never takes
//! an answer without its owner verified (PIN, finger, face), never one of another origin, and
//! trusts no attestation. It knows no operators: the caller keeps credentials and says whose they
//! are. Source: W3C WebAuthn Level 2, §7.1 (registration) and §7.2 (assertion), whose steps are
//! named; why Ward does this itself: docs/adr/020-passkeys.md. Best tests: `passkey/tests/`,
//! `e2e/passkey.mjs`.

mod authenticator;
mod cbor;
mod client;
mod cose;
mod error;
mod fuzz;
mod limits;
mod party;
mod wire;

#[cfg(test)]
mod tests;

use aws_lc_rs::digest::{Context, SHA256, digest};
use data_encoding::BASE64URL_NOPAD;
use subtle::ConstantTimeEq as _;
use ward_model::UnixMillis;

pub use error::PasskeyError;
pub use fuzz::fuzz_passkey;
pub use limits::{
    CHALLENGE_AGE_MS_MAX, CREDENTIAL_ID_BYTES_MAX, PUBLIC_KEY_BYTES_MAX, RESPONSE_BYTES_MAX,
    USER_HANDLE_BYTES_MAX,
};
pub use party::{PartyError, RelyingParty};
pub(crate) use party::{Site, is_below};

use authenticator::AuthenticatorData;
use client::Ceremony;
use cose::{KeyFault, PublicKey};

/// A credential's id: 1 to 1,023 bytes that the authenticator chose. `Display` is base64url.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialId(Vec<u8>);

impl CredentialId {
    /// An id of these bytes; none if there are none of them or too many.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (1..=CREDENTIAL_ID_BYTES_MAX).contains(&bytes.len()).then(|| Self(bytes.to_vec()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Display for CredentialId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

/// Whose a credential is, as the authenticator keeps it: 1 to 64 bytes that name nobody to a
/// stranger (WebAuthn Level 2 §14.6.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserHandle(Vec<u8>);

impl UserHandle {
    /// A handle of these bytes; none if there are none of them or too many.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (1..=USER_HANDLE_BYTES_MAX).contains(&bytes.len()).then(|| Self(bytes.to_vec()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A registration that waits for its answer; used up by it.
#[derive(Debug)]
#[must_use]
pub struct PendingRegistration {
    challenge: [u8; 32],
    began_at: UnixMillis,
}

/// A sign-in that waits for its answer; used up by it.
#[derive(Debug)]
#[must_use]
pub struct PendingAssertion {
    challenge: [u8; 32],
    /// Empty when any credential may answer.
    allow: Vec<CredentialId>,
    began_at: UnixMillis,
}

/// A consent that waits for its answer; used up by it. It does not hold what is consented to: that
/// is said again at the end, and must be the same.
#[derive(Debug)]
#[must_use]
pub struct PendingConsent {
    random: [u8; 32],
    allow: Vec<CredentialId>,
    began_at: UnixMillis,
}

/// A passkey that was registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its id.
    pub credential_id: CredentialId,
    /// Its public key: a COSE_Key of at most 1,024 bytes.
    pub public_key: Vec<u8>,
    /// The authenticator's model, as it says itself; zeros when it does not.
    pub aaguid: [u8; 16],
    /// The authenticator's counter.
    pub sign_count: u32,
    /// Whether it may live on several devices: a synced passkey.
    pub backup_eligible: bool,
    /// Whether it does.
    pub backed_up: bool,
}

/// What the caller keeps of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its public key, as it was registered.
    pub public_key: Vec<u8>,
    /// The last counter that was accepted; 0 when none is known.
    pub sign_count: u32,
    /// Whose it is, as it was registered.
    pub user_handle: UserHandle,
}

/// A passkey that proved itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asserted {
    /// Which.
    pub credential_id: CredentialId,
    /// The counter to keep.
    pub sign_count: u32,
    /// Whose it is.
    pub user_handle: UserHandle,
}

impl RelyingParty {
    /// Begins a registration: options for `navigator.credentials.create` as JSON, and what waits.
    /// `user_name` is what the authenticator shows; `exclude` are the person's credentials, so that
    /// one authenticator is not registered twice; `random` must never have been used before.
    pub fn begin_registration(
        &self,
        user: &UserHandle,
        user_name: &str,
        exclude: &[CredentialId],
        random: [u8; 32],
        now: UnixMillis,
    ) -> (String, PendingRegistration) {
        let options = wire::creation(self, user, user_name, exclude, &random);
        (options, PendingRegistration { challenge: random, began_at: now })
    }

    /// Ends a registration. `response` is the credential's `toJSON`; `is_taken` says whether any
    /// person has this credential already.
    ///
    /// # Errors
    /// Each of [`PasskeyError`] but those of an assertion; the pending one is used up all the same.
    pub fn finish_registration(
        &self,
        pending: PendingRegistration,
        response: &[u8],
        is_taken: impl FnOnce(&CredentialId) -> bool,
        now: UnixMillis,
    ) -> Result<Registered, PasskeyError> {
        const MALFORMED: PasskeyError = PasskeyError::Malformed("attestation object");
        is_open(pending.began_at, now)?;
        // Steps 3 and 4; extension results are not looked at.
        let (id, answer): (_, wire::AttestationResponse) = wire::read(response)?;
        let client_data = wire::part(&answer.client_data, "client data")?;
        // Steps 5 to 10. Step 11, the hash, serves an attestation, and Ward judges none.
        client::check(&client_data, Ceremony::Create, &pending.challenge, self.origins())?;
        // Step 12.
        let object = wire::part(&answer.attestation_object, "attestation object")?;
        let data = authenticator::attested_data(&object).ok_or(MALFORMED)?;
        let data = AuthenticatorData::read(&data).ok_or(MALFORMED)?;
        // Steps 13 to 15.
        self.check_authenticator(&data)?;
        let attested = data.attested.ok_or(MALFORMED)?;
        if attested.credential_id != id.as_bytes() {
            return Err(MALFORMED);
        }
        // Step 16.
        PublicKey::read(attested.public_key).map_err(|fault| match fault {
            KeyFault::Malformed => PasskeyError::Malformed("public key"),
            KeyFault::NotOffered => PasskeyError::KeyNotOffered,
        })?;
        // Steps 17 to 21: no extension was asked for, no attestation is trusted.
        // Step 22.
        if is_taken(&id) {
            return Err(PasskeyError::AlreadyRegistered);
        }
        // Step 23.
        Ok(Registered {
            credential_id: id,
            public_key: attested.public_key.to_vec(),
            aaguid: attested.aaguid,
            sign_count: data.sign_count,
            backup_eligible: data.flags.is_backup_eligible(),
            backed_up: data.flags.is_backed_up(),
        })
    }

    /// Begins a sign-in: options for `navigator.credentials.get` as JSON, and what waits. An empty
    /// `allow` lets any passkey of this relying party answer, which then says whose it is.
    pub fn begin_assertion(
        &self,
        allow: &[CredentialId],
        random: [u8; 32],
        now: UnixMillis,
    ) -> (String, PendingAssertion) {
        let options = wire::request(self, allow, &random);
        (options, PendingAssertion { challenge: random, allow: allow.to_vec(), began_at: now })
    }

    /// Ends a sign-in. `lookup` gives what is kept of a credential; one that is revoked it must not
    /// give. The caller keeps the counter of the answer.
    ///
    /// # Errors
    /// As [`PasskeyError`] says; the pending one is used up all the same.
    pub fn finish_assertion(
        &self,
        pending: PendingAssertion,
        response: &[u8],
        lookup: impl FnOnce(&CredentialId) -> Option<Known>,
        now: UnixMillis,
    ) -> Result<Asserted, PasskeyError> {
        is_open(pending.began_at, now)?;
        self.assert(&pending.challenge, &pending.allow, response, lookup)
    }

    /// Begins a consent to the act with this digest: the challenge is made of it, so the
    /// authenticator signs what is consented to. Options as for [`RelyingParty::begin_assertion`].
    pub fn begin_assertion_over(
        &self,
        act_digest: &[u8; 32],
        allow: &[CredentialId],
        random: [u8; 32],
        now: UnixMillis,
    ) -> (String, PendingConsent) {
        let options = wire::request(self, allow, &consent_challenge(&random, act_digest));
        (options, PendingConsent { random, allow: allow.to_vec(), began_at: now })
    }

    /// Ends a consent: `act_digest` is what takes effect now, and must be what was begun.
    ///
    /// # Errors
    /// As [`RelyingParty::finish_assertion`]; [`PasskeyError::WrongChallenge`] when the act is
    /// another one.
    pub fn finish_assertion_over(
        &self,
        pending: PendingConsent,
        act_digest: &[u8; 32],
        response: &[u8],
        lookup: impl FnOnce(&CredentialId) -> Option<Known>,
        now: UnixMillis,
    ) -> Result<Asserted, PasskeyError> {
        is_open(pending.began_at, now)?;
        let challenge = consent_challenge(&pending.random, act_digest);
        self.assert(&challenge, &pending.allow, response, lookup)
    }

    fn assert(
        &self,
        challenge: &[u8; 32],
        allow: &[CredentialId],
        response: &[u8],
        lookup: impl FnOnce(&CredentialId) -> Option<Known>,
    ) -> Result<Asserted, PasskeyError> {
        // Steps 3, 4 and 8; extension results are not looked at.
        let (id, answer): (_, wire::AssertionResponse) = wire::read(response)?;
        let client_data = wire::part(&answer.client_data, "client data")?;
        let data_bytes = wire::part(&answer.authenticator_data, "authenticator data")?;
        let signature = wire::part(&answer.signature, "signature")?;
        // Step 5.
        if !allow.is_empty() && !allow.contains(&id) {
            return Err(PasskeyError::UnknownCredential);
        }
        // Steps 6 and 7.
        let known = lookup(&id).ok_or(PasskeyError::UnknownCredential)?;
        let handle = answer.user_handle.map(|it| wire::part(&it, "user handle")).transpose()?;
        let is_owner = match handle {
            Some(handle) => handle == known.user_handle.as_bytes(),
            None => !allow.is_empty(),
        };
        if !is_owner {
            return Err(PasskeyError::WrongUser);
        }
        // Steps 9 to 14.
        client::check(&client_data, Ceremony::Get, challenge, self.origins())?;
        // Steps 15 to 18. §6.1: an assertion attests no credential.
        let data = AuthenticatorData::read(&data_bytes)
            .filter(|data| data.attested.is_none())
            .ok_or(PasskeyError::Malformed("authenticator data"))?;
        self.check_authenticator(&data)?;
        // Steps 19 and 20.
        let key = PublicKey::read(&known.public_key).map_err(|_| PasskeyError::CorruptKey)?;
        let signed = [data_bytes.as_slice(), digest(&SHA256, &client_data).as_ref()].concat();
        if !key.verifies(&signed, &signature) {
            return Err(PasskeyError::BadSignature);
        }
        // Step 21.
        let (stored, seen) = (known.sign_count, data.sign_count);
        if (stored, seen) != (0, 0) && seen <= stored {
            return Err(PasskeyError::Cloned { stored, seen });
        }
        Ok(Asserted { credential_id: id, sign_count: seen, user_handle: known.user_handle })
    }

    /// §7.1 steps 13 to 15, §7.2 steps 15 to 17.
    fn check_authenticator(&self, data: &AuthenticatorData<'_>) -> Result<(), PasskeyError> {
        let expected = digest(&SHA256, self.id().as_bytes());
        if !bool::from(data.rp_id_hash.ct_eq(expected.as_ref())) {
            return Err(PasskeyError::WrongRelyingParty);
        }
        if !data.flags.is_present() {
            return Err(PasskeyError::UserAbsent);
        }
        match data.flags.is_verified() {
            true => Ok(()),
            false => Err(PasskeyError::UserUnverified),
        }
    }
}

/// The challenge of a consent: SHA-256("ward consent v1" ‖ random ‖ digest of the act). Whoever
/// holds the random and the signed answer can show what was consented to.
#[must_use]
pub fn consent_challenge(random: &[u8; 32], act_digest: &[u8; 32]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(b"ward consent v1");
    context.update(random);
    context.update(act_digest);
    let mut challenge = [0; 32];
    challenge.copy_from_slice(context.finish().as_ref());
    challenge
}

/// Whether what began then may be answered now.
fn is_open(began_at: UnixMillis, now: UnixMillis) -> Result<(), PasskeyError> {
    let is_open = now >= began_at && now <= began_at.plus_ms(CHALLENGE_AGE_MS_MAX);
    is_open.then_some(()).ok_or(PasskeyError::Expired)
}
