//! Mail addresses, strictly: what every server takes and nothing can be smuggled in.
//!
//! Pure. A dot-string before the `@`, a domain of letters, digits and hyphens after it; no display
//! names, no quotes, no comments, no address literals, no characters beyond ASCII (an
//! internationalised domain is given in its `xn--` form). Specification: RFC 5321 section 4.1.2.

use core::fmt;

use crate::limits::{ADDRESS_BYTES_MAX, LOCAL_PART_BYTES_MAX};

/// A mail address, as [`MailAddress::parse`] takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAddress {
    text: String,
    domain: String,
}

/// The text is no mail address as Ward takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a plain mail address (name@domain, ASCII, no display name)")]
pub struct AddressError;

impl MailAddress {
    /// Reads `name@domain`.
    ///
    /// # Errors
    /// [`AddressError`]; it does not repeat the text.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (local, domain) = text.split_once('@').ok_or(AddressError)?;
        let is_atom = |atom: &str| {
            let is_atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
            !atom.is_empty() && atom.chars().all(is_atext)
        };
        let sound = text.len() <= ADDRESS_BYTES_MAX
            && local.len() <= LOCAL_PART_BYTES_MAX
            && local.split('.').all(is_atom)
            && is_domain(domain);
        if !sound {
            return Err(AddressError);
        }
        Ok(Self { text: text.to_owned(), domain: domain.to_owned() })
    }

    /// `name@domain`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands after the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a text is a host name: labels of letters, digits and inner hyphens, parted by dots
/// (RFC 1123 section 2.1), the last of them not a number.
pub(super) fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253 && text.split('.').all(is_label) && !last.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_plain() {
        for text in ["a@b", "ada.l+ward@mail-1.example.com", "x_y@xn--mller-kva.example"] {
            let address = MailAddress::parse(text).unwrap();
            assert_eq!(address.to_string(), text);
            // lettre's own parser must agree, or a letter could not be written.
            let theirs: lettre::Address = text.parse().unwrap();
            assert_eq!(address.domain(), theirs.domain());
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let long =
            |local: usize, label: usize| format!("{}@{}", "a".repeat(local), "b".repeat(label));
        for text in [
            "",
            "a",
            "@b",
            "a@",
            "a@b@c",
            "a@b.",
            "a@.b",
            "a@-b",
            "a@b-",
            "a@b c",
            "a@1.2.3.4",
            "a@[127.0.0.1]",
            ".a@b",
            "a..b@c",
            "a b@c",
            " a@b",
            "a@b ",
            "Ada <a@b>",
            "<a@b>",
            "\"a\"@b",
            "a@b\r\nBcc: c@d",
            "a\r\n@b",
            "a@b\n",
            "a@b,c@d",
            "a(c)@b",
            "ä@b",
            "a@ä",
            "a@b\u{0}",
            &long(65, 3),
            &long(3, 64),
            &format!("a@{}", ["b".repeat(63).as_str(); 4].join(".")),
        ] {
            assert!(MailAddress::parse(text).is_err(), "{text:?}");
        }
    }
}
