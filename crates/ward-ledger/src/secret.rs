//! The ledger's secret and everything keyed by it: locators, fingerprints, principals, API keys.
//!
//! One 32-byte secret, expanded by HMAC-SHA-256 with a label per use. Without it nobody can make a
//! locator, search for a fingerprint or name a principal from its key.
//! FORMAT: labels and constructions are final; records hold their outputs.

use aes::Aes128;
use aes::cipher::KeyInit as _;
use aws_lc_rs::hmac;
use highway::{HighwayHash as _, HighwayHasher, Key};
use ward_model::{IssuerNumber, PrincipalKey, PrincipalKind, Secret, UnixMillis};

use crate::limits::SIGNATURE_BYTES;

/// The keys of the ledger. No `Debug`, no way back to the secret.
pub struct LedgerSecret {
    pub(crate) locator: Aes128,
    pub(crate) status: Aes128,
    fingerprint: Key,
    digest: Key,
    principal: Key,
    /// Name keys begun with each kind, by its byte.
    kinds: Vec<HighwayHasher>,
    api_key: hmac::Key,
    client_secret: hmac::Key,
    pub(crate) snapshot: hmac::Key,
}

impl LedgerSecret {
    /// Derives every key from one secret.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "the secret ends here")]
    pub fn new(secret: Secret<[u8; 32]>) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        let locator = derive(&root, "ward-ledger-locator1");
        let (block_key, _) = locator.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        let status = derive(&root, "ward-ledger-status1");
        let (status_key, _) = status.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        let principal = words(&derive(&root, "ward-ledger-principal1"));
        Self {
            locator: Aes128::new(&(*block_key).into()),
            status: Aes128::new(&(*status_key).into()),
            fingerprint: words(&derive(&root, "ward-ledger-fingerprint1")),
            digest: words(&derive(&root, "ward-ledger-digest1")),
            kinds: begun(principal),
            principal,
            api_key: mac(&derive(&root, "ward-ledger-api-key1")),
            client_secret: mac(&derive(&root, "ward-ledger-client-secret1")),
            snapshot: mac(&derive(&root, "ward-ledger-snapshot1")),
        }
    }

    /// HighwayHash-64 over the signing input, then the canonical signature. Never 0: that is the
    /// empty slot.
    #[must_use]
    pub fn fingerprint(&self, signing_input: &[u8], canonical: &[u8; SIGNATURE_BYTES]) -> u64 {
        let mut hasher = self.hasher();
        hasher.append(signing_input);
        hasher.append(canonical);
        never_empty(hasher.finalize64())
    }

    /// What a fingerprint begins as: append the signing input and the canonical signature.
    #[inline]
    pub(crate) fn hasher(&self) -> HighwayHasher {
        HighwayHasher::new(self.fingerprint)
    }

    /// HighwayHash-128 over the signing input, then the canonical signature: what a token without a
    /// slot is known by.
    #[must_use]
    pub fn token_digest(
        &self,
        signing_input: &[u8],
        canonical: &[u8; SIGNATURE_BYTES],
    ) -> crate::Digest {
        let mut hasher = HighwayHasher::new(self.digest);
        hasher.append(signing_input);
        hasher.append(canonical);
        bytes(hasher.finalize128())
    }

    /// What a foreign token is reported by: HighwayHash-128 over the issuer and SHA-256 of the token.
    #[must_use]
    pub fn reported_digest(&self, issuer: IssuerNumber, sha256: &[u8; 32]) -> crate::Digest {
        self.parts(b"reported-digest1", &[&issuer.0.to_le_bytes(), sha256])
    }

    /// What a foreign token is reported by: HighwayHash-128 over the issuer, its `jti`, whom it names
    /// and its times, so that the same `jti` with other claims is another token.
    #[must_use]
    pub fn reported_jti(
        &self,
        issuer: IssuerNumber,
        jti: &str,
        principal: PrincipalKey,
        issued_at: UnixMillis,
        expires_at: UnixMillis,
    ) -> crate::Digest {
        let (from, to) = (issued_at.ms().to_le_bytes(), expires_at.ms().to_le_bytes());
        let issuer = issuer.0.to_le_bytes();
        self.parts(b"reported-jti1", &[&issuer, jti.as_bytes(), &principal.0, &from, &to])
    }

    /// Keyed hash of everything a report says, so that a repeat is told from another report.
    #[must_use]
    pub fn report_content(&self, parts: &[&[u8]]) -> i64 {
        let hash = self.parts(b"report-content1", parts);
        hash.first_chunk::<8>().map_or(0, |bytes| i64::from_le_bytes(*bytes))
    }

    /// Keyed hash of an exact foreign token: signing input, then signature in its one form. Never 0.
    #[must_use]
    pub(crate) fn exact(&self, signing_input: &[u8], signature: &[u8]) -> u64 {
        let hash = self.parts(b"exact1", &[signing_input, signature]);
        hash.first_chunk::<8>().map_or(1, |bytes| u64::from_le_bytes(*bytes)).max(1)
    }

    /// HighwayHash-128 over a label and parts, each with its length.
    fn parts(&self, label: &[u8], parts: &[&[u8]]) -> crate::Digest {
        let mut hasher = HighwayHasher::new(self.digest);
        for part in core::iter::once(&label).chain(parts) {
            hasher.append(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.append(part);
        }
        bytes(hasher.finalize128())
    }

    /// A principal as views key it: HighwayHash-128 of `kind | 0 | id`.
    #[must_use]
    pub fn principal_key(&self, kind: PrincipalKind, id: &str) -> PrincipalKey {
        let Some(begun) = self.kinds.get(usize::from(kind.byte())) else {
            return self.name_key(kind.as_str(), id);
        };
        let mut hasher = begun.clone();
        hasher.append(id.as_bytes());
        PrincipalKey(bytes(hasher.finalize128()))
    }

    /// An OAuth client as views key it: HighwayHash-128 of `client | 0 | client_id`.
    #[must_use]
    pub fn client_key(&self, client_id: &str) -> PrincipalKey {
        self.name_key("client", client_id)
    }

    /// The keyed hash an API key is known by: HMAC-SHA-256 of its whole text.
    #[must_use]
    pub fn api_key_hash(&self, raw: &str) -> [u8; 32] {
        tag(&self.api_key, raw.as_bytes())
    }

    /// The keyed hash a client's secret is known by: HMAC-SHA-256 of `client_id | 0 | secret`.
    #[must_use]
    pub fn client_secret_hash(&self, client_id: &str, secret: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.client_secret);
        context.update(client_id.as_bytes());
        context.update(&[0]);
        context.update(secret.as_bytes());
        array(context.sign().as_ref())
    }

    fn name_key(&self, kind: &str, id: &str) -> PrincipalKey {
        let mut hasher = HighwayHasher::new(self.principal);
        hasher.append(kind.as_bytes());
        hasher.append(&[0]);
        hasher.append(id.as_bytes());
        PrincipalKey(bytes(hasher.finalize128()))
    }
}

