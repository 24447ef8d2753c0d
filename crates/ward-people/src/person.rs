//! A person's row: the attributes an identity provider gives, and their canonical bytes.
//!
//! Pure. The row says who someone is; whether he is active is said by records alone, so `state`
//! is only a projection and stands outside the digest.
//! Outside, a person's id is the hyphenated text of a UUID (RFC 9562 §4), in SCIM and in `/api`.

use ward_model::word::PersonState;
use ward_model::{PersonId, UnixMillis};

use crate::limits::{EMAIL_BYTES_MAX, EMAILS_MAX, NAME_BYTES_MAX};

/// One e-mail address (RFC 7643 §4.1.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Email {
    /// The address.
    pub value: String,
    /// `work`, `home`, ..
    pub kind: Option<String>,
    /// Whether it is the preferred one.
    pub primary: bool,
}

/// A person's row as the projection keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRow {
    /// Who.
    pub id: PersonId,
    /// `userName`: unique without regard to case among rows that are not deleted.
    pub user_name: String,
    /// `externalId`: the identity provider's own id.
    pub external_id: Option<String>,
    /// `displayName`.
    pub display_name: Option<String>,
    /// `name.formatted`.
    pub formatted: Option<String>,
    /// `name.familyName`.
    pub family_name: Option<String>,
    /// `name.givenName`.
    pub given_name: Option<String>,
    /// `emails`.
    pub emails: Vec<Email>,
    /// `meta.created`.
    pub created: UnixMillis,
    /// `meta.lastModified`.
    pub modified: UnixMillis,
    /// Whether SCIM deleted it: gone for SCIM, kept as a holder of what he held.
    pub deleted: bool,
    /// A projection of the state in the records, for asking; decides nothing.
    pub state: PersonState,
}

impl PersonRow {
    /// Who has `user_name` from `now` on, active, and of whom nothing more is told.
    #[must_use]
    pub const fn named(id: PersonId, user_name: String, now: UnixMillis) -> Self {
        Self {
            id,
            user_name,
            external_id: None,
            display_name: None,
            formatted: None,
            family_name: None,
            given_name: None,
            emails: Vec::new(),
            created: now,
            modified: now,
            deleted: false,
            state: PersonState::Active,
        }
    }

    /// `userName` as uniqueness and search compare it.
    #[must_use]
    pub fn folded_user_name(&self) -> String {
        fold(&self.user_name)
    }

    /// The bytes the row's digest is taken over: every attribute, each with its length.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = b"ward-person1".to_vec();
        out.extend_from_slice(&self.id.0);
        put(&mut out, Some(&self.user_name));
        put(&mut out, self.external_id.as_deref());
        put(&mut out, self.display_name.as_deref());
        put(&mut out, self.formatted.as_deref());
        put(&mut out, self.family_name.as_deref());
        put(&mut out, self.given_name.as_deref());
        put_len(&mut out, self.emails.len());
        for email in &self.emails {
            put(&mut out, Some(&email.value));
            put(&mut out, email.kind.as_deref());
            out.push(u8::from(email.primary));
        }
        out.push(u8::from(self.deleted));
        out
    }

    /// The first attribute outside its bounds, if any.
    #[must_use]
    pub fn out_of_bounds(&self) -> Option<&'static str> {
        let fits = |text: &str, max: usize| {
            !text.is_empty() && text.len() <= max && !text.chars().any(char::is_control)
        };
        let optional =
            |text: &Option<String>| text.as_deref().is_none_or(|text| fits(text, NAME_BYTES_MAX));
        let email = |email: &Email| fits(&email.value, EMAIL_BYTES_MAX) && optional(&email.kind);
        let checks = [
            ("userName", fits(&self.user_name, NAME_BYTES_MAX)),
            ("externalId", optional(&self.external_id)),
            ("displayName", optional(&self.display_name)),
            ("name.formatted", optional(&self.formatted)),
            ("name.familyName", optional(&self.family_name)),
            ("name.givenName", optional(&self.given_name)),
            ("emails", self.emails.len() <= EMAILS_MAX && self.emails.iter().all(email)),
        ];
        checks.into_iter().find(|(_, fits)| !fits).map(|(name, _)| name)
    }
}

/// A name as search compares it.
#[must_use]
pub fn fold(name: &str) -> String {
    name.to_lowercase()
}

fn put(out: &mut Vec<u8>, text: Option<&str>) {
    out.push(u8::from(text.is_some()));
    let text = text.unwrap_or_default();
    put_len(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&u64::try_from(len).unwrap_or(u64::MAX).to_le_bytes());
}

/// A new person's id from 16 random bytes: a version 4 UUID (RFC 9562 §5.4).
#[must_use]
pub fn id_from_random(random: [u8; 16]) -> PersonId {
    let mut bytes = random;
    if let Some(version) = bytes.get_mut(6) {
        *version = (*version & 0x0f) | 0x40;
    }
    if let Some(variant) = bytes.get_mut(8) {
        *variant = (*variant & 0x3f) | 0x80;
    }
    PersonId(bytes)
}

/// The id as the outside writes it: `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, lower case.
#[must_use]
pub fn id_text(person: PersonId) -> String {
    person.uuid()
}

/// Reads exactly what [`id_text`] writes, or the bare 32 digits that records show.
#[must_use]
pub fn parse_id(text: &str) -> Option<PersonId> {
    let bare: String = text.chars().filter(|&it| it != '-').collect();
    let person = PersonId::parse(&bare).ok()?;
    (text == bare || text == id_text(person)).then_some(person)
}

/// A moment as RFC 3339 text in UTC.
#[must_use]
pub fn moment_text(at: UnixMillis) -> String {
    jiff::Timestamp::from_millisecond(at.ms()).map(|it| it.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_text() {
        let person = id_from_random([0xff; 16]);
        assert_eq!(id_text(person), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(parse_id(&id_text(person)), Some(person));
        assert_eq!(parse_id(&person.to_string()), Some(person));
        for wrong in ["", "ffff", "FFFFFFFF-ffff-4fff-bfff-ffffffffffff", "-"] {
            assert_eq!(parse_id(wrong), None, "{wrong}");
        }
        assert_eq!(parse_id("ffffffffffff-ffff-4fff-bfff-ffffffff"), None);
    }

    #[test]
    fn every_attribute_is_in_the_digest_and_the_state_is_not() {
        let row = crate::testing::row(1, "kim");
        let same = PersonRow { state: PersonState::Left, ..row.clone() };
        assert_eq!(row.canonical(), same.canonical());
        let others = [
            PersonRow { user_name: "lee".into(), ..row.clone() },
            PersonRow { external_id: Some(String::new()), ..row.clone() },
            PersonRow { display_name: Some("a".into()), ..row.clone() },
            PersonRow { formatted: Some("a".into()), ..row.clone() },
            PersonRow { family_name: Some("a".into()), ..row.clone() },
            PersonRow { given_name: Some("a".into()), ..row.clone() },
            PersonRow { emails: vec![Email::default()], ..row.clone() },
            PersonRow { deleted: true, ..row.clone() },
        ];
        for other in others {
            assert_ne!(row.canonical(), other.canonical(), "{other:?}");
        }
    }

    #[test]
    fn moments_are_rfc_3339() {
        assert_eq!(moment_text(UnixMillis::new(1_000)), "1970-01-01T00:00:01Z");
    }
}
