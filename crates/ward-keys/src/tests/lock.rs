//! Locks on custody: each kind opens what it locked, nothing else does, and a change of locks that
//! stops anywhere leaves the old one or the new one.

#![expect(clippy::disallowed_methods, reason = "the tests damage and copy files by hand")]

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::custody::{open, *};

fn counting() -> impl FnMut(&mut [u8]) {
    let mut next = 1u8;
    move |bytes| {
        for byte in bytes {
            next = next.wrapping_mul(73).wrapping_add(41);
            *byte = next;
        }
    }
}

fn words(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

/// A custody with a key and a secret in it, and what the secret is.
struct House {
    dir: tempfile::TempDir,
    secret: [u8; 32],
}

impl House {
    fn new(lock: &NewLock<'_>) -> (Self, Vec<Share>) {
        let dir = tempfile::tempdir().unwrap();
        let custody = dir.path().join("custody");
        let locked = create(&custody, lock, &mut counting()).unwrap();
        let store = KeyStore::open(&custody, locked.kek, Vec::new()).unwrap();
        let secret = *store.secret("ledger").unwrap().expose();
        let ledger = Ledger::new(LedgerSecret::new(Secret::new([1; 32])));
        for algorithm in Algorithm::ALL {
            let (issuer, state) = (ISSUER.into(), KeyState::Active);
            let purpose = KeyPurpose::Token;
            let new = NewKey { purpose, algorithm: *algorithm, issuer, state };
            let _ = store.generate(&new, &ledger, NOW).unwrap();
        }
        (Self { dir, secret }, locked.shares)
    }

    fn custody(&self) -> PathBuf {
        self.dir.path().join("custody")
    }

    /// Whether custody opens so, with everything in it.
    fn opens(&self, unlock: Unlock<'_>) -> bool {
        holds(&self.custody(), unlock, self.secret)
    }
}

fn holds(custody: &Path, unlock: Unlock<'_>, secret: [u8; 32]) -> bool {
    let Ok(opened) = open(custody, unlock) else { return false };
    let Ok(store) = KeyStore::open(custody, opened.kek, Vec::new()) else { return false };
    store.secret("ledger").is_ok_and(|it| it.matches(&secret))
}

#[test]
fn each_lock_opens_with_its_own_key_and_no_other() {
    let passphrase = words("correct horse battery");
    let (house, _) = House::new(&NewLock::Passphrase(&passphrase));
    assert!(house.opens(Unlock::Passphrase(&passphrase)));
    let wrong = words("correct horse batterz");
    let told = open(&house.custody(), Unlock::Passphrase(&wrong)).err().unwrap();
    assert_eq!(told.to_string(), "custody does not open: wrong passphrase, or damaged");
    let file = house.dir.path().join("kek");
    Kek::create(&file, [3; 32]).unwrap();
    let told = open(&house.custody(), Unlock::File(&file)).err().unwrap();
    assert_eq!(told.to_string(), "custody is locked by passphrase, not by file");
    let short = words("too short");
    let dir = house.dir.path().join("other");
    let made = create(&dir, &NewLock::Passphrase(&short), &mut counting());
    assert!(matches!(made, Err(CustodyError::Input(_))));
    let again = create(&house.custody(), &NewLock::Passphrase(&passphrase), &mut counting());
    assert!(matches!(again, Err(CustodyError::Exists)));
}

#[test]
fn as_many_shares_as_are_needed_open_and_others_do_not() {
    let names: Vec<String> = ["kim", "lee", "park"].map(str::to_owned).to_vec();
    let (house, shares) = House::new(&NewLock::Shares { need: 2, holders: &names });
    let (_, foreign) = House::new(&NewLock::Shares { need: 2, holders: &names });
    // The counting random source makes the same set; another one is told by its set alone.
    let mut stranger = foreign.first().unwrap().clone();
    stranger.set = [9; 8];
    let lock = lock_of(&house.custody()).unwrap().unwrap();
    let [kim, lee, park] = [&shares[0], &shares[1], &shares[2]].map(Clone::clone);
    let cases: [(&str, Vec<Share>, Result<(), &str>); 6] = [
        ("kim and lee", vec![kim.clone(), lee.clone()], Ok(())),
        ("park and kim", vec![park.clone(), kim.clone()], Ok(())),
        ("all", vec![kim.clone(), lee, park], Ok(())),
        ("kim alone", vec![kim.clone()], Err("1 of 2 shares")),
        ("kim twice", vec![kim.clone(), kim.clone()], Err("1 of 2 shares")),
        ("kim and a stranger", vec![kim, stranger.clone()], Err("1 of 2 shares")),
    ];
    for (name, given, want) in cases {
        let opened = open(&house.custody(), Unlock::Shares(&given));
        let told = opened.map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(told, want.map_err(str::to_owned), "{name}");
    }
    assert!(shares.iter().all(|share| fits(&lock, share)));
    assert!(!fits(&lock, &stranger));
    let text = fs::read(house.custody().join(ROOT_FILE)).unwrap();
    for share in &shares {
        let bytes = share.text();
        assert!(!text.windows(40).any(|part| part == &bytes.as_bytes()[20..60]), "kept nowhere");
    }
    let bad: [(u8, &[String]); 4] = [(1, &names), (4, &names), (2, &names[..1]), (0, &names)];
    for (need, holders) in bad {
        let dir = house.dir.path().join(format!("bad{need}{}", holders.len()));
        let made = create(&dir, &NewLock::Shares { need, holders }, &mut counting());
        assert!(matches!(made, Err(CustodyError::Input(_))), "{need} of {}", holders.len());
    }
}

#[test]
fn a_key_file_from_before_is_locked_anew_and_a_wrong_one_is_told() {
    let world = World::new();
    world.generate(KeyPurpose::Token, Algorithm::Es256);
    let secret = *world.store.secret("ledger").unwrap().expose();
    let custody = world.dir.path().join("keys");
    let file = world.dir.path().join("kek");
    let passphrase = words("correct horse battery");
    let old = open(&custody, Unlock::File(&file)).unwrap();
    let new = NewLock::Passphrase(&passphrase);
    let busy = relock(&custody, &old, &new, &mut counting());
    assert!(matches!(busy, Err(CustodyError::Busy)), "a store that is open holds it");
    drop(world.store);
    relock(&custody, &old, &new, &mut counting()).ok().unwrap();
    assert!(holds(&custody, Unlock::Passphrase(&passphrase), secret));
    assert!(open(&custody, Unlock::File(&file)).is_err(), "the old lock is off");
    let kek = Kek::read(&file).unwrap();
    assert!(KeyStore::open(&custody, kek, vec![]).is_err(), "what it opened is sealed anew");
    let other = world.dir.path().join("other");
    Kek::create(&other, [8; 32]).unwrap();
    let again = World::new();
    let wrong = open(&again.dir.path().join("keys"), Unlock::File(&other)).err();
    assert!(matches!(wrong, Some(CustodyError::Refused("key file"))));
}

/// Copies a directory as it is.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Every state a stop can leave: files are renamed one after the other, so each state is the old
/// directory with the first n of the new files in the order they were put down.
#[test]
fn a_stop_anywhere_leaves_the_old_lock_or_the_new_one() {
    let (first, second) = (words("correct horse battery"), words("another horse battery"));
    let (house, _) = House::new(&NewLock::Passphrase(&first));
    let before = house.dir.path().join("before");
    copy(&house.custody(), &before);
    let old = open(&house.custody(), Unlock::Passphrase(&first)).unwrap();
    // The first write of a change: the root under the new lock, with both keys in it.
    let stopped = house.dir.path().join("stopped");
    copy(&before, &stopped);
    relock(&house.custody(), &old, &NewLock::Passphrase(&second), &mut counting()).ok().unwrap();
    let both = {
        // The same random bytes make the same root: its first form is what a stop leaves.
        let again = house.dir.path().join("again");
        copy(&before, &again);
        let mut names: Vec<_> =
            fs::read_dir(&again).unwrap().map(|it| it.unwrap().path()).collect();
        names.retain(|path| path.extension().is_some_and(|it| it == "sealed"));
        names.retain(|path| path.file_name().unwrap() != ROOT_FILE);
        // A file that cannot be read stops the change right after its first write.
        let victim = names.iter().min().unwrap();
        let kept = fs::read(victim).unwrap();
        fs::write(victim, b"WARDSEAL").unwrap();
        let stopped = relock(&again, &old, &NewLock::Passphrase(&second), &mut counting());
        assert!(stopped.is_err(), "it stops there");
        fs::write(victim, kept).unwrap();
        fs::read(again.join(ROOT_FILE)).unwrap()
    };
    let mut sealed: Vec<String> = fs::read_dir(&before)
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".sealed") && name != ROOT_FILE)
        .collect();
    sealed.sort();
    assert!(sealed.len() >= 3, "two keys and a secret");
    for done in 0..=sealed.len() + 1 {
        let state = house.dir.path().join(format!("state{done}"));
        copy(&before, &state);
        if done > 0 {
            fs::write(state.join(ROOT_FILE), &both).unwrap();
        }
        for name in sealed.iter().take(done.saturating_sub(1)) {
            fs::copy(house.custody().join(name), state.join(name)).unwrap();
        }
        fs::write(state.join("root.sealed.new"), b"half").unwrap();
        let old_opens = holds(&state, Unlock::Passphrase(&first), house.secret);
        let new_opens = holds(&state, Unlock::Passphrase(&second), house.secret);
        assert_eq!((old_opens, new_opens), (done == 0, done > 0), "after {done} writes");
        if done > 0 {
            let again = open(&state, Unlock::Passphrase(&second)).unwrap();
            assert!(!again.finished, "brought to its end by the open before");
        }
    }
}

