//! OAuth clients: registered, their secrets rotated with an overlap, listed, revoked.
//!
//! A client has a secret, shown once and kept as a keyed hash, or up to four public keys; never
//! both. Who answers for it is a person; it always ends. Source: RFC 6749 §2, RFC 7591 §2 (the
//! words of its metadata), RFC 9700 §4.14. Best test: `oauth/tests.rs`.

use data_encoding::BASE64URL_NOPAD;
use ward_ledger::limits::CLIENT_KEYS_MAX;
use ward_model::record::{
    ClientKeyAdded, ClientRegistered, ClientSecretSet, ClientTermed, OperatorDid,
};
use ward_model::{Octets, Record, Secret, Text, UnixMillis};
use ward_proof::KnownKey;

use crate::credential::{ClientAsk, NewClient, check_end, is_scope};
use crate::issuance::{Issuance, IssueError};
use crate::limits::{
    CLIENT_AUDIENCES_MAX, CLIENT_ID_BYTES_MAX, CLIENT_SECRET_BYTES, SECRET_OVERLAP_MS_MAX,
};

/// What a client may have beyond one audience and a secret.
#[derive(Clone, Debug, Default)]
pub struct ClientMore {
    /// More audiences it may ask for: each one the policy allows; at most 16.
    pub audiences: Vec<String>,
    /// Audiences it may exchange others' tokens for: each one the policy allows; at most 16.
    pub exchanges: Vec<String>,
    /// Whether its tokens are always bound to a key or certificate.
    pub bound: bool,
    /// Its keys, at most 4, each `kid` once; then it has no secret.
    pub keys: Vec<KnownKey>,
}

impl Issuance {
    /// Registers a client; answers when its records are durable and in force.
    ///
    /// # Errors
    /// [`IssueError`].
    pub async fn register_client_under(
        &self,
        ask: ClientAsk,
        more: ClientMore,
        act: Option<OperatorDid>,
    ) -> Result<NewClient, IssueError> {
        let now = self.now();
        check_end(ask.expires_at, now)?;
        self.check_client_ask(&ask)?;
        self.check_more(&more)?;
        let secret = if more.keys.is_empty() { Some(self.client_secret()?) } else { None };
        let keyed = self.0.ledger.secret();
        let hash =
            |secret: &Secret<String>| keyed.client_secret_hash(&ask.client_id, secret.expose());
        let client_key = keyed.client_key(&ask.client_id);
        let row = ClientRegistered {
            client_id: text(&ask.client_id)?,
            client_key,
            // WHY zeros without one: no secret has this hash, and keys forbid secrets anyway.
            secret_hash: secret.as_ref().map_or([0; 32], hash),
            owner: ask.owner,
            owner_key: ask.owner_key,
            audience: text(&ask.audience)?,
            scope: text(&ask.scope)?,
            life_ms_max: ask.life_ms_max,
            expires_at: ask.expires_at,
        };
        let mut group: Vec<Record> = act.into_iter().map(Record::from).collect();
        group.push(row.into());
        group.push(
            ClientTermed {
                client_key,
                audiences: text(&more.audiences.join("\n"))?,
                exchanges: text(&more.exchanges.join("\n"))?,
                bound: more.bound,
            }
            .into(),
        );
        for key in more.keys {
            let long = |_| IssueError::Input("a key is too long");
            let (kid, public_key) = (text(&key.kid)?, Octets::new(key.bytes).map_err(long)?);
            let algorithm = key.algorithm;
            group.push(ClientKeyAdded { client_key, kid, algorithm, public_key }.into());
        }
        self.append(group).await?;
        tracing::info!(client_id = ask.client_id, "client registered");
        Ok(NewClient { client_id: ask.client_id, secret, expires_at: ask.expires_at })
    }

    /// Gives a client a new secret; the one before is taken for `overlap_ms` more, and any older
    /// one no longer.
    ///
    /// # Errors
    /// [`IssueError`]: not known, no client with a secret, or not live any more.
    pub async fn rotate_client_secret(
        &self,
        client_id: &str,
        overlap_ms: i64,
        act: Option<OperatorDid>,
    ) -> Result<(Secret<String>, UnixMillis), IssueError> {
        if !(0..=SECRET_OVERLAP_MS_MAX).contains(&overlap_ms) {
            return Err(IssueError::Input("an overlap is 0 to 30 days"));
        }
        let (now, ledger) = (self.now(), &self.0.ledger);
        let client = ledger.client(client_id).ok_or(IssueError::NotFound)?;
        if !ledger.client_terms(client.client_key).keys.is_empty() {
            return Err(IssueError::Conflict("the client proves itself by keys"));
        }
        let client = ledger.client_may_act(client, now);
        let client = client.map_err(|_| IssueError::Refused("the client may not act any more"))?;
        let secret = self.client_secret()?;
        let before_until = now.plus_ms(overlap_ms);
        let row = ClientSecretSet {
            client_key: client.client_key,
            secret_hash: ledger.secret().client_secret_hash(client_id, secret.expose()),
            before_until,
        };
        self.record(act, row).await?;
        tracing::info!(client_id, "client secret rotated");
        Ok((secret, before_until))
    }

    fn client_secret(&self) -> Result<Secret<String>, IssueError> {
        let random = zeroize::Zeroizing::new(self.random::<CLIENT_SECRET_BYTES>()?);
        Ok(Secret::new(BASE64URL_NOPAD.encode(&*random)))
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
        self.check_audience(&ask.audience)?;
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

    fn check_more(&self, more: &ClientMore) -> Result<(), IssueError> {
        let many = |list: &[String]| list.len() > CLIENT_AUDIENCES_MAX;
        if many(&more.audiences) || many(&more.exchanges) {
            return Err(IssueError::Input("a client has at most 16 audiences"));
        }
        more.audiences.iter().chain(&more.exchanges).try_for_each(|it| self.check_audience(it))?;
        let kids = more.keys.iter().map(|key| key.kid.as_str());
        let distinct: std::collections::HashSet<&str> = kids.collect();
        if more.keys.len() > CLIENT_KEYS_MAX || distinct.len() != more.keys.len() {
            return Err(IssueError::Input("a client has at most 4 keys, each kid once"));
        }
        Ok(())
    }

    fn check_audience(&self, audience: &String) -> Result<(), IssueError> {
        // A line break would make two audiences of one.
        if audience.chars().any(char::is_control) || !self.0.policy.audiences.contains(audience) {
            return Err(IssueError::Refused("tokens may not be meant for this audience"));
        }
        Ok(())
    }
}

fn text(text: &str) -> Result<Text, IssueError> {
    Text::new(text).map_err(|_| IssueError::Input("client_id, audiences or scope are too long"))
}
