//! The words of `ward tokens client`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::Remote;

/// `ward tokens client`.
#[derive(Subcommand)]
pub enum Clients {
    /// Every client: what it may ask for, how it proves itself, when it ends.
    List(Remote),
    /// Register one; its secret is printed this once. Another operator consents.
    Register(Box<Register>),
    /// Give it a new secret, printed this once. Another operator consents.
    Rotate {
        /// `client_id`.
        client_id: String,
        /// How long the secret before is taken, too, seconds.
        #[arg(long, default_value_t = 86_400)]
        overlap_seconds: i64,
        #[command(flatten)]
        remote: Remote,
    },
    /// Revoke it and every token issued to it so far.
    Revoke {
        /// `client_id`.
        client_id: String,
        #[command(flatten)]
        remote: Remote,
    },
}

/// `ward tokens client register`.
#[derive(Args)]
pub struct Register {
    /// `client_id`: 1 to 64 of A-Z a-z 0-9 . _ -
    pub client_id: String,
    /// SCIM id of the person answerable.
    #[arg(long)]
    pub owner: String,
    /// What its tokens are for; repeat it for more, the first is the default.
    #[arg(long, required = true)]
    pub audience: Vec<String>,
    /// An audience it may exchange others' tokens for; repeatable.
    #[arg(long)]
    pub exchange: Vec<String>,
    /// Space-separated scopes it may ask for.
    #[arg(long, default_value = "")]
    pub scope: String,
    /// Longest life of its tokens, seconds.
    #[arg(long, default_value_t = 900)]
    pub life_seconds: i64,
    /// Its tokens are always bound to a key or certificate.
    #[arg(long)]
    pub bound: bool,
    /// A file with its public keys (JWK set); then it has no secret.
    #[arg(long)]
    pub jwks: Option<PathBuf>,
    /// When the registration ends, days from now.
    #[arg(long, default_value_t = 90)]
    pub days: i64,
    #[command(flatten)]
    pub remote: Remote,
}
