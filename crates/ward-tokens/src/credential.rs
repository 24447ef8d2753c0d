//! API keys and OAuth clients: made, shown once, kept as keyed hashes, always with owner and end.

use ward_model::record::OperatorDid;
use ward_model::word::{ApiKeyKind, Cause};
use ward_model::{
    ApiKeyId, PersonId, PrincipalKey, PrincipalName, Roles, Secret, UnixMillis, time::DAY_MS,
};

use crate::api_key::KeyTerms;
use crate::clients::ClientMore;
use crate::issuance::{Issuance, IssueError};
use crate::limits::CREDENTIAL_DAYS_MAX;

/// An API key to be made.
#[derive(Clone, Debug)]
pub struct ApiKeyAsk {
    /// What it is for.
    pub kind: ApiKeyKind,
    /// Whom it acts for.
    pub owner: PrincipalName,
    /// When it ends: at most 366 days from now.
    pub expires_at: UnixMillis,
    /// What it may do to Ward; one at least for the kind `operator`, none for others.
    pub roles: Roles,
}

/// A new API key. Its text is shown this once.
pub struct NewApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Its text.
    pub text: Secret<String>,
    /// When it ends.
    pub expires_at: UnixMillis,
}

/// A client to be registered.
#[derive(Clone, Debug)]
pub struct ClientAsk {
    /// `client_id`: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    pub client_id: String,
    /// The person answerable.
    pub owner: PersonId,
    /// The person answerable, as views key it.
    pub owner_key: PrincipalKey,
    /// The audience it may ask for: one the policy allows.
    pub audience: String,
    /// Space-separated scopes it may ask for; may be empty.
    pub scope: String,
    /// Longest life of its tokens, milliseconds.
    pub life_ms_max: i64,
    /// When the registration ends: at most 366 days from now.
    pub expires_at: UnixMillis,
}

/// A new client. Its secret is shown this once.
pub struct NewClient {
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`; none for a client that proves itself by keys.
    pub secret: Option<Secret<String>>,
    /// When the registration ends.
    pub expires_at: UnixMillis,
}

impl Issuance {
    /// Makes an API key; answers when its record is durable and in force.
    ///
    /// # Errors
    /// [`IssueError`].
    pub async fn issue_api_key(
        &self,
        ask: ApiKeyAsk,
        act: Option<OperatorDid>,
    ) -> Result<NewApiKey, IssueError> {
        self.issue_api_key_under(ask, KeyTerms::default(), act).await
    }

    /// Registers a client; answers when its record is durable and in force.
    ///
    /// # Errors
    /// [`IssueError`].
    pub async fn register_client(
        &self,
        ask: ClientAsk,
        act: Option<OperatorDid>,
    ) -> Result<NewClient, IssueError> {
        self.register_client_under(ask, ClientMore::default(), act).await
    }

    /// Revokes an API key.
    ///
    /// # Errors
    /// [`IssueError`]: not known, or the journal does not take the record.
    pub async fn revoke_api_key(
        &self,
        api_key: ApiKeyId,
        cause: Cause,
        act: Option<OperatorDid>,
    ) -> Result<(), IssueError> {
        let known = self.0.ledger.api_key(api_key).ok_or(IssueError::NotFound)?;
        if known.revoked {
            return Ok(());
        }
        self.record(act, ward_model::record::ApiKeyRevoked { api_key, cause }).await
    }
}

/// Scope syntax (RFC 6749 §3.3): tokens of `%x21 / %x23-5B / %x5D-7E`, one space between; or none.
pub(crate) fn is_scope(scope: &str) -> bool {
    let plain = |byte: u8| (0x21..=0x7e).contains(&byte) && byte != b'"' && byte != b'\\';
    scope.is_empty() || scope.split(' ').all(|word| !word.is_empty() && word.bytes().all(plain))
}

pub(crate) fn check_end(expires_at: UnixMillis, now: UnixMillis) -> Result<(), IssueError> {
    let life = expires_at.since(now);
    if life <= 0 || life > CREDENTIAL_DAYS_MAX * DAY_MS {
        return Err(IssueError::Input("a credential ends within 366 days from now"));
    }
    Ok(())
}
