//! What becomes of a key: announced, promoted, retired, found to be in other hands.
//!
//! Each change is one group of records, so that there is never no key and never a moment in which
//! nobody knows which one signs. Nothing goes back: no state is left for an earlier one.
//! Best test: `tests/rotation.rs`.

use std::sync::Arc;

use ward_ledger::{Key, Ledger};
use ward_model::record::{GrandfatheringClosed, KeyStateChanged};
use ward_model::word::{Cause, KeyState};
use ward_model::{KeyNumber, UnixMillis};

use crate::store::{KeyChange, KeyError, KeyStore, NewKey};

impl KeyStore {
    /// Makes the successor of an active key and publishes it; it does not sign yet.
    ///
    /// # Errors
    /// [`KeyError`]: unknown, not active, or a next key is there.
    pub fn announce(
        &self,
        active: KeyNumber,
        ledger: &Ledger,
        now: UnixMillis,
    ) -> Result<KeyChange, KeyError> {
        let key = ledger.key(active).ok_or(KeyError::Unknown)?;
        if key.state != KeyState::Active {
            return Err(KeyError::Conflict { what: "key is not active" });
        }
        if of_group(ledger, &key, KeyState::Next).is_some() {
            return Err(KeyError::Conflict { what: "its next key is published already" });
        }
        self.generate(&like(&key, KeyState::Next), ledger, now)
    }

    /// Lets a published next key sign; every active key of its purpose and issuer is retired.
    ///
    /// # Errors
    /// [`KeyError`]: unknown, not next, or its private half is not here.
    pub fn promote(
        &self,
        next: KeyNumber,
        cause: Cause,
        ledger: &Ledger,
        now: UnixMillis,
    ) -> Result<KeyChange, KeyError> {
        let key = ledger.key(next).ok_or(KeyError::Unknown)?;
        if key.state != KeyState::Next {
            return Err(KeyError::Conflict { what: "key is not next" });
        }
        if !self.is_held(next) {
            return Err(KeyError::Conflict { what: "the private half of that key is not here" });
        }
        let mut records =
            vec![KeyStateChanged { key: next, state: KeyState::Active, since: now, cause }.into()];
        let keys = ledger.keys();
        let active = keys.iter().filter(|it| is_of(it, &key) && it.state == KeyState::Active);
        records.extend(active.map(|it| {
            let (key, state) = (it.number, KeyState::Retired);
            KeyStateChanged { key, state, since: now, cause }.into()
        }));
        Ok(KeyChange { key: next, records })
    }

    /// Lets a key sign no more. One that signs alone for its issuer must be rotated instead.
    ///
    /// # Errors
    /// [`KeyError`]: unknown, alone, retired or compromised already.
    pub fn retire(
        &self,
        key: KeyNumber,
        cause: Cause,
        ledger: &Ledger,
        now: UnixMillis,
    ) -> Result<KeyChange, KeyError> {
        let known = ledger.key(key).ok_or(KeyError::Unknown)?;
        let others = ledger.keys();
        let mut others = others.iter().filter(|it| it.number != key && is_of(it, &known));
        match known.state {
            KeyState::Active if !others.any(|it| it.state == KeyState::Active) => {
                Err(KeyError::Conflict { what: "no other key signs for its issuer: rotate it" })
            }
            KeyState::Active | KeyState::Next => {
                let changed = KeyStateChanged { key, state: KeyState::Retired, since: now, cause };
                Ok(KeyChange { key, records: vec![changed.into()] })
            }
            KeyState::Retired | KeyState::Compromised => {
                Err(KeyError::Conflict { what: "key does not sign any more" })
            }
        }
    }

    /// Retires an active key; its published next key signs, or a new one. Same purpose, algorithm
    /// and issuer. Tokens issued under the old one live on. One group: there is never no key, never
    /// two. Gives the key that signs.
    ///
    /// # Errors
    /// [`KeyError`]: unknown, or not active.
    pub fn rotate(
        &self,
        old: KeyNumber,
        cause: Cause,
        ledger: &Ledger,
        now: UnixMillis,
    ) -> Result<KeyChange, KeyError> {
        let key = ledger.key(old).ok_or(KeyError::Unknown)?;
        let next = of_group(ledger, &key, KeyState::Next).filter(|it| self.is_held(it.number));
        match next {
            Some(next) if key.state == KeyState::Active => {
                let signs = KeyStateChanged {
                    key: next.number,
                    state: KeyState::Active,
                    since: now,
                    cause,
                };
                let ends =
                    KeyStateChanged { key: old, state: KeyState::Retired, since: now, cause };
                Ok(KeyChange { key: next.number, records: vec![signs.into(), ends.into()] })
            }
            _ => self.succeed(old, KeyState::Retired, now, cause, ledger, now),
        }
    }

    /// Marks a key as in other hands since a moment. An active one gets a new successor in the same
    /// group (never its published next key, which was kept in the same place); grandfathering of it
    /// closes. Tokens issued under it live on; all else is a forgery.
    ///
    /// # Errors
    /// [`KeyError`]: unknown, or compromised already.
    pub fn compromise(
        &self,
        key: KeyNumber,
        since: UnixMillis,
        cause: Cause,
        ledger: &Ledger,
        now: UnixMillis,
    ) -> Result<KeyChange, KeyError> {
        let known = ledger.key(key).ok_or(KeyError::Unknown)?;
        if since > now {
            return Err(KeyError::Input {
                what: "a key is in other hands since a moment that was",
            });
        }
        let mut change = match known.state {
            KeyState::Active => {
                self.succeed(key, KeyState::Compromised, since, cause, ledger, now)?
            }
            KeyState::Next | KeyState::Retired => {
                let changed = KeyStateChanged { key, state: KeyState::Compromised, since, cause };
                KeyChange { key, records: vec![changed.into()] }
            }
            KeyState::Compromised => {
                return Err(KeyError::Conflict { what: "key is compromised already" });
            }
        };
        if known.grandfathering.is_some_and(|window| !window.closed) {
            change.records.push(GrandfatheringClosed { key, cause }.into());
        }
        Ok(change)
    }

    fn succeed(
        &self,
        old: KeyNumber,
        state: KeyState,
        since: UnixMillis,
        cause: Cause,
        ledger: &Ledger,
        now: UnixMillis,
    ) -> Result<KeyChange, KeyError> {
        let key = ledger.key(old).ok_or(KeyError::Unknown)?;
        if key.state != KeyState::Active {
            return Err(KeyError::Conflict { what: "key is not active" });
        }
        let mut change = self.generate(&like(&key, KeyState::Active), ledger, now)?;
        change.records.push(KeyStateChanged { key: old, state, since, cause }.into());
        Ok(change)
    }
}

fn like(key: &Key, state: KeyState) -> NewKey {
    let (purpose, algorithm) = (key.purpose, key.algorithm);
    NewKey { purpose, algorithm, issuer: key.issuer.clone(), state }
}

fn is_of(one: &Key, group: &Key) -> bool {
    one.purpose == group.purpose && one.issuer == group.issuer
}

/// The newest key of the same purpose and issuer in a state.
fn of_group(ledger: &Ledger, group: &Key, state: KeyState) -> Option<Arc<Key>> {
    ledger.keys().into_iter().rev().find(|it| is_of(it, group) && it.state == state)
}
