//! The URI of a request as a DPoP proof names it, in one spelling.
//!
//! Scheme and host in lower case, the scheme's own port left out, an empty path is `/`,
//! percent-encoding in upper case and none where none is needed; query and fragment ignored.
//! Source: RFC 9449 §4.3 (9), RFC 3986 §§6.2.2, 6.2.3. Best test: `tests` below.

/// The one spelling of an absolute http(s) URI; `None` for anything else.
pub(crate) fn normal(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let own_port = match scheme.as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let authority = authority.to_ascii_lowercase();
    let authority = authority.strip_suffix(own_port).unwrap_or(&authority);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if authority.is_empty() || !authority.bytes().all(plain) {
        return None;
    }
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = if path.is_empty() { "/".to_owned() } else { encoding(path)? };
    Some(format!("{scheme}://{authority}{path}"))
}

fn encoding(path: &str) -> Option<String> {
    let mut out = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            // What is no URI character stands for itself on both sides, and is compared so.
            out.push(char::from(byte));
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        let byte = u8::try_from(high * 16 + low).ok()?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_resource_has_one_spelling() {
        for (written, want) in [
            ("http://a.example", Some("http://a.example/")),
            ("HTTPS://A.Example:443/x?y#z", Some("https://a.example/x")),
            ("http://a.example:80/%7euser/%2f", Some("http://a.example/~user/%2F")),
            ("https://a.example:80/", Some("https://a.example:80/")),
            ("http://[::1]:7781/a/../b", Some("http://[::1]:7781/a/../b")),
            ("http://user@a.example/", None),
            ("http:///x", None),
            ("/x", None),
            ("ftp://a.example/", None),
            ("http://a.example/%4", None),
        ] {
            assert_eq!(normal(written).as_deref(), want, "{written}");
        }
    }
}
