//! Addresses we are given and send browsers or secrets to: absolute, HTTPS, or HTTP to this very
//! machine. Pure. RFC 9700 §2.6, RFC 6761 §6.3.

use http::Uri;

use super::limits::ADDRESS_BYTES_MAX;

/// An address that may be asked: `https`, or `http` to a loopback host; no user, no fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    text: String,
    uri: Uri,
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    /// Not an absolute address of at most 2048 bytes, or with a user or a fragment.
    #[error("not an absolute address without user and fragment")]
    Malformed,
    /// Neither HTTPS nor HTTP to this machine.
    #[error("neither https nor http to a loopback host")]
    Open,
    /// An issuer has no query: Discovery 1.0 §3.
    #[error("an issuer with a query")]
    Query,
}

impl Address {
    /// Checks an address.
    pub(super) fn parse(text: &str) -> Result<Self, AddressFault> {
        if text.len() > ADDRESS_BYTES_MAX || text.contains(['#', '@', '\\']) {
            return Err(AddressFault::Malformed);
        }
        let uri: Uri = text.parse().map_err(|_| AddressFault::Malformed)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(AddressFault::Malformed)?;
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback(host) => {}
            _ => return Err(AddressFault::Open),
        }
        Ok(Self { text: text.to_owned(), uri })
    }

    /// The address as it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The address, parsed.
    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Whether it brings a query of its own.
    pub(super) fn has_query(&self) -> bool {
        self.uri.query().is_some()
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "127.0.0.1" || host == "[::1]"
}

#[cfg(test)]
mod tests {
    //! Which addresses are asked.

    use super::*;

    #[test]
    fn only_addresses_nobody_can_listen_to() {
        let cases = [
            ("https://id.example", Ok(())),
            ("https://id.example:8443/a/b?c=d", Ok(())),
            ("http://127.0.0.1:9/x", Ok(())),
            ("http://[::1]:9/x", Ok(())),
            ("http://localhost:9/x", Ok(())),
            ("http://id.example/", Err(AddressFault::Open)),
            ("http://127.0.0.1.id.example/", Err(AddressFault::Open)),
            ("http://localhost.example/", Err(AddressFault::Open)),
            ("ftp://127.0.0.1/", Err(AddressFault::Open)),
            ("https://me@id.example/", Err(AddressFault::Malformed)),
            ("http://127.0.0.1@id.example/", Err(AddressFault::Malformed)),
            ("https://id.example/#a", Err(AddressFault::Malformed)),
            ("https://id.example\\@x/", Err(AddressFault::Malformed)),
            ("/authorize", Err(AddressFault::Malformed)),
            ("https:///authorize", Err(AddressFault::Malformed)),
            ("", Err(AddressFault::Malformed)),
        ];
        for (text, want) in cases {
            assert_eq!(Address::parse(text).map(|_| ()), want, "{text}");
        }
        let long = format!("https://id.example/{}", "a".repeat(ADDRESS_BYTES_MAX));
        assert_eq!(Address::parse(&long).map(|_| ()), Err(AddressFault::Malformed));
    }
}
