//! Certificates of callers, as a TLS proxy in front passes them on.
//!
//! The header is believed only from a proxy that authenticates itself or is named in the
//! configuration; that is decided before this is called. Source: RFC 8705 §3.1; the form of
//! `x-forwarded-client-cert` is Envoy's. Best test: `tests` below.

use data_encoding::{BASE64_MIME, HEXLOWER_PERMISSIVE};
use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};
use ward_model::Thumbprint;

use crate::limits::FORWARDED_BYTES_MAX;

/// The header.
pub const FORWARDED: &str = "x-forwarded-client-cert";

/// SHA-256 of a certificate's DER (`x5t#S256`).
#[must_use]
pub fn thumbprint(der: &[u8]) -> Thumbprint {
    Thumbprint(Sha256::digest(der).into())
}

/// The caller's certificate out of the header: by `Hash`, `Cert`, or both if they agree. `None` for
/// more than one element (the proxy MUST replace what came from outside), or anything malformed.
#[must_use]
pub fn forwarded(value: &str) -> Option<Thumbprint> {
    if value.len() > FORWARDED_BYTES_MAX {
        return None;
    }
    let (mut hash, mut cert) = (None, None);
    for pair in pairs(value)? {
        let (name, text) = pair.split_once('=')?;
        let text = text.strip_prefix('"').map_or(Some(text), |text| text.strip_suffix('"'))?;
        let found = match name.trim().to_ascii_lowercase().as_str() {
            "hash" => &mut hash,
            "cert" => &mut cert,
            _ => continue,
        };
        if found.replace(text).is_some() {
            return None;
        }
    }
    let hash = match hash {
        Some(hash) => Some(HEXLOWER_PERMISSIVE.decode(hash.as_bytes()).ok()?.try_into().ok()?),
        None => None,
    };
    let hash = hash.map(Thumbprint);
    let cert = match cert {
        Some(cert) => Some(thumbprint(&pem(&percent_decode_str(cert).decode_utf8().ok()?)?)),
        None => None,
    };
    match (hash, cert) {
        (Some(hash), Some(cert)) => (hash == cert).then_some(hash),
        (one, other) => one.or(other),
    }
}

/// The pairs of the one element; `None` if there is a second.
fn pairs(value: &str) -> Option<Vec<&str>> {
    let (mut pairs, mut quoted, mut start) = (Vec::new(), false, 0);
    let mut escaped = false;
    for (at, character) in value.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => return None,
            ';' if !quoted => {
                pairs.push(value.get(start..at)?);
                start = at + 1;
            }
            _ => {}
        }
    }
    pairs.push(value.get(start..)?);
    (!quoted).then_some(pairs)
}

/// The DER in one PEM block.
fn pem(text: &str) -> Option<Vec<u8>> {
    let body = text.trim().strip_prefix("-----BEGIN CERTIFICATE-----")?;
    let body = body.strip_suffix("-----END CERTIFICATE-----")?;
    BASE64_MIME.decode(body.trim().replace('\n', "\r\n").replace("\r\r", "\r").as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64;

    #[test]
    fn one_certificate_or_none() {
        let der = b"a certificate, as far as hashing goes: its bytes are what is bound".repeat(3);
        let print = thumbprint(&der);
        let hash = data_encoding::HEXLOWER.encode(&print.0);
        let lines: Vec<String> = BASE64
            .encode(&der)
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8(line.to_vec()).unwrap())
            .collect();
        let text = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            lines.join("\n")
        );
        let cert: String =
            percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC)
                .to_string();
        let known = [
            format!("Hash={hash}"),
            format!("By=spiffe://a;Hash={};Subject=\"CN=x, O=\\\"y;\";URI=u", hash.to_uppercase()),
            format!("Cert=\"{cert}\""),
            format!("Hash={hash};Cert=\"{cert}\""),
        ];
        for value in known {
            assert_eq!(forwarded(&value), Some(print), "{value}");
        }
        let other = "0".repeat(64);
        for value in [
            String::new(),
            "By=spiffe://a".into(),
            format!("Hash={hash},Hash={hash}"),
            format!("Hash={hash};Hash={other}"),
            format!("Hash={other};Cert=\"{cert}\""),
            "Hash=00".into(),
            format!("Hash={hash};Subject=\"open"),
            "x".repeat(FORWARDED_BYTES_MAX + 1),
        ] {
            assert_eq!(forwarded(&value), None, "{value}");
        }
    }
}
