//! The words for the inventory and for API keys.

use clap::{Args, Subcommand};

use crate::cli::Remote;

/// `ward tokens list`.
#[derive(Args)]
pub struct List {
    /// Only `signing_key`, `api_key`, `client`, `passkey`, `session` or `provider_secret`.
    #[arg(long)]
    pub kind: Option<String>,
    /// Only in this state: `live`, `ending`, `retired`, `expired`, `revoked`.
    #[arg(long)]
    pub state: Option<String>,
    /// Only with this warning, for example `unowned` or `api_key_unused`.
    #[arg(long)]
    pub warning: Option<String>,
    /// Only of this owner or answerable person (SCIM id, or a service's id).
    #[arg(long)]
    pub owner: Option<String>,
    /// Also what is over.
    #[arg(long)]
    pub over: bool,
    #[command(flatten)]
    pub remote: Remote,
}

/// `ward tokens api-key`.
#[derive(Subcommand)]
pub enum ApiKeys {
    /// API keys with owner, last use and end.
    List {
        /// Only `person`, `service`, `scim`, `operator` or `reporter`.
        #[arg(long)]
        kind: Option<String>,
        /// Only those not used for longer than the policy allows.
        #[arg(long, conflicts_with_all = ["unowned", "expiring"])]
        dormant: bool,
        /// Only those nobody who works here answers for.
        #[arg(long, conflicts_with = "expiring")]
        unowned: bool,
        /// Only those that end soon.
        #[arg(long)]
        expiring: bool,
        /// Also what is over.
        #[arg(long)]
        over: bool,
        #[command(flatten)]
        remote: Remote,
    },
    /// One API key: terms, consumers, warnings.
    Show {
        id: i64,
        #[command(flatten)]
        remote: Remote,
    },
    /// Issue one; its text is printed this once. Another operator consents.
    Issue(Box<Issue>),
    /// Make a successor, printed this once; the old one ends after the overlap. Another operator
    /// consents.
    Rotate {
        id: i64,
        /// How long both open, hours, at most 720.
        #[arg(long, default_value_t = ward_tokens::limits::OVERLAP_HOURS)]
        overlap_hours: i64,
        /// Life of the successor, days; as long as the old one's when not said.
        #[arg(long)]
        days: Option<i64>,
        #[command(flatten)]
        remote: Remote,
    },
    /// It opens nothing from now on.
    Revoke {
        id: i64,
        #[command(flatten)]
        remote: Remote,
    },
}

/// `ward tokens api-key issue`.
#[derive(Args)]
pub struct Issue {
    /// `person`, `service`, `scim`, `operator` or `reporter`.
    #[arg(long)]
    pub kind: String,
    /// Whose: `person:SCIM-ID`, `service:ID`, `seller:ID`.
    #[arg(long)]
    pub owner: String,
    /// The person answerable (SCIM id); for keys of services.
    #[arg(long)]
    pub answerable: Option<String>,
    /// Life, days, at most 366.
    #[arg(long)]
    pub days: i64,
    /// What people call it.
    #[arg(long, default_value = "")]
    pub name: String,
    /// What it is used for.
    #[arg(long, default_value = "")]
    pub description: String,
    /// A route it may read, by name; repeat. None: what its owner may.
    #[arg(long)]
    pub scope: Vec<String>,
    /// A network it may be used from; repeat. None: everywhere.
    #[arg(long)]
    pub network: Vec<String>,
    /// For the kind `operator`: what it may do; repeat.
    #[arg(long)]
    pub role: Vec<String>,
    #[command(flatten)]
    pub remote: Remote,
}
