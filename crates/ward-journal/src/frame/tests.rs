//! Frames, headers and leaves, byte for byte.

use proptest::prelude::*;
use ward_model::Secret;
use ward_tlog::{EMPTY_ROOT, leaf_hash};

use super::*;
use crate::framing::is_torn;
use crate::leaf::{LeafHasher, put_leaf};
use crate::limits::SECTOR_BYTES;
use crate::segment::{Header, HeaderFault, seal_key};

fn head() -> FrameHead {
    FrameHead { prev_crc: 7, lane: Lane::Access, first: 40, time_ms: -5, synced_to: 39, count: 2 }
}

fn payloads(all: &[&[u8]]) -> Vec<u8> {
    let mut area = Vec::new();
    assert!(all.iter().all(|payload| put_payload(&mut area, payload)));
    area
}

fn header() -> Header {
    Header {
        segment_bytes: 16 * 1024,
        id: [1; 16],
        first: 5,
        previous_id: [2; 16],
        previous_crc: 3,
        tree_size: 4,
        tree_root: EMPTY_ROOT,
        nonce: [5; 12],
        sealed_key: [6; 48],
        created_ms: 7,
    }
}

/// FORMAT: these bytes are on disks; a change of this test is a change of format.
#[test]
fn the_format_is_what_it_was() {
    let mut out = Vec::new();
    put_frame(&mut out, 0, &head(), &payloads(&[b"ab", b"c"]));
    let want = concat!(
        "5746fe344000000007000000020100002800000000000000fbffffffffffffff",
        "2700000000000000020000000700000002006162010063000000000069bd1c8d",
    );
    assert_eq!(hex(&out), want);
    let mut leaf = Vec::new();
    put_leaf(&mut leaf, &[9; 32], 40, -5, b"ab");
    assert_eq!(
        hex(&leaf),
        "012800000000000000fbffffffffffffff83a50fac406b7999af567b9b8ef56b166162"
    );
    assert_eq!(LeafHasher::default().hash(&[9; 32], 40, -5, b"ab"), leaf_hash(&leaf));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_frame_comes_back_and_no_flipped_bit_does() {
    let mut out = Vec::new();
    let crc = put_frame(&mut out, 11, &head(), &payloads(&[b"first", b"second"]));
    assert_eq!(out.len(), frame_len(5 + 6 + 4));
    let frame = take_frame(&out, 11).unwrap();
    assert_eq!((frame.head, frame.crc, frame.length), (head(), crc, out.len()));
    assert_eq!(frame.payloads().collect::<Vec<_>>(), [&b"first"[..], b"second"]);
    assert_eq!(take_frame(&out, 12), Err(Fault::Checksum), "a frame of another segment");
    for bit in 0..out.len() * 8 {
        let mut bad = out.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let fault = take_frame(&bad, 11).unwrap_err();
        assert!(!is_torn(&bad, 4096, FRAME_MAGIC, fault) || fault == Fault::Length, "bit {bit}");
    }
    for cut in 0..out.len() {
        assert!(take_frame(&out[..cut], 11).is_err());
    }
}

#[test]
fn content_that_nobody_writes_is_refused() {
    struct Case {
        name: &'static str,
        head: FrameHead,
        area: Vec<u8>,
    }
    let good = payloads(&[b"a", b"b"]);
    let cases = [
        Case { name: "count too high", head: FrameHead { count: 3, ..head() }, area: good.clone() },
        Case { name: "count too low", head: FrameHead { count: 1, ..head() }, area: good.clone() },
        Case { name: "no payload", head: FrameHead { count: 0, ..head() }, area: Vec::new() },
        Case { name: "empty payload", head: FrameHead { count: 1, ..head() }, area: vec![0, 0] },
        Case {
            name: "payload over the end",
            head: FrameHead { count: 1, ..head() },
            area: vec![9, 0, 1],
        },
        Case {
            name: "synced past itself",
            head: FrameHead { synced_to: 41, ..head() },
            area: good.clone(),
        },
        Case {
            name: "index past 2^63",
            head: FrameHead { first: (1 << 63) - 1, synced_to: 0, ..head() },
            area: good,
        },
    ];
    for case in cases {
        let mut out = Vec::new();
        put_frame(&mut out, 0, &case.head, &case.area);
        assert!(matches!(take_frame(&out, 0), Err(Fault::Content(_))), "{}", case.name);
    }
    assert!(!put_payload(&mut Vec::new(), &[]));
    assert!(!put_payload(&mut Vec::new(), &vec![1; PAYLOAD_BYTES_MAX + 1]));
}

#[test]
fn headers_come_back_and_no_flipped_bit_does() {
    let (bytes, crc) = header().encode();
    assert_eq!(Header::decode(&bytes), Ok((header(), crc)));
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(Header::decode(&bad).is_err(), "bit {bit}");
    }
    let mut newer = bytes.clone();
    newer[8] = 2;
    assert_eq!(Header::decode(&newer), Err(HeaderFault::Newer(2)));
    assert_eq!(Header::decode(&bytes[..4095]), Err(HeaderFault::Missing));
}

#[test]
fn a_sealed_key_opens_with_its_root_and_place_only() {
    let (root, key) = (Secret::new([1; 32]), Secret::new([2; 32]));
    let sealed_key = seal_key(&root, &key, [5; 12], &[1; 16], 5).unwrap();
    let header = Header { sealed_key, ..header() };
    assert_eq!(header.open_key(&root).unwrap().expose(), key.expose());
    assert!(header.open_key(&Secret::new([3; 32])).is_none());
    assert!(Header { first: 6, ..header.clone() }.open_key(&root).is_none());
    assert!(Header { id: [9; 16], ..header }.open_key(&root).is_none());
}

proptest! {
    /// Any sectors of a frame not yet written are explained by a torn write.
    #[test]
    fn torn_frames_are_told_from_damaged_ones(
        length in 1_usize..3000, offset in 0_u64..200, lost in any::<u64>(),
        bit in any::<prop::sample::Index>(),
    ) {
        let offset = 4096 + offset * 8;
        let start = usize::try_from(offset).unwrap();
        let mut out = Vec::new();
        let head = FrameHead { count: 1, ..head() };
        put_frame(&mut out, 3, &head, &payloads(&[&vec![0xA5; length]]));
        let mut torn = out.clone();
        let mut any = false;
        for (at, byte) in torn.iter_mut().enumerate() {
            let sector = (start + at) / SECTOR_BYTES - start / SECTOR_BYTES;
            if lost >> (sector % 64) & 1 == 1 {
                *byte = 0;
                any = true;
            }
        }
        torn.resize(torn.len() + 4096, 0);
        if any {
            let fault = take_frame(&torn, 3).unwrap_err();
            prop_assert!(is_torn(&torn, offset, FRAME_MAGIC, fault));
        }
        let bit = bit.index(out.len() * 8);
        out[bit / 8] ^= 1 << (bit % 8);
        out.resize(out.len() + 4096, 0);
        let fault = take_frame(&out, 3).unwrap_err();
        prop_assert!(!is_torn(&out, offset, FRAME_MAGIC, fault));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzz_frame(&bytes);
        let mut framed = Vec::new();
        framing::put(&mut framed, FRAME_MAGIC, 0, &[&bytes]);
        fuzz_frame(&framed);
    }
}

/// The fuzz target's corpus, as an ordinary test.
#[test]
fn the_corpus_is_replayed() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/frame");
    let mut files = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        fuzz_frame(&std::fs::read(entry.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files >= 4);
}
