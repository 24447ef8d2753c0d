//! age (c2sp.org/age, version 1): the header with X25519 recipients, over `stream.rs`.
//!
//! WHY written here and not taken from the `age` crate: that brings some 60 packages and a second
//! set of ciphers; this is one page of a final specification over aws-lc-rs, and files go both ways
//! between it and other implementations (`interop/disaster.py`). Passphrases and plugins are not
//! spoken. Best test: `tests.rs`, files that the reference implementation wrote.

use std::io::{self, BufRead, Read, Write};

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::{hkdf, hmac};
use data_encoding::BASE64_NOPAD;
use ward_model::Secret;
use zeroize::{Zeroize as _, Zeroizing};

use crate::limits::{HEADER_BYTES_MAX, RECIPIENTS_MAX};
use crate::stream::{Decrypt, Encrypt};
use crate::{Entropy, bech32};

const VERSION_LINE: &str = "age-encryption.org/v1";
const PRODUCT: &str = "age-encryption.org/";
const X25519_INFO: &[u8] = b"age-encryption.org/v1/X25519";
const FILE_KEY_BYTES: usize = 16;
const COLUMNS: usize = 64;

/// Why the text of a recipient or an identity is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyTextError {
    /// Not `age1...` with a right checksum.
    #[error("not an age recipient: it starts with age1 and has 62 characters")]
    Recipient,
    /// Not `AGE-SECRET-KEY-1...` with a right checksum.
    #[error("not an age identity: it starts with AGE-SECRET-KEY-1")]
    Identity,
    /// A file of them holds none, or more than the bound.
    #[error("there must be 1 to {RECIPIENTS_MAX} of them")]
    Count,
}

/// Whom a backup is sealed to: a public key. Not secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipient([u8; 32]);

impl Recipient {
    /// Reads `age1...`.
    ///
    /// # Errors
    /// [`KeyTextError::Recipient`].
    pub fn parse(text: &str) -> Result<Self, KeyTextError> {
        let bytes = bech32::decode("age", text).ok_or(KeyTextError::Recipient)?;
        let key = <[u8; 32]>::try_from(bytes).map_err(|_| KeyTextError::Recipient)?;
        // WHY lower case only: so age writes it, and so it is compared by eye.
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(KeyTextError::Recipient);
        }
        Ok(Self(key))
    }

    /// Reads a file of recipients: one a line; `#` begins a comment.
    ///
    /// # Errors
    /// [`KeyTextError`].
    pub fn parse_file(text: &str) -> Result<Vec<Self>, KeyTextError> {
        counted(lines(text).map(Self::parse).collect::<Result<_, _>>()?)
    }
}

impl core::fmt::Display for Recipient {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&bech32::encode("age", &self.0))
    }
}

/// What opens a backup: a private key. No `Debug`, no way out but [`Self::text`].
pub struct Identity(Secret<[u8; 32]>);

impl Identity {
    /// The identity of 32 random bytes.
    #[must_use]
    pub const fn new(random: Secret<[u8; 32]>) -> Self {
        Self(random)
    }

