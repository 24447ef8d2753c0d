//! The words of `ward keys`.

use std::path::PathBuf;

use clap::Subcommand;

use super::Remote;

/// `ward keys`.
#[derive(Subcommand)]
pub enum Keys {
    /// Every signing key with state and holders.
    List(Remote),
    /// Bring in a key others may have read.
    Import {
        /// PKCS#8 PEM file.
        pem: PathBuf,
        /// `iss` of its tokens.
        #[arg(long)]
        issuer: String,
        /// Persons who could read it (SCIM ids); repeat.
        #[arg(long)]
        holder: Vec<String>,
        /// Let unknown tokens from before now pass once, for this many days (at most 30).
        #[arg(long)]
        grandfather_days: Option<i64>,
        /// Longest life of its tokens, seconds.
        #[arg(long, default_value_t = 3600)]
        life_seconds: i64,
        /// Sign with it from now on.
        #[arg(long)]
        activate: bool,
        #[command(flatten)]
        remote: Remote,
    },
    /// Make a new key and retire this one; its issued tokens live on.
    Rotate {
        kid: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// The key is in other hands: only what the ledger knows lives on.
    Compromised {
        kid: String,
        #[command(flatten)]
        remote: Remote,
    },
}
