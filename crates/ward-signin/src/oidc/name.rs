//! Names the provider gives: who it is, who signed in, in which of its sessions. Pure.

use super::address::{Address, AddressFault};
use super::limits::{SESSION_BYTES_MAX, SUBJECT_BYTES_MAX};

/// A provider's issuer identifier, compared byte for byte: Discovery 1.0 §3, RFC 9207 §2.4.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Issuer(String);

/// A person as one issuer names him: 1 to 255 bytes, compared byte for byte. It means nothing
/// without its [`Issuer`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(String);

/// A session at the provider (`sid`): 1 to 1024 bytes. It means nothing without its [`Issuer`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(String);

impl Issuer {
    /// Checks an issuer identifier: HTTPS (or HTTP to a loopback host), no query, no fragment.
    ///
    /// # Errors
    /// What is wrong with it; the operator of Ward corrects the configuration.
    pub fn parse(text: &str) -> Result<Self, AddressFault> {
        let address = Address::parse(text)?;
        if address.has_query() {
            return Err(AddressFault::Query);
        }
        Ok(Self(text.to_owned()))
    }

    /// The identifier as it is compared.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Subject {
    /// Checks a subject; nothing if it is empty, too long or has control characters.
    #[must_use]
    pub fn new(text: String) -> Option<Self> {
        is_name(&text, SUBJECT_BYTES_MAX).then_some(Self(text))
    }

    /// The subject as it is compared.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SessionId {
    /// Checks a session's name; nothing if it is empty, too long or has control characters.
    #[must_use]
    pub fn new(text: String) -> Option<Self> {
        is_name(&text, SESSION_BYTES_MAX).then_some(Self(text))
    }

    /// The name as it is compared.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a text can stand for somebody or something.
pub(super) fn is_name(text: &str, bytes_max: usize) -> bool {
    !text.is_empty() && text.len() <= bytes_max && !text.contains(char::is_control)
}
