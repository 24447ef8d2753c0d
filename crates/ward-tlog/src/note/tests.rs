//! Notes, checkpoints and proof files.

use proptest::prelude::*;

use super::*;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::export::{ProofText, ProofTextError};
use crate::hash::{leaf_hash, node_hash};

fn signer() -> NoteSigner {
    NoteSigner::from_seed("example.com/log", &[7; 32]).unwrap()
}

/// The example note of Go's `sumdb/note` documentation, with its verifier key.
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const NEUMANN: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfq\
    dngotpRZb6KE6RyyBwJnAM=\n";

#[test]
fn a_strangers_note_verifies() {
    let key = Verifier::parse(PETER).unwrap();
    let note = SignedNote::parse(NEUMANN.as_bytes()).unwrap();
    assert_eq!(note.verify(std::slice::from_ref(&key)), Ok(1));
    assert_eq!(key.vkey(), PETER);
    assert_eq!(note.encode(), NEUMANN);
    let changed = NEUMANN.replace("answer", "Answer");
    let changed = SignedNote::parse(changed.as_bytes()).unwrap();
    assert_eq!(changed.verify(&[key]), Err(NoteError::BadSignature));
    assert_eq!(note.verify(&[signer().verifier().clone()]), Err(NoteError::Unsigned));
}

#[test]
fn what_is_signed_verifies_and_nothing_else() {
    let signer = signer();
    let known = [signer.verifier().clone()];
    let note = signer.sign("one\n\ntwo\n").unwrap();
    assert_eq!(SignedNote::parse(note.encode().as_bytes()).unwrap(), note);
    assert_eq!(note.verify(&known), Ok(1));
    assert!(signer.sign("no newline").is_err());
    assert!(signer.sign("tab\there\n").is_err());
    let again = Verifier::parse(&known[0].vkey()).unwrap();
    assert_eq!(again, known[0]);
    // The same key under another name is another key.
    let other = NoteSigner::from_seed("example.com/other", &[7; 32]).unwrap();
    assert_eq!(note.verify(&[other.verifier().clone()]), Err(NoteError::Unsigned));
    assert_eq!(NoteSigner::from_seed("a b", &[7; 32]).err(), Some(SignerError::KeyName));
    assert_eq!(NoteSigner::from_seed("a+b", &[7; 32]).err(), Some(SignerError::KeyName));
}

#[test]
fn malformed_notes_are_refused() {
    let good = signer().sign("text\n").unwrap().encode();
    let cases = [
        ("no signature", "text\n\n".to_owned()),
        ("no empty line", good.replace("\n\n", "\n")),
        ("no last newline", good.trim_end().to_owned()),
        ("hyphen", good.replace('\u{2014}', "-")),
        ("carriage return", good.replace("text\n", "text\r\n")),
        ("no name", good.replace("example.com/log ", "")),
        ("short signature", "text\n\n\u{2014} a AAAA\n".to_owned()),
        ("base64 with space", good.replace("log ", "log  ")),
    ];
    for (name, text) in cases {
        assert!(SignedNote::parse(text.as_bytes()).is_err(), "{name}");
    }
    assert_eq!(SignedNote::parse(&vec![b'a'; NOTE_BYTES_MAX + 1]), Err(NoteError::TooLarge));
    let many = format!("text\n\n{}", "\u{2014} a AAAAAAA=\n".repeat(NOTE_SIGNATURES_MAX + 1));
    assert_eq!(SignedNote::parse(many.as_bytes()), Err(NoteError::TooLarge));
}

#[test]
fn checkpoints() {
    let checkpoint =
        Checkpoint { origin: "example.com/log".into(), size: 12, root: leaf_hash(b"x") };
    let text = checkpoint.text();
    assert_eq!(Checkpoint::parse(&text), Ok(checkpoint));
    let cases = [
        ("leading zero", text.replace("\n12\n", "\n012\n"), CheckpointError::Size),
        ("sign", text.replace("\n12\n", "\n+12\n"), CheckpointError::Size),
        ("empty size", text.replace("\n12\n", "\n\n"), CheckpointError::Size),
        ("too big", text.replace("\n12\n", "\n9223372036854775808\n"), CheckpointError::Size),
        ("short root", text.replace("=\n", "\n"), CheckpointError::Root),
        ("extension", format!("{text}more\n"), CheckpointError::Lines),
        ("no newline", text.trim_end().to_owned(), CheckpointError::Lines),
        ("empty origin", text.replace("example.com/log", ""), CheckpointError::Origin),
    ];
    for (name, text, want) in cases {
        assert_eq!(Checkpoint::parse(&text), Err(want), "{name}");
    }
}

#[test]
fn proof_files() {
    let (left, right) = (leaf_hash(b"left"), leaf_hash(b"right"));
    let head =
        Checkpoint { origin: "example.com/log".into(), size: 2, root: node_hash(&left, &right) };
    let signer = signer();
    let known = [signer.verifier().clone()];
    let proof = ProofText {
        extra: Some(b"hello".to_vec()),
        index: 1,
        hashes: vec![left],
        checkpoint: signer.sign(&head.text()).unwrap(),
    };
    let text = proof.encode();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra aGVsbG8=\nindex 1\n"));
    assert_eq!(ProofText::parse(&text).unwrap(), proof);
    assert_eq!(proof.verify(right, "example.com/log", &known), Ok(head));
    assert_eq!(proof.verify(left, "example.com/log", &known), Err(ProofTextError::Wrong));
    assert_eq!(proof.verify(right, "example.com/else", &known), Err(ProofTextError::Wrong));
    let moved = ProofText { index: 0, ..proof.clone() };
    assert_eq!(moved.verify(right, "example.com/log", &known), Err(ProofTextError::Wrong));
    let none = ProofText { extra: None, hashes: Vec::new(), ..proof };
    assert_eq!(ProofText::parse(&none.encode()).unwrap(), none);
    for bad in [
        text.replace("v1", "v2"),
        text.replace("index 1", "index 01"),
        text.replace("extra ", "extra  "),
        text.replace("index 1\n", ""),
    ] {
        assert!(ProofText::parse(&bad).is_err());
    }
}

proptest! {
    #[test]
    fn parsers_never_panic_and_accept_one_spelling(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        if let Ok(note) = SignedNote::parse(&bytes) {
            prop_assert_eq!(note.encode().into_bytes(), bytes.clone());
        }
        let text = String::from_utf8_lossy(&bytes);
        let _ = (Checkpoint::parse(&text), ProofText::parse(&text), Verifier::parse(&text));
    }

    #[test]
    fn no_bit_of_a_signed_checkpoint_can_change(bit in any::<prop::sample::Index>()) {
        let head = Checkpoint { origin: "example.com/log".into(), size: 12, root: leaf_hash(b"x") };
        let known = [signer().verifier().clone()];
        let mut bytes = signer().sign(&head.text()).unwrap().encode().into_bytes();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let accepted = SignedNote::parse(&bytes).is_ok_and(|note| note.verify(&known).is_ok());
        prop_assert!(!accepted);
    }
}
