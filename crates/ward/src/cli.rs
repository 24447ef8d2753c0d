//! The command line: what can be typed, and what each word means.

pub mod keys;
mod operators;
mod tokens;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use keys::Keys;
pub use operators::{Approvals, Operators};
pub use tokens::{
    ApiKeys, Clients, IssueApiKey, Issuers, ListCredentials, RegisterClient, Revoke, Tokens,
};

/// Ward: the internal-control system for personal data.
#[derive(Parser)]
#[command(version, about, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, and all is as it must be; 1 something is not as it must be (verify, tour, \
check of a store); 2 wrong usage; 3 held: another operator must consent, nothing was changed; \
64 a configuration, catalogue or policy is wrong; 69 Ward does not run or does not answer; 73 the \
state directory cannot be used; 74 the disk failed; 75 try again later (port taken, another \
process in the directory); 78 the state is of a newer version.";

/// Where a Ward answers that was not told otherwise.
pub const API: &str = "http://127.0.0.1:7780";

/// What Ward can be told to do.
#[derive(Subcommand)]
pub enum Command {
    /// Run everything with a sample company on this machine: nothing to install.
    Demo(Demo),
    /// Play the incident against a running demo, step by step.
    Tour(Tour),
    /// Write a first configuration, with a catalogue from an OpenAPI document.
    Init(Init),
    /// Check configuration, catalogue and policies: every mistake at once; binds no port.
    Check(Check),
    /// Run the control plane and the gate.
    Serve(ConfigFile),
    /// People who work here: list, show, leave.
    #[command(subcommand)]
    People(People),
    /// Signing keys: list, show, import, rotate, promote, retire, compromised; custody: unseal, rewrap.
    #[command(subcommand)]
    Keys(Keys),
    /// Tokens: issue, revoke.
    #[command(subcommand)]
    Tokens(Tokens),
    /// Data subjects: feed who exists.
    #[command(subcommand)]
    Subjects(Subjects),
    /// Exactly whose data was read, by whom, when.
    Scope(Scope),
    /// Everyone who read one data subject.
    WhoRead(WhoRead),
    /// The journal: verify, prove, export a checkpoint.
    #[command(subcommand)]
    Journal(Journal),
    /// The SQL projection: compare it with the journal.
    #[command(subcommand)]
    Store(Store),
    /// The gate in an emergency: open a route, end it, review it.
    #[command(subcommand)]
    Gate(Gate),
    /// Incidents: list, show, close.
    #[command(subcommand)]
    Incidents(Incidents),
    /// Operators: list, enrol, set-roles; their record: search, export, verify offline.
    #[command(subcommand)]
    Operators(Operators),
    /// Proposals that wait for a second operator: list, show, refuse, withdraw.
    #[command(subcommand)]
    Approvals(Approvals),
    /// Backups: one sealed file with everything but the key file; Ward may be running.
    #[command(subcommand)]
    Backup(Backup),
    /// Put a backup back: verified, with revocations since, and what is lost said in words.
    Restore(Restore),
    /// What stands well, what to look at, what to act on.
    Doctor(Doctor),
}

/// `ward demo`.
#[derive(Args, Clone)]
pub struct Demo {
    /// Where the demo keeps its state.
    #[arg(long, default_value = "demo-data")]
    pub dir: PathBuf,
    /// First of four ports; 0 takes free ones.
    #[arg(long, default_value_t = 7780)]
    pub port_base: u16,
    /// Print what runs as one JSON line.
    #[arg(long)]
    pub json: bool,
    /// Customers of the sample company.
    #[arg(long, default_value_t = 200_000)]
    pub customers: u32,
    /// Tables to add to the demo's ward.toml, such as [issuers.login].
    #[arg(long)]
    pub with: Option<PathBuf>,
}

