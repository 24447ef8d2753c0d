//! The words of `ward operators` and `ward approvals`.

use std::path::PathBuf;

use clap::Subcommand;

use super::Remote;

/// `ward operators`.
#[derive(Subcommand)]
pub enum Operators {
    /// Who is an operator, what each may do, and one-time links that still work.
    List(Remote),
    /// Make a one-time link with which a person becomes an operator; another operator consents.
    Enrol {
        /// The person (SCIM id).
        person: String,
        /// What he may do: keys, policy, journal, people, incident, audit, operators; repeat.
        #[arg(long = "role", required = true)]
        roles: Vec<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// What an operator may do from now on; another operator consents.
    SetRoles {
        /// The operator (SCIM id).
        person: String,
        /// What he may do; repeat.
        #[arg(long = "role", required_unless_present = "none", conflicts_with = "none")]
        roles: Vec<String>,
        /// Nothing: he is no operator any more.
        #[arg(long)]
        none: bool,
        #[command(flatten)]
        remote: Remote,
    },
    /// What operators did to Ward and read in it, newest first.
    Record {
        /// Words that all stand in an entry.
        words: Vec<String>,
        /// Only what this person (SCIM id) did, or what is about him.
        #[arg(long)]
        person: Option<String>,
        /// Only this kind, for example `act`, `read`, `proposal`, `sign_in`.
        #[arg(long)]
        kind: Option<String>,
        /// From this moment (RFC 3339), inclusive.
        #[arg(long)]
        from: Option<String>,
        /// To this moment (RFC 3339), exclusive.
        #[arg(long)]
        to: Option<String>,
        /// Only below this leaf: where an earlier page ended.
        #[arg(long)]
        before: Option<i64>,
        /// At most so many, 1 to 200.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        remote: Remote,
    },
    /// Save a part of that record as a file that anybody can verify offline.
    Export {
        /// The file; more than 10,000 entries go on in FILE.2, FILE.3 and so on.
        file: PathBuf,
        /// From this moment (RFC 3339), inclusive.
        #[arg(long)]
        from: Option<String>,
        /// To this moment (RFC 3339), exclusive.
        #[arg(long)]
        to: Option<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Check such a file, without a running Ward, and print what it holds.
    Verify {
        /// The file.
        file: PathBuf,
        /// The log's verifier key, kept from `GET /journal/key`; without it the file is only held
        /// against the key it names itself.
        #[arg(long)]
        vkey: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `ward approvals`.
#[derive(Subcommand)]
pub enum Approvals {
    /// Proposals, newest first.
    List {
        /// Only those `waiting`, `approved`, `applied`, `withdrawn`, `refused`, `expired`, `lapsed`.
        #[arg(long)]
        state: Option<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// One proposal: the act, its effect, who consented.
    Show {
        approval: i64,
        #[command(flatten)]
        remote: Remote,
    },
    /// Refuse another operator's proposal.
    Refuse {
        approval: i64,
        #[command(flatten)]
        remote: Remote,
    },
    /// Take your own proposal back.
    Withdraw {
        approval: i64,
        #[command(flatten)]
        remote: Remote,
    },
}
