//! API keys and OAuth clients: made, shown once, kept as keyed hashes, always with owner and end.

use data_encoding::BASE64URL_NOPAD;
use ward_ledger::compose_api_key;
use ward_model::record::{ApiKeyIssued, ApiKeyScoped, ClientRegistered, OperatorDid};
use ward_model::word::{ApiKeyKind, Cause};
use ward_model::{
    ApiKeyId, PersonId, PrincipalKey, PrincipalName, Record, Roles, Secret, Text, UnixMillis,
    time::DAY_MS,
};

use crate::issuance::{Issuance, IssueError, one_spelling};
use crate::limits::{
    CLIENT_ID_BYTES_MAX, CLIENT_SECRET_BYTES, COMPOSE_TRIES_MAX, CREDENTIAL_DAYS_MAX,
};

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
    /// `client_secret`.
    pub secret: Secret<String>,
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
        let now = self.now();
        check_end(ask.expires_at, now)?;
        if ask.roles.is_empty() == (ask.kind == ApiKeyKind::Operator) {
            return Err(IssueError::Input("roles are for the kind operator, which needs one"));
        }
        let ledger = &self.0.ledger;
        let owner = one_spelling(ask.owner);
        let owner_key = ledger.principal_key(owner.kind, owner.id());
        if ledger.is_suspended(owner_key) {
            return Err(IssueError::Refused("the owner is suspended"));
        }
        let owner_kind = owner.kind;
        let owner = self.number(owner).await?;
        let (mut text, mut tries) = (None, 0);
        while text.is_none() && tries < COMPOSE_TRIES_MAX {
            text = compose_api_key(ask.kind, &self.random()?);
            tries += 1;
        }
        let text = text.ok_or(IssueError::Failed)?;
        let id = ApiKeyId(i64::from_le_bytes(self.random()?) & i64::MAX);
        if id.is_none() || ledger.api_key(id).is_some() {
            return Err(IssueError::Failed);
        }
        let hash = ledger.secret().api_key_hash(text.expose());
        let (kind, expires_at) = (ask.kind, ask.expires_at);
        let row =
            ApiKeyIssued { api_key: id, kind, hash, owner_kind, owner, owner_key, expires_at };
        let scope =
            (!ask.roles.is_empty()).then_some(ApiKeyScoped { api_key: id, roles: ask.roles });
        let mut group: Vec<Record> = act.into_iter().map(Record::from).collect();
        group.push(row.into());
        group.extend(scope.map(Record::from));
        self.append(group).await?;
        tracing::info!(api_key = id.0, kind = kind.as_str(), "api key issued");
        Ok(NewApiKey { id, text, expires_at })
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
        let now = self.now();
        check_end(ask.expires_at, now)?;
        self.check_client_ask(&ask)?;
        let random = zeroize::Zeroizing::new(self.random::<CLIENT_SECRET_BYTES>()?);
        let secret = Secret::new(BASE64URL_NOPAD.encode(&*random));
        let keyed = self.0.ledger.secret();
        let too_long = |_| IssueError::Input("client_id, audience or scope is too long");
        let row = ClientRegistered {
            client_id: Text::new(ask.client_id.clone()).map_err(too_long)?,
            client_key: keyed.client_key(&ask.client_id),
            secret_hash: keyed.client_secret_hash(&ask.client_id, secret.expose()),
            owner: ask.owner,
            owner_key: ask.owner_key,
            audience: Text::new(ask.audience).map_err(too_long)?,
            scope: Text::new(ask.scope).map_err(too_long)?,
            life_ms_max: ask.life_ms_max,
            expires_at: ask.expires_at,
        };
        self.record(act, row).await?;
        tracing::info!(client_id = ask.client_id, "client registered");
        Ok(NewClient { client_id: ask.client_id, secret, expires_at: ask.expires_at })
    }

    fn check_client_ask(&self, ask: &ClientAsk) -> Result<(), IssueError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let named = !ask.client_id.is_empty() && ask.client_id.len() <= CLIENT_ID_BYTES_MAX;
        if !named || !ask.client_id.bytes().all(plain) {
            return Err(IssueError::Input("client_id is 1 to 64 of A-Z a-z 0-9 . _ -"));
        }
        if !is_scope(&ask.scope) {
            return Err(IssueError::Input("scope is words separated by one space"));
        }
        if !self.0.policy.audiences.contains(&ask.audience) {
            return Err(IssueError::Refused("tokens may not be meant for this audience"));
        }
        if !(1000..=self.0.policy.life_ms_max).contains(&ask.life_ms_max) {
            return Err(IssueError::Input("the life asked for is out of bounds"));
        }
        if self.0.ledger.is_suspended(ask.owner_key) {
            return Err(IssueError::Refused("the owner is suspended"));
        }
        if self.0.ledger.client(&ask.client_id).is_some() {
            return Err(IssueError::Conflict("client_id is taken, or was"));
        }
        Ok(())
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

fn check_end(expires_at: UnixMillis, now: UnixMillis) -> Result<(), IssueError> {
    let life = expires_at.since(now);
    if life <= 0 || life > CREDENTIAL_DAYS_MAX * DAY_MS {
        return Err(IssueError::Input("a credential ends within 366 days from now"));
    }
    Ok(())
}
