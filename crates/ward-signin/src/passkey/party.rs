//! Who asks: the relying party, its id and the origins its pages have.
//!
//! A passkey belongs to a *name*: browsers refuse an IP address as relying party id (WebAuthn
//! Level 2 §5.1.3 step 7, "valid domain"), and a page that is neither https nor on this machine.
//! So Ward's console at `http://127.0.0.1:7780` is the relying party `localhost`, and its pages
//! must be opened at `http://localhost:7780`. Pure. Best test: at the end of this file.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::Uri;

/// A relying party: its id, its origins, its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    id: String,
    /// One at least.
    origins: Vec<String>,
    name: String,
}

/// Why passkeys cannot work at an address; each is a mistake in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartyError {
    /// Not `scheme://host[:port]`: give the console's base URL.
    #[error("`{0}` is not the address of a site")]
    NotSite(String),
    /// An IP address that is not this machine's own: browsers want a name there.
    #[error("`{0}`: browsers refuse passkeys on an IP address, give the console a name")]
    AddressHost(String),
    /// Neither https nor this machine: browsers do not offer passkeys there.
    #[error("`{0}`: browsers refuse passkeys without https")]
    Insecure(String),
    /// No origin, or one whose host is not within the relying party's id.
    #[error("`{0}` is not within the relying party `{1}`")]
    Foreign(String, String),
}

impl RelyingParty {
    /// A relying party of these origins, each `scheme://host[:port]` as a browser spells it, its
    /// host `id` or below it. Operators see `name` when they register.
    ///
    /// # Errors
    /// As [`PartyError`] says.
    pub fn new(id: &str, origins: &[String], name: &str) -> Result<Self, PartyError> {
        if origins.is_empty() {
            return Err(PartyError::Foreign(String::new(), id.to_owned()));
        }
        for origin in origins {
            let site = Site::read(origin)?;
            if site.origin() != *origin {
                return Err(PartyError::NotSite(origin.clone()));
            }
            if site.host != id && !is_below(&site.host, id) {
                return Err(PartyError::Foreign(origin.clone(), id.to_owned()));
            }
        }
        Ok(Self { id: id.to_owned(), origins: origins.to_vec(), name: name.to_owned() })
    }

    /// The relying party of the site at `base`, the console's base URL; a path is not looked at. A
    /// loopback address becomes `localhost`, since a passkey belongs to a name: its pages must then
    /// be opened at [`RelyingParty::origin`], and whoever opens the address is sent there.
    ///
    /// # Errors
    /// As [`PartyError`] says.
    pub fn of_site(base: &str, name: &str) -> Result<Self, PartyError> {
        let site = Site::read(base)?;
        let origin = site.origin();
        Ok(Self { id: site.host, origins: vec![origin], name: name.to_owned() })
    }

    /// The relying party's id: a domain.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The origins whose answers count.
    #[must_use]
    pub fn origins(&self) -> &[String] {
        &self.origins
    }

    /// Where the pages must be opened: the first origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.origins.first().map_or("", String::as_str)
    }

    /// What operators see when they register.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The parts of an origin.
pub(crate) struct Site {
    scheme: String,
    pub host: String,
    /// None for the scheme's own.
    port: Option<u16>,
}

impl Site {
    /// Reads where a URL points; a loopback address becomes `localhost`.
    pub fn read(url: &str) -> Result<Self, PartyError> {
        let not_site = || PartyError::NotSite(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| not_site())?;
        let scheme = uri.scheme_str().ok_or_else(not_site)?.to_ascii_lowercase();
        let default = match scheme.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return Err(not_site()),
        };
        let authority = uri.authority().ok_or_else(not_site)?;
        let told = authority.host().to_ascii_lowercase();
        if authority.as_str().contains('@') || !is_host(&told) {
            return Err(not_site());
        }
        let host = match address(&told) {
            Some(true) => "localhost".to_owned(),
            Some(false) => return Err(PartyError::AddressHost(url.to_owned())),
            None => told,
        };
        if scheme == "http" && host != "localhost" && !is_below(&host, "localhost") {
            return Err(PartyError::Insecure(url.to_owned()));
        }
        Ok(Self { scheme, host, port: authority.port_u16().filter(|port| *port != default) })
    }

    /// The origin as a browser spells it (RFC 6454 §6.2).
    pub fn origin(&self) -> String {
        match self.port {
            Some(port) => format!("{}://{}:{port}", self.scheme, self.host),
            None => format!("{}://{}", self.scheme, self.host),
        }
    }
}

