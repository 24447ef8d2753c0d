//! Helpers for fuzzing; nothing here weakens anything.

use ward_model::{Secret, UnixMillis};

use crate::{Checked, Ledger, LedgerSecret, SigningInput};

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

/// The body of the fuzz target `transit`: what is read as a signing input is what the check will
/// understand, and no bytes panic.
///
/// # Panics
/// If an input is admitted that is no access token's, or the check would read it otherwise.
pub fn fuzz_input(bytes: &[u8]) {
    thread_local! {
        static LEDGER: Ledger = crate::testing::with_keys();
    }
    let Ok(input) = SigningInput::parse(bytes) else { return };
    assert_eq!(input.text().as_bytes(), bytes, "what is signed is what came");
    assert_eq!(input.text().matches('.').count(), 1, "header and payload");
    assert!(!input.audiences().is_empty() && !input.kid().is_empty());
    let token = format!("{}.{}", input.text(), "A".repeat(crate::limits::SIGNATURE_CHARS));
    let parts = crate::token::split(token.as_bytes());
    let header = parts.and_then(|parts| crate::token::foreign_header(parts.header));
    let read = header.map(|header| (header.kid, header.algorithm));
    assert_eq!(read, Some((input.kid().to_owned(), input.algorithm())), "as the check reads it");
    let (login, principal) = (input.names_login(), input.principal().clone());
    let admitted = LEDGER.with(|ledger| ledger.admit(input));
    assert!(admitted.is_err() || !login, "a login is Ward's to claim");
    if let Ok(admitted) = admitted {
        assert_eq!(*admitted.principal(), principal);
    }
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