#[test]
fn a_changed_or_newer_root_is_told_and_not_touched() {
    let passphrase = words("correct horse battery");
    let (house, _) = House::new(&NewLock::Passphrase(&passphrase));
    let path = house.custody().join(ROOT_FILE);
    let good = fs::read(&path).unwrap();
    let mut newer = good.clone();
    newer[8] = 9;
    fs::write(&path, &newer).unwrap();
    let told = open(&house.custody(), Unlock::Passphrase(&passphrase)).err();
    assert!(matches!(told, Some(CustodyError::Newer(9))));
    assert_eq!(fs::read(&path).unwrap(), newer);
    for at in (0..good.len()).step_by(5).filter(|at| !(8..10).contains(at)) {
        let mut changed = good.clone();
        changed[at] ^= 4;
        fs::write(&path, &changed).unwrap();
        assert!(!house.opens(Unlock::Passphrase(&passphrase)), "byte {at}");
    }
    // A lock that would cost the memory of the house is not tried.
    let text = String::from_utf8_lossy(&good).into_owned();
    assert!(text.contains("\"memory_kib\":65536"), "{text}");
    let dear = good.windows(5).position(|part| part == b"65536").unwrap();
    let mut changed = good.clone();
    changed[dear..dear + 5].copy_from_slice(b"99999");
    fs::write(&path, &changed).unwrap();
    assert!(!house.opens(Unlock::Passphrase(&passphrase)));
}

#[test]
fn grades_say_what_root_can_do() {
    for kind in CustodyKind::ALL {
        for inside in [false, true] {
            let text = grade(*kind, inside);
            let (name, rest) = text.split_once(": ").unwrap();
            assert!(!name.is_empty() && rest.contains("root on this host"), "{text}");
            let in_hands = text.contains("nobody's hands");
            assert_eq!(in_hands, inside && *kind == CustodyKind::Pkcs11, "{text}");
        }
    }
}
