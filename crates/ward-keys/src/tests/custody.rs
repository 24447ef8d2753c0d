//! Nothing leaks, nothing is lost, nothing opens elsewhere.

#![expect(clippy::disallowed_methods, reason = "the tests damage files by hand")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

use super::*;

/// A planted P-256 key: its scalar and its PEM.
fn planted() -> (Vec<u8>, String) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let scalar = pair.private_key().as_be_bytes().unwrap().as_ref().to_vec();
    let der = pair.to_pkcs8v1().unwrap();
    let base64 = data_encoding::BASE64.encode(der.as_ref());
    (scalar, format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n"))
}

fn import(holders: Vec<DeclaredHolder>) -> Import {
    Import {
        passphrase: None,
        kid: Some("legacy".into()),
        issuer: ISSUER.into(),
        holders,
        others_unknown: false,
        grandfathering: None,
    }
}

/// Whether bytes hold a secret in a form a person could carry away.
fn holds(haystack: &[u8], secret: &[u8]) -> bool {
    use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
    let mut forms = vec![secret.to_vec()];
    forms.push(secret.iter().rev().copied().collect());
    for encoding in [HEXLOWER, HEXUPPER, BASE64, BASE64_NOPAD, BASE64URL_NOPAD] {
        forms.push(encoding.encode(secret).into_bytes());
    }
    // Inside a longer base64 text: the whole groups at each of the three offsets.
    for skip in 0..3 {
        let whole = &secret[skip..skip + (secret.len() - skip) / 3 * 3];
        forms.push(BASE64.encode(whole).into_bytes());
        forms.push(BASE64URL_NOPAD.encode(whole).into_bytes());
    }
    forms.push(format!("{secret:?}").trim_matches(['[', ']']).as_bytes().to_vec());
    forms.iter().any(|form| haystack.windows(form.len()).any(|window| window == form))
}

fn files(dir: &Path, out: &mut Vec<u8>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, out);
        } else if path.file_name().unwrap() != "kek" {
            out.extend(path.to_string_lossy().as_bytes());
            out.extend(fs::read(&path).unwrap());
        }
    }
}

#[test]
fn a_planted_key_comes_out_nowhere() {
    let world = World::with_storage(vec![holder(9)]);
    let (scalar, pem) = planted();
    assert!(holds(&scalar, &scalar) && !holds(b"nothing", &scalar), "the search itself");
    let mut seen = Vec::new();
    let mut see = |what: String| seen.extend(what.into_bytes());
    let (store, ledger) = (&world.store, &world.ledger);
    let change = store.import(pem.as_bytes(), &import(vec![holder(1)]), ledger, NOW).unwrap();
    see(format!("{change:?} {:?}", change.records()));
    let key = world.record(change).into_inner().key;
    see(format!("{:?}", store.import(pem.as_bytes(), &import(vec![]), ledger, NOW).err()));
    let twice = store.import(&pem.as_bytes()[..80], &import(vec![]), ledger, NOW);
    see(format!("{:?}", twice.map_err(|error| error.to_string())));
    let active = world.active();
    see(format!("{:?} {}", active.record(), active.record().header()));
    let signer = world.signer();
    let withheld = signer.sign(&active, &body("1"), PrincipalNumber(1), [1; 14], NOW).unwrap();
    see(format!("{:?}", withheld.issuance()));
    let recorded = world.record(withheld.issuance());
    see(withheld.open(recorded, ledger).unwrap().expose().to_owned());
    see(jwks(ledger).to_string());
    see(format!("{:?} {:?}", ledger.keys(), store.holders()));
    let _ = store.secret("other").unwrap();
    see(format!("{:?}", store.secret("NO").err()));
    let rotated = store.compromise(key, NOW, Cause::Left, ledger, NOW).unwrap();
    see(format!("{rotated:?}"));
    let _ = world.record(rotated);
    see(format!("{:?}", store.rotate(key, Cause::Left, ledger, NOW).err()));
    see(format!("{:?}", store.sweep(ledger)));
    see(crate::custody::grade(CustodyKind::File, false).to_owned());
    let dir = world.dir.path().to_owned();
    drop(active);
    let mut kept = Vec::new();
    files(&dir, &mut kept);
    assert!(kept.len() > 500, "the state directory was read");
    assert!(!holds(&seen, &scalar), "in a result, an error or debug output");
    assert!(!holds(&kept, &scalar), "in the state directory");
}

