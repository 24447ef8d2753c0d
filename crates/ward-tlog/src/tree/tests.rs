//! The tree against its recursive definition (RFC 6962 §2.1), sizes 0 to 600.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::hash::leaf_hash;
use crate::proof::{
    consistency_proof, inclusion_proof, root_at, verify_consistency, verify_inclusion,
};

/// The definition, word for word and without any tile: the model.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => EMPTY_ROOT,
        [one] => *one,
        more => {
            let mut k = 1;
            while k * 2 < more.len() {
                k *= 2;
            }
            node_hash(&mth(&more[..k]), &mth(&more[k..]))
        }
    }
}

fn leaf(n: usize) -> Hash {
    leaf_hash(&n.to_le_bytes())
}

fn leaves(n: usize) -> Vec<Hash> {
    (0..n).map(leaf).collect()
}

/// A log in memory: full tiles and the edge.
#[derive(Default)]
struct Log {
    edge: Frontier,
    tiles: HashMap<Tile, Vec<Hash>>,
}

#[derive(Debug, thiserror::Error)]
#[error("no such tile")]
struct Missing;

impl TileReader for Log {
    type Error = Missing;
    fn tile(&self, tile: Tile) -> Result<Vec<Hash>, Missing> {
        let full = Tile::full(tile.level, tile.index);
        self.tiles.get(&full).cloned().or_else(|| self.edge.tile(tile)).ok_or(Missing)
    }
}

fn log(n: usize) -> Log {
    let mut log = Log::default();
    let mut full = Vec::new();
    for hash in leaves(n) {
        log.edge.push(hash, &mut full);
    }
    log.tiles = full.into_iter().map(|it| (it.tile, it.hashes)).collect();
    log
}

#[test]
fn known_roots() {
    // The trees over the entries of the RFC's own test program.
    let entries = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut edge = Frontier::new();
    assert_eq!(edge.root(), EMPTY_ROOT);
    for (entry, root) in entries.iter().zip(roots) {
        let entry = data_encoding::HEXLOWER.decode(entry.as_bytes()).unwrap();
        edge.push(leaf_hash(&entry), &mut Vec::new());
        assert_eq!(data_encoding::HEXLOWER.encode(&edge.root().0), root);
    }
}

#[test]
fn every_size_has_the_defined_root() {
    let all = leaves(600);
    let whole = log(600);
    let mut edge = Frontier::new();
    for size in 0..=600 {
        let want = mth(&all[..size]);
        assert_eq!(edge.root(), want, "size {size}");
        assert_eq!(root_at(size as u64, &whole).unwrap(), want, "size {size} from tiles");
        let loaded = Frontier::load(size as u64, &whole).unwrap();
        assert_eq!(loaded.root(), want, "size {size} loaded");
        if let Some(next) = all.get(size) {
            edge.push(*next, &mut Vec::new());
        }
    }
}

#[test]
fn full_tiles_hold_what_the_format_says() {
    let size = 70_000;
    let all = leaves(size);
    let log = log(size);
    let tiles: Vec<Tile> = Tile::all(size as u64).collect();
    // The figures of c2sp.org/tlog-tiles for a tree of 70,000.
    assert_eq!(tiles.iter().filter(|it| it.level == 0 && it.is_full()).count(), 273);
    assert_eq!(tiles.iter().filter(|it| it.level == 1 && it.is_full()).count(), 1);
    let partial: Vec<_> = Tile::partials(70_000).map(|it| (it.level, it.width)).collect();
    assert_eq!(partial, [(0, 112), (1, 17), (2, 1)]);
    for tile in tiles {
        let span = 256_usize.pow(u32::from(tile.level));
        let start = usize::try_from(tile.index).unwrap() * 256 * span;
        for (at, hash) in log.tile(tile).unwrap().iter().take(usize::from(tile.width)).enumerate() {
            if (at + usize::from(tile.level)) % 7 == 0 {
                let from = start + at * span;
                assert_eq!(*hash, mth(&all[from..from + span]), "{} at {at}", tile.path());
            }
        }
    }
    assert_eq!(log.edge.root(), mth(&all));
}

#[test]
fn every_proof_of_small_trees_holds_and_no_other() {
    let all = leaves(130);
    let log = log(130);
    for size in 1..=130_usize {
        let root = mth(&all[..size]);
        for (index, hash) in all.iter().enumerate().take(size) {
            let (i, n) = (index as u64, size as u64);
            let proof = inclusion_proof(i, n, &log).unwrap();
            assert!(verify_inclusion(*hash, i, n, root, &proof), "{index} in {size}");
            assert!(!verify_inclusion(leaf(999), i, n, root, &proof));
            assert!(!verify_inclusion(*hash, i, n, leaf(999), &proof));
            assert!(!verify_inclusion(*hash, i + 1, n, root, &proof));
        }
        for old in 1..=size {
            let (m, n) = (old as u64, size as u64);
            let proof = consistency_proof(m, n, &log).unwrap();
            let old_root = mth(&all[..old]);
            assert!(verify_consistency((m, old_root), (n, root), &proof), "{old} in {size}");
            assert!(!verify_consistency((m, leaf(999)), (n, root), &proof));
            assert!(!verify_consistency((m, old_root), (n, leaf(999)), &proof));
        }
    }
}

#[test]
fn questions_without_answer_are_refused() {
    let log = log(10);
    assert!(inclusion_proof(10, 10, &log).is_err());
    assert!(inclusion_proof(0, 0, &log).is_err());
    assert!(inclusion_proof(0, u64::MAX, &log).is_err());
    assert!(consistency_proof(0, 10, &log).is_err());
    assert!(consistency_proof(11, 10, &log).is_err());
    assert!(inclusion_proof(3, 11, &log).is_err(), "the log has only ten leaves");
    assert!(verify_consistency((0, EMPTY_ROOT), (10, log.edge.root()), &[]));
    assert!(!verify_consistency((0, leaf(1)), (10, log.edge.root()), &[]));
    assert!(!verify_consistency((10, EMPTY_ROOT), (9, EMPTY_ROOT), &[]));
}

proptest! {
    #[test]
    fn proofs_hold_and_tampered_ones_do_not(
        size in 1_usize..3000, at in any::<prop::sample::Index>(),
        old in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let all = leaves(size);
        let log = log(size);
        let (root, index, m) = (mth(&all), at.index(size), old.index(size) + 1);
        prop_assert_eq!(log.edge.root(), root);
        let inclusion = inclusion_proof(index as u64, size as u64, &log).unwrap();
        prop_assert!(verify_inclusion(all[index], index as u64, size as u64, root, &inclusion));
        let consistency = consistency_proof(m as u64, size as u64, &log).unwrap();
        let (old, new) = ((m as u64, mth(&all[..m])), (size as u64, root));
        prop_assert!(verify_consistency(old, new, &consistency));
        let mut longer = inclusion.clone();
        longer.push(leaf(7));
        prop_assert!(!verify_inclusion(all[index], index as u64, size as u64, root, &longer));
        for (which, proof) in [inclusion, consistency].iter().enumerate() {
            if proof.is_empty() { continue; }
            let mut bad = proof.clone();
            if cut { bad.pop(); } else {
                let bit = bit.index(bad.len() * 256);
                bad[bit / 256].0[bit % 256 / 8] ^= 1 << (bit % 8);
            }
            let passed = if which == 0 {
                verify_inclusion(all[index], index as u64, size as u64, root, &bad)
            } else {
                verify_consistency(old, new, &bad)
            };
            prop_assert!(!passed);
        }
    }
}
