//! Signature verification against Wycheproof's vectors: edge cases of curves, encodings and padding
//! that other people collected. Every vector must come out as its authors say, by the very path a
//! token takes: the one form first, then the key.

use ::wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify};

use super::*;
use crate::keys::Keys;

/// How many vectors held, and how many had to be refused.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    good: usize,
    refused: usize,
}

impl Count {
    fn note(&mut self, name: &str, id: usize, result: TestResult, holds: bool) {
        match result {
            TestResult::Valid => assert!(holds, "{name} {id} is a good signature"),
            TestResult::Invalid => assert!(!holds, "{name} {id} is none"),
            // A policy of the verifier's: counted as it came out.
            TestResult::Acceptable => {}
        }
        if holds {
            self.good += 1;
        } else {
            self.refused += 1;
        }
    }
}

/// A key as a record brings it.
fn key(algorithm: Algorithm, public_key: &[u8]) -> std::sync::Arc<crate::Key> {
    let added = KeyAdded {
        key: KeyNumber(1),
        kid: Text::cut("wycheproof"),
        algorithm,
        purpose: KeyPurpose::Token,
        source: KeySource::Generated,
        issuer: Text::cut("ward"),
        public_key: Octets::new(public_key).unwrap(),
        state: KeyState::Active,
    };
    let mut keys = Keys::default();
    assert!(keys.add(&added, UnixMillis::new(0)));
    std::sync::Arc::clone(keys.by_number(KeyNumber(1)).unwrap())
}

/// Whether a token with this signature would be taken for well signed.
fn holds(key: &crate::Key, message: &[u8], signature: &[u8]) -> bool {
    let Ok(mut fixed) = <[u8; 64]>::try_from(signature) else { return false };
    let before = fixed;
    let canonical = canonicalise(key.algorithm, &mut fixed);
    let holds = canonical && key.verifies(message, &fixed);
    // The one form is as good as the form that came, or neither is.
    assert!(!canonical || key.verifies(message, &before) == holds);
    holds
}

#[test]
fn ecdsa_on_p256_comes_out_as_wycheproof_says() {
    let mut count = Count::default();
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    for group in set.test_groups {
        let key = key(Algorithm::Es256, &group.key.key);
        for test in group.tests {
            count.note("P-256", test.tc_id, test.result, holds(&key, &test.msg, &test.sig));
        }
    }
    assert!(count.good > 100 && count.refused > 50, "{count:?}");
}

#[test]
fn ed25519_comes_out_as_wycheproof_says() {
    let mut count = Count::default();
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in set.test_groups {
        let key = key(Algorithm::EdDsa, &group.key.pk);
        for test in group.tests {
            count.note("Ed25519", test.tc_id, test.result, holds(&key, &test.msg, &test.sig));
        }
    }
    assert!(count.good > 50 && count.refused > 40, "{count:?}");
}

#[test]
fn rsa_of_foreign_issuers_comes_out_as_wycheproof_says() {
    use rsa_pkcs1_verify::TestName::{Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256};
    let mut count = Count::default();
    for name in [Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256] {
        let set = rsa_pkcs1_verify::TestSet::load(name).unwrap();
        for group in set.test_groups {
            let seen = IssuerKeySeen {
                issuer: IssuerNumber(1),
                key: KeyNumber(1),
                kid: Text::cut("wycheproof"),
                algorithm: IssuerAlgorithm::Rs256,
                public_key: Octets::new(group.asn_key.as_slice()).unwrap(),
            };
            let key = crate::foreign::ForeignKey::new(&seen, UnixMillis::new(0));
            for test in group.tests {
                let holds = key.verifies(&test.msg, &test.sig);
                count.note("RSA", test.tc_id, test.result, holds);
            }
        }
    }
    assert!(count.good > 20 && count.refused > 500, "{count:?}");
}