    /// Reads `AGE-SECRET-KEY-1...`.
    ///
    /// # Errors
    /// [`KeyTextError::Identity`].
    pub fn parse(text: &str) -> Result<Self, KeyTextError> {
        let bytes = bech32::decode("age-secret-key-", text).map(Zeroizing::new);
        let bytes = bytes.ok_or(KeyTextError::Identity)?;
        let key = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| KeyTextError::Identity)?;
        Ok(Self(Secret::new(key)))
    }

    /// Reads a file of identities as `age-keygen` writes it: one a line; `#` begins a comment.
    ///
    /// # Errors
    /// [`KeyTextError`].
    pub fn parse_file(text: &str) -> Result<Vec<Self>, KeyTextError> {
        counted(lines(text).map(Self::parse).collect::<Result<_, _>>()?)
    }

    /// Its text, to be written to a file of mode 0600.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let lower = Zeroizing::new(bech32::encode("age-secret-key-", self.0.expose()));
        Zeroizing::new(lower.to_ascii_uppercase())
    }

    /// Whom to seal to, so that this opens it.
    ///
    /// # Errors
    /// The cryptographic library failed.
    pub fn recipient(&self) -> io::Result<Recipient> {
        public(&private(self.0.expose())?).map(Recipient)
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn counted<T>(keys: Vec<T>) -> Result<Vec<T>, KeyTextError> {
    if (1..=RECIPIENTS_MAX).contains(&keys.len()) { Ok(keys) } else { Err(KeyTextError::Count) }
}

/// Why a sealed file does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not an age file at all.
    #[error("not an age file")]
    NotAge,
    /// A version of age this program does not know.
    #[error("an age file of a version this program does not know")]
    Newer,
    /// None of the identities is one it was sealed to.
    #[error("none of the identities opens it: it was sealed to others")]
    NotForYou,
    /// Changed, or cut short.
    #[error("damaged: {0}")]
    Damaged(&'static str),
    /// It cannot be read.
    #[error("cannot be read")]
    Io(#[source] io::Error),
}

/// Seals what is written to recipients.
pub struct Sealer<W: Write>(Encrypt<W>);

impl<W: Write> Sealer<W> {
    /// Writes the header; 1 to [`RECIPIENTS_MAX`] recipients.
    ///
    /// # Errors
    /// The writer's own; [`io::ErrorKind::InvalidInput`] for no recipient or too many.
    pub fn new(mut out: W, recipients: &[Recipient], entropy: Entropy<'_>) -> io::Result<Self> {
        if !(1..=RECIPIENTS_MAX).contains(&recipients.len()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "1 to 64 recipients"));
        }
        let mut file_key = Zeroizing::new([0; FILE_KEY_BYTES]);
        entropy(&mut *file_key)?;
        let mut header = format!("{VERSION_LINE}\n");
        for recipient in recipients {
            let mut seed = Zeroizing::new([0; 32]);
            entropy(&mut *seed)?;
            let ephemeral = private(&seed)?;
            let share = public(&ephemeral)?;
            let key = wrap_key(&ephemeral, &recipient.0, &share, &recipient.0)?;
            let mut body = file_key.to_vec();
            let sealed = key.seal_in_place_append_tag(zero_nonce(), Aad::empty(), &mut body);
            if sealed.is_err() {
                body.zeroize();
                return Err(crypto());
            }
            let share = BASE64_NOPAD.encode(&share);
            header.push_str(&format!("-> X25519 {share}\n{}\n", BASE64_NOPAD.encode(&body)));
        }
        header.push_str("---");
        let mac = header_mac(&file_key)?;
        let tag = hmac::sign(&mac, header.as_bytes());
        header.push_str(&format!(" {}\n", BASE64_NOPAD.encode(tag.as_ref())));
        let mut nonce = [0; 16];
        entropy(&mut nonce)?;
        out.write_all(header.as_bytes())?;
        out.write_all(&nonce)?;
        Ok(Self(Encrypt::new(out, payload_key(&file_key, &nonce)?)))
    }

    /// Seals the end; without it the file is cut short.
    ///
    /// # Errors
    /// The writer's own.
    pub fn finish(self) -> io::Result<W> {
        self.0.finish()
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Opens a sealed file. Every byte it gives was authenticated; the end is told from a cut.
pub struct Opener<R: BufRead>(Decrypt<R>);

impl<R: BufRead> Opener<R> {
    /// Reads the header and opens it with the first identity that fits.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn new(mut input: R, identities: &[Identity]) -> Result<Self, OpenError> {
        let header = Header::read(&mut input)?;
        let file_key = header.open(identities)?;
        let mac = header_mac(&file_key).map_err(OpenError::Io)?;
        hmac::verify(&mac, &header.signed, &header.mac)
            .map_err(|_| OpenError::Damaged("its header was changed"))?;
        let mut nonce = [0; 16];
        input.read_exact(&mut nonce).map_err(cut_short)?;
        let key = payload_key(&file_key, &nonce).map_err(OpenError::Io)?;
        Ok(Self(Decrypt::new(input, key)))
    }
}

impl<R: BufRead> Read for Opener<R> {
    /// As [`Read::read`]; damage is [`io::ErrorKind::InvalidData`].
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

struct Stanza {
    share: [u8; 32],
    body: Vec<u8>,
}

struct Header {
    stanzas: Vec<Stanza>,
    /// What the MAC is over: everything up to and with `---`.
    signed: Vec<u8>,
    mac: Vec<u8>,
}

impl Header {
    fn read(input: &mut impl BufRead) -> Result<Self, OpenError> {
        let mut signed = Vec::new();
        let first = line(input, &mut signed)?.ok_or(OpenError::NotAge)?;
        if first != VERSION_LINE {
            let newer = first.starts_with(PRODUCT);
            return Err(if newer { OpenError::Newer } else { OpenError::NotAge });
        }
        let mut stanzas = Vec::new();
        loop {
            let head = line(input, &mut signed)?.ok_or(OpenError::Damaged("header cut short"))?;
            if let Some(mac) = head.strip_prefix("--- ") {
                let mac = BASE64_NOPAD.decode(mac.as_bytes());
                let mac = mac.map_err(|_| OpenError::Damaged("its header's end is malformed"))?;
                signed.truncate(signed.len().saturating_sub(head.len() + 1) + 3);
                return Ok(Self { stanzas, signed, mac });
            }
            let words = head.strip_prefix("-> ").ok_or(OpenError::Damaged("no stanza"))?;
            let words: Vec<&str> = words.split(' ').collect();
            if words.iter().any(|word| word.is_empty() || !word.bytes().all(is_graphic)) {
                return Err(OpenError::Damaged("a stanza is malformed"));
            }
            let body = body(input, &mut signed)?;
            // Stanzas of other kinds are for other programs.
            let [kind, share] = words.as_slice() else { continue };
            if *kind != "X25519" {
                continue;
            }
            let share = BASE64_NOPAD.decode(share.as_bytes()).ok();
            let share = share.and_then(|it| <[u8; 32]>::try_from(it).ok());
            let share = share.ok_or(OpenError::Damaged("a recipient's share is malformed"))?;
            if body.len() != FILE_KEY_BYTES + 16 || stanzas.len() >= RECIPIENTS_MAX {
                return Err(OpenError::Damaged("a recipient's stanza is malformed"));
            }
            stanzas.push(Stanza { share, body });
        }
    }

    /// The file key, by the first identity that opens a stanza.
    fn open(&self, identities: &[Identity]) -> Result<Zeroizing<[u8; FILE_KEY_BYTES]>, OpenError> {
        for identity in identities {
            let own = private(identity.0.expose()).map_err(OpenError::Io)?;
            let recipient = public(&own).map_err(OpenError::Io)?;
            for stanza in &self.stanzas {
                // A share of low order agrees on nothing: it opens nothing.
                let Ok(key) = wrap_key(&own, &stanza.share, &stanza.share, &recipient) else {
                    continue;
                };
                let mut body = Zeroizing::new(stanza.body.clone());
                let opened = key.open_in_place(zero_nonce(), Aad::empty(), &mut body);
                let file_key = opened.ok().and_then(|it| <[u8; 16]>::try_from(&*it).ok());
                if let Some(file_key) = file_key {
                    return Ok(Zeroizing::new(file_key));
                }
            }
        }
        Err(OpenError::NotForYou)
    }
}

const fn is_graphic(byte: u8) -> bool {
    matches!(byte, 33..=126)
}

/// One line without its end, also appended to `all`; `None` when there is no text line.
fn line(input: &mut impl BufRead, all: &mut Vec<u8>) -> Result<Option<String>, OpenError> {
    let room = HEADER_BYTES_MAX.saturating_sub(all.len());
    let start = all.len();
    let room = u64::try_from(room).unwrap_or(0);
    input.take(room).read_until(b'\n', all).map_err(OpenError::Io)?;
    let line = all.get(start..).unwrap_or_default();
    let Some(line) = line.strip_suffix(b"\n") else { return Ok(None) };
    Ok(core::str::from_utf8(line).ok().map(str::to_owned))
}

/// A stanza's body: full lines of 64 columns, then a shorter one.
fn body(input: &mut impl BufRead, all: &mut Vec<u8>) -> Result<Vec<u8>, OpenError> {
    let mut text = String::new();
    loop {
        let line = line(input, all)?.ok_or(OpenError::Damaged("a stanza is cut short"))?;
        text.push_str(&line);
        if line.len() > COLUMNS {
            return Err(OpenError::Damaged("a stanza's line is too long"));
        }
        if line.len() < COLUMNS {
            let body = BASE64_NOPAD.decode(text.as_bytes());
            return body.map_err(|_| OpenError::Damaged("a stanza's body is malformed"));
        }
    }
}

fn crypto() -> io::Error {
    io::Error::other("cryptographic library failed")
}

pub(crate) fn cut_short(error: io::Error) -> OpenError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => OpenError::Damaged("it ends in its header"),
        _ => OpenError::Io(error),
    }
}

