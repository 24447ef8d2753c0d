//! Signed notes with Ed25519 signatures (c2sp.org/signed-note).
//!
//! Parses what strangers send: everything is bounded, only one spelling is accepted, and a text is
//! worth nothing until [`SignedNote::verify`] said so. The private key never leaves the signer.
//! Best test: `note/tests.rs`.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest as _, Sha256};

use crate::limits::{KEY_NAME_BYTES_MAX, NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX};

/// Signature type of plain Ed25519 over the note text.
const ED25519_TYPE: u8 = 0x01;
/// What a signature line begins with: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// The key's name.
    pub name: String,
    /// The key's id: four bytes, not a strong hash.
    pub id: u32,
    /// The signature's bytes, without the id.
    pub signature: Vec<u8>,
}

/// A text with its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// Why a note is not accepted. Blame: whoever wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than [`NOTE_BYTES_MAX`] or more than [`NOTE_SIGNATURES_MAX`] signatures.
    #[error("note is too large")]
    TooLarge,
    /// Not a text, an empty line and signature lines.
    #[error("note is malformed")]
    Malformed,
    /// A key name is empty, too long, or has a space or a plus in it.
    #[error("key name is malformed")]
    KeyName,
    /// A known key's signature is wrong: the text was changed.
    #[error("signature of a known key is wrong")]
    BadSignature,
    /// No known key signed it.
    #[error("note is not signed by a known key")]
    Unsigned,
}

/// Why a key cannot sign or verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// A key name is empty, too long, or has a space or a plus in it.
    #[error("key name is malformed")]
    KeyName,
    /// The key's bytes are no Ed25519 key.
    #[error("not an ed25519 key")]
    Key,
    /// The id in a verifier key is not that of its name and key.
    #[error("verifier key id does not match")]
    Id,
}

/// Whether `name` may name a key: not empty, bounded, no space, no control, no plus.
pub(crate) fn is_key_name(name: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    !name.is_empty() && name.len() <= KEY_NAME_BYTES_MAX && !name.contains(forbidden)
}

fn key_id(name: &str, key: &[u8]) -> u32 {
    let digest = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', ED25519_TYPE])
        .chain_update(key)
        .finalize();
    digest.first_chunk::<4>().map_or(0, |id| u32::from_be_bytes(*id))
}

impl SignedNote {
    /// A note from its text and signatures; the text MUST end with a newline.
    ///
    /// # Errors
    /// [`NoteError`]: it would not parse again.
    pub fn new(text: String, signatures: Vec<NoteSignature>) -> Result<Self, NoteError> {
        let note = Self { text, signatures };
        // INVARIANT: what is made can be read, by us as by others.
        if Self::parse(note.encode().as_bytes())? == note {
            Ok(note)
        } else {
            Err(NoteError::Malformed)
        }
    }

