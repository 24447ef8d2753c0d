//! What a client was given beyond its registration, and how it proves itself.
//!
//! Records beside its registration tell of it; older clients have none of it: one audience, one
//! secret. A client with keys proves itself by them and has no secret. Best test: `tests/clients.rs`.

use std::sync::Arc;

use ward_model::word::IssuerAlgorithm;
use ward_model::{PrincipalKey, Reason, Record, Secret, UnixMillis};

use crate::Ledger;
use crate::api_key::{Client, Credentials};
use crate::limits::CLIENT_KEYS_MAX;

/// The terms of one client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTerms {
    /// More audiences it may ask for.
    pub audiences: Vec<String>,
    /// Audiences it may exchange others' tokens for.
    pub exchanges: Vec<String>,
    /// Whether its tokens are always bound to a key or certificate.
    pub bound: bool,
    /// The keys it signs its assertions with; none: it proves itself by its secret.
    pub keys: Vec<ClientKey>,
    /// Its secret since the last rotation, and until when the one before is taken; none: there was
    /// no rotation.
    pub(crate) rotated: Option<Rotated>,
}

/// A rotated secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rotated {
    pub(crate) now: [u8; 32],
    pub(crate) before: [u8; 32],
    pub(crate) before_until: UnixMillis,
}

/// A key a client signs its assertions with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientKey {
    /// `kid`.
    pub kid: String,
    /// The one way it signs.
    pub algorithm: IssuerAlgorithm,
    /// Uncompressed P-256 point, Ed25519 key, or RSAPublicKey (RFC 8017 A.1.1).
    pub public_key: Vec<u8>,
}

impl ClientTerms {
    /// Until when the secret before the last rotation is taken.
    #[must_use]
    pub fn before_until(&self) -> Option<UnixMillis> {
        self.rotated.map(|it| it.before_until)
    }

    /// Whether `presented` is the hash of the client's secret. Both are compared, so that the time
    /// tells nothing.
    fn has_secret(&self, client: &Client, presented: &Secret<[u8; 32]>, now: UnixMillis) -> bool {
        if !self.keys.is_empty() {
            return false;
        }
        let Some(rotated) = self.rotated else { return presented.matches(&client.secret_hash) };
        let newer = presented.matches(&rotated.now);
        let older = presented.matches(&rotated.before);
        newer || (older && now < rotated.before_until)
    }
}

impl Credentials {
    fn client_terms_of(&mut self, client: PrincipalKey) -> &mut ClientTerms {
        Arc::make_mut(self.client_terms.entry(client).or_default())
    }

    /// Takes a record about a client's terms in; `false` if it was never registered. `None`: it is
    /// another kind of record.
    pub(crate) fn apply_client(&mut self, record: &Record) -> Option<bool> {
        let client_key = match record {
            Record::ClientTermed(row) => row.client_key,
            Record::ClientSecretSet(row) => row.client_key,
            Record::ClientKeyAdded(row) => row.client_key,
            _ => return None,
        };
        let Some(first) = self.clients.get(&client_key).map(|client| client.secret_hash) else {
            return Some(false);
        };
        let terms = self.client_terms_of(client_key);
        match record {
            Record::ClientTermed(row) => {
                terms.audiences = lines(row.audiences.as_str());
                terms.exchanges = lines(row.exchanges.as_str());
                terms.bound = row.bound;
            }
            Record::ClientSecretSet(row) => {
                let before = terms.rotated.map_or(first, |it| it.now);
                let before_until = row.before_until;
                terms.rotated = Some(Rotated { now: row.secret_hash, before, before_until });
            }
            Record::ClientKeyAdded(row) => {
                let kid = row.kid.as_str().to_owned();
                let taken = terms.keys.iter().any(|key| key.kid == kid);
                if taken || terms.keys.len() >= CLIENT_KEYS_MAX {
                    return Some(false);
                }
                let public_key = row.public_key.as_slice().to_vec();
                terms.keys.push(ClientKey { kid, algorithm: row.algorithm, public_key });
            }
            _ => {}
        }
        Some(true)
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

impl Ledger {
    /// The terms of a client; those of an older registration are empty.
    #[must_use]
    pub fn client_terms(&self, client: PrincipalKey) -> Arc<ClientTerms> {
        self.shared.credentials().client_terms.get(&client).cloned().unwrap_or_default()
    }

    /// The client with this secret, if it is registered, live at `now`, and its owner may act.
    /// The reason is for the log; outside it is one `invalid_client`.
    ///
    /// # Errors
    /// The reason it may not act.
    pub fn check_client(
        &self,
        client_id: &str,
        secret: &str,
        now: UnixMillis,
    ) -> Result<Arc<Client>, Reason> {
        let presented = Secret::new(self.shared.secret.client_secret_hash(client_id, secret));
        let client = self.client(client_id).ok_or(Reason::UnknownKey)?;
        if !self.client_terms(client.client_key).has_secret(&client, &presented, now) {
            return Err(Reason::BadSignature);
        }
        self.client_may_act(client, now)
    }

    /// The client, if it is live at `now` and its owner may act. Who asks MUST have seen it prove
    /// itself.
    ///
    /// # Errors
    /// The reason it may not act.
    pub fn client_may_act(
        &self,
        client: Arc<Client>,
        now: UnixMillis,
    ) -> Result<Arc<Client>, Reason> {
        if now >= client.expires_at {
            return Err(Reason::Expired);
        }
        if client.revoked {
            return Err(Reason::Revoked);
        }
        if self.is_suspended(client.owner_key) {
            return Err(Reason::PrincipalSuspended);
        }
        Ok(client)
    }
}