#[test]
fn keys_and_secrets_survive_a_restart() {
    let world = World::new();
    let number = world.generate(KeyPurpose::Token, Algorithm::Es256);
    let secret = world.store.secret("register").unwrap();
    let again = open(world.dir.path(), Vec::new());
    assert_eq!(again.sweep(&world.ledger).unwrap(), 0);
    assert!(again.secret("register").unwrap().matches(secret.expose()));
    assert!(!again.secret("another").unwrap().matches(secret.expose()));
    let key = again.active(KeyPurpose::Token, ISSUER, &world.ledger).unwrap();
    assert_eq!(key.record().number, number);
}

#[test]
fn a_stop_between_file_and_record_is_swept_and_a_lost_file_is_said() {
    let world = World::new();
    world.generate(KeyPurpose::Token, Algorithm::EdDsa);
    let new = NewKey {
        purpose: KeyPurpose::Token,
        algorithm: Algorithm::EdDsa,
        issuer: ISSUER.into(),
        state: KeyState::Active,
    };
    // Made and never recorded.
    let lost = world.store.generate(&new, &world.ledger, NOW).unwrap().key;
    fs::write(world.dir.path().join("keys/key-000099.sealed.new"), b"half").unwrap();
    let again = open(world.dir.path(), Vec::new());
    assert_eq!(again.sweep(&world.ledger).unwrap(), 1);
    let path = world.dir.path().join(format!("keys/key-{:06}.sealed", lost.0));
    assert!(!path.exists());
    // Recorded, and its file is gone.
    fs::remove_file(world.dir.path().join("keys/key-000001.sealed")).unwrap();
    let again = open(world.dir.path(), Vec::new());
    let active = again.active(KeyPurpose::Token, ISSUER, &world.ledger);
    assert_eq!(active.err(), Some(NoKey::NotHeld(KeyNumber(1))));
    let none = again.active(KeyPurpose::Token, "https://other.test", &world.ledger);
    assert_eq!(none.err(), Some(NoKey::NotActive));
}

#[test]
fn a_store_is_not_swept_against_another_journal() {
    let world = World::new();
    for _ in 0..crate::limits::SWEEP_MAX + 1 {
        world.generate(KeyPurpose::Token, Algorithm::EdDsa);
    }
    let empty = Ledger::new(LedgerSecret::new(Secret::new([1; 32])));
    let swept = world.store.sweep(&empty);
    assert!(
        matches!(swept, Err(OpenError::Unrecorded { count }) if count == crate::limits::SWEEP_MAX + 1)
    );
    assert!(world.store.active(KeyPurpose::Token, ISSUER, &world.ledger).is_ok());
}

