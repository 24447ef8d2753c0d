//! The words of `ward keys`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Remote;

/// `ward keys`.
#[derive(Subcommand)]
pub enum Keys {
    /// Every signing key with state and holders.
    List(Remote),
    /// One key: state, everyone who ever held it, what declaring it compromised would do.
    Show {
        kid: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Bring in a key others may have read.
    Import {
        /// The key: PEM, DER, PKCS#8 (under a passphrase, too), PKCS#12 or JWK.
        file: PathBuf,
        /// What it is under, in a file of mode 0600; else `WARD_PASSPHRASE_FD`, or it is asked for.
        #[arg(long)]
        passphrase_file: Option<PathBuf>,
        /// `iss` of its tokens.
        #[arg(long)]
        issuer: String,
        /// Persons who could read it (SCIM ids), and `unknown` if there may be others; repeat.
        /// Nobody named: everyone who works here from now on is treated as a holder.
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
    /// Let the next key sign, or a new one, and retire this one; its issued tokens live on.
    Rotate {
        kid: String,
        /// Publish the successor first; `promote` lets it sign.
        #[arg(long)]
        publish_first: bool,
        #[command(flatten)]
        remote: Remote,
    },
    /// Let a published next key sign; those that signed are retired.
    Promote {
        kid: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Let a next key, or one of several, sign no more; its issued tokens live on.
    Retire {
        kid: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// The key is in other hands: only what the ledger knows lives on. Cannot be undone.
    Compromised {
        kid: String,
        /// Only count what would happen.
        #[arg(long)]
        preview: bool,
        /// The earliest moment it may have been in other hands (RFC 3339); now if not said.
        #[arg(long)]
        since: Option<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Give a share to a sealed Ward. It is read from the terminal, a file or `WARD_SHARE_FD`.
    Unseal {
        /// File of mode 0600 with the share.
        #[arg(long)]
        share_file: Option<PathBuf>,
        /// The control plane of the sealed Ward.
        #[arg(long, env = "WARD_API", default_value = super::API)]
        api: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Lock custody anew, as `[custody]` of the configuration says; Ward must not run.
    ///
    /// What locks it now stands in `[custody.previous]`; the same passphrase source twice reads the
    /// new one from `WARD_NEW_PASSPHRASE_FD`, or asks.
    Rewrap(Rewrap),
}

/// `ward keys rewrap`.
#[derive(Args)]
pub struct Rewrap {
    /// The configuration file.
    #[arg(long, default_value = "ward.toml")]
    pub config: PathBuf,
    /// User name of somebody who gets a share; repeat.
    #[arg(long)]
    pub share_holder: Vec<String>,
    /// How many shares open custody.
    #[arg(long, default_value_t = 2)]
    pub shares_needed: u8,
}

/// Where a key-encryption key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CustodyWord {
    /// A file of mode 0600.
    File,
    /// A passphrase, given at start.
    Passphrase,
    /// Shares of several persons, given at start.
    Shares,
    /// A PKCS#11 token, which also makes and uses the keys that sign tokens.
    Pkcs11,
}
