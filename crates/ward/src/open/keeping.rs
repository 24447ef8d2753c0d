//! The key store as custody was opened, and who can read keys because of how it is kept.

use std::collections::BTreeSet;

use ward_keys::custody::Opened;
use ward_keys::{DeclaredHolder, Keeping, KeyStore};
use ward_ledger::Ledger;
use ward_model::record::{CustodyOpened, CustodyUnsealed};
use ward_model::word::{CustodyEvidence, CustodyKind, KeyPurpose};
use ward_model::{PersonId, PrincipalKind, Record};
use ward_store::Store;

use crate::clock;
use crate::config::Config;
use crate::exit::{Exit, fail};
use crate::unlock::{self, Unlocked};

/// Who can read keys because of how they are kept.
pub type Keepers = Vec<(DeclaredHolder, CustodyEvidence)>;

/// How custody was opened.
pub struct HowOpened {
    kind: CustodyKind,
    rewrapped: bool,
    as_configured: bool,
    unsealers: Vec<(u8, String)>,
}

/// The store of keys in a state directory, as it was opened; nobody is a keeper yet, and no key is
/// made inside a token yet.
///
/// # Errors
/// Exit code 73, or 78 when it is of a newer Ward.
pub fn kept_by(config: &Config, unlocked: Unlocked) -> Result<(KeyStore, HowOpened), Exit> {
    let Unlocked { opened, hsm, unsealers, rewrapped, as_configured } = unlocked;
    let Opened { kek, kind, .. } = opened;
    let inside = hsm.map(|hsm| (hsm, Vec::new()));
    let keeping = Keeping { kek, kind, holders: Vec::new(), inside };
    let store = KeyStore::open_with(&config.data.join("custody"), keeping);
    let store = store.map_err(|error| match error {
        ward_keys::OpenError::Newer { .. } => fail(78, &config.data, &error),
        _ => fail(73, &config.data, &error),
    })?;
    Ok((store, HowOpened { kind, rewrapped, as_configured, unsealers }))
}

/// The store as the set that runs wants it kept: locked anew if it was opened another way.
///
/// WHY only now: another lock is a weaker set until another operator has consented, and which set
/// runs is known once the journal is replayed.
///
/// # Errors
/// As [`kept_by`].
pub fn as_wanted(
    config: &Config,
    is_new: bool,
    (keys, how): (KeyStore, HowOpened),
) -> Result<(KeyStore, HowOpened), Exit> {
    let (mut keys, how) = if is_new && !how.as_configured {
        let old = keys.close();
        match unlock::as_configured(config, &old)? {
            Some(unlocked) => kept_by(config, unlocked)?,
            None => {
                let again = Unlocked {
                    opened: old,
                    hsm: None,
                    unsealers: how.unsealers,
                    rewrapped: how.rewrapped,
                    as_configured: false,
                };
                kept_by(config, again)?
            }
        }
    } else {
        (keys, how)
    };
    if config.custody.sign_inside {
        keys.make_inside(vec![KeyPurpose::Token]);
    }
    Ok((keys, how))
}

impl HowOpened {
    /// What is recorded of it, and whom it makes a holder.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn told(
        &self,
        config: &Config,
        store: &Store,
        ledger: &Ledger,
    ) -> Result<(Vec<Record>, Keepers), Exit> {
        let opened = CustodyOpened { kind: self.kind, rewrapped: self.rewrapped };
        let mut records = vec![Record::from(opened)];
        let mut keepers = Vec::new();
        for (number, name) in &self.unsealers {
            let found = holder(config, name, store, ledger)?;
            let person = found.map_or(PersonId::default(), |it| it.person);
            records.push(CustodyUnsealed { share: i32::from(*number), person }.into());
            match found {
                Some(holder) => keepers.push((holder, CustodyEvidence::Unsealer)),
                None => tracing::warn!("a holder of a share is not known by SCIM yet"),
            }
        }
        Ok((records, keepers))
    }
}

/// Everyone who is root on the hosts, as far as SCIM knows him.
///
/// # Errors
/// The store cannot be read.
pub fn roots(
    config: &Config,
    names: &BTreeSet<&String>,
    store: &Store,
    ledger: &Ledger,
) -> Result<Keepers, Exit> {
    let mut holders = Vec::new();
    for name in names {
        // Root who is not a person yet becomes a holder at the first start after he is.
        match holder(config, name, store, ledger)? {
            Some(holder) => holders.push((holder, CustodyEvidence::Storage)),
            None => tracing::warn!("a person of custody.root_on_hosts is not known by SCIM yet"),
        }
    }
    Ok(holders)
}

fn holder(
    config: &Config,
    name: &str,
    store: &Store,
    ledger: &Ledger,
) -> Result<Option<DeclaredHolder>, Exit> {
    let row = store.person_by_user_name(name).map_err(|error| fail(74, &config.data, &error))?;
    Ok(row.map(|row| {
        let id = ward_people::person::id_text(row.person);
        let person_key = ledger.principal_key(PrincipalKind::Person, &id);
        DeclaredHolder { person: row.person, person_key, since: clock::now() }
    }))
}
