//! Whom Ward believes: root certificates, and the one TLS configuration of all calls out.
//!
//! TLS 1.2 and 1.3 with aws-lc-rs; names and chains are always checked, and nothing here can turn
//! that off. It must never read an environment variable: whoever sets one would choose the roots.
//! Driver code: it reads one file at start. Specifications: RFC 8446, RFC 5246, RFC 9525.
//! Best test: `client/tests.rs` (unknown authority, wrong name).

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};

use crate::limits::ROOTS_BYTES_MAX;

/// Root certificates.
#[derive(Clone, Debug)]
pub struct Trust {
    roots: RootCertStore,
}

/// Why there are no roots to trust.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file of root certificates cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The text holds no certificate, or one that is none.
    #[error("no root certificates: {why}")]
    NotCertificates {
        /// What is wrong, in words.
        why: String,
    },
    /// This machine keeps its roots in none of [`SYSTEM_FILES`]: give a file of your own.
    #[error("this machine has no file of root certificates; give one")]
    NoSystemRoots,
}

/// Where distributions keep their roots in one PEM file; the first that is there is read. The list
/// is that of Go's `crypto/x509` (`root_linux.go`).
pub const SYSTEM_FILES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

impl Trust {
    /// This machine's roots, and those of `extra` (PEM), if any; with `extra`, a machine without
    /// roots of its own is no error. Reads one file.
    ///
    /// # Errors
    /// [`TrustError`]: the caller cannot make calls out; a setting or the machine is wrong.
    pub fn system(extra: Option<&[u8]>) -> Result<Self, TrustError> {
        let mut trust = match SYSTEM_FILES.iter().find(|path| Path::new(path).is_file()) {
            Some(path) => Self::system_file(path)?,
            None if extra.is_none() => return Err(TrustError::NoSystemRoots),
            None => Self { roots: RootCertStore::empty() },
        };
        if let Some(pem) = extra {
            trust.roots.roots.extend(Self::only(pem)?.roots.roots);
        }
        Ok(trust)
    }

    /// The certificates of `pem` and no others; one or more, each sound.
    ///
    /// # Errors
    /// [`TrustError::NotCertificates`].
    pub fn only(pem: &[u8]) -> Result<Self, TrustError> {
        let wrong = |why: String| TrustError::NotCertificates { why };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(wrong("the text has none".to_owned()));
        }
        Ok(Self { roots })
    }

    /// A distribution's file: a certificate in it that cannot be read is passed over, for such
    /// files carry old ones; none at all is an error.
    fn system_file(path: &str) -> Result<Self, TrustError> {
        let unreadable =
            |source: io::Error| TrustError::Unreadable { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(unreadable)?.len() > ROOTS_BYTES_MAX {
            let why = format!("longer than {ROOTS_BYTES_MAX} bytes");
            return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, why)));
        }
        let pem = std::fs::read(path).map_err(unreadable)?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
        if roots.is_empty() {
            return Err(TrustError::NotCertificates { why: format!("{path} has none") });
        }
        Ok(Self { roots })
    }

    /// The configuration of every TLS connection out of Ward.
    ///
    /// # Errors
    /// The provider knows neither version; it knows both.
    pub(crate) fn config(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])?;
        Ok(versions.with_root_certificates(self.roots.clone()).with_no_client_auth())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Authority;

    #[test]
    fn only_certificates_are_roots() {
        assert_eq!(Trust::only(Authority::new("one").pem().as_bytes()).unwrap().roots.len(), 1);
        for text in [
            "",
            "certificate",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nAAAA\n",
        ] {
            assert!(Trust::only(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn an_extra_root_joins_the_machines_own() {
        let pem = Authority::new("extra").pem();
        let with = Trust::system(Some(pem.as_bytes())).unwrap().roots.len();
        let without = Trust::system(None).map_or(0, |trust| trust.roots.len());
        assert_eq!(with, without + 1);
    }
}
