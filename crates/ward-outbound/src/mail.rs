//! One plain-text letter over SMTP: TLS always, except to this machine.
//!
//! lettre writes the message and speaks SMTP; `mail/wire.rs` makes the connection. It must never
//! send a login or a letter unencrypted beyond this machine, let a line break into a header, or take
//! an answer for a delivery that is none. Driver code but for parsing. Specifications: RFC 5321,
//! RFC 5322, RFC 8314 (implicit TLS), RFC 3207 (STARTTLS), RFC 4954 (AUTH), RFC 3834
//! (`Auto-Submitted`). Best tests: `mail/tests.rs`, and `interop/notify.py` against aiosmtpd.

mod address;
mod wire;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use rustls::ClientConfig;
use ward_model::{Secret, UnixMillis};

pub use address::{AddressError, MailAddress};
pub use wire::OpenError;

use crate::client::{Times, is_this_machine};
use crate::limits::GOODBYE_MAX;
use crate::trust::Trust;
use crate::words;

/// How the conversation is kept from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte (RFC 8314 section 3.3); what to prefer.
    Tls,
    /// STARTTLS, without which nothing is sent.
    StartTls,
    /// None; only to this machine.
    Plain,
}

/// A mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    host: String,
    port: u16,
    security: Security,
}

/// Why a text names no mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// Not one of the three forms.
    #[error("a mail server is `smtps://HOST[:PORT]`, `smtp://..` or `smtp+plain://..`")]
    Form,
    /// Unencrypted mail beyond this machine.
    #[error("smtp+plain goes to this machine only; use smtps or smtp (STARTTLS)")]
    PlainText,
}

impl Server {
    /// Reads `smtps://HOST[:PORT]` (TLS, 465), `smtp://HOST[:PORT]` (STARTTLS required, 587) or
    /// `smtp+plain://HOST[:PORT]` (unencrypted, 25, this machine only). HOST is a name or an
    /// address; nothing else stands in it.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn parse(text: &str) -> Result<Self, ServerError> {
        let (scheme, place) = text.split_once("://").ok_or(ServerError::Form)?;
        let (security, usual_port) = match scheme {
            "smtps" => (Security::Tls, 465),
            "smtp" => (Security::StartTls, 587),
            "smtp+plain" => (Security::Plain, 25),
            _ => return Err(ServerError::Form),
        };
        let (host, rest) = match place.strip_prefix('[') {
            Some(place) => place.split_once(']').ok_or(ServerError::Form)?,
            None => {
                place.split_at_checked(place.find(':').unwrap_or(place.len())).unwrap_or_default()
            }
        };
        let port = match rest.strip_prefix(':') {
            Some(port) => port.parse().map_err(|_| ServerError::Form)?,
            None if rest.is_empty() => usual_port,
            None => return Err(ServerError::Form),
        };
        let is_address = host.parse::<std::net::IpAddr>().is_ok();
        if port == 0 || !(is_address || address::is_domain(host)) {
            return Err(ServerError::Form);
        }
        if security == Security::Plain && !is_this_machine(host) {
            return Err(ServerError::PlainText);
        }
        Ok(Self { host: host.to_owned(), port, security })
    }
}

/// Who Ward is to a mail server.
#[derive(Clone)]
pub struct Login {
    /// The account's name.
    pub user: String,
    /// Its password.
    pub password: Secret<String>,
}

/// What goes into one letter.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// Sender, in the envelope and the header.
    pub from: &'a MailAddress,
    /// The one recipient.
    pub to: &'a MailAddress,
    /// Subject, any text of one line.
    pub subject: &'a str,
    /// Body, lines parted by `\n`.
    pub body: &'a str,
    /// What stands before the `@` of the Message-ID; the same for every attempt.
    pub id: &'a str,
    /// The letter's date.
    pub date: UnixMillis,
}