fn bytes([low, high]: [u64; 2]) -> [u8; 16] {
    let mut bytes = [0; 16];
    let (first, second) = bytes.split_at_mut(8);
    first.copy_from_slice(&low.to_le_bytes());
    second.copy_from_slice(&high.to_le_bytes());
    bytes
}

/// A hash as a slot holds it: 0 is the empty one.
#[inline]
pub(crate) const fn never_empty(hash: u64) -> u64 {
    if hash == 0 { 1 } else { hash }
}

/// INVARIANT: kinds stand in the order of their bytes, from 0.
fn begun(principal: Key) -> Vec<HighwayHasher> {
    let begin = |kind: &PrincipalKind| {
        let mut hasher = HighwayHasher::new(principal);
        hasher.append(kind.as_str().as_bytes());
        hasher.append(&[0]);
        hasher
    };
    PrincipalKind::ALL.iter().map(begin).collect()
}

fn derive(root: &hmac::Key, label: &str) -> [u8; 32] {
    tag(root, label.as_bytes())
}

fn tag(key: &hmac::Key, message: &[u8]) -> [u8; 32] {
    array(hmac::sign(key, message).as_ref())
}

fn mac(key: &[u8; 32]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, key)
}

fn words(bytes: &[u8; 32]) -> Key {
    let mut key = [0; 4];
    for (word, chunk) in key.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*chunk);
    }
    Key(key)
}

/// INVARIANT: SHA-256 tags are 32 bytes.
fn array(bytes: &[u8]) -> [u8; 32] {
    bytes.first_chunk::<32>().copied().unwrap_or_default()
}
