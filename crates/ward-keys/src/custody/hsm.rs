//! A PKCS#11 token: it wraps the key-encryption key, and signs with keys it never gives out.
//!
//! The module is loaded at run time from a path of the configuration; the token is found by its
//! label and opened with a PIN. Keys made here are sensitive and not extractable, by their first
//! template: no later call can change that (PKCS#11 v3.1 §4.9). What it must never do: read a
//! private value, or create an object from bytes Ward knows.
//! Source: PKCS#11 v3.1 §6.3 (ECDSA on a digest), §6.3.18 (EdDSA), §6.13 (AES-GCM).
//! Best test: `interop/custody.py`, over SoftHSM2 and with `pkcs11-tool` as the judge.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use ward_model::Secret;
use ward_model::word::Algorithm;
use zeroize::Zeroizing;

/// Most sessions kept open; more are opened for a burst and closed after it.
const SESSIONS_KEPT: usize = 8;
/// Bytes of a GCM nonce and tag.
const NONCE_BYTES: usize = 12;
const TAG_BITS: u64 = 128;
/// DER of the named curve P-256, and the two spellings of Ed25519 tokens know (PKCS#11 v3.1
/// §6.3.8; SoftHSM before 2.7 knows the first).
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ED25519_NAME: &[u8] = b"\x13\x0cedwards25519";
const ED25519_OID: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

/// Why a token did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum HsmError {
    /// The module cannot be loaded.
    #[error("PKCS#11 module {path} cannot be used: {why}")]
    Module {
        /// The module.
        path: PathBuf,
        /// What it said.
        why: String,
    },
    /// No initialised token has this label.
    #[error("no PKCS#11 token is labelled {0}")]
    NoToken(String),
    /// The PIN is wrong or locked.
    #[error("the PKCS#11 token refuses the PIN: {0}")]
    Pin(String),
    /// No key has this label, or more than one.
    #[error("{count} keys in the PKCS#11 token are labelled {label}, must be one")]
    NoKey {
        /// The label.
        label: String,
        /// How many.
        count: usize,
    },
    /// It refused the call.
    #[error("the PKCS#11 token refuses {what}: {why}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// What it said.
        why: String,
    },
}

/// Where a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The module: a shared library of the token's maker.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// Label of the key that wraps.
    pub key: String,
}

/// An open token. No `Debug`.
pub struct Hsm {
    context: Pkcs11,
    slot: Slot,
    place: Place,
    /// Kept open: the token forgets the log-in when its last session ends.
    sessions: Mutex<Vec<Session>>,
    /// Handles of signing keys found so far: the same in every session.
    handles: Mutex<BTreeMap<Vec<u8>, ObjectHandle>>,
}

impl Hsm {
    /// Loads the module, finds the token, logs in.
    ///
    /// # Errors
    /// [`HsmError`].
    pub fn open(place: Place, pin: &Secret<String>) -> Result<Self, HsmError> {
        let module =
            |error: Error| HsmError::Module { path: place.module.clone(), why: error.to_string() };
        if !place.module.is_file() {
            let why = "no such file".to_owned();
            return Err(HsmError::Module { path: place.module.clone(), why });
        }
        let context = Pkcs11::new(Path::new(&place.module)).map_err(module)?;
        match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // WHY no failure: it is open already where this process opened custody before.
            Ok(()) => {}
            Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(module(error)),
        }
        let slots = context.get_slots_with_initialized_token().map_err(module)?;
        let named = |slot: &Slot| {
            context.get_token_info(*slot).is_ok_and(|token| token.label().trim() == place.token)
        };
        let slot = slots.into_iter().find(named);
        let slot = slot.ok_or_else(|| HsmError::NoToken(place.token.clone()))?;
        let session = context.open_rw_session(slot).map_err(|it| refused("a session", &it))?;
        match session.login(UserType::User, Some(&AuthPin::from(pin.expose().as_str()))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => return Err(HsmError::Pin(error.to_string())),
        }
        let (sessions, handles) = (Mutex::new(vec![session]), Mutex::default());
        Ok(Self { context, slot, place, sessions, handles })
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Makes the key that wraps, unless it is there.
    pub(crate) fn make_wrapping_key(&self) -> Result<(), HsmError> {
        if matches!(self.wrapping_key(), Err(HsmError::NoKey { count: 0, .. })) {
            let template = [
                Attribute::Token(true),
                Attribute::Private(true),
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::Encrypt(true),
                Attribute::Decrypt(true),
                Attribute::ValueLen(32.into()),
                Attribute::Label(self.place.key.clone().into_bytes()),
            ];
            self.with("making a key", |session| {
                session.generate_key(&Mechanism::AesKeyGen, &template)
            })?;
        }
        self.wrapping_key().map(|_| ())
    }

