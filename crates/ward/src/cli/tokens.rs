//! The words of `ward tokens`.

use clap::Subcommand;

use super::Remote;

/// `ward tokens`.
#[derive(Subcommand)]
pub enum Tokens {
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
    /// Revoke a token, read from standard input.
    Revoke(Remote),
}
