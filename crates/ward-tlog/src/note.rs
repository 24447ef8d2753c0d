//! Signed notes (c2sp.org/signed-note) with Ed25519 signatures.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest as _, Sha256};

/// The signature type of Ed25519 in key ids and keys.
const ED25519_TYPE: u8 = 0x01;
/// Longest signed note read, bytes.
const NOTE_BYTES_MAX: usize = 1 << 20;
/// Most signature lines read.
const SIGNATURES_MAX: usize = 64;
/// What begins a signature line: an em dash and a space.
const LINE: &str = "\u{2014} ";

/// Signs notes under a name.
pub struct NoteSigner {
    name: String,
    pair: Ed25519KeyPair,
    id: [u8; 4],
}

/// Knows a signer's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteVerifier {
    name: String,
    key: [u8; 32],
    id: [u8; 4],
}

/// A note with its signature lines, not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    /// The signed text, with its final newline.
    pub text: String,
    signatures: Vec<(String, [u8; 4], Vec<u8>)>,
}

/// Why a note or key is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not in the form of a signed note or key.
    #[error("not a signed note or verifier key: {0}")]
    Malformed(&'static str),
    /// No signature by the verifier's key.
    #[error("no signature by this key")]
    Unsigned,
    /// A signature by the verifier's key that does not verify.
    #[error("the signature does not verify")]
    BadSignature,
    /// The secret is no key.
    #[error("not a signing key")]
    Key,
}

impl NoteSigner {
    /// A signer from a 32-byte Ed25519 seed.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] for a bad name, [`NoteError::Key`] for a bad seed.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        check_name(name)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| NoteError::Key)?;
        let key = public(&pair)?;
        Ok(Self { name: name.to_owned(), id: key_id(name, &key), pair })
    }

    /// The matching verifier.
    ///
    /// # Errors
    /// [`NoteError::Key`]: never with a pair made by [`NoteSigner::new`].
    pub fn verifier(&self) -> Result<NoteVerifier, NoteError> {
        Ok(NoteVerifier { name: self.name.clone(), key: public(&self.pair)?, id: self.id })
    }

    /// The signed note of `text`, which must end with a newline.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        let signature = self.pair.sign(text.as_bytes());
        let mut blob = self.id.to_vec();
        blob.extend_from_slice(signature.as_ref());
        format!("{text}\n{LINE}{} {}\n", self.name, BASE64.encode(&blob))
    }
}

impl NoteVerifier {
    /// Reads a verifier key: `name+hash+base64(type | key)`.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(vkey: &str) -> Result<Self, NoteError> {
        let mut parts = vkey.trim().splitn(3, '+');
        let bad = NoteError::Malformed("verifier key");
        let (name, hash, blob) = (parts.next(), parts.next(), parts.next());
        let (Some(name), Some(hash), Some(blob)) = (name, hash, blob) else { return Err(bad) };
        check_name(name)?;
        let blob = BASE64.decode(blob.as_bytes()).map_err(|_| bad)?;
        let Some((&ED25519_TYPE, key)) = blob.split_first() else { return Err(bad) };
        let key: [u8; 32] = key.try_into().map_err(|_| bad)?;
        let id = key_id(name, &key);
        if HEXLOWER.encode(&id) != hash {
            return Err(bad);
        }
        Ok(Self { name: name.to_owned(), key, id })
    }

    /// The verifier key as text.
    #[must_use]
    pub fn vkey(&self) -> String {
        let mut blob = vec![ED25519_TYPE];
        blob.extend_from_slice(&self.key);
        format!("{}+{}+{}", self.name, HEXLOWER.encode(&self.id), BASE64.encode(&blob))
    }

    /// The signer's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl SignedNote {
    /// Reads a signed note; verifies nothing.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        let bad = NoteError::Malformed;
        if note.len() > NOTE_BYTES_MAX {
            return Err(bad("too long"));
        }
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return Err(bad("a control character"));
        }
        let (text, lines) = note.rsplit_once("\n\n").ok_or(bad("no signatures"))?;
        let lines = lines.strip_suffix('\n').ok_or(bad("no final newline"))?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            let line = line.strip_prefix(LINE).ok_or(bad("signature line"))?;
            let (name, blob) = line.split_once(' ').ok_or(bad("signature line"))?;
            let blob = BASE64.decode(blob.as_bytes()).map_err(|_| bad("signature line"))?;
            let (id, signature) = blob.split_first_chunk::<4>().ok_or(bad("signature line"))?;
            check_name(name)?;
            signatures.push((name.to_owned(), *id, signature.to_vec()));
            if signatures.len() > SIGNATURES_MAX {
                return Err(bad("too many signatures"));
            }
        }
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// Checks the signature of `verifier`; signatures of others are not looked at.
    ///
    /// # Errors
    /// [`NoteError::Unsigned`] or [`NoteError::BadSignature`].
    pub fn verify(&self, verifier: &NoteVerifier) -> Result<(), NoteError> {
        let own = |(name, id, _): &&(String, [u8; 4], Vec<u8>)| {
            *name == verifier.name && *id == verifier.id
        };
        let (_, _, signature) = self.signatures.iter().find(own).ok_or(NoteError::Unsigned)?;
        UnparsedPublicKey::new(&ED25519, verifier.key)
            .verify(self.text.as_bytes(), signature)
            .map_err(|_| NoteError::BadSignature)
    }
}

fn public(pair: &Ed25519KeyPair) -> Result<[u8; 32], NoteError> {
    pair.public_key().as_ref().try_into().map_err(|_| NoteError::Key)
}

fn check_name(name: &str) -> Result<(), NoteError> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.chars().any(odd) {
        return Err(NoteError::Malformed("name"));
    }
    Ok(())
}

/// SHA-256(name | LF | type | key), first four bytes.
fn key_id(name: &str, key: &[u8; 32]) -> [u8; 4] {
    let digest = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', ED25519_TYPE])
        .chain_update(key)
        .finalize();
    let mut id = [0; 4];
    for (to, from) in id.iter_mut().zip(digest) {
        *to = from;
    }
    id
}