    fn wrapping_key(&self) -> Result<ObjectHandle, HsmError> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::Label(self.place.key.clone().into_bytes()),
        ];
        let found = self.with("a search", |session| session.find_objects(&template))?;
        match found.as_slice() {
            [key] => Ok(*key),
            other => Err(HsmError::NoKey { label: self.place.key.clone(), count: other.len() }),
        }
    }

    /// Encrypts inside: nonce, then what the token made.
    pub(crate) fn wrap(
        &self,
        plain: &[u8; 32],
        mut nonce: [u8; NONCE_BYTES],
    ) -> Result<Vec<u8>, HsmError> {
        let key = self.wrapping_key()?;
        let mut out = nonce.to_vec();
        let made = self.with("encryption", |session| {
            let params = GcmParams::new(&mut nonce, b"ward custody", TAG_BITS.into())?;
            session.encrypt(&Mechanism::AesGcm(params), key, plain)
        })?;
        out.extend_from_slice(&made);
        Ok(out)
    }

    /// Decrypts inside.
    pub(crate) fn unwrap(&self, wrapped: &[u8]) -> Result<Secret<[u8; 32]>, HsmError> {
        let key = self.wrapping_key()?;
        let short = || HsmError::Refused { what: "decryption", why: "too short".to_owned() };
        let (nonce, body) = wrapped.split_first_chunk::<NONCE_BYTES>().ok_or_else(short)?;
        let plain = self.with("decryption", |session| {
            let mut nonce = *nonce;
            let params = GcmParams::new(&mut nonce, b"ward custody", TAG_BITS.into())?;
            session.decrypt(&Mechanism::AesGcm(params), key, body).map(Zeroizing::new)
        })?;
        <[u8; 32]>::try_from(plain.as_slice()).map(Secret::new).map_err(|_| short())
    }

    /// Makes a signing key that never leaves: its public half, as records keep it.
    pub(crate) fn generate(
        &self,
        algorithm: Algorithm,
        id: &[u8],
        label: &str,
    ) -> Result<Vec<u8>, HsmError> {
        let curves: &[&[u8]] = match algorithm {
            Algorithm::Es256 => &[P256],
            Algorithm::EdDsa => &[ED25519_OID, ED25519_NAME],
        };
        let mechanism = match algorithm {
            Algorithm::Es256 => Mechanism::EccKeyPairGen,
            Algorithm::EdDsa => Mechanism::EccEdwardsKeyPairGen,
        };
        let names = [Attribute::Id(id.to_vec()), Attribute::Label(label.as_bytes().to_vec())];
        let mut last = HsmError::Refused { what: "making a key", why: "no curve".to_owned() };
        for curve in curves {
            let mut public = vec![
                Attribute::Token(true),
                Attribute::Private(false),
                Attribute::Verify(true),
                Attribute::EcParams(curve.to_vec()),
            ];
            let mut private = vec![
                Attribute::Token(true),
                Attribute::Private(true),
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::Sign(true),
            ];
            public.extend_from_slice(&names);
            private.extend_from_slice(&names);
            let made = self.with("making a key", |session| {
                let (public, _) = session.generate_key_pair(&mechanism, &public, &private)?;
                session.get_attributes(public, &[AttributeType::EcPoint])
            });
            match made {
                Ok(found) => return point(algorithm, &found),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Signs inside; the raw signature, not yet in its canonical form.
    pub(crate) fn sign(
        &self,
        algorithm: Algorithm,
        id: &[u8],
        message: &[u8],
    ) -> Result<Vec<u8>, HsmError> {
        let key = self.private(id)?;
        let signed = self.with("a signature", |session| match algorithm {
            Algorithm::Es256 => {
                let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, message);
                session.sign(&Mechanism::Ecdsa, key, digest.as_ref())
            }
            Algorithm::EdDsa => {
                let params = EddsaParams::new(EddsaSignatureScheme::Ed25519);
                session.sign(&Mechanism::Eddsa(params), key, message)
            }
        });
        if signed.is_err() {
            // A token that was taken out and put back numbers its objects anew.
            self.handles().remove(id);
        }
        signed
    }

    /// Whether the token has the private key of this id.
    pub(crate) fn has(&self, id: &[u8]) -> bool {
        self.private(id).is_ok()
    }

    /// Takes a key of no record out of the token.
    pub(crate) fn destroy(&self, id: &[u8]) -> Result<(), HsmError> {
        let template = [Attribute::Id(id.to_vec())];
        self.with("taking a key out", |session| {
            for object in session.find_objects(&template)? {
                session.destroy_object(object)?;
            }
            Ok(())
        })
    }

    fn private(&self, id: &[u8]) -> Result<ObjectHandle, HsmError> {
        if let Some(known) = self.handles().get(id) {
            return Ok(*known);
        }
        let template = [
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::KeyType(KeyType::EC),
            Attribute::Id(id.to_vec()),
        ];
        let edwards = [
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::KeyType(KeyType::EC_EDWARDS),
            Attribute::Id(id.to_vec()),
        ];
        let found = self.with("a search", |session| {
            let mut found = session.find_objects(&template)?;
            if found.is_empty() {
                found = session.find_objects(&edwards)?;
            }
            Ok(found)
        })?;
        let label = || data_encoding::HEXLOWER.encode(id);
        let key = found.first().copied();
        let key = key.ok_or_else(|| HsmError::NoKey { label: label(), count: 0 })?;
        self.handles().insert(id.to_vec(), key);
        Ok(key)
    }

    fn handles(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, ObjectHandle>> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends a session; one that failed is not used again.
    fn with<T>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Session) -> Result<T, Error>,
    ) -> Result<T, HsmError> {
        let lent = {
            let mut kept = self.kept();
            // INVARIANT: one stays, so that the token does not forget the log-in.
            if kept.len() > 1 { kept.pop() } else { None }
        };
        let session = match lent {
            Some(session) => session,
            None => self.context.open_rw_session(self.slot).map_err(|it| refused(what, &it))?,
        };
        let done = work(&session).map_err(|error| refused(what, &error))?;
        let mut kept = self.kept();
        if kept.len() < SESSIONS_KEPT {
            kept.push(session);
        }
        Ok(done)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(what: &'static str, error: &Error) -> HsmError {
    HsmError::Refused { what, why: error.to_string() }
}

/// The public half as records keep it: tokens give it inside a DER octet string, some bare.
fn point(algorithm: Algorithm, found: &[Attribute]) -> Result<Vec<u8>, HsmError> {
    let size = match algorithm {
        Algorithm::Es256 => 65,
        Algorithm::EdDsa => 32,
    };
    let bytes = found.iter().find_map(|one| match one {
        Attribute::EcPoint(bytes) => Some(bytes.as_slice()),
        _ => None,
    });
    let bytes = bytes.unwrap_or_default();
    let bare = match bytes {
        [0x04, len, rest @ ..] if usize::from(*len) == size && rest.len() == size => rest,
        other => other,
    };
    if bare.len() != size {
        let why = format!("a point of {} bytes", bytes.len());
        return Err(HsmError::Refused { what: "a public key", why });
    }
    Ok(bare.to_vec())
}
