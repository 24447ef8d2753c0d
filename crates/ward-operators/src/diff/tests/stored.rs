//! The set in force, written and read.

use proptest::prelude::*;

use super::*;

fn snapshot() -> Snapshot {
    Snapshot {
        settings: settings(),
        catalogue_text: CATALOGUE.to_owned(),
        policy_sources: BTreeMap::from([("house.cedar".to_owned(), POLICIES.to_owned())]),
    }
}

#[test]
fn what_is_written_is_read() {
    let bytes = snapshot().to_bytes().unwrap();
    assert!(bytes.starts_with(b"{\"version\":1,"));
    let read = Snapshot::from_bytes(&bytes).unwrap();
    assert_eq!(read, snapshot());
    let declarations = read.declarations("catalogue.toml").unwrap();
    let mut house = house();
    house.policies.retain(|it| ["extra", "guard", "odd"].contains(&it.id.as_str()));
    assert_eq!(diff(&declarations, &house), Judgement::Same);
    assert_eq!(digest(&declarations), digest(&house));
}

#[test]
fn what_was_changed_is_not_read() {
    let text = String::from_utf8(snapshot().to_bytes().unwrap()).unwrap();
    let cases = [
        (
            "newer",
            text.replacen("\"version\":1", "\"version\":2", 1),
            SnapshotError::Newer { found: 2 },
        ),
        // A newer version may have other keys.
        ("newer, other", "{\"version\":7,\"x\":1}".to_owned(), SnapshotError::Newer { found: 7 }),
        ("no version", text.replacen("\"version\":1", "\"version\":0", 1), SnapshotError::Corrupt),
        ("a space", text.replacen("\"data\":", "\"data\": ", 1), SnapshotError::Corrupt),
        ("a key more", text.replacen("\"data\":", "\"x\":1,\"data\":", 1), SnapshotError::Corrupt),
        ("a key less", text.replacen("\"segment_bytes\":33554432,", "", 1), SnapshotError::Corrupt),
        ("a role", text.replacen("\"keys\"", "\"kings\"", 1), SnapshotError::Corrupt),
        (
            "roles turned",
            text.replacen("\"keys\",\"audit\"", "\"audit\",\"keys\"", 1),
            SnapshotError::Corrupt,
        ),
        ("a mode", text.replacen("\"enforcing\"", "\"loud\"", 1), SnapshotError::Corrupt),
        ("cut off", text.split_at(text.len() / 2).0.to_owned(), SnapshotError::Corrupt),
        ("nothing", String::new(), SnapshotError::Corrupt),
    ];
    for (name, changed, want) in cases {
        assert_ne!(changed, text, "{name}");
        assert_eq!(Snapshot::from_bytes(changed.as_bytes()), Err(want), "{name}");
    }
    let mut large = snapshot();
    large.catalogue_text = " ".repeat(ward_catalogue::limits::CATALOGUE_BYTES_MAX + 1);
    assert_eq!(large.to_bytes(), Err(SnapshotError::TooLarge));
    let mut large = snapshot();
    large.policy_sources = (0..257).map(|n| (n.to_string(), String::new())).collect();
    assert_eq!(large.to_bytes(), Err(SnapshotError::TooLarge));
}

#[test]
fn mistakes_in_the_texts_are_told() {
    let mut wrong = snapshot();
    wrong.catalogue_text = "version = 1\n".to_owned();
    let ReadError::Catalogue(mistakes) = wrong.declarations("x.toml").unwrap_err() else {
        panic!()
    };
    assert_eq!(mistakes[0].file, "x.toml");
    let mut wrong = snapshot();
    wrong.policy_sources.insert("x.cedar".to_owned(), "permit".to_owned());
    let ReadError::Policies(mistakes) = wrong.declarations("x").unwrap_err() else { panic!() };
    assert_eq!(mistakes[0].file, "x.cedar");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _any = Snapshot::from_bytes(&bytes);
    }

    #[test]
    fn a_changed_byte_is_never_the_same(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = snapshot().to_bytes().unwrap();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        if let Ok(read) = Snapshot::from_bytes(&bytes) {
            prop_assert_ne!(read, snapshot());
        }
    }
}