/// `ward tour`.
#[derive(Args)]
pub struct Tour {
    /// The demo's directory.
    #[arg(long, default_value = "demo-data")]
    pub dir: PathBuf,
    /// Print the steps as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `ward init`.
#[derive(Args)]
pub struct Init {
    /// Directory to write to; must not hold a configuration yet.
    #[arg(long, default_value = ".")]
    pub dir: PathBuf,
    /// OpenAPI 3.0 or 3.1 document of the service to protect, JSON or YAML.
    #[arg(long)]
    pub openapi: Option<PathBuf>,
    /// Where the service listens.
    #[arg(long, default_value = "http://127.0.0.1:9000")]
    pub upstream: String,
    /// The log's name: a schema-less URL of yours.
    #[arg(long, default_value = "ward.example/log")]
    pub name: String,
    /// Where the key-encryption key comes from.
    #[arg(long, value_enum, default_value = "file")]
    pub custody: keys::CustodyWord,
    /// User name of somebody who gets a share (`--custody shares`); repeat.
    #[arg(long)]
    pub share_holder: Vec<String>,
    /// How many shares open custody.
    #[arg(long, default_value_t = 2)]
    pub shares_needed: u8,
    /// The PKCS#11 module (`--custody pkcs11`).
    #[arg(long)]
    pub module: Option<PathBuf>,
    /// Label of the PKCS#11 token.
    #[arg(long)]
    pub token: Option<String>,
    /// File of mode 0600 with the PIN of the token, or with the passphrase.
    #[arg(long)]
    pub secret_file: Option<PathBuf>,
    /// User name of the first operator: makes him known and writes his API key for automation,
    /// which opens nothing before he has registered a passkey under this name.
    #[arg(long)]
    pub operator: Option<String>,
}

/// The configuration to use.
#[derive(Args)]
pub struct ConfigFile {
    /// The configuration file.
    #[arg(long, default_value = "ward.toml")]
    pub config: PathBuf,
}

/// `ward check`.
#[derive(Args)]
pub struct Check {
    #[command(flatten)]
    pub file: ConfigFile,
    /// Say whether it is weaker than the set in force, or than another `ward.toml`; exit 1 if so.
    #[arg(long, num_args = 0..=1, default_missing_value = crate::init::IN_FORCE)]
    pub against: Option<PathBuf>,
}

/// Where a running Ward answers.
#[derive(Args, Clone)]
pub struct Remote {
    /// The control plane.
    #[arg(long, env = "WARD_API", default_value = API)]
    pub api: String,
    /// File holding an operator's API key; or put the API key in `WARD_TOKEN`.
    #[arg(long)]
    pub token_file: Option<PathBuf>,
    /// Take address and API key from this demo directory.
    #[arg(long)]
    pub demo: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Wait until another operator has consented, at most a day, then do it.
    #[arg(long)]
    pub wait: bool,
    /// What personal data is read for (`Ward-Purpose`): scope, who-read and people ask for it.
    #[arg(long, env = "WARD_PURPOSE")]
    pub purpose: Option<String>,
}

/// `ward people`.
#[derive(Subcommand)]
pub enum People {
    /// Everyone, with states.
    List(Remote),
    /// One person: what he holds, what he could read.
    Show {
        person: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Cut everything a person holds, now.
    Leave {
        person: String,
        #[command(flatten)]
        remote: Remote,
    },
}

/// `ward subjects`.
#[derive(Subcommand)]
pub enum Subjects {
    /// Feed who exists: one id a line.
    Import {
        /// The namespace, for example `customer`.
        namespace: String,
        /// File of ids, `-` for standard input.
        file: PathBuf,
        #[command(flatten)]
        remote: Remote,
    },
}

/// `ward scope`.
#[derive(Args)]
pub struct Scope {
    /// `kind:id`, for example `person:6f1c…`.
    #[arg(long)]
    pub principal: Option<String>,
    /// A signing key's `kid`.
    #[arg(long)]
    pub key: Option<String>,
    /// An API key's id.
    #[arg(long)]
    pub api_key: Option<String>,
    /// From this moment (RFC 3339), inclusive.
    #[arg(long)]
    pub from: Option<String>,
    /// To this moment (RFC 3339), exclusive.
    #[arg(long)]
    pub to: Option<String>,
    #[command(flatten)]
    pub remote: Remote,
}

/// `ward who-read`.
#[derive(Args)]
pub struct WhoRead {
    /// `namespace:id`, for example `customer:100001`.
    pub data_subject: String,
    /// From this moment (RFC 3339), inclusive.
    #[arg(long)]
    pub from: Option<String>,
    /// To this moment (RFC 3339), exclusive.
    #[arg(long)]
    pub to: Option<String>,
    #[command(flatten)]
    pub remote: Remote,
}

/// The directory of a Ward that need not run.
#[derive(Args)]
pub struct Offline {
    /// State directory (`data` of the configuration, or the demo's).
    #[arg(long, default_value = "demo-data")]
    pub dir: PathBuf,
    /// Key file, when it is not in the state directory.
    #[arg(long)]
    pub key_file: Option<PathBuf>,
}

/// `ward journal`.
#[derive(Subcommand)]
pub enum Journal {
    /// Recompute everything from the segments, and hold it against a checkpoint kept outside.
    Verify {
        #[command(flatten)]
        offline: Offline,
        /// A checkpoint saved outside this machine.
        #[arg(long)]
        checkpoint: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// The same checks, in words, without a checkpoint from outside.
    Fsck {
        #[command(flatten)]
        offline: Offline,
    },
    /// The inclusion proof of one leaf.
    Prove {
        /// The leaf's index.
        index: i64,
        #[command(flatten)]
        remote: Remote,
    },
    /// The newest signed checkpoint: keep it somewhere else.
    Checkpoint(Remote),
}

/// `ward store`.
#[derive(Subcommand)]
pub enum Store {
    /// Compare every row with its record; a row without one is an incident.
    Verify(Remote),
}

/// `ward gate`.
#[derive(Subcommand)]
pub enum Gate {
    /// Open one enforced route for minutes: everyone is told, a second person looks afterwards.
    Bypass {
        /// The route's number or name.
        #[arg(long)]
        route: String,
        /// How long, minutes; at most 30.
        #[arg(long)]
        minutes: i64,
        /// Why; no personal data.
        #[arg(long)]
        note: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// What is open, what nobody else has looked at, and the last day.
    Bypasses(Remote),
    /// End a bypass before its minute.
    End {
        bypass: i64,
        #[command(flatten)]
        remote: Remote,
    },
    /// Say that you, a second person, have looked at an emergency.
    Review {
        /// The bypass.
        #[arg(required_unless_present = "session", conflicts_with = "session")]
        bypass: Option<i64>,
        /// Or a break-glass session.
        #[arg(long)]
        session: Option<i64>,
        /// What you found; no personal data.
        #[arg(long)]
        note: String,
        #[command(flatten)]
        remote: Remote,
    },
}

/// `ward backup`.
#[derive(Subcommand)]
pub enum Backup {
    /// Take one. The key file is not in it: keep that elsewhere.
    Create(BackupCreate),
    /// Read one to its end and hold every file to its hash.
    Verify(BackupVerify),
    /// Make an identity that opens backups; prints its recipient.
    Keygen {
        /// Where to put the identity (mode 0600); keep it apart from backups and key file.
        #[arg(long)]
        out: PathBuf,
    },
}

/// `ward backup create`.
#[derive(Args)]
pub struct BackupCreate {
    /// The file to write; must not be there.
    #[arg(long)]
    pub out: PathBuf,
    /// Whom to seal it to: `age1...`; repeat.
    #[arg(long)]
    pub recipient: Vec<String>,
    /// File of recipients, one a line; repeat.
    #[arg(long)]
    pub recipients_file: Vec<PathBuf>,
    /// The configuration file.
    #[arg(long, default_value = "ward.toml")]
    pub config: PathBuf,
    #[command(flatten)]
    pub remote: Remote,
}

/// `ward backup verify`.
#[derive(Args)]
pub struct BackupVerify {
    /// The backup.
    pub backup: PathBuf,
    /// File of identities that may open it; repeat.
    #[arg(long, required = true)]
    pub identity: Vec<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `ward restore`.
#[derive(Args)]
pub struct Restore {
    /// The backup.
    pub backup: PathBuf,
    /// File of identities that may open it; repeat.
    #[arg(long, required = true)]
    pub identity: Vec<PathBuf>,
    /// The key file this Ward had; another custody opens as the backup's `ward.toml` says.
    #[arg(long)]
    pub key_file: Option<PathBuf>,
    /// An empty directory to restore into.
    #[arg(long)]
    pub into: PathBuf,
    /// A younger copy of the `journal` directory, such as a surviving disk's: what came after the
    /// backup is replayed from it.
    #[arg(long)]
    pub journal: Option<PathBuf>,
    /// Nothing was recorded past what is restored: the younger journal is the dead machine's own,
    /// or Ward was stopped before the backup and not started since.
    #[arg(long)]
    pub complete: bool,
    /// A checkpoint kept outside this machine; repeat.
    #[arg(long)]
    pub checkpoint: Vec<PathBuf>,
    /// Go on though a checkpoint names more than there is. Recorded; raises an alert.
    #[arg(long)]
    pub accept_loss: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `ward doctor`.
#[derive(Args)]
pub struct Doctor {
    /// The configuration file, for a Ward that does not run.
    #[arg(long, default_value = "ward.toml")]
    pub config: PathBuf,
    #[command(flatten)]
    pub remote: Remote,
}

/// `ward incidents`.
#[derive(Subcommand)]
pub enum Incidents {
    /// All incidents.
    List(Remote),
    /// One incident with its timeline.
    Show {
        incident: i64,
        #[command(flatten)]
        remote: Remote,
    },
    /// Close one, with a note.
    Close {
        incident: i64,
        #[arg(long)]
        note: String,
        #[command(flatten)]
        remote: Remote,
    },
}
