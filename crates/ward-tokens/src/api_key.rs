//! API keys: the terms they are issued under, and rotation with overlap.
//!
//! A key, its terms and what it replaces stand in one group: there is no moment at which a key is in
//! force without them. Best tests: `tests/api_keys.rs`, `interop/apikeys.py`.

use ward_ledger::{ApiKey, compose_api_key};
use ward_model::record::{
    ApiKeyAnswered, ApiKeyConfined, ApiKeyIssued, ApiKeyNamed, ApiKeyReads, ApiKeyReplaced,
    ApiKeyScoped, OperatorDid,
};
use ward_model::word::ApiKeyKind;
use ward_model::{
    ApiKeyId, Networks, PersonId, PrincipalKey, PrincipalKind, Record, Roles, Secret, Text,
    UnixMillis,
};

use crate::credential::{ApiKeyAsk, NewApiKey, check_end, is_scope};
use crate::issuance::{Issuance, IssueError, one_spelling};
use crate::limits::{
    API_KEY_DESCRIPTION_BYTES_MAX, API_KEY_NAME_BYTES_MAX, COMPOSE_TRIES_MAX, OVERLAP_MS_MAX,
};

/// What an API key is issued under, beside owner and end.
#[derive(Clone, Debug, Default)]
pub struct KeyTerms {
    /// What people call it: at most 64 bytes, no personal data; may be empty.
    pub name: String,
    /// What it is used for: at most 256 bytes, no personal data; may be empty.
    pub description: String,
    /// Names of the routes it may read, one space between; empty: what its owner may.
    pub scope: String,
    /// Where it may be used from; none: everywhere.
    pub networks: Networks,
    /// The person answerable for it; none for what a person owns himself.
    pub answerable: Option<PersonId>,
}

/// A rotation.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// The API key that is replaced.
    pub api_key: ApiKeyId,
    /// How long it goes on, milliseconds: at most 30 days.
    pub overlap_ms: i64,
    /// When its successor ends; none: after as long a life as it was given itself.
    pub expires_at: Option<UnixMillis>,
}

/// What came of a rotation.
pub struct Rotated {
    /// The successor. Its text is shown this once.
    pub made: NewApiKey,
    /// What it is for.
    pub kind: ApiKeyKind,
    /// When the predecessor ends.
    pub ends_at: UnixMillis,
}

impl Issuance {
    /// Makes an API key under terms; answers when all its records are durable and in force.
    ///
    /// # Errors
    /// [`IssueError`].
    pub async fn issue_api_key_under(
        &self,
        ask: ApiKeyAsk,
        terms: KeyTerms,
        act: Option<OperatorDid>,
    ) -> Result<NewApiKey, IssueError> {
        check_end(ask.expires_at, self.now())?;
        if ask.roles.is_empty() == (ask.kind == ApiKeyKind::Operator) {
            return Err(IssueError::Input("roles are for the kind operator, which needs one"));
        }
        check_terms(ask.kind, &terms)?;
        let ledger = &self.0.ledger;
        let owner = one_spelling(ask.owner);
        let owner_key = ledger.principal_key(owner.kind, owner.id());
        if ledger.is_suspended(owner_key) {
            return Err(IssueError::Refused("the owner is suspended"));
        }
        let owner_kind = owner.kind;
        let owner = self.number(owner).await?;
        let (text, id, hash) = self.new_text(ask.kind)?;
        let (kind, expires_at) = (ask.kind, ask.expires_at);
        let row =
            ApiKeyIssued { api_key: id, kind, hash, owner_kind, owner, owner_key, expires_at };
        let mut group: Vec<Record> = act.into_iter().map(Record::from).collect();
        let answerable = self.answerable(terms.answerable)?;
        group.extend(records(row, ask.roles, terms, answerable)?);
        self.append(group).await?;
        tracing::info!(api_key = id.0, kind = kind.as_str(), "api key issued");
        Ok(NewApiKey { id, text, expires_at })
    }

