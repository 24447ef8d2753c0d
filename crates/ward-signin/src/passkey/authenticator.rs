//! What the authenticator says: its data, and the attestation around it.
//!
//! Bounded readers over borrowed bytes; nothing may follow what they read. It says what is there
//! and judges nothing: `passkey.rs` does. Source: WebAuthn Level 2 §6.1 (authenticator data),
//! §6.5.1 (attested credential data), §6.5.4 (attestation object). Best tests: `tests/forged.rs`,
//! the fuzz target `passkey`.

use super::cbor::Map;
use super::limits::CREDENTIAL_ID_BYTES_MAX;

/// Flags of authenticator data; the bits that are not named here are reserved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Flags(u8);

impl Flags {
    const PRESENT: u8 = 1;
    const VERIFIED: u8 = 1 << 2;
    const BACKUP_ELIGIBLE: u8 = 1 << 3;
    const BACKED_UP: u8 = 1 << 4;
    const ATTESTED: u8 = 1 << 6;
    const EXTENDED: u8 = 1 << 7;

    /// Somebody touched the authenticator (UP).
    pub fn is_present(self) -> bool {
        self.has(Self::PRESENT)
    }

    /// The authenticator verified its owner (UV).
    pub fn is_verified(self) -> bool {
        self.has(Self::VERIFIED)
    }

    /// The credential may live on several devices (BE, Level 3).
    pub fn is_backup_eligible(self) -> bool {
        self.has(Self::BACKUP_ELIGIBLE)
    }

    /// The credential does live on several devices (BS, Level 3).
    pub fn is_backed_up(self) -> bool {
        self.has(Self::BACKED_UP)
    }

    fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }
}

/// Authenticator data.
#[derive(Debug)]
pub(super) struct AuthenticatorData<'a> {
    /// SHA-256 of the relying party's id.
    pub rp_id_hash: [u8; 32],
    pub flags: Flags,
    pub sign_count: u32,
    /// There in a registration, absent from an assertion.
    pub attested: Option<Attested<'a>>,
}

/// Attested credential data.
#[derive(Debug)]
pub(super) struct Attested<'a> {
    pub aaguid: [u8; 16],
    /// 1 to 1,023 bytes.
    pub credential_id: &'a [u8],
    /// One CBOR map.
    pub public_key: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    /// Reads authenticator data; trailing bytes refuse it.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (rp_id_hash, rest) = bytes.split_first_chunk()?;
        let (&[flags], rest) = rest.split_first_chunk()?;
        let (&count, mut rest) = rest.split_first_chunk()?;
        let flags = Flags(flags);
        // Level 3 §6.1: what may not be backed up is not.
        if flags.is_backed_up() && !flags.is_backup_eligible() {
            return None;
        }
        let attested = match flags.has(Flags::ATTESTED) {
            true => Some(Attested::take(&mut rest)?),
            false => None,
        };
        if flags.has(Flags::EXTENDED) {
            Map::take(&mut rest)?;
        }
        let sign_count = u32::from_be_bytes(count);
        rest.is_empty().then_some(Self { rp_id_hash: *rp_id_hash, flags, sign_count, attested })
    }
}

impl<'a> Attested<'a> {
    fn take(input: &mut &'a [u8]) -> Option<Self> {
        let (&aaguid, rest) = input.split_first_chunk()?;
        let (&length, rest) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(length));
        if length == 0 || length > CREDENTIAL_ID_BYTES_MAX {
            return None;
        }
        let (credential_id, key) = rest.split_at_checked(length)?;
        let mut after = key;
        Map::take(&mut after)?;
        let public_key = key.get(..key.len().checked_sub(after.len())?)?;
        *input = after;
        Some(Self { aaguid, credential_id, public_key })
    }
}

/// The authenticator data inside an attestation object: a map of exactly `fmt`, `attStmt` and
/// `authData`. The statement is not judged: Ward asks for none and trusts none. Format `none` has
/// an empty one (§8.7).
pub(super) fn attested_data(object: &[u8]) -> Option<Vec<u8>> {
    let map = Map::whole(object)?;
    let format = map.named("fmt")?.as_text()?;
    let statement = map.named("attStmt")?.as_map()?;
    let data = map.named("authData")?.as_bytes()?;
    let plain = map.len() == 3 && (format != "none" || statement.is_empty());
    plain.then(|| data.clone())
}
