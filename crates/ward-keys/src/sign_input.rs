//! Signing of an input that a client laid out: parsed, checked, and withheld until it is recorded.
//!
//! The only bytes from outside that a token key signs are an [`Admitted`] input, which is an access
//! token's `header.payload` read by the check's own parser; there is still no signing of bytes. The
//! client puts the token together itself, so exactly this input with exactly this signature is
//! entered, by its digest, and leaves only with the record that says so.
//! What it must never do: sign under another key, issuer or algorithm than the input names.
//! Best test: `ward-tokens/src/transit/tests.rs`, which holds a key as a thief would.

use ward_journal::Recorded;
use ward_ledger::Admitted;
use ward_model::record::{EnteredRevoked, TokenEntered};
use ward_model::word::{Cause, KeyPurpose, KeyState};
use ward_model::{KeyNumber, PrincipalKey, PrincipalNumber, UnixMillis};

use crate::limits::LIFE_MS_MAX;
use crate::sign::{SignError, TokenSigner};
use crate::store::ActiveKey;

/// A signature that was entered. It may leave.
pub struct EnteredSignature {
    bytes: [u8; 64],
    key: KeyNumber,
}

impl EnteredSignature {
    /// r and s, or R and S: 64 bytes in their canonical form.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 64] {
        &self.bytes
    }
    /// The key that signed.
    #[must_use]
    pub const fn key(&self) -> KeyNumber {
        self.key
    }
}

/// Signatures that may not leave yet, in the order they were asked for. No `Debug`, no `Clone`;
/// dropping them abandons them: nobody ever saw them.
#[must_use]
#[derive(Default)]
pub struct WithheldSignatures(Vec<(EnteredSignature, TokenEntered)>);

impl TokenSigner {
    /// Signs `input` for `principal`, the dense number of the principal it names, and for the client
    /// it is issued to, and puts the signature to those withheld. Cost: 11-16 µs.
    ///
    /// # Errors
    /// [`SignError`]; nothing was added then. The caller has applied his policy on claims; what is
    /// checked here holds whatever the policy.
    pub fn sign_input(
        &self,
        withheld: &mut WithheldSignatures,
        key: &ActiveKey,
        input: &Admitted,
        for_whom: (PrincipalNumber, PrincipalKey),
        now: UnixMillis,
    ) -> Result<(), SignError> {
        // INVARIANT: read before the signature is made, so that a revocation since is seen.
        let seen = self.ledger().revocations();
        let secret = self.ledger().secret();
        let name = input.principal();
        let principal_key = secret.principal_key(name.kind, name.id());
        self.may_sign_input(key, input, principal_key, now)?;
        let bytes = key.sign(input.text().as_bytes()).ok_or(SignError::Failed)?;
        let (principal, client_key) = for_whom;
        let number = key.record().number;
        let row = TokenEntered {
            key: number,
            digest: secret.token_digest(input.text().as_bytes(), &bytes),
            principal,
            principal_key,
            client_key,
            issued_at: input.issued_at(),
            expires_at: input.expires_at(),
            revocations_seen: i64::try_from(seen).unwrap_or(i64::MAX),
            // WHY never: nobody showed a login to this door.
            login_proven: false,
        };
        withheld.0.push((EnteredSignature { bytes, key: number }, row));
        Ok(())
    }

    fn may_sign_input(
        &self,
        key: &ActiveKey,
        input: &Admitted,
        principal: PrincipalKey,
        now: UnixMillis,
    ) -> Result<(), SignError> {
        let record = key.record();
        let named = record.kid == input.kid()
            && record.algorithm == input.algorithm()
            && record.issuer == input.issuer()
            && record.purpose == KeyPurpose::Token;
        let state = self.ledger().key(record.number).map(|key| key.state);
        if !named || state != Some(KeyState::Active) {
            return Err(SignError::KeyNotActive);
        }
        if self.ledger().is_suspended(principal) {
            return Err(SignError::PrincipalSuspended);
        }
        let life = input.expires_at().since(now);
        if life <= 0 || life > LIFE_MS_MAX || input.expires_at() <= input.issued_at() {
            return Err(SignError::Life);
        }
        Ok(())
    }
}

impl WithheldSignatures {
    /// What must be recorded, as one group, before these open.
    #[must_use]
    pub fn entries(&self) -> Vec<TokenEntered> {
        self.0.iter().map(|(_, row)| row.clone()).collect()
    }

    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Opens with the record of these very entries, after one more look at what was revoked since.
    /// In the order they were signed in: a signature, or what to record because it must not leave.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the proof is used up: one record, one group of signatures"
    )]
    pub fn open(
        self,
        recorded: Recorded<Vec<TokenEntered>>,
        signer: &TokenSigner,
    ) -> Vec<Result<EnteredSignature, EnteredRevoked>> {
        let mut rows = recorded.get().iter();
        let opened = self.0.into_iter().map(|(signature, row)| {
            let seen = u64::try_from(row.revocations_seen).unwrap_or(0);
            let ledger = signer.ledger();
            let (principal, client) = (row.principal_key, row.client_key);
            let revoked = ledger.revoked_since(seen, principal, client, row.key, row.issued_at);
            if revoked || rows.next() != Some(&row) {
                let (digest, expires_at, cause) = (row.digest, row.expires_at, Cause::Withheld);
                return Err(EnteredRevoked { digest, expires_at, cause });
            }
            Ok(signature)
        });
        opened.collect()
    }
}
