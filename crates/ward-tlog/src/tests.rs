//! Every size against the recursive definition; proofs that were touched; notes that were touched.

use std::cell::RefCell;
use std::collections::HashMap;

use super::*;
use proptest::prelude::*;

/// Tiles as a follower would have them on disk.
#[derive(Default)]
struct Shelf(RefCell<HashMap<(u8, u64), Vec<Hash>>>);

impl TileReader for Shelf {
    type Error = String;
    fn tile(&self, level: u8, index: u64, width: usize) -> Result<Vec<Hash>, String> {
        let found = self.0.borrow().get(&(level, index)).cloned().unwrap_or_default();
        if found.len() < width { Err(format!("{level}/{index} < {width}")) } else { Ok(found) }
    }
}

fn leaf(n: u64) -> Hash {
    leaf_hash(&n.to_le_bytes())
}

/// RFC 6962 §2.1, as written.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves.len() {
        0 => empty_root(),
        1 => leaves[0],
        n => {
            let k = (1..).map(|i| 1usize << i).take_while(|k| *k < n).last().unwrap_or(1);
            node_hash(&mth(&leaves[..k]), &mth(&leaves[k..]))
        }
    }
}

fn grow(size: u64) -> (Tree, Shelf) {
    let (mut tree, shelf) = (Tree::new(), Shelf::default());
    for n in 0..size {
        tree.push(leaf(n), &mut |tile| {
            shelf.0.borrow_mut().insert((tile.level, tile.index), tile.hashes);
        });
    }
    for tile in tree.partial_tiles() {
        shelf.0.borrow_mut().insert((tile.level, tile.index), tile.hashes);
    }
    (tree, shelf)
}

#[test]
fn every_small_size_is_the_recursive_definition() {
    let leaves: Vec<Hash> = (0..700).map(leaf).collect();
    let mut tree = Tree::new();
    for n in 0..700usize {
        assert_eq!(tree.root(), mth(&leaves[..n]), "size {n}");
        tree.push(leaves[n], &mut |_| {});
    }
}

#[test]
fn a_restored_tree_is_the_tree() {
    for size in [0, 1, 255, 256, 257, 511, 65_535, 65_536, 65_537, 70_000] {
        let (tree, shelf) = grow(size);
        let again = Tree::restore(size, &shelf).unwrap();
        assert_eq!(again.root(), tree.root(), "size {size}");
        assert_eq!(again.size(), size);
    }
}

#[test]
fn known_answers() {
    let hex = |hash: &Hash| data_encoding::HEXLOWER.encode(hash);
    assert_eq!(
        hex(&empty_root()),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(
        hex(&leaf_hash(b"")),
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    );
}

#[test]
fn paths_are_in_groups_of_three() {
    for (index, width, want) in
        [(0, 256, "tile/0/000"), (1_234_067, 256, "tile/0/x001/x234/067"), (5, 7, "tile/0/005.p/7")]
    {
        assert_eq!(tile_path(0, index, width), want);
    }
    assert_eq!(entries_path(1000, 256), "tile/entries/x001/000");
    assert_eq!(bundle([&b"ab"[..], b""]).unwrap(), b"\x00\x02ab\x00\x00");
}

proptest! {
    #[test]
    fn inclusion_holds_for_the_leaf_and_for_nothing_else(
        size in 1u64..1500, pick in any::<u64>(), flip in any::<prop::sample::Index>(),
    ) {
        let (tree, shelf) = grow(size);
        let (index, root) = (pick % size, tree.root());
        let proof = inclusion_proof(&shelf, index, size).unwrap().unwrap();
        prop_assert_eq!(verify_inclusion(&leaf(index), index, size, &proof, &root), Ok(()));
        prop_assert!(verify_inclusion(&leaf(index + 1), index, size, &proof, &root).is_err());
        if !proof.is_empty() {
            let mut bent = proof.clone();
            bent[flip.index(proof.len())][0] ^= 1;
            prop_assert_eq!(
                verify_inclusion(&leaf(index), index, size, &bent, &root), Err(ProofError::Root));
            prop_assert!(verify_inclusion(&leaf(index), index, size, &proof[1..], &root).is_err());
        }
        let mut long = proof;
        long.push([0; 32]);
        prop_assert_eq!(
            verify_inclusion(&leaf(index), index, size, &long, &root), Err(ProofError::Length));
    }

    #[test]
    fn consistency_holds_for_the_beginning_and_for_nothing_else(
        size in 1u64..1500, pick in any::<u64>(), flip in any::<prop::sample::Index>(),
    ) {
        let (tree, shelf) = grow(size);
        let old = pick % (size + 1);
        let old_root = grow(old).0.root();
        let root = tree.root();
        let proof = consistency_proof(&shelf, old, size).unwrap().unwrap();
        prop_assert_eq!(verify_consistency(old, &old_root, size, &root, &proof), Ok(()));
        prop_assert!(verify_consistency(old, &[7; 32], size, &root, &proof).is_err());
        if !proof.is_empty() {
            let mut bent = proof.clone();
            bent[flip.index(proof.len())][31] ^= 1;
            prop_assert!(verify_consistency(old, &old_root, size, &root, &bent).is_err());
        }
    }

    #[test]
    fn notes_are_read_as_written_or_refused(text in "[ -~]{1,20}(\n[ -~]{1,20}){0,3}\n") {
        let signer = NoteSigner::new("log.example", &[7; 32]).unwrap();
        let verifier = NoteVerifier::parse(&signer.verifier().unwrap().vkey()).unwrap();
        let note = signer.sign(&text);
        let read = SignedNote::parse(&note).unwrap();
        prop_assert_eq!(&read.text, &text);
        prop_assert_eq!(read.verify(&verifier), Ok(()));
        let other = NoteSigner::new("log.example", &[8; 32]).unwrap().verifier().unwrap();
        prop_assert_eq!(read.verify(&other), Err(NoteError::Unsigned));
        let bent = note.replacen(text.chars().next().unwrap(), "#", 1);
        if bent != note {
            let read = SignedNote::parse(&bent);
            prop_assert!(read.is_err() || read.unwrap().verify(&verifier).is_err());
        }
    }

    #[test]
    fn no_text_makes_the_parsers_fall_over(text in "\\PC{0,100}") {
        let _ = SignedNote::parse(&text);
        let _ = Checkpoint::parse(&text);
        let _ = NoteVerifier::parse(&text);
    }
}

#[test]
fn checkpoints_are_strict() {
    let good = Checkpoint { origin: "log.example".into(), size: 7, root: [1; 32] };
    assert_eq!(Checkpoint::parse(&good.text()), Ok(good.clone()));
    for (from, to) in [("\n7\n", "\n07\n"), ("\n7\n", "\n+7\n"), ("AQE", "!QE"), ("log", "")] {
        let text = good.text().replacen(from, to, 1);
        let same = Checkpoint::parse(&text).is_ok_and(|read| read == good);
        assert!(!same, "{text}");
    }
}