    /// Makes a successor under the same terms; its predecessor ends after the overlap. Both stand in
    /// one group: a crash leaves the old key as it was.
    ///
    /// # Errors
    /// [`IssueError`]: not known, over, or replaced already.
    pub async fn rotate_api_key(
        &self,
        rotation: Rotation,
        act: Option<OperatorDid>,
    ) -> Result<Rotated, IssueError> {
        let now = self.now();
        let ledger = &self.0.ledger;
        let old = ledger.api_key(rotation.api_key).ok_or(IssueError::NotFound)?;
        let held = ledger.terms(old.id).ok_or(IssueError::NotFound)?;
        if old.revoked || now >= old.expires_at {
            return Err(IssueError::Conflict("it is over: issue another"));
        }
        if !held.replaced_by.is_none() {
            return Err(IssueError::Conflict("it was replaced already: rotate its successor"));
        }
        if ledger.is_suspended(old.owner_key) {
            return Err(IssueError::Refused("the owner is suspended"));
        }
        if !(0..=OVERLAP_MS_MAX).contains(&rotation.overlap_ms) {
            return Err(IssueError::Input("the overlap is at most 30 days"));
        }
        let as_long = now.plus_ms(old.expires_at.since(held.issued_at));
        let expires_at = rotation.expires_at.unwrap_or(as_long);
        check_end(expires_at, now)?;
        let (text, id, hash) = self.new_text(old.kind)?;
        let ApiKey { kind, owner_kind, owner, owner_key, .. } = old;
        let row =
            ApiKeyIssued { api_key: id, kind, hash, owner_kind, owner, owner_key, expires_at };
        let terms = KeyTerms {
            name: held.name.clone(),
            description: held.description.clone(),
            scope: held.scope.clone(),
            networks: held.networks.clone(),
            answerable: held.answerable.map(|(person, _)| person),
        };
        let ends_at = now.plus_ms(rotation.overlap_ms).min(old.expires_at);
        let mut group: Vec<Record> = act.into_iter().map(Record::from).collect();
        group.extend(records(row, held.roles, terms, held.answerable)?);
        group.push(ApiKeyReplaced { api_key: old.id, successor: id, ends_at }.into());
        self.append(group).await?;
        tracing::info!(api_key = old.id.0, successor = id.0, "api key rotated");
        Ok(Rotated { made: NewApiKey { id, text, expires_at }, kind, ends_at })
    }

    fn answerable(
        &self,
        person: Option<PersonId>,
    ) -> Result<Option<(PersonId, PrincipalKey)>, IssueError> {
        let Some(person) = person else { return Ok(None) };
        let key = self.0.ledger.principal_key(PrincipalKind::Person, &person.uuid());
        if self.0.ledger.is_suspended(key) {
            return Err(IssueError::Refused("the person answerable is suspended"));
        }
        Ok(Some((person, key)))
    }

    fn new_text(
        &self,
        kind: ApiKeyKind,
    ) -> Result<(Secret<String>, ApiKeyId, [u8; 32]), IssueError> {
        let (mut text, mut tries) = (None, 0);
        while text.is_none() && tries < COMPOSE_TRIES_MAX {
            text = compose_api_key(kind, &self.random()?);
            tries += 1;
        }
        let text = text.ok_or(IssueError::Failed)?;
        let id = ApiKeyId(i64::from_le_bytes(self.random()?) & i64::MAX);
        if id.is_none() || self.0.ledger.api_key(id).is_some() {
            return Err(IssueError::Failed);
        }
        let hash = self.0.ledger.secret().api_key_hash(text.expose());
        Ok((text, id, hash))
    }
}

/// The issuance and its terms, in the order views expect: the key first.
fn records(
    row: ApiKeyIssued,
    roles: Roles,
    terms: KeyTerms,
    answerable: Option<(PersonId, PrincipalKey)>,
) -> Result<Vec<Record>, IssueError> {
    let too_long = |_| IssueError::Input("name, description or scopes are too long");
    let api_key = row.api_key;
    let mut all = vec![Record::from(row)];
    if !roles.is_empty() {
        all.push(ApiKeyScoped { api_key, roles }.into());
    }
    let KeyTerms { name, description, scope, networks, answerable: _ } = terms;
    if !name.is_empty() || !description.is_empty() {
        let name = Text::new(name).map_err(too_long)?;
        let description = Text::new(description).map_err(too_long)?;
        all.push(ApiKeyNamed { api_key, name, description }.into());
    }
    if !scope.is_empty() {
        all.push(ApiKeyReads { api_key, scope: Text::new(scope).map_err(too_long)? }.into());
    }
    if let Some((person, person_key)) = answerable {
        all.push(ApiKeyAnswered { api_key, person, person_key }.into());
    }
    if !networks.is_empty() {
        all.push(ApiKeyConfined { api_key, networks }.into());
    }
    Ok(all)
}

fn check_terms(kind: ApiKeyKind, terms: &KeyTerms) -> Result<(), IssueError> {
    let plain = |text: &str, max| text.len() <= max && !text.chars().any(char::is_control);
    if !plain(&terms.name, API_KEY_NAME_BYTES_MAX) {
        return Err(IssueError::Input("a name is at most 64 bytes, without control characters"));
    }
    if !plain(&terms.description, API_KEY_DESCRIPTION_BYTES_MAX) {
        return Err(IssueError::Input(
            "a description is at most 256 bytes, without control characters",
        ));
    }
    if !is_scope(&terms.scope) || terms.scope.len() > ward_model::limits::TEXT_BYTES_MAX {
        return Err(IssueError::Input(
            "scopes are names of routes, without spaces, quotes or backslashes, 512 bytes together",
        ));
    }
    let reads = matches!(kind, ApiKeyKind::Person | ApiKeyKind::Service);
    if !terms.scope.is_empty() && !reads {
        return Err(IssueError::Input("scopes are for the kinds person and service, which read"));
    }
    Ok(())
}