fn private(bytes: &[u8; 32]) -> io::Result<PrivateKey> {
    PrivateKey::from_private_key(&X25519, bytes).map_err(|_| crypto())
}

fn public(key: &PrivateKey) -> io::Result<[u8; 32]> {
    let public = key.compute_public_key().map_err(|_| crypto())?;
    <[u8; 32]>::try_from(public.as_ref()).map_err(|_| crypto())
}

/// Agreement of `own` with `peer`, under the salt share and recipient.
fn wrap_key(
    own: &PrivateKey,
    peer: &[u8; 32],
    share: &[u8; 32],
    recipient: &[u8; 32],
) -> io::Result<LessSafeKey> {
    let peer = UnparsedPublicKey::new(&X25519, peer);
    let salt = [*share, *recipient].concat();
    let key = agree(own, peer, crypto(), |secret| derive(secret, &salt, X25519_INFO))?;
    cipher(&key)
}

fn header_mac(file_key: &[u8; FILE_KEY_BYTES]) -> io::Result<hmac::Key> {
    let key = derive(file_key, &[], b"header")?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &*key))
}

fn payload_key(file_key: &[u8; FILE_KEY_BYTES], nonce: &[u8; 16]) -> io::Result<LessSafeKey> {
    cipher(&*derive(file_key, nonce, b"payload")?)
}

fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> io::Result<Zeroizing<[u8; 32]>> {
    let salt = match salt {
        [] => hkdf::Salt::none(hkdf::HKDF_SHA256),
        salt => hkdf::Salt::new(hkdf::HKDF_SHA256, salt),
    };
    let mut out = Zeroizing::new([0; 32]);
    let info = [info];
    let okm = salt.extract(secret);
    let okm = okm.expand(&info, hkdf::HKDF_SHA256).map_err(|_| crypto())?;
    okm.fill(&mut *out).map_err(|_| crypto())?;
    Ok(out)
}

fn cipher(key: &[u8; 32]) -> io::Result<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key).map(LessSafeKey::new).map_err(|_| crypto())
}

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}
