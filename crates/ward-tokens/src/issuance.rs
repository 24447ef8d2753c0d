//! Typed signing as a service: policy on claims, number, sign, record, release.
//!
//! The order is the point: nothing is answered before its record is durable, and a token whose
//! principal, client or key was revoked meanwhile is withdrawn. Best test: `tests.rs`.

use std::sync::Arc;

use ward_journal::{AppendError, Journal};
use ward_keys::{ActiveKey, KeyStore, NoKey, SignError, Token, TokenSigner};
use ward_ledger::{Ledger, TokenBody};
use ward_model::record::{OperatorDid, TokenRevoked};
use ward_model::word::{ApiKeyKind, Cause, KeyPurpose};
use ward_model::{
    Caller, Confirmation, Entry, Networks, PersonId, PrincipalKind, PrincipalName, PrincipalNumber,
    Record, UnixMillis,
};

use crate::assertions::Assertions;

/// The clock.
pub type Clock = Arc<dyn Fn() -> UnixMillis + Send + Sync>;
/// Fills bytes with fresh randomness, or fails.
pub type Entropy = Arc<dyn Fn(&mut [u8]) -> std::io::Result<()> + Send + Sync>;

/// The register could not number a principal; retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("register is unavailable")]
pub struct NumberError;

/// The register of principals, as far as issuance needs it.
pub trait Numbers: Send + Sync {
    /// The dense number of a principal, allocated and durable at its first use. May block.
    ///
    /// # Errors
    /// [`NumberError`].
    fn number(&self, name: &PrincipalName) -> Result<PrincipalNumber, NumberError>;
}

impl<F> Numbers for F
where
    F: Fn(&PrincipalName) -> Result<PrincipalNumber, NumberError> + Send + Sync,
{
    fn number(&self, name: &PrincipalName) -> Result<PrincipalNumber, NumberError> {
        self(name)
    }
}

/// What may be claimed in a token.
#[derive(Clone, Debug)]
pub struct SigningPolicy {
    /// `iss`.
    pub issuer: String,
    /// Kinds of principals tokens may name.
    pub kinds: Vec<PrincipalKind>,
    /// Audiences tokens may be meant for.
    pub audiences: Vec<String>,
    /// Longest life, milliseconds.
    pub life_ms_max: i64,
}

/// What issuance is made of.
pub struct Parts {
    /// Where everything is recorded.
    pub journal: Journal,
    /// Its view.
    pub ledger: Ledger,
    /// What signs.
    pub keys: Arc<KeyStore>,
    /// Hands out sequences; its origin is recorded as opened.
    pub signer: TokenSigner,
    /// The register.
    pub numbers: Arc<dyn Numbers>,
    /// Policy on claims.
    pub policy: SigningPolicy,
    /// Client assertions that were used; its view is the journal's.
    pub assertions: Assertions,
    /// Takes DPoP proofs.
    pub proofs: Arc<ward_proof::Desk>,
    /// Proxies that are believed about a caller's certificate.
    pub doors: Networks,
    /// Base of the URLs in the metadata, without a slash at its end.
    pub base_url: String,
    /// The clock.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
}

/// The service of issuance. Cheap to clone.
#[derive(Clone)]
pub struct Issuance(pub(crate) Arc<Parts>);

/// A token to be issued.
#[derive(Clone, Debug)]
pub struct TokenAsk {
    /// Whom it names.
    pub principal: PrincipalName,
    /// The client it is issued to.
    pub client_id: String,
    /// Whom it is meant for.
    pub audience: String,
    /// How long it lives, milliseconds.
    pub life_ms: i64,
    /// `tenant`.
    pub tenant: Option<String>,
    /// `scope`.
    pub scope: Option<String>,
    /// `login`.
    pub login: Option<String>,
}

