//! The keyed digest of a person's row: HMAC-SHA-256 over its canonical encoding.
//!
//! FORMAT: label `ward-person-row1`, then each column: texts as `length u32 LE | UTF-8`, an absent
//! text as length 0xffff_ffff, numbers as i64 LE. The digest stands in the row and in `PersonPut`.

use aws_lc_rs::hmac;
use ward_model::Secret;

use crate::row::PersonRow;

/// What the store does with its secret.
pub(crate) struct Digests {
    key: hmac::Key,
    check: [u8; 32],
}

fn tag(key: &hmac::Key, message: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(hmac::sign(key, message).as_ref()) {
        *to = *from;
    }
    out
}

impl Digests {
    pub(crate) fn new(secret: &Secret<[u8; 32]>) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        let derived = Secret::new(tag(&root, b"ward-store-row1"));
        let check = tag(&root, b"ward-store-check1");
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, derived.expose()), check }
    }

    /// A value that is the same only under the same secret.
    pub(crate) const fn check(&self) -> &[u8; 32] {
        &self.check
    }

    /// The digest of a row.
    pub(crate) fn of(&self, row: &PersonRow) -> [u8; 32] {
        let mut bytes = b"ward-person-row1".to_vec();
        bytes.extend_from_slice(&row.person.0);
        bytes.extend_from_slice(&row.principal.0.to_le_bytes());
        bytes.extend_from_slice(&row.principal_key.0);
        put(&mut bytes, Some(&row.user_name));
        put(&mut bytes, row.external_id.as_deref());
        put(&mut bytes, Some(&row.display_name));
        put(&mut bytes, Some(&row.given_name));
        put(&mut bytes, Some(&row.family_name));
        let emails = i64::try_from(row.emails.len()).unwrap_or(i64::MAX);
        bytes.extend_from_slice(&emails.to_le_bytes());
        for email in &row.emails {
            put(&mut bytes, Some(&email.value));
            put(&mut bytes, email.kind.as_deref());
            bytes.push(u8::from(email.primary));
        }
        bytes.push(u8::from(row.active));
        bytes.push(row.state.byte());
        for number in [row.created.ms(), row.modified.ms(), row.version] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        tag(&self.key, &bytes)
    }
}

fn put(bytes: &mut Vec<u8>, text: Option<&str>) {
    let length = text.map_or(u32::MAX, |text| u32::try_from(text.len()).unwrap_or(u32::MAX - 1));
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
}
