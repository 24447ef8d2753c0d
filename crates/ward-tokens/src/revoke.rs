//! Revocation: one token, or every token of a principal, a client or a key issued so far.

use ward_ledger::Entered;
use ward_model::record::{
    ClientRevoked, EnteredRevoked, KeyTokensCut, KeyTokensRevoked, OperatorDid, PinRevoked,
    PrincipalRevoked, TokenRevoked,
};
use ward_model::word::{Cause, Side};
use ward_model::{ApiKeyId, KeyNumber, PrincipalName, Record, UnixMillis};

use crate::issuance::{Issuance, IssueError, one_spelling};

/// What is revoked.
#[derive(Clone, Debug)]
pub enum Target {
    /// This token.
    Token(String),
    /// Every token of this principal issued so far.
    Principal(PrincipalName),
    /// This API key.
    ApiKey(ApiKeyId),
    /// This client, and every token issued to it so far.
    Client(String),
    /// Every token under this key issued so far.
    Key(KeyNumber),
    /// Every token under this key issued so far whose `iat` lies on one side of a moment, a whole
    /// second.
    KeySide(KeyNumber, Side, UnixMillis),
}

impl Issuance {
    /// Revokes; answers when the record is durable and in force.
    ///
    /// # Errors
    /// [`IssueError`]: not known to the ledger, or the journal does not take the record.
    pub async fn revoke(
        &self,
        target: Target,
        cause: Cause,
        act: Option<OperatorDid>,
    ) -> Result<(), IssueError> {
        let ledger = &self.0.ledger;
        let record: Record = match target {
            Target::Token(raw) => match ledger.locate(&raw).ok_or(IssueError::NotFound)? {
                Entered::Slot(place) => {
                    let (origin, sequence) = (place.origin, place.sequence);
                    TokenRevoked { origin, sequence, cause }.into()
                }
                Entered::Pin(fingerprint) => PinRevoked { fingerprint, cause }.into(),
                Entered::Digest(digest, expires_at) => {
                    EnteredRevoked { digest, expires_at, cause }.into()
                }
            },
            Target::Principal(name) => {
                let name = one_spelling(name);
                let principal_key = ledger.principal_key(name.kind, name.id());
                let principal = self.number(name).await?;
                PrincipalRevoked { principal, principal_key, cause }.into()
            }
            Target::ApiKey(api_key) => return self.revoke_api_key(api_key, cause, act).await,
            Target::Client(client_id) => {
                let client = ledger.client(&client_id).ok_or(IssueError::NotFound)?;
                ClientRevoked { client_key: client.client_key, cause }.into()
            }
            Target::Key(key) => {
                ledger.key(key).ok_or(IssueError::NotFound)?;
                KeyTokensRevoked { key, cause }.into()
            }
            Target::KeySide(key, side, moment) => {
                ledger.key(key).ok_or(IssueError::NotFound)?;
                KeyTokensCut { key, side, moment, cause }.into()
            }
        };
        tracing::info!(kind = record.kind_name(), cause = cause.as_str(), "revoked");
        self.record(act, record).await
    }
}
