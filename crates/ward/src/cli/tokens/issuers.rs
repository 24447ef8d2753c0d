//! The words of `ward tokens issuers`.

use clap::Subcommand;

use crate::cli::Remote;

/// `ward tokens issuers`.
#[derive(Subcommand)]
pub enum Issuers {
    /// Every foreign issuer: mode, keys, reports, lag, coverage.
    List(Remote),
    /// What enforcing would have refused in the last seven days.
    Preview {
        /// The issuer's name in `ward.toml`.
        name: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Refuse what the issuer has not reported, as the preview says it; another operator consents.
    Enforce {
        /// The issuer's name in `ward.toml`.
        name: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Let the issuer learn again: nothing is refused, everything is counted. Weakens: it is held.
    Learn {
        /// The issuer's name in `ward.toml`.
        name: String,
        #[command(flatten)]
        remote: Remote,
    },
}