#[test]
fn what_is_sealed_opens_only_where_it_belongs() {
    type Break = fn(&Path);
    let breaks: [(&str, Break); 5] = [
        ("another key file", |dir| {
            fs::remove_file(dir.join("kek")).unwrap();
            Kek::create(&dir.join("kek"), [4; 32]).unwrap();
        }),
        ("a changed byte", |dir| {
            let path = dir.join("keys/key-000001.sealed");
            let mut bytes = fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("another name", |dir| {
            let keys = dir.join("keys");
            fs::rename(keys.join("key-000001.sealed"), keys.join("key-000007.sealed")).unwrap();
        }),
        ("a changed label", |dir| {
            let path = dir.join("keys/key-000001.sealed");
            let bytes = fs::read(&path).unwrap();
            let at = bytes.windows(5).position(|window| window == b"token").unwrap();
            let mut changed = bytes;
            changed[at..at + 5].copy_from_slice(b"tokex");
            fs::write(path, changed).unwrap();
        }),
        ("cut off", |dir| {
            let path = dir.join("keys/key-000001.sealed");
            let bytes = fs::read(&path).unwrap();
            fs::write(path, &bytes[..bytes.len() - 20]).unwrap();
        }),
    ];
    for (name, damage) in breaks {
        let world = World::new();
        world.generate(KeyPurpose::Token, Algorithm::Es256);
        damage(world.dir.path());
        let opened = KeyStore::open(&world.dir.path().join("keys"), kek(world.dir.path()), vec![]);
        assert!(matches!(opened, Err(OpenError::Damaged { .. })), "{name}");
    }
}

#[test]
fn a_newer_format_is_refused_and_not_touched() {
    let world = World::new();
    world.generate(KeyPurpose::Token, Algorithm::Es256);
    let path = world.dir.path().join("keys/key-000001.sealed");
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 2;
    fs::write(&path, &bytes).unwrap();
    let opened = KeyStore::open(&world.dir.path().join("keys"), kek(world.dir.path()), vec![]);
    assert!(matches!(opened, Err(OpenError::Newer { version: 2, .. })));
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kek");
    assert!(matches!(Kek::read(&path), Err(KekError::Unreadable { .. })), "never made by reading");
    Kek::create(&path, [3; 32]).unwrap();
    assert!(matches!(Kek::create(&path, [4; 32]), Err(KekError::Exists { .. })));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    for mode in [0o640, 0o604, 0o660] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert!(
            matches!(Kek::read(&path), Err(KekError::Open { mode: found, .. }) if found == mode)
        );
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(Kek::read(&path).is_ok());
    fs::write(&path, "c2hvcnQ=").unwrap();
    assert!(matches!(Kek::read(&path), Err(KekError::Malformed { .. })));
}

#[test]
fn rotation_and_compromise_leave_one_active_key_and_say_who_held_it() {
    let world = World::with_storage(vec![holder(9)]);
    let (_, pem) = planted();
    let mut wanted = import(vec![holder(1), holder(2)]);
    wanted.grandfathering = Some(Grandfathering {
        cut_over: NOW,
        life_ms_max: 3_600_000,
        closes_at: NOW.plus_ms(3_600_000),
    });
    let change = world.store.import(pem.as_bytes(), &wanted, &world.ledger, NOW).unwrap();
    let old = world.record(change).into_inner().key;
    let held = |key: KeyNumber| -> Vec<u8> {
        let key = world.ledger.key(key).unwrap();
        key.holders.iter().map(|holder| holder.person.0[0]).collect()
    };
    assert_eq!(held(old), [1, 2, 9]);
    let change = world.store.compromise(old, NOW, Cause::Left, &world.ledger, NOW).unwrap();
    let new = world.record(change).into_inner().key;
    let state = |key| world.ledger.key(key).unwrap().state;
    assert_eq!((state(old), state(new)), (KeyState::Compromised, KeyState::Active));
    assert_eq!(held(new), [9], "nobody who held the old one holds the new one");
    assert!(world.ledger.key(old).unwrap().grandfathering.unwrap().closed);
    assert_eq!(world.active().record().number, new);
    assert!(matches!(
        world.store.compromise(old, NOW, Cause::Left, &world.ledger, NOW),
        Err(KeyError::Conflict { .. })
    ));
    let change = world.store.rotate(new, Cause::Rotation, &world.ledger, NOW).unwrap();
    let newest = world.record(change).into_inner().key;
    assert_eq!((state(new), state(newest)), (KeyState::Retired, KeyState::Active));
    // A retired key that turns out to be in other hands needs no successor.
    let change = world.store.compromise(new, NOW, Cause::Compromise, &world.ledger, NOW).unwrap();
    assert_eq!(change.records().len(), 1);
    let published = jwks(&world.ledger);
    let kids: Vec<&str> = published["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["kid"].as_str().unwrap())
        .collect();
    assert_eq!(kids.len(), 2, "the compromised key is not published");
    assert!(!kids.contains(&"legacy"));
    assert_eq!(published["keys"][0]["alg"], "ES256");
}

#[test]
fn an_import_is_checked_before_anything_is_written() {
    let world = World::new();
    let (_, pem) = planted();
    let month = crate::limits::GRANDFATHERING_MS_MAX;
    let window = |closes_in: i64| Grandfathering {
        cut_over: NOW,
        life_ms_max: 1000,
        closes_at: NOW.plus_ms(closes_in),
    };
    let base = || import(vec![holder(1)]);
    let cases: [(&str, Import); 5] = [
        ("too long a window", Import { grandfathering: Some(window(month + 1)), ..base() }),
        ("no holders", Import { grandfathering: Some(window(1)), holders: vec![], ..base() }),
        ("empty kid", Import { kid: Some(String::new()), ..base() }),
        ("long kid", Import { kid: Some("x".repeat(129)), ..base() }),
        ("empty issuer", Import { issuer: String::new(), ..base() }),
    ];
    for (name, wanted) in cases {
        let result = world.store.import(pem.as_bytes(), &wanted, &world.ledger, NOW);
        assert!(matches!(result, Err(KeyError::Input { .. })), "{name}");
    }
    let names = fs::read_dir(world.dir.path().join("keys")).unwrap();
    let keys = names.filter(|it| it.as_ref().unwrap().file_name().as_encoded_bytes()[0] == b'k');
    assert_eq!(keys.count(), 0);
}
