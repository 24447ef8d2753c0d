//! The words of `ward tokens`.

mod clients;
mod credentials;
mod issuers;

use clap::{Args, Subcommand};

use super::Remote;

pub use clients::{Clients, Register as RegisterClient};
pub use credentials::{ApiKeys, Issue as IssueApiKey, List as ListCredentials};
pub use issuers::Issuers;

/// `ward tokens`.
#[derive(Subcommand)]
pub enum Tokens {
    /// What a text looks like, without a server: an API key with its checksum, a token's header and
    /// claims, or every API key inside a longer text. Exit 1 when it is neither.
    Inspect {
        /// The text; `-` reads standard input, so that nothing stays in the shell's history.
        #[arg(default_value = "-")]
        text: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Every credential: whose it is, how old, used when; signing keys, API keys, clients, passkeys,
    /// sessions.
    List(ListCredentials),
    /// Credentials the policy warns of; exit 1 when there is one.
    Warnings(Remote),
    /// API keys: list, show, issue, rotate, revoke.
    #[command(subcommand)]
    ApiKey(ApiKeys),
    /// OAuth clients: list, register, rotate the secret, revoke.
    #[command(subcommand)]
    Client(Clients),
    /// Issue a token for a principal.
    Issue {
        /// `customer`, `seller`, `rider`, `person` or `service`.
        #[arg(long)]
        kind: String,
        /// The bare outside id.
        #[arg(long)]
        sub: String,
        /// `aud`.
        #[arg(long)]
        audience: String,
        /// Life, seconds.
        #[arg(long, default_value_t = 900)]
        life_seconds: i64,
        #[command(flatten)]
        remote: Remote,
    },
    /// Foreign issuers: list, preview, enforce, learn.
    #[command(subcommand)]
    Issuers(Issuers),
    /// Whether a token or API key is live and why not, read from standard input; exit 1 when it is not.
    Introspect(Remote),
    /// Revoke a token, read from standard input; with --key, what that key signed so far.
    Revoke(Revoke),
}

/// What to revoke.
#[derive(Args)]
pub struct Revoke {
    /// Everything signed so far by the key of this number (`ward keys list`).
    #[arg(long)]
    pub key: Option<i32>,
    /// With --key: only what was issued before this moment (RFC 3339, a whole second).
    #[arg(long, requires = "key", conflicts_with = "after")]
    pub before: Option<String>,
    /// With --key: only what was issued at this moment or later (RFC 3339, a whole second).
    #[arg(long, requires = "key")]
    pub after: Option<String>,
    /// Where Ward is.
    #[command(flatten)]
    pub remote: Remote,
}
