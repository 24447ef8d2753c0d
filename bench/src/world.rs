//! Rooms opened in a directory for a measurement: custody, ledger, journal, one signing key each.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use ward_journal::{Journal, Options, RealDisk};
use ward_keys::{ActiveKey, Kek, KeyStore, NewKey, Origins, TokenSigner};
use ward_ledger::{Ledger, LedgerSecret, TokenBody};
use ward_model::record::OriginOpened;
use ward_model::word::{Algorithm, KeyPurpose, KeyState};
use ward_model::{PrincipalKind, PrincipalName, View};
use ward_tlog::NoteSigner;

use crate::machine;

/// `aud` of every token.
pub const AUDIENCE: &str = "shop";
/// `iss` of every token.
pub const ISSUER: &str = "https://login.example";

/// Open rooms.
pub struct World {
    /// Custody.
    pub keys: Arc<KeyStore>,
    /// The check.
    pub ledger: Ledger,
    /// Records.
    pub journal: Journal,
    /// Hands out sequences.
    pub signer: TokenSigner,
}

/// An empty journal in `dir`, feeding `views`.
///
/// # Errors
/// It cannot be made.
pub fn journal(dir: &Path, views: Vec<Box<dyn View>>) -> Result<Journal> {
    let signer = NoteSigner::from_seed("bench", &machine::random()?)?;
    let root = ward_model::Secret::new(machine::random()?);
    let options = Options::new(root, signer, Box::new(machine::fill), machine::now());
    std::fs::create_dir_all(dir)?;
    Ok(Journal::create(Arc::new(RealDisk::new(dir)), options, views)?)
}

impl World {
    /// Opens everything in `dir`; `views` are fed beside the ledger.
    ///
    /// # Errors
    /// A room does not open.
    pub fn open(dir: &Path, mut views: Vec<Box<dyn View>>) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let kek = Kek::create(&dir.join("kek"), machine::random()?)?;
        let keys = Arc::new(KeyStore::open(&dir.join("custody"), kek, Vec::new())?);
        let ledger = Ledger::new(LedgerSecret::new(keys.secret("ledger")?));
        views.insert(0, Box::new(ledger.view()));
        let journal = journal(&dir.join("journal"), views)?;
        let origin = ledger.next_origin();
        let _opened = journal.append_blocking(OriginOpened { origin }, machine::now())?;
        for (purpose, algorithm) in
            [(KeyPurpose::Token, Algorithm::Es256), (KeyPurpose::Transaction, Algorithm::EdDsa)]
        {
            let (issuer, state) = (ISSUER.to_owned(), KeyState::Active);
            let new = NewKey { purpose, algorithm, issuer, state };
            let change = keys.generate(&new, &ledger, machine::now())?;
            let _made = journal.append_blocking(change, machine::now())?;
        }
        let signer = TokenSigner::new(ledger.clone(), Origins::new(origin));
        Ok(Self { keys, ledger, journal, signer })
    }

    /// The key that signs tokens.
    ///
    /// # Errors
    /// There is none.
    pub fn token_key(&self) -> Result<ActiveKey> {
        self.keys.active(KeyPurpose::Token, ISSUER, &self.ledger).context("no active key")
    }
}

/// The claims of an ordinary token that lives an hour.
///
/// # Errors
/// `id` is no id.
pub fn body(kind: PrincipalKind, id: &str) -> Result<TokenBody> {
    Ok(TokenBody {
        principal: PrincipalName::new(kind, id)?,
        audience: AUDIENCE.into(),
        client_id: "web".into(),
        tenant: None,
        scope: None,
        login: Some("L1".into()),
        confirmation: None,
        actors: Vec::new(),
        expires_at: machine::now().plus_ms(3_600_000),
    })
}
