//! Fetching an issuer's keys: bounded, without redirects, from its own host or where they are pinned.

use axum::body::Bytes;
use axum::http::{Request, StatusCode, header};
use ward_outbound::client::{Client, SendError, Times, parse_url};
use ward_outbound::trust::Trust;
use ward_tokens::foreign::jwks::{self, DOCUMENT_BYTES_MAX, PublicKey};

use crate::config::issuers::{ForeignIssuer, KeysFrom};

/// Why there are no keys.
pub enum Fetching {
    /// Nobody answered as he should: try later.
    Unavailable(String),
    /// What came is refused whole.
    Refused(String),
}

/// Fetches the keys of one issuer.
pub struct Fetcher {
    client: Client,
}

impl Fetcher {
    /// A fetcher that believes what the issuer's declaration says.
    ///
    /// # Errors
    /// The file of its own authority cannot be read, in words.
    pub fn new(issuer: &ForeignIssuer) -> Result<Self, String> {
        let read = |file| std::fs::read(file).map_err(|error: std::io::Error| error.to_string());
        let extra = issuer.ca_file.as_ref().map(read).transpose()?;
        let trust = Trust::system(extra.as_deref()).map_err(|error| error.to_string())?;
        let client = Client::new(&trust, Times::default()).map_err(|error| error.to_string())?;
        Ok(Self { client })
    }

    /// The published keys.
    ///
    /// # Errors
    /// [`Fetching`].
    pub async fn fetch(&self, issuer: &ForeignIssuer) -> Result<Vec<PublicKey>, Fetching> {
        let refused = |fault: jwks::DocumentFault| Fetching::Refused(fault.to_string());
        let body = match &issuer.keys {
            KeysFrom::File(file) => {
                let file = file.clone();
                let read = tokio::task::spawn_blocking(move || read_bounded(&file)).await;
                let read = read.unwrap_or_else(|_| Err("the file was not read".to_owned()));
                Bytes::from(read.map_err(Fetching::Unavailable)?)
            }
            KeysFrom::Url(url) => self.get(url).await?,
            KeysFrom::Discovery => {
                let base = issuer.url.trim_end_matches('/');
                let told = self.get(&format!("{base}/.well-known/openid-configuration")).await?;
                let url = jwks::keys_of(&issuer.url, &told).map_err(refused)?;
                self.get(&url).await?
            }
        };
        jwks::read(&body).map_err(refused)
    }

    async fn get(&self, url: &str) -> Result<Bytes, Fetching> {
        let uri = parse_url(url).map_err(|error| Fetching::Refused(error.to_string()))?;
        let request = Request::get(uri).header(header::ACCEPT, "application/json");
        let request =
            request.body(Bytes::new()).map_err(|error| Fetching::Refused(error.to_string()))?;
        let answer = self.client.send(request, DOCUMENT_BYTES_MAX).await;
        let answer = answer.map_err(|error| match error {
            SendError::TooLong { .. } | SendError::Address(_) => Fetching::Refused(error.words()),
            error => Fetching::Unavailable(error.words()),
        })?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            status if status.is_redirection() => {
                Err(Fetching::Refused(format!("it answers {status}: a redirect is not followed")))
            }
            status => Err(Fetching::Unavailable(format!("it answers {status}"))),
        }
    }
}

/// Reads a pinned set, one byte past the bound at most.
fn read_bounded(file: &std::path::Path) -> Result<Vec<u8>, String> {
    use std::io::Read as _;
    let bound = u64::try_from(DOCUMENT_BYTES_MAX).unwrap_or(0).saturating_add(1);
    let opened = std::fs::File::open(file).map_err(|error| error.to_string())?;
    let mut body = Vec::new();
    opened.take(bound).read_to_end(&mut body).map_err(|error| error.to_string())?;
    Ok(body)
}
