//! Where a token stands in a status list: a list's name and an index that tell nothing.
//!
//! A list covers 2^18 sequences of one origin. Its name is the sealed (origin, number), and the
//! index is the sequence's place in the list under a keyed permutation, so that a holder learns
//! neither how many tokens there are nor in which order; two tokens of one list show only that they
//! were issued within some 262,144 of each other. Pure.
//! FORMAT: block = version 1 | 0 0 0 | origin u32 LE | number u64 LE under AES-128, base64url; the
//! permutation is a Feistel network of eight rounds over two halves of nine bits, each round one
//! AES-128 block of `round | half u16 LE | 0 | origin u32 LE | number u64 LE`. Final: tokens hold it.
//! Source: draft-ietf-oauth-status-list §§6, 12.5 (unlinkability). Best test: `tests` below.

use aes::Block;
use aes::cipher::{BlockDecrypt as _, BlockEncrypt as _};
use ward_model::{Origin, Sequence};

use crate::base64;
use crate::locator::Locator;
use crate::secret::LedgerSecret;

/// Sequences of a list, as a power of two.
pub const STATUS_LIST_BITS: u32 = 18;
/// Sequences of a list.
pub const STATUS_LIST_LEN: usize = 1 << STATUS_LIST_BITS;
/// Characters of a list's name.
pub const STATUS_NAME_CHARS: usize = 22;

const VERSION: [u8; 4] = [1, 0, 0, 0];
const HALF_BITS: u32 = STATUS_LIST_BITS / 2;
const HALF_MASK: u32 = (1 << HALF_BITS) - 1;
const ROUNDS: u8 = 8;
const _: () = assert!(STATUS_LIST_BITS.is_multiple_of(2));

/// One list: the run `number` of an origin's sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatusList {
    /// The origin.
    pub origin: Origin,
    /// Which run, from 0.
    pub number: u64,
}

/// A token's place in the lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusPlace {
    /// `status_list.uri`.
    pub uri: String,
    /// `status_list.idx`, below [`STATUS_LIST_LEN`].
    pub index: u32,
}

impl StatusList {
    /// The list of a sequence, and the sequence's place in it before the permutation; `None` for
    /// no sequence.
    #[must_use]
    pub fn of(origin: Origin, sequence: Sequence) -> Option<(Self, u32)> {
        let sequence = u64::try_from(sequence.0).ok()?;
        let number = sequence >> STATUS_LIST_BITS;
        let within = u32::try_from(sequence & ((1 << STATUS_LIST_BITS) - 1)).ok()?;
        Some((Self { origin, number }, within))
    }
}

impl LedgerSecret {
    /// Where a token's status stands; `base` is what lists' names are put behind. Cost: nine blocks.
    #[must_use]
    pub fn status_place(&self, place: Locator, base: &str) -> Option<StatusPlace> {
        let (list, within) = StatusList::of(place.origin, place.sequence)?;
        let uri = format!("{base}{}", self.status_name(list));
        Some(StatusPlace { uri, index: self.status_index(list, within) })
    }

    /// The name of a list.
    #[must_use]
    pub fn status_name(&self, list: StatusList) -> String {
        let mut block = Block::from(block(VERSION, list));
        self.status.encrypt_block(&mut block);
        base64::encode(&block)
    }

    /// The list with this name; `None` if this secret did not give it.
    #[must_use]
    pub fn status_list(&self, name: &str) -> Option<StatusList> {
        let chars: &[u8; STATUS_NAME_CHARS] = name.as_bytes().try_into().ok()?;
        let mut block = Block::from(base64::decode_array::<16>(chars)?);
        self.status.decrypt_block(&mut block);
        let (version, rest) = block.split_first_chunk::<4>()?;
        let (origin, rest) = rest.split_first_chunk::<4>()?;
        let origin = i32::from_le_bytes(*origin);
        let number = u64::from_le_bytes(*rest.first_chunk::<8>()?);
        let known = *version == VERSION && origin >= 0;
        known.then_some(StatusList { origin: Origin(origin), number })
    }

    /// The index of the sequence `within` a list: a permutation of `0..STATUS_LIST_LEN`.
    #[must_use]
    pub fn status_index(&self, list: StatusList, within: u32) -> u32 {
        let (mut left, mut right) = ((within >> HALF_BITS) & HALF_MASK, within & HALF_MASK);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.status_round(list, round, right));
        }
        (left << HALF_BITS) | right
    }

    fn status_round(&self, list: StatusList, round: u8, half: u32) -> u32 {
        let [low, high, ..] = half.to_le_bytes();
        // WHY 2 and up: names are sealed under the same key, and begin with 1.
        let mut block = Block::from(block([round.wrapping_add(2), low, high, 0], list));
        self.status.encrypt_block(&mut block);
        let word = block.first_chunk::<4>().copied().unwrap_or_default();
        u32::from_le_bytes(word) & HALF_MASK
    }
}

fn block(head: [u8; 4], list: StatusList) -> [u8; 16] {
    let mut block = [0; 16];
    let parts =
        head.into_iter().chain(list.origin.0.to_le_bytes()).chain(list.number.to_le_bytes());
    for (byte, part) in block.iter_mut().zip(parts) {
        *byte = part;
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use ward_model::Secret;

    fn secret(byte: u8) -> LedgerSecret {
        LedgerSecret::new(Secret::new([byte; 32]))
    }

    #[test]
    fn a_list_keeps_its_name_and_only_its_own_secret_reads_it() {
        let (own, other) = (secret(7), secret(8));
        let mut seen = std::collections::BTreeSet::new();
        for number in [0, 1, 2, u64::MAX] {
            let list = StatusList { origin: Origin(3), number };
            let name = own.status_name(list);
            assert_eq!(name.len(), STATUS_NAME_CHARS);
            assert_eq!(own.status_list(&name), Some(list));
            assert_eq!(other.status_list(&name), None);
            assert!(seen.insert(name.split_at(6).0.to_owned()), "order shows");
        }
        for junk in ["", "x", &"A".repeat(22), &"é".repeat(11)] {
            assert_eq!(own.status_list(junk), None, "{junk}");
        }
    }

    #[test]
    fn indices_are_a_permutation_that_shows_no_order() {
        let own = secret(7);
        let list = StatusList { origin: Origin(3), number: 1 };
        let mut seen = vec![false; STATUS_LIST_LEN];
        let mut rising = 0;
        let mut last = 0;
        for within in 0..u32::try_from(STATUS_LIST_LEN).unwrap() {
            let index = own.status_index(list, within);
            let place = &mut seen[usize::try_from(index).unwrap()];
            assert!(!*place, "{within}");
            *place = true;
            rising += usize::from(index > last);
            last = index;
        }
        let half = STATUS_LIST_LEN / 2;
        assert!(rising.abs_diff(half) < half / 50, "{rising} of {STATUS_LIST_LEN} rise");
        let other = StatusList { number: 2, ..list };
        let same =
            (0..1000).filter(|&at| own.status_index(list, at) == own.status_index(other, at));
        assert!(same.count() < 5, "each list has its own order");
    }

    #[test]
    fn the_place_of_a_token_never_changes() {
        let place = Locator { origin: Origin(1), sequence: Sequence(262_146) };
        let found = secret(7).status_place(place, "https://ward.test/oauth/status/").unwrap();
        assert_eq!((found.uri.as_str(), found.index), EXPECTED);
        assert_eq!(secret(7).status_place(Locator { sequence: Sequence(-1), ..place }, ""), None);
    }

    const EXPECTED: (&str, u32) = ("https://ward.test/oauth/status/CgDTmPvJuAHeqDuKcOZNWg", 222186);
}
