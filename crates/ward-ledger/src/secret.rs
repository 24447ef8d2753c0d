//! The ledger's secret and everything keyed by it: locators, fingerprints, principals, API keys.
//!
//! One 32-byte secret, expanded by HMAC-SHA-256 with a label per use. Without it nobody can make a
//! locator, search for a fingerprint or name a principal from its key.
//! FORMAT: labels and constructions are final; records hold their outputs.

use aes::Aes128;
use aes::cipher::KeyInit as _;
use aws_lc_rs::hmac;
use highway::{HighwayHash as _, HighwayHasher, Key};
use ward_model::{PrincipalKey, PrincipalKind, Secret};

use crate::limits::SIGNATURE_BYTES;

/// The keys of the ledger. No `Debug`, no way back to the secret.
pub struct LedgerSecret {
    pub(crate) locator: Aes128,
    fingerprint: Key,
    principal: Key,
    api_key: hmac::Key,
    client_secret: hmac::Key,
}

impl LedgerSecret {
    /// Derives every key from one secret.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "the secret ends here")]
    pub fn new(secret: Secret<[u8; 32]>) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        let locator = derive(&root, "ward-ledger-locator1");
        let (block_key, _) = locator.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        Self {
            locator: Aes128::new(&(*block_key).into()),
            fingerprint: words(&derive(&root, "ward-ledger-fingerprint1")),
            principal: words(&derive(&root, "ward-ledger-principal1")),
            api_key: mac(&derive(&root, "ward-ledger-api-key1")),
            client_secret: mac(&derive(&root, "ward-ledger-client-secret1")),
        }
    }

    /// HighwayHash-64 over the signing input, then the canonical signature. Never 0: that is the
    /// empty slot.
    #[must_use]
    pub fn fingerprint(&self, signing_input: &[u8], canonical: &[u8; SIGNATURE_BYTES]) -> u64 {
        let mut hasher = HighwayHasher::new(self.fingerprint);
        hasher.append(signing_input);
        hasher.append(canonical);
        hasher.finalize64().max(1)
    }

    /// A principal as views key it: HighwayHash-128 of `kind | 0 | id`.
    #[must_use]
    pub fn principal_key(&self, kind: PrincipalKind, id: &str) -> PrincipalKey {
        self.name_key(kind.as_str(), id)
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
        let [low, high] = hasher.finalize128();
        let mut bytes = [0; 16];
        let (first, second) = bytes.split_at_mut(8);
        first.copy_from_slice(&low.to_le_bytes());
        second.copy_from_slice(&high.to_le_bytes());
        PrincipalKey(bytes)
    }
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
