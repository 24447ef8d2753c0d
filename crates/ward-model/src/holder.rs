//! Whom a token is bound to: the key or certificate its presenter must prove he holds.
//!
//! Source: RFC 7800 §3.1 (`cnf`), RFC 9449 §6.1 (`jkt`), RFC 8705 §3.1 (`x5t#S256`).
//! Best test: `tests` below.

use data_encoding::BASE64URL_NOPAD;

/// SHA-256 of a public key (RFC 7638) or of a certificate's DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Thumbprint(pub [u8; 32]);

impl Thumbprint {
    /// Characters of its text.
    pub const CHARS: usize = 43;

    /// Reads canonical base64url without padding; `None` for anything else than 32 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_ascii(text.as_bytes())
    }

    /// As [`Self::parse`].
    #[must_use]
    pub fn from_ascii(text: &[u8]) -> Option<Self> {
        if text.len() != Self::CHARS {
            return None;
        }
        BASE64URL_NOPAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl core::fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

/// How the holder of a bound token proves that it is his.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Confirmation {
    /// `jkt`: by a DPoP proof under this key.
    Key(Thumbprint),
    /// `x5t#S256`: by a TLS connection under this certificate.
    Certificate(Thumbprint),
}

impl Confirmation {
    /// The member of `cnf`.
    #[must_use]
    pub const fn member(self) -> &'static str {
        match self {
            Self::Key(_) => "jkt",
            Self::Certificate(_) => "x5t#S256",
        }
    }

    /// Its value.
    #[must_use]
    pub const fn thumbprint(self) -> Thumbprint {
        match self {
            Self::Key(print) | Self::Certificate(print) => print,
        }
    }

    /// The confirmation with this member and value; `None` for a method Ward does not know.
    #[must_use]
    pub fn from_member(member: &str, value: &str) -> Option<Self> {
        let print = Thumbprint::parse(value)?;
        match member {
            "jkt" => Some(Self::Key(print)),
            "x5t#S256" => Some(Self::Certificate(print)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_has_one_text() {
        let print = Thumbprint([0xa5; 32]);
        let text = print.to_string();
        assert_eq!(text.len(), Thumbprint::CHARS);
        assert_eq!(Thumbprint::parse(&text), Some(print));
        let (head, _) = text.split_at(42);
        for junk in ["", head, &format!("{text}="), &format!("{head}V"), &format!("{head}+")] {
            assert_eq!(Thumbprint::parse(junk), None, "{junk}");
        }
        for it in [Confirmation::Key(print), Confirmation::Certificate(print)] {
            assert_eq!(Confirmation::from_member(it.member(), &text), Some(it));
        }
        assert_eq!(Confirmation::from_member("kid", &text), None);
    }
}