/// Why a letter was not taken.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The letter cannot be written as given: a line break in a header, a control character.
    #[error("the letter cannot be written: {why}")]
    Letter {
        /// What is wrong, in words.
        why: String,
    },
    /// No conversation with the server; try later.
    #[error("no conversation with the mail server")]
    Open(#[source] OpenError),
    /// The server does not take Ward's login; try later, for someone may be changing it.
    #[error("the mail server refused the login")]
    Login(#[source] lettre::transport::smtp::Error),
    /// The server will not take this letter (5xx); it will not change its mind.
    #[error("the mail server refused the letter")]
    Refused(#[source] lettre::transport::smtp::Error),
    /// The server did not take this letter now (4xx), or the conversation broke off; try later.
    #[error("the mail server did not take the letter")]
    Busy(#[source] lettre::transport::smtp::Error),
    /// Not in time; try later.
    #[error("no answer of the mail server within {within_ms} ms")]
    Slow {
        /// The bound, milliseconds.
        within_ms: u128,
    },
}

impl MailError {
    /// Whether a later attempt may succeed.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        !matches!(self, Self::Letter { .. } | Self::Refused(_))
    }

    /// This error and its causes in one line, for the console. It quotes the server, which may
    /// quote the recipient's address.
    #[must_use]
    pub fn words(&self) -> String {
        words::causes(self)
    }
}

/// Sends letters through one server; cloning it is cheap.
#[derive(Clone)]
pub struct Mailer {
    server: Server,
    login: Option<Arc<Login>>,
    config: Arc<ClientConfig>,
    times: Times,
}

impl Mailer {
    /// A mailer that believes `trust`. `times.connect` bounds the way up to and including TLS,
    /// `times.total` everything.
    ///
    /// # Errors
    /// The TLS provider refuses its configuration.
    pub fn new(
        server: Server,
        login: Option<Login>,
        trust: &Trust,
        times: Times,
    ) -> Result<Self, rustls::Error> {
        let config = Arc::new(trust.config()?);
        Ok(Self { server, login: login.map(Arc::new), config, times })
    }

    /// Hands one letter to the server; `Ok` when the server has taken it upon itself (250 to the
    /// end of the message). Dropped before, the letter may have been taken all the same.
    ///
    /// # Errors
    /// [`MailError`]: what to do is said there.
    pub async fn send(&self, letter: &Letter<'_>) -> Result<(), MailError> {
        let (envelope, message) = written(letter)?;
        let hello = letter.from.domain();
        let total = self.times.total;
        let slow = |within: Duration| MailError::Slow { within_ms: within.as_millis() };
        let mut conversation = tokio::time::timeout(total, async {
            let opening = wire::open(&self.server, &self.config, hello, self.times.connect);
            let wire = tokio::time::timeout(self.times.connect, opening)
                .await
                .map_err(|_| slow(self.times.connect))?
                .map_err(MailError::Open)?;
            let hello = ClientId::Domain(hello.to_owned());
            let mut conversation =
                AsyncSmtpConnection::connect_with_transport(Box::new(wire), &hello)
                    .await
                    .map_err(MailError::Busy)?;
            if let Some(login) = &self.login {
                // BUG: lettre keeps the password in plain strings, and does not erase them.
                let login = Credentials::new(login.user.clone(), login.password.expose().clone());
                conversation.auth(DEFAULT_MECHANISMS, &login).await.map_err(MailError::Login)?;
            }
            conversation.send(&envelope, &message).await.map_err(refusal)?;
            Ok(conversation)
        })
        .await
        .map_err(|_| slow(total))??;
        // The letter is taken: how the server parts from us changes nothing.
        let _ = tokio::time::timeout(GOODBYE_MAX, conversation.quit()).await;
        Ok(())
    }
}

/// What a negative reply to the letter means.
fn refusal(error: lettre::transport::smtp::Error) -> MailError {
    match error.status().map(u16::from) {
        // "Authentication required": about the login, not about the letter.
        Some(530) => MailError::Login(error),
        _ if error.is_permanent() => MailError::Refused(error),
        _ => MailError::Busy(error),
    }
}

/// The last second of the year 9999: no header can say a later one.
const DATE_MAX: u64 = 253_402_300_799;

/// The envelope and the message's bytes (RFC 5322, RFC 2045).
fn written(letter: &Letter<'_>) -> Result<(Envelope, Vec<u8>), MailError> {
    let wrong = |why: &str| MailError::Letter { why: why.to_owned() };
    if letter.subject.chars().any(char::is_control) {
        return Err(wrong("a control character in the subject"));
    }
    let is_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if letter.id.is_empty() || !letter.id.chars().all(is_token) {
        return Err(wrong("an id that is no token"));
    }
    if letter.body.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(wrong("a control character in the body"));
    }
    let address = |given: &MailAddress| {
        given.as_str().parse::<Address>().map_err(|_| wrong("an address that lettre does not take"))
    };
    let (from, to) = (address(letter.from)?, address(letter.to)?);
    let date = u64::try_from(letter.date.seconds()).unwrap_or_default().min(DATE_MAX);
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    let message = Message::builder()
        .from(Mailbox::new(None, from.clone()))
        .to(Mailbox::new(None, to.clone()))
        // WHY: an encoded word would read otherwise in the letter than anywhere else (RFC 2047).
        .subject(letter.subject.replace("=?", "= ?"))
        .date(SystemTime::UNIX_EPOCH + Duration::from_secs(date))
        .header(MIME_VERSION_1_0)
        .message_id(Some(format!("<{}@{}>", letter.id, letter.from.domain())))
        .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
        .header(ContentType::TEXT_PLAIN)
        .body(letter.body.to_owned())
        .map_err(|error| wrong(&words::causes(&error)))?;
    let envelope = Envelope::new(Some(from), vec![to]).map_err(|_| wrong("no recipient"))?;
    Ok((envelope, message.formatted()))
}

#[cfg(test)]
mod tests;
