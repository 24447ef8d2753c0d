//! The terms an API key was issued under: what it is called, what it may read, where it may be used
//! from, what it replaces. Records beside its issuance tell of them; older keys have none.
//!
//! Best test: `tests/terms.rs`.

use std::net::IpAddr;
use std::sync::Arc;

use ward_model::record::{
    ApiKeyAnswered, ApiKeyConfined, ApiKeyNamed, ApiKeyReads, ApiKeyReplaced, ApiKeyScoped,
};
use ward_model::{ApiKeyId, Networks, PersonId, PrincipalKey, Record, Roles, UnixMillis};

use crate::Ledger;
use crate::api_key::Credentials;

/// The terms of one API key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// What people call it; may be empty.
    pub name: String,
    /// What it is used for; may be empty.
    pub description: String,
    /// Names of the routes it may read, space-separated; empty: what its owner may.
    pub scope: String,
    /// Where it may be used from.
    pub networks: Networks,
    /// For the kind `operator`: what it may do.
    pub roles: Roles,
    /// The person answerable for it, and he as views key him; none for what a person owns himself.
    pub answerable: Option<(PersonId, PrincipalKey)>,
    /// When it was issued, by journal time.
    pub issued_at: UnixMillis,
    /// The API key it replaced.
    pub replaces: ApiKeyId,
    /// Its successor.
    pub replaced_by: ApiKeyId,
}

impl Credentials {
    /// Remembers when a key was issued.
    pub(crate) fn issued(&mut self, api_key: ApiKeyId, at: UnixMillis) {
        self.terms_of(api_key).issued_at = at;
    }

    fn terms_of(&mut self, api_key: ApiKeyId) -> &mut Terms {
        Arc::make_mut(self.terms.entry(api_key).or_default())
    }

    /// Takes a record about terms in; `false` if its API key was never issued. `None`: it is another
    /// kind of record.
    pub(crate) fn apply(&mut self, record: &Record) -> Option<bool> {
        let api_key = match record {
            Record::ApiKeyScoped(ApiKeyScoped { api_key, .. })
            | Record::ApiKeyNamed(ApiKeyNamed { api_key, .. })
            | Record::ApiKeyReads(ApiKeyReads { api_key, .. })
            | Record::ApiKeyConfined(ApiKeyConfined { api_key, .. })
            | Record::ApiKeyAnswered(ApiKeyAnswered { api_key, .. })
            | Record::ApiKeyReplaced(ApiKeyReplaced { api_key, .. }) => *api_key,
            _ => return None,
        };
        let Some(hash) = self.hash_of.get(&api_key).copied() else { return Some(false) };
        let terms = self.terms_of(api_key);
        match record {
            Record::ApiKeyScoped(row) => terms.roles = row.roles,
            Record::ApiKeyNamed(row) => {
                row.name.as_str().clone_into(&mut terms.name);
                row.description.as_str().clone_into(&mut terms.description);
            }
            Record::ApiKeyReads(row) => row.scope.as_str().clone_into(&mut terms.scope),
            Record::ApiKeyAnswered(row) => terms.answerable = Some((row.person, row.person_key)),
            Record::ApiKeyConfined(row) => terms.networks = row.networks.clone(),
            Record::ApiKeyReplaced(row) => {
                terms.replaced_by = row.successor;
                self.terms_of(row.successor).replaces = api_key;
                if let Some(key) = self.by_hash.get_mut(&hash) {
                    key.expires_at = key.expires_at.min(row.ends_at);
                }
            }
            _ => {}
        }
        Some(true)
    }
}

impl Ledger {
    /// The terms of an API key; `None` for one that was never issued.
    #[must_use]
    pub fn terms(&self, api_key: ApiKeyId) -> Option<Arc<Terms>> {
        self.shared.credentials().terms.get(&api_key).cloned()
    }

    /// Whether an API key may be used from an address. Tokens and keys without networks: always.
    #[must_use]
    pub fn admits(&self, api_key: ApiKeyId, from: IpAddr) -> bool {
        let credentials = self.shared.credentials();
        credentials.terms.get(&api_key).is_none_or(|terms| terms.networks.admit(from))
    }

    /// Every API key, tombstones too, ascending by id.
    #[must_use]
    pub fn api_keys(&self) -> Vec<crate::ApiKey> {
        let mut keys: Vec<_> = self.shared.credentials().by_hash.values().copied().collect();
        keys.sort_by_key(|key| key.id);
        keys
    }

    /// The API key with this text, whatever has become of it. Cost: one HMAC, one read lock.
    #[must_use]
    pub fn api_key_of(&self, raw: &str) -> Option<crate::ApiKey> {
        if !crate::is_api_key(raw) {
            return None;
        }
        let hash = self.shared.secret.api_key_hash(raw);
        self.shared.credentials().by_hash.get(&hash).copied()
    }

    /// Every OAuth client, tombstones too, ascending by id.
    #[must_use]
    pub fn clients(&self) -> Vec<Arc<crate::Client>> {
        let mut clients: Vec<_> = self.shared.credentials().clients.values().cloned().collect();
        clients.sort_by(|a, b| a.client_id.cmp(&b.client_id));
        clients
    }
}