    /// Reads a note; accepts exactly what [`Self::encode`] writes.
    ///
    /// # Errors
    /// [`NoteError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge);
        }
        let note = core::str::from_utf8(bytes).map_err(|_| NoteError::Malformed)?;
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::Malformed);
        }
        let at = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
        let (text, rest) = note.split_at_checked(at + 1).ok_or(NoteError::Malformed)?;
        let lines = rest.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n'));
        let mut signatures = Vec::new();
        for line in lines.ok_or(NoteError::Malformed)?.split('\n') {
            if signatures.len() == NOTE_SIGNATURES_MAX {
                return Err(NoteError::TooLarge);
            }
            signatures.push(NoteSignature::parse(line)?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The note as it is stored and served.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut note = format!("{}\n", self.text);
        for signature in &self.signatures {
            note.push_str(&signature.line());
        }
        note
    }

    /// The text. Worth nothing before [`Self::verify`].
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signatures, also of unknown keys.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Checks every signature by a key in `known` and returns how many there were.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`]: a known key's signature is wrong.
    /// [`NoteError::Unsigned`]: no known key signed.
    pub fn verify(&self, known: &[Verifier]) -> Result<usize, NoteError> {
        let mut good = 0;
        for signature in &self.signatures {
            let by = |key: &&Verifier| key.name == signature.name && key.id == signature.id;
            let Some(key) = known.iter().find(by) else { continue };
            if !key.verifies(&self.text, &signature.signature) {
                return Err(NoteError::BadSignature);
            }
            good += 1;
        }
        if good == 0 { Err(NoteError::Unsigned) } else { Ok(good) }
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Result<Self, NoteError> {
        let rest = line.strip_prefix(DASH).ok_or(NoteError::Malformed)?;
        let (name, encoded) = rest.split_once(' ').ok_or(NoteError::Malformed)?;
        if !is_key_name(name) {
            return Err(NoteError::KeyName);
        }
        let bytes = BASE64.decode(encoded.as_bytes()).map_err(|_| NoteError::Malformed)?;
        let (id, signature) = bytes.split_first_chunk::<4>().ok_or(NoteError::Malformed)?;
        if signature.is_empty() {
            return Err(NoteError::Malformed);
        }
        let id = u32::from_be_bytes(*id);
        Ok(Self { name: name.to_owned(), id, signature: signature.to_vec() })
    }

    /// The line: `— <name> base64(id | signature)` and a newline.
    #[must_use]
    pub fn line(&self) -> String {
        let mut bytes = self.id.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.signature);
        format!("{DASH}{} {}\n", self.name, BASE64.encode(&bytes))
    }
}

/// A public key that notes are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: u32,
    key: [u8; 32],
}

impl Verifier {
    /// The Ed25519 key `key` under `name`.
    ///
    /// # Errors
    /// [`SignerError::KeyName`].
    pub fn new(name: &str, key: [u8; 32]) -> Result<Self, SignerError> {
        if !is_key_name(name) {
            return Err(SignerError::KeyName);
        }
        Ok(Self { name: name.to_owned(), id: key_id(name, &key), key })
    }

    /// Reads a verifier key: `<name>+<id, 8 hex digits>+<base64(0x01 | key)>`.
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn parse(vkey: &str) -> Result<Self, SignerError> {
        let mut parts = vkey.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SignerError::Key);
        };
        let bytes = BASE64.decode(key.as_bytes()).map_err(|_| SignerError::Key)?;
        let Some((&ED25519_TYPE, key)) = bytes.split_first() else {
            return Err(SignerError::Key);
        };
        let key = key.try_into().map_err(|_| SignerError::Key)?;
        let verifier = Self::new(name, key)?;
        if HEXLOWER.encode(&verifier.id.to_be_bytes()) == id {
            Ok(verifier)
        } else {
            Err(SignerError::Id)
        }
    }

    /// The verifier key as text, as Go's `sumdb/note` reads it.
    #[must_use]
    pub fn vkey(&self) -> String {
        let id = HEXLOWER.encode(&self.id.to_be_bytes());
        let mut key = vec![ED25519_TYPE];
        key.extend_from_slice(&self.key);
        format!("{}+{id}+{}", self.name, BASE64.encode(&key))
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.key).verify(text.as_bytes(), signature).is_ok()
    }
}

/// A private key that signs notes.
pub struct NoteSigner {
    verifier: Verifier,
    pair: Ed25519KeyPair,
}

impl NoteSigner {
    /// The key with this seed (RFC 8032 §5.1.5).
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, SignerError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| SignerError::Key)?;
        Self::from_pair(name, pair)
    }

    /// The key in a PKCS#8 document (v1 or v2).
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn from_pkcs8(name: &str, document: &[u8]) -> Result<Self, SignerError> {
        let pair =
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(document).map_err(|_| SignerError::Key)?;
        Self::from_pair(name, pair)
    }

    fn from_pair(name: &str, pair: Ed25519KeyPair) -> Result<Self, SignerError> {
        let key = pair.public_key().as_ref().try_into().map_err(|_| SignerError::Key)?;
        Ok(Self { verifier: Verifier::new(name, key)?, pair })
    }

    /// The public half.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Signs `text`, which MUST end with a newline.
    ///
    /// # Errors
    /// [`NoteError`]: the text is no note text.
    pub fn sign(&self, text: &str) -> Result<SignedNote, NoteError> {
        let signature = NoteSignature {
            name: self.verifier.name.clone(),
            id: self.verifier.id,
            signature: self.pair.sign(text.as_bytes()).as_ref().to_vec(),
        };
        SignedNote::new(text.to_owned(), vec![signature])
    }
}

impl core::fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NoteSigner").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