/// Whether `host` is a name below `id`.
pub(crate) fn is_below(host: &str, id: &str) -> bool {
    host.strip_suffix(id).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

/// For an IP address: whether it is a loopback one.
fn address(host: &str) -> Option<bool> {
    let six = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    match six {
        Some(six) => Some(six.parse::<Ipv6Addr>().is_ok_and(|it| it.is_loopback())),
        None => host.parse::<Ipv4Addr>().ok().map(|it| it.is_loopback()),
    }
}

/// Whether a host is a bracketed address, or labels of letters, digits and hyphens.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    // WHY: a browser reads a last label that is a number as an address in some spelling.
    let last = host.rsplit('.').next().unwrap_or(host);
    let is_number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    host.starts_with('[')
        || host.parse::<Ipv4Addr>().is_ok()
        || (host.split('.').all(is_label) && !is_number)
}

#[cfg(test)]
mod tests {
    //! Addresses and what becomes of them.

    use super::*;

    #[test]
    fn a_site_is_named_as_browsers_name_it() {
        const CASES: [(&str, &str, &str); 8] = [
            ("http://127.0.0.1:7780", "localhost", "http://localhost:7780"),
            ("http://127.8.0.1:7780/console?x=1", "localhost", "http://localhost:7780"),
            ("http://[::1]:7780", "localhost", "http://localhost:7780"),
            ("http://localhost", "localhost", "http://localhost"),
            ("http://Ward.localhost:80/", "ward.localhost", "http://ward.localhost"),
            ("https://127.0.0.1", "localhost", "https://localhost"),
            ("HTTPS://Ward.Example:443/", "ward.example", "https://ward.example"),
            ("https://ward.example:8443", "ward.example", "https://ward.example:8443"),
        ];
        for (base, id, origin) in CASES {
            let party = RelyingParty::of_site(base, "Ward").unwrap();
            assert_eq!((party.id(), party.origin()), (id, origin), "{base}");
            assert_eq!(RelyingParty::new(id, &[origin.to_owned()], "Ward"), Ok(party), "{base}");
        }
    }

    #[test]
    fn where_browsers_refuse_passkeys_so_does_ward() {
        let address = |url: &str| PartyError::AddressHost(url.to_owned());
        let not_site = |url: &str| PartyError::NotSite(url.to_owned());
        let insecure = |url: &str| PartyError::Insecure(url.to_owned());
        let cases = [
            ("https://10.0.0.7:7780", address as fn(&str) -> PartyError),
            ("http://0.0.0.0:7780", address),
            ("https://[2001:db8::1]", address),
            ("http://ward.example", insecure),
            ("http://localhost.example", insecure),
            ("http://notlocalhost:7780", insecure),
            ("ftp://localhost", not_site),
            ("ward.example", not_site),
            ("/console", not_site),
            ("https://a@ward.example", not_site),
            ("https://ward..example", not_site),
            ("https://2130706433", not_site),
            ("https://0x7f.1", not_site),
            ("https://ward_.example", not_site),
            ("", not_site),
        ];
        for (base, want) in cases {
            assert_eq!(RelyingParty::of_site(base, "Ward"), Err(want(base)), "{base}");
        }
    }

    #[test]
    fn origins_lie_within_the_id_and_are_spelt_as_browsers_do() {
        let new = |id: &str, origins: &[&str]| {
            let origins: Vec<String> = origins.iter().map(|it| (*it).to_owned()).collect();
            RelyingParty::new(id, &origins, "Ward")
        };
        assert!(new("ward.example", &["https://a.ward.example", "https://ward.example"]).is_ok());
        for (id, origin) in [
            ("ward.example", "https://xward.example"),
            ("ward.example", "https://example"),
            ("ward.example", "https://.ward.example"),
            ("ward.example", "https://ward.example/"),
            ("ward.example", "https://ward.example:443"),
            ("ward.example", "https://WARD.example"),
            ("localhost", "http://127.0.0.1:7780"),
            ("", "https://ward.example"),
        ] {
            assert!(new(id, &[origin]).is_err(), "{id} {origin}");
        }
        assert!(new("ward.example", &[]).is_err());
    }
}
