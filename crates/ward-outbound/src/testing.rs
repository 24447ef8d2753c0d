//! What the tests of this room speak to: an authority of their own and small servers.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use bytes::Bytes;
use data_encoding::BASE64;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyIdMethod,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber, SignatureAlgorithm, SigningKey,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::trust::Trust;

/// A signing key. rcgen's own come with a feature that puts ring into the lock file.
struct Key(EcdsaKeyPair);

impl Key {
    fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    fn secret(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.0.to_pkcs8v1().unwrap().as_ref().to_vec()).into()
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.0.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec())
    }
}

fn params(name: &str, hosts: &[String]) -> CertificateParams {
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from(7));
    params.key_identifier_method = KeyIdMethod::PreSpecified(name.as_bytes().to_vec());
    params
}

/// A certificate authority that lives as long as a test.
pub struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, Key>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let (key, mut params) = (Key::new(), params(name, &[]));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub fn pem(&self) -> String {
        let base64 = BASE64.encode(self.certificate.der());
        format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
    }

    pub fn trust(&self) -> Trust {
        Trust::only(self.pem().as_bytes()).unwrap()
    }

    /// What a server that is `host` needs.
    pub fn server(&self, host: &str) -> TlsAcceptor {
        let (key, params) = (Key::new(), params(host, &[host.to_owned()]));
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let secret = key.secret();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], secret)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// What a server does with a request.
pub enum Act {
    Answer(Response<Full<Bytes>>),
    Close,
    Hang,
}

/// An answer without headers.
pub fn answer(status: u16, body: impl Into<Bytes>) -> Act {
    Act::Answer(Response::builder().status(status).body(Full::new(body.into())).unwrap())
}

/// An HTTP server of one test.
pub struct Server {
    pub port: u16,
    seen: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
}

impl Server {
    /// Serves until the test ends; `act` is given the request's number, from 0.
    pub async fn start(tls: Option<TlsAcceptor>, act: fn(usize) -> Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, kept) = (tls.clone(), Arc::clone(&kept));
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, kept, act).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, kept, act).await;
                            }
                        }
                    }
                });
            }
        });
        Self { port, seen }
    }

    /// Requests so far.
    pub fn seen(&self) -> Vec<(HeaderMap, Bytes)> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve<S>(stream: S, seen: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>, act: fn(usize) -> Act)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let seen = Arc::clone(&seen);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            let nth = {
                let mut seen = seen.lock().unwrap();
                seen.push((head.headers, body));
                seen.len() - 1
            };
            match act(nth) {
                Act::Answer(answer) => Ok(answer),
                Act::Close => Err(io::Error::other("closing")),
                Act::Hang => {
                    let never: Infallible = std::future::pending().await;
                    match never {}
                }
            }
        }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// A server that does with its connections whatever `act` does; its port.
pub async fn raw<F>(act: impl Fn(TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(act(stream));
        }
    });
    port
}