/// Why nothing was issued, by what the caller can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// What was asked for must change.
    #[error("{0}")]
    Input(&'static str),
    /// The policy or the state of the principal forbids it.
    #[error("{0}")]
    Refused(&'static str),
    /// It is not there.
    #[error("not found")]
    NotFound,
    /// It is there already.
    #[error("{0}")]
    Conflict(&'static str),
    /// The journal does not take the record: nothing was issued; retry.
    #[error("journal is unavailable")]
    Journal(#[from] AppendError),
    /// The register cannot number the principal; retry.
    #[error("register is unavailable")]
    Register,
    /// No key can sign: an operator must act.
    #[error(transparent)]
    NoKey(#[from] NoKey),
    /// Randomness or the cryptographic library failed: stop and page.
    #[error("issuance failed")]
    Failed,
}

impl From<NumberError> for IssueError {
    fn from(_: NumberError) -> Self {
        Self::Register
    }
}

impl From<SignError> for IssueError {
    fn from(error: SignError) -> Self {
        match error {
            SignError::PrincipalSuspended => Self::Refused("the principal is suspended"),
            SignError::Life => Self::Input("the life asked for is out of bounds"),
            SignError::TooLong => Self::Input("a claim is too long"),
            SignError::KeyNotActive => Self::NoKey(NoKey::NotActive),
            SignError::Failed => Self::Failed,
        }
    }
}

impl Issuance {
    /// The service over these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// What may be claimed.
    #[must_use]
    pub fn policy(&self) -> &SigningPolicy {
        &self.0.policy
    }

    /// Issues a token; answers when its record is durable and in force.
    ///
    /// # Errors
    /// [`IssueError`]. Cancel safe: an abandoned token never leaves.
    pub async fn issue(&self, ask: TokenAsk) -> Result<Token, IssueError> {
        self.issue_held(ask, None, Vec::new()).await
    }

    /// Issues a token that is bound to a key or certificate, or with who acts in it, the latest
    /// first.
    ///
    /// # Errors
    /// As [`Issuance::issue`].
    pub async fn issue_held(
        &self,
        ask: TokenAsk,
        confirmation: Option<Confirmation>,
        actors: Vec<PrincipalName>,
    ) -> Result<Token, IssueError> {
        let now = self.now();
        let body = TokenBody { confirmation, actors, ..self.body(ask, now)? };
        let number = self.number(body.principal.clone()).await?;
        let key = self.key(KeyPurpose::Token)?;
        let entropy = self.random()?;
        let withheld = self.0.signer.sign(&key, &body, number, entropy, now)?;
        let recorded = self.0.journal.append(withheld.issuance(), now).await?;
        match withheld.open(recorded, &self.0.ledger) {
            Ok(token) => Ok(token),
            Err(withdrawn) => {
                // CRASH: without this record the ledger says revoked all the same, by what the
                // issuance says it had seen.
                let _recorded = self.0.journal.append(withdrawn.revocation, self.now()).await?;
                Err(IssueError::Refused("revoked meanwhile"))
            }
        }
    }

    /// Takes back a token that was issued and has not left.
    pub(crate) async fn withdraw(&self, token: &Token) -> Result<(), IssueError> {
        let (origin, sequence, cause) = (token.origin(), token.sequence(), Cause::Withheld);
        self.append(TokenRevoked { origin, sequence, cause }).await
    }

    /// `token_endpoint`.
    pub(crate) fn token_endpoint(&self) -> String {
        format!("{}/oauth/token", self.0.base_url.trim_end_matches('/'))
    }

    /// Issues a plain token: no tenant, scope or login.
    ///
    /// # Errors
    /// As [`Issuance::issue`].
    pub async fn issue_token(
        &self,
        principal: PrincipalName,
        audience: &str,
        life_ms: i64,
    ) -> Result<Token, IssueError> {
        let (client_id, audience) = ("ward".to_owned(), audience.to_owned());
        let (tenant, scope, login) = (None, None, None);
        let ask = TokenAsk { principal, client_id, audience, life_ms, tenant, scope, login };
        self.issue(ask).await
    }

    /// Applies the policy on claims.
    pub(crate) fn body(&self, ask: TokenAsk, now: UnixMillis) -> Result<TokenBody, IssueError> {
        let policy = &self.0.policy;
        if !policy.kinds.contains(&ask.principal.kind) {
            return Err(IssueError::Refused("tokens may not name this kind of principal"));
        }
        if !policy.audiences.contains(&ask.audience) {
            return Err(IssueError::Refused("tokens may not be meant for this audience"));
        }
        if ask.life_ms < 1000 || ask.life_ms > policy.life_ms_max {
            return Err(IssueError::Input("the life asked for is out of bounds"));
        }
        Self::lay_out(ask, now)
    }

    /// The claims of a token that a policy permits.
    pub(crate) fn lay_out(ask: TokenAsk, now: UnixMillis) -> Result<TokenBody, IssueError> {
        let texts = [&ask.tenant, &ask.scope, &ask.login];
        if texts.into_iter().flatten().any(|text| text.is_empty()) {
            return Err(IssueError::Input("a claim is empty"));
        }
        Ok(TokenBody {
            principal: one_spelling(ask.principal),
            audience: ask.audience,
            client_id: ask.client_id,
            tenant: ask.tenant,
            scope: ask.scope,
            confirmation: None,
            login: ask.login,
            actors: Vec::new(),
            expires_at: now.plus_ms(ask.life_ms),
        })
    }

    pub(crate) async fn number(&self, name: PrincipalName) -> Result<PrincipalNumber, IssueError> {
        let parts = Arc::clone(&self.0);
        let number = tokio::task::spawn_blocking(move || parts.numbers.number(&name));
        Ok(number.await.map_err(|_| IssueError::Register)??)
    }

    pub(crate) fn key(&self, purpose: KeyPurpose) -> Result<ActiveKey, IssueError> {
        Ok(self.0.keys.active(purpose, &self.0.policy.issuer, &self.0.ledger)?)
    }

    pub(crate) fn now(&self) -> UnixMillis {
        (self.0.clock)()
    }

    pub(crate) fn random<const N: usize>(&self) -> Result<[u8; N], IssueError> {
        let mut bytes = [0; N];
        (self.0.entropy)(&mut bytes).map_err(|_| IssueError::Failed)?;
        Ok(bytes)
    }

    /// Records an act together with who asked for it.
    pub(crate) async fn record(
        &self,
        act: Option<OperatorDid>,
        record: impl Into<Record>,
    ) -> Result<(), IssueError> {
        let mut group: Vec<Record> = act.into_iter().map(Record::from).collect();
        group.push(record.into());
        self.append(group).await
    }

    pub(crate) async fn append<T: Entry>(&self, entry: T) -> Result<(), IssueError> {
        let _recorded = self.0.journal.append(entry, self.now()).await?;
        Ok(())
    }
}

/// A person's id in the one spelling SCIM gives it. WHY: a token under another spelling would be
/// another principal's, and live on when the person is suspended.
pub(crate) fn one_spelling(name: PrincipalName) -> PrincipalName {
    if name.kind != PrincipalKind::Person {
        return name;
    }
    match person_of(name.id()) {
        Some(person) => PrincipalName::new(name.kind, person.uuid()).unwrap_or(name),
        None => name,
    }
}

/// The person with this SCIM id, hyphens or not, upper or lower case.
pub(crate) fn person_of(id: &str) -> Option<PersonId> {
    let bare: String = id.chars().filter(|it| *it != '-').collect();
    PersonId::parse(&bare.to_ascii_lowercase()).ok()
}

/// The record of an operator's act; services act under their own credential and leave the record
/// of what they had issued.
pub(crate) fn operator_act(
    caller: Caller,
    act: &str,
    target: i64,
    body: &[u8],
) -> Option<OperatorDid> {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(body).into();
    (caller.kind == ApiKeyKind::Operator).then(|| caller.did(act, target, digest))
}
