//! Paths and bundles.

use proptest::prelude::*;

use super::*;

#[test]
fn paths() {
    struct Case {
        name: &'static str,
        path: &'static str,
        want: Option<Resource>,
    }
    let tile = |level, index, width| Some(Resource::Hashes(Tile { level, index, width }));
    let cases = [
        Case { name: "first", path: "tile/0/000", want: tile(0, 0, 256) },
        Case {
            name: "the specification's",
            path: "tile/1/x001/x234/067",
            want: tile(1, 1_234_067, 256),
        },
        Case { name: "partial", path: "tile/0/x001/234.p/5", want: tile(0, 1234, 5) },
        Case {
            name: "bundle",
            path: "tile/entries/x273/000.p/112",
            want: Some(Resource::Entries(Tile { level: 0, index: 273_000, width: 112 })),
        },
        Case { name: "no leading groups", path: "tile/0/x000/001", want: None },
        Case { name: "short group", path: "tile/0/1", want: None },
        Case { name: "sign", path: "tile/0/+01", want: None },
        Case { name: "x on the last", path: "tile/0/x001", want: None },
        Case { name: "no x on the first", path: "tile/0/001/234", want: None },
        Case { name: "level with zero", path: "tile/00/001", want: None },
        Case { name: "level too high", path: "tile/8/000", want: None },
        Case { name: "width 0", path: "tile/0/000.p/0", want: None },
        Case { name: "width 256 said", path: "tile/0/000.p/256", want: None },
        Case { name: "width 300", path: "tile/0/000.p/300", want: None },
        Case { name: "climbing", path: "tile/0/../../000", want: None },
        Case { name: "trailing", path: "tile/0/000/", want: None },
        Case {
            name: "overflow",
            path: "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
            want: None,
        },
    ];
    for case in cases {
        assert_eq!(Tile::parse(case.path).ok(), case.want, "{}", case.name);
    }
}

#[test]
fn bundles() {
    let mut bundle = Vec::new();
    put_entry(&mut bundle, b"one").unwrap();
    put_entry(&mut bundle, b"").unwrap();
    assert_eq!(bundle, b"\x00\x03one\x00\x00");
    assert_eq!(entries(&bundle).unwrap(), [&b"one"[..], b""]);
    assert_eq!(put_entry(&mut bundle, &vec![0; 65_536]), Err(TileError::EntryTooLong));
    for cut in 1..bundle.len() {
        let whole = cut == 5;
        assert_eq!(entries(&bundle[..cut]).is_ok(), whole, "cut at {cut}");
    }
    assert_eq!(entries(&[0; 514]), Err(TileError::Bundle), "257 entries");
}

proptest! {
    #[test]
    fn every_path_comes_back(level in 0_u8..8, index in 0_u64..1 << 55, width in 1_u16..=256) {
        let tile = Tile { level, index, width };
        prop_assert_eq!(Tile::parse(&tile.path()), Ok(Resource::Hashes(tile)));
        let bundle = Tile { level: 0, ..tile };
        prop_assert_eq!(Tile::parse(&tile.entries_path()), Ok(Resource::Entries(bundle)));
    }

    #[test]
    fn no_path_is_spelt_twice(path in "tile/[0-9e]{1,2}/[x0-9/.p]{0,24}") {
        if let Ok(resource) = Tile::parse(&path) {
            let again = match resource {
                Resource::Hashes(tile) => tile.path(),
                Resource::Entries(tile) => tile.entries_path(),
            };
            prop_assert_eq!(again, path);
        }
    }
}
