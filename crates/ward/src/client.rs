//! A small HTTP/1.1 client for Ward's own commands: they speak to a running Ward as anyone would.
//!
//! Plain HTTP, loopback or a TLS proxy's near side; bodies bounded; every call has a deadline.
//! An act that waits for another operator ends its command (`held.rs`), or is waited for here, once
//! for every verb. Best test: `client/tests.rs`.

mod held;

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::HeaderValue;
use hyper::{HeaderMap, Method, Request, Uri};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::exit::Exit;
use held::{HELD, Held, Next};

/// Largest answer read, bytes.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// How long one call may take.
const CALL_MAX: Duration = Duration::from_secs(120);

/// How often a proposal is looked at.
pub const WAIT_EVERY: Duration = Duration::from_secs(2);
/// Looks at a proposal before a command gives up: a day of them.
const LOOKS_MAX: u32 = 43_200;

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// A client with one base address and one credential.
#[derive(Clone)]
pub struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
    base: String,
    bearer: Option<String>,
    host: Option<String>,
    purpose: Option<HeaderValue>,
    wait: Option<Duration>,
}

impl Client {
    /// A client of `base` (`http://host:port`, no path).
    #[must_use]
    pub fn new(base: impl Into<String>) -> Self {
        let pool = Pool::builder(TokioExecutor::new()).build(HttpConnector::new());
        let base = base.into().trim_end_matches('/').to_owned();
        Self { pool, base, bearer: None, host: None, purpose: None, wait: None }
    }

    /// The same client with a credential.
    #[must_use]
    pub fn with(&self, bearer: &str) -> Self {
        Self { bearer: Some(bearer.to_owned()), ..self.clone() }
    }

    /// The same client asking for another host of the catalogue.
    #[must_use]
    pub fn host(&self, host: &str) -> Self {
        Self { host: Some(host.to_owned()), ..self.clone() }
    }

    /// The same client stating the purpose of what it reads (`Ward-Purpose`).
    ///
    /// # Errors
    /// The text cannot stand in a header: it has a line break in it.
    pub fn purpose(&self, text: &str) -> Result<Self> {
        let purpose = HeaderValue::from_bytes(text.as_bytes()).context("the purpose")?;
        Ok(Self { purpose: Some(purpose), ..self.clone() })
    }

    /// The same client, waiting for the consent that an act needs, looking this often.
    #[must_use]
    pub fn waiting(&self, every: Duration) -> Self {
        Self { wait: Some(every), ..self.clone() }
    }

    /// `GET path`.
    ///
    /// # Errors
    /// No answer: connection, deadline, or more than [`ANSWER_BYTES_MAX`] bytes.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.call(Method::GET, path, &[], Bytes::new()).await
    }

    /// `POST path` with a JSON body.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.call(Method::POST, path, JSON, Bytes::from(body.to_string())).await
    }

    /// Any call. A client that waits sends an act that was held once more when it is approved;
    /// stopping it at any point changes nothing.
    ///
    /// # Errors
    /// As [`Self::get`]. [`Exit`] with code 3: the proposal ended, or a day has passed.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer> {
        let answer = self.once(method.clone(), path, headers, body.clone()).await?;
        let held = Held::of(answer.status, &answer.body);
        let (Some(every), Some(held)) = (self.wait, held) else { return Ok(answer) };
        crate::progress(&format!("{}\nwaiting; Ctrl-C changes nothing", held.told()));
        self.until_approved(&held, every).await?;
        self.once(method, path, headers, body).await
    }

    /// Looks at a proposal until it is approved.
    async fn until_approved(&self, held: &Held, every: Duration) -> Result<()> {
        let path = format!("/api/approvals/{}", held.approval);
        for _ in 0..LOOKS_MAX {
            tokio::time::sleep(every).await;
            // Ward may be starting anew: no answer is no end.
            let Ok(answer) = self.once(Method::GET, &path, &[], Bytes::new()).await else {
                continue;
            };
            if answer.status >= 500 {
                continue;
            }
            match held::next(&answer.ok()?) {
                Next::Wait => {}
                Next::Send => return Ok(()),
                Next::Over(how) => {
                    let told =
                        format!("proposal {} is over: {how}; nothing was changed", held.approval);
                    return Err(Exit::new(HELD, told).into());
                }
            }
        }
        Err(held.exit().into())
    }

    async fn once(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer> {
        let uri: Uri = format!("{}{path}", self.base).parse().context("address")?;
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        if let Some(purpose) = &self.purpose {
            request = request.header("ward-purpose", purpose);
        }
        if let Some(host) = &self.host {
            request = request.header("host", host);
        }
        let request = request.body(Full::new(body)).context("request")?;
        let work = async {
            let answer =
                self.pool.request(request).await.map_err(|error| {
                    anyhow!(error).context(format!("no answer from {}", self.base))
                })?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX)
                .collect()
                .await
                .map_err(|error| anyhow!("answer broke off: {error}"))?
                .to_bytes();
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
        };
        tokio::time::timeout(CALL_MAX, work).await.context("no answer in time")?
    }
}

/// The headers of a JSON body.
pub const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// The body is no JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("the answer (status {}) is no JSON", self.status))
    }

    /// The JSON body of a successful answer; the problem's own words otherwise.
    ///
    /// # Errors
    /// The status is not 2xx. [`Exit`] with code 3: the act waits for another operator.
    pub fn ok(&self) -> Result<Value> {
        if let Some(held) = Held::of(self.status, &self.body) {
            return Err(held.exit().into());
        }
        if (200..300).contains(&self.status) {
            return if self.body.is_empty() { Ok(Value::Null) } else { self.json() };
        }
        let problem = self.json().unwrap_or_default();
        let word = |key: &str| problem.get(key).and_then(Value::as_str).unwrap_or_default();
        bail!("{} {} {}", self.status, word("title"), word("detail"))
    }

    /// `Ward-Request-Id`.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.headers.get("ward-request-id").and_then(|value| value.to_str().ok())
    }
}

#[cfg(test)]
mod tests;
