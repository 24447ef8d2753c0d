//! Custody through the whole of its life, over a real journal in a temporary directory.

mod custody;
mod import;
mod lock;
mod rotation;
mod withheld;

use std::path::Path;
use std::sync::Arc;

use ward_journal::{Journal, Options, RealDisk};
use ward_ledger::{Ledger, LedgerSecret, TokenBody};
use ward_model::word::*;
use ward_model::*;
use ward_tlog::NoteSigner;

use crate::*;

pub(crate) const NOW: UnixMillis = UnixMillis::from_seconds(1_800_000_000);
pub(crate) const ISSUER: &str = "https://ward.test";

/// A store, a ledger and the journal that feeds it.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: KeyStore,
    pub(crate) ledger: Ledger,
    pub(crate) journal: Journal,
}

pub(crate) fn kek(dir: &Path) -> Kek {
    let path = dir.join("kek");
    Kek::read(&path).unwrap_or_else(|_| Kek::create(&path, [3; 32]).unwrap())
}

pub(crate) fn open(dir: &Path, holders: Vec<DeclaredHolder>) -> KeyStore {
    KeyStore::open(&dir.join("keys"), kek(dir), holders).unwrap()
}

pub(crate) fn fresh_journal(dir: &Path, ledger: &Ledger) -> Journal {
    let signer = NoteSigner::from_seed("test", &[5; 32]).unwrap();
    let mut counter = 0u8;
    let entropy = Box::new(move |bytes: &mut [u8]| {
        counter = counter.wrapping_add(1);
        bytes.fill(counter);
        Ok(())
    });
    let options = Options::new(Secret::new([6; 32]), signer, entropy, NOW);
    let disk = Arc::new(RealDisk::new(dir.join("journal")));
    Journal::create(disk, options, vec![Box::new(ledger.view())]).unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_storage(Vec::new())
    }

    pub(crate) fn with_storage(holders: Vec<DeclaredHolder>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), holders);
        let ledger = Ledger::new(LedgerSecret::new(store.secret("ledger").unwrap()));
        let journal = fresh_journal(dir.path(), &ledger);
        Self { dir, store, ledger, journal }
    }

    pub(crate) fn record<T: Entry>(&self, value: T) -> ward_journal::Recorded<T> {
        self.journal.append_blocking(value, NOW).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn generate(&self, purpose: KeyPurpose, algorithm: Algorithm) -> KeyNumber {
        let new = NewKey { purpose, algorithm, issuer: ISSUER.into(), state: KeyState::Active };
        let change = self.store.generate(&new, &self.ledger, NOW).unwrap();
        self.record(change).into_inner().key
    }

    pub(crate) fn active(&self) -> ActiveKey {
        self.store.active(KeyPurpose::Token, ISSUER, &self.ledger).unwrap()
    }

    pub(crate) fn signer(&self) -> TokenSigner {
        let origin = self.ledger.next_origin();
        let _opened = self.record(record::OriginOpened { origin });
        TokenSigner::new(self.ledger.clone(), Origins::new(origin))
    }
}

pub(crate) fn body(id: &str) -> TokenBody {
    TokenBody {
        principal: PrincipalName::new(PrincipalKind::Customer, id).unwrap(),
        audience: "shop".into(),
        client_id: "web".into(),
        tenant: None,
        scope: None,
        login: Some("L1".into()),
        confirmation: None,
        actors: Vec::new(),
        expires_at: NOW.plus_ms(600_500),
    }
}

pub(crate) fn holder(id: u8) -> DeclaredHolder {
    DeclaredHolder { person: PersonId([id; 16]), person_key: PrincipalKey([id; 16]), since: NOW }
}
