//! Helpers for fuzzing; nothing here weakens anything.

use ward_model::{Secret, UnixMillis};

use crate::{Checked, Ledger, LedgerSecret};

/// The body of the fuzz target `token`: no bytes may panic, hang, or pass an empty ledger.
///
/// # Panics
/// If a token passes a ledger that has issued none.
pub fn fuzz_token(bytes: &[u8]) {
    thread_local! {
        static LEDGER: Ledger = crate::testing::with_keys();
    }
    let Ok(raw) = core::str::from_utf8(bytes) else { return };
    let now = UnixMillis::from_seconds(1_800_000_000);
    LEDGER.with(|ledger| {
        match ledger.check(raw, "shop", now) {
            Checked::Pass(_) => assert!(raw.is_empty(), "an empty ledger let a token pass"),
            Checked::Refuse(refused) => {
                if let Some(miss) = refused.miss {
                    assert!(ledger.classify(&miss, now).pin.is_none(), "nothing was opened");
                }
            }
        }
        let key = ledger.check_api_key(raw, now);
        assert!(!matches!(key, Checked::Pass(_)), "an empty ledger let an API key pass");
    });
}

/// A ledger that knows two public keys, `fuzz-es` and `fuzz-ed`, and has issued nothing.
#[must_use]
pub fn with_keys() -> Ledger {
    use ward_model::column::Octets;
    use ward_model::record::KeyAdded;
    use ward_model::word::{Algorithm, KeyPurpose, KeySource, KeyState};
    use ward_model::{KeyNumber, LeafIndex, Position, Text, View as _};
    let ledger = Ledger::new(LedgerSecret::new(Secret::new([7; 32])));
    let mut view = ledger.view();
    let keys = [(1, "fuzz-es", Algorithm::Es256), (2, "fuzz-ed", Algorithm::EdDsa)];
    for (number, kid, algorithm) in keys {
        let record = KeyAdded {
            key: KeyNumber(number),
            kid: Text::cut(kid),
            algorithm,
            purpose: KeyPurpose::Token,
            source: KeySource::Generated,
            issuer: Text::cut("ward"),
            public_key: Octets::default(),
            state: KeyState::Active,
        };
        let at = Position { index: LeafIndex(0), time: UnixMillis::new(0) };
        view.apply(at, &record.into());
    }
    ledger
}
