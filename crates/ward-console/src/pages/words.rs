//! Closed lists in plain words, and the one sentence *Now* begins with. Pure.

use ward_model::word::{
    AlertKind, CustodyEvidence, IncidentEntryKind, IssuerMode, KeySource, KeyState, PersonState,
    Provenance, RouteMode, Task,
};
use ward_model::word::{ApprovalEnd, Role, SignInMethod};
use ward_model::{PrincipalKind, Reason, Roles, Verdict};
use ward_operators::ActKind;
use ward_operators::approval::Standing;

use crate::facts::{AccessRow, Now};
use crate::say::Grouped as _;

/// How a line or a page stands: a word, and a tone that also has a sign of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Badge {
    /// `good`, `bad`, `watch` or `plain`: names a colour and an icon.
    pub tone: &'static str,
    /// The word.
    pub word: &'static str,
}

impl Badge {
    /// For an access: what was decided and whether the answer left all the same.
    pub const fn of(row: &AccessRow) -> Self {
        match (row.verdict, row.released) {
            (Verdict::Permit, _) => Self { tone: "good", word: "permitted" },
            (Verdict::Refuse(_), false) => Self { tone: "bad", word: "refused" },
            (Verdict::Refuse(_), true) => Self { tone: "watch", word: "would refuse" },
        }
    }
}

/// The sentence at the head of *Now*.
pub struct Mood {
    /// As [`Badge::tone`].
    pub tone: &'static str,
    /// The sentence.
    pub text: String,
    /// What adds to it.
    pub more: String,
    /// Where to look.
    pub link: Option<&'static str>,
    /// What is to be seen there.
    pub what: &'static str,
}

impl Mood {
    /// The worst that is true.
    pub fn of(now: &Now, refused_last_minute: u64) -> Self {
        let lost = now.journal.lost;
        let open = now.incidents_open;
        if lost > 0 {
            return Self {
                tone: "bad",
                text: format!("{} record{} missing from the journal.", lost.grouped(), is(lost)),
                more: String::from("Copy the data directory, then run ward journal verify."),
                link: None,
                what: "",
            };
        }
        if open > 0 {
            return Self {
                tone: "bad",
                text: format!("{} incident{} open.", open.grouped(), is(open)),
                more: refused(refused_last_minute),
                link: Some("/console/incidents"),
                what: "incidents",
            };
        }
        if refused_last_minute > 0 {
            return Self {
                tone: "watch",
                text: refused(refused_last_minute),
                more: String::from("No incident is open."),
                link: Some("/console/accesses?verdict=refuse"),
                what: "refusals",
            };
        }
        Self {
            tone: "good",
            text: String::from("All quiet."),
            more: String::from("Nothing refused in the last minute, no incident open."),
            link: None,
            what: "",
        }
    }
}

fn is(count: u64) -> &'static str {
    if count == 1 { " is" } else { "s are" }
}

fn refused(count: u64) -> String {
    match count {
        0 => String::from("Nothing refused in the last minute."),
        _ => format!("{} request{} refused in the last minute.", count.grouped(), count.ending()),
    }
}

/// A closed list's word as a sentence needs it.
pub trait Plain {
    /// In plain words.
    fn plain(&self) -> &'static str;
    /// As [`Badge::tone`].
    fn tone(&self) -> &'static str {
        "plain"
    }
}

impl Plain for AlertKind {
    fn plain(&self) -> &'static str {
        match self {
            Self::NeverIssued => "A token nobody issued",
            Self::PhantomDataSubject => "Someone who does not exist",
            Self::LeaverCredential => "A leaver’s credential was used",
            Self::BudgetSpent => "An exposure budget is spent",
            Self::StoreTampered => "A row no record tells of",
            Self::WrongTenant => "Another tenant’s records",
            Self::UndeclaredField => "Fields nobody declared",
            Self::ClockJumped => "The clock jumped",
            Self::UnapprovedChange => "A weaker setting nobody else approved",
            Self::EmergencyUsed => "An emergency, used by one person",
            Self::OperatorCredential => "An operator’s credential in other hands",
            Self::CredentialLeaked => "A credential found in the open",
            Self::IssuerTrouble => "A foreign issuer is not as it must be",
            Self::LateReport => "A token reported after it was used",
        }
    }
    fn tone(&self) -> &'static str {
        match self {
            Self::BudgetSpent | Self::UndeclaredField | Self::ClockJumped | Self::IssuerTrouble => {
                "watch"
            }
            Self::NeverIssued
            | Self::PhantomDataSubject
            | Self::LeaverCredential
            | Self::StoreTampered
            | Self::WrongTenant
            | Self::UnapprovedChange
            | Self::EmergencyUsed
            | Self::LateReport
            | Self::CredentialLeaked
            | Self::OperatorCredential => "bad",
        }
    }
}

impl Plain for Reason {
    fn plain(&self) -> &'static str {
        match self {
            Self::NeverIssued => "Token nobody issued",
            Self::RetiredKey => "Signed with a retired key",
            Self::Revoked => "Credential was taken back",
            Self::Expired => "Credential has expired",
            Self::NotYetValid => "Credential is not valid yet",
            Self::BadSignature => "Signature is wrong",
            Self::UnknownKey => "Signed with an unknown key",
            Self::Malformed => "Credential missing or unreadable",
            Self::WrongAudience => "Token meant for someone else",
            Self::HolderMismatch => "Presented by another than its holder",
            Self::LedgerBehind => "Ledger has not caught up",
            Self::ViewStale => "View of revocations too old",
            Self::PrincipalSuspended => "Principal is suspended",
            Self::Policy => "Forbidden by policy",
            Self::WrongTenant => "Another tenant’s records",
            Self::BudgetSpent => "Exposure budget is spent",
            Self::NoPurpose => "No purpose stated",
            Self::LoginUnproven => "No login behind the credential",
            Self::UnknownRoute => "Route nobody declared",
            Self::UndeclaredField => "Fields nobody declared",
            Self::UnknownDataSubject => "Someone who does not exist",
            Self::JournalUnavailable => "Journal could not take the record",
            Self::UpstreamUninspectable => "Answer could not be inspected",
            Self::Overloaded => "Too much at once",
        }
    }
}

impl Plain for Provenance {
    fn plain(&self) -> &'static str {
        match self {
            Self::Measured => "measured in the answer",
            Self::Declared => "the route’s declared maximum",
            Self::Reported => "reported by the application",
            Self::None => "nobody’s data was reached",
        }
    }
}

impl Plain for CustodyEvidence {
    fn plain(&self) -> &'static str {
        match self {
            Self::Declared => "declared when it was brought in",
            Self::Storage => "root where it is stored",
            Self::Handed => "Ward handed it out",
            Self::Unsealer => "gave a share that opened custody",
            Self::Unknown => "worked here while nobody could say who read it",
        }
    }
}

impl Plain for KeySource {
    fn plain(&self) -> &'static str {
        match self {
            Self::Generated => "made inside",
            Self::Imported => "imported",
            Self::Inside => "made inside a token",
        }
    }
}

impl Plain for KeyState {
    fn plain(&self) -> &'static str {
        self.as_str()
    }
    fn tone(&self) -> &'static str {
        match self {
            // WHY not good: that a key is in use says nothing about who else can read it.
            Self::Next | Self::Active | Self::Retired => "plain",
            Self::Compromised => "bad",
        }
    }
}

/// Whether someone has left already.
pub trait Gone {
    /// He has.
    fn is_left(&self) -> bool;
}

impl Gone for PersonState {
    fn is_left(&self) -> bool {
        *self == Self::Left
    }
}

impl Plain for PersonState {
    fn plain(&self) -> &'static str {
        match self {
            Self::Active => "works here",
            Self::Leaving => "leaving",
            Self::Left => "left",
        }
    }
    fn tone(&self) -> &'static str {
        match self {
            Self::Active => "good",
            Self::Leaving => "watch",
            Self::Left => "plain",
        }
    }
}

impl Plain for IssuerMode {
    fn plain(&self) -> &'static str {
        self.as_str()
    }
    fn tone(&self) -> &'static str {
        match self {
            Self::Learning => "watch",
            Self::Enforcing => "good",
        }
    }
}

impl Plain for RouteMode {
    fn plain(&self) -> &'static str {
        match self {
            Self::Observe => "observed",
            Self::Enforce => "enforced",
        }
    }
    fn tone(&self) -> &'static str {
        match self {
            Self::Observe => "watch",
            Self::Enforce => "good",
        }
    }
}

impl Plain for IncidentEntryKind {
    fn plain(&self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Access => "request",
            Self::Holder => "holder",
            // What was done with the key, before the incident too.
            Self::Revocation => "key",
            Self::Note => "note",
        }
    }
    fn tone(&self) -> &'static str {
        match self {
            Self::Alert => "bad",
            Self::Access => "watch",
            Self::Revocation | Self::Holder | Self::Note => "plain",
        }
    }
}

impl Plain for Task {
    fn plain(&self) -> &'static str {
        self.as_str()
    }
}

impl Plain for SignInMethod {
    fn plain(&self) -> &'static str {
        match self {
            Self::Passkey => "passkey",
            Self::Oidc => "identity provider",
            Self::BreakGlass => "passkey, in an emergency",
            Self::Enrolment => "one-time link",
        }
    }
    fn tone(&self) -> &'static str {
        match self {
            Self::Passkey | Self::Oidc => "good",
            Self::BreakGlass => "bad",
            Self::Enrolment => "watch",
        }
    }
}

impl Plain for Role {
    fn plain(&self) -> &'static str {
        match self {
            Self::Keys => "signing keys and issuers",
            Self::Policy => "routes, policies, budgets, configuration",
            Self::Journal => "journal, store, backups",
            Self::People => "people, API keys, clients",
            Self::Incident => "incidents, scope, revocation",
            Self::Audit => "looks at everything, changes nothing",
            Self::Operators => "other operators",
            Self::Login => "has tokens issued",
            Self::Feed => "says who exists",
        }
    }
}

impl Plain for Standing {
    fn plain(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Approved => "approved, not yet used",
            Self::Ended(ApprovalEnd::Applied) => "carried out",
            Self::Ended(how) => how.as_str(),
        }
    }
    fn tone(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "watch",
            Self::Approved => "good",
            Self::Ended(_) => "plain",
        }
    }
}

/// What an act that weakens does, in plain words; its own word when it is none that Ward knows.
pub fn act(act: &str) -> &str {
    match ActKind::from_name(act) {
        Some(ActKind::IssuerLearning) => "Let an issuer learn",
        Some(ActKind::IssuerEnforcing) => "Let a foreign issuer enforce",
        Some(ActKind::ImportKey) => "Bring in a signing key",
        Some(ActKind::IssueApiKey) => "Issue an API key",
        Some(ActKind::RegisterClient) => "Register a client",
        Some(ActKind::RestorePerson) => "Let someone who left come back",
        Some(ActKind::EnrolOperator) => "Enrol an operator",
        Some(ActKind::SetRoles) => "Change what an operator may do",
        Some(ActKind::Declarations) => "Load weaker declarations",
        Some(ActKind::CloseIncident) => "Close an incident",
        Some(ActKind::CompromiseKey) => "Declare a signing key to be in other hands",
        Some(ActKind::ReadMany) => "Read an answer that names many people",
        None => act,
    }
}

/// A value within a query: everything but letters, digits and `-` as `%xx` (RFC 3986 §2.1).
pub fn encoded(value: &str) -> String {
    use core::fmt::Write as _;
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            out.push(char::from(byte));
        } else {
            // Writing into a text cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A word as a line begins with it.
pub fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|it| it.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Whether a set holds a role.
pub fn holds(roles: &Roles, role: &Role) -> bool {
    roles.contains(*role)
}

impl Plain for PrincipalKind {
    fn plain(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown principal",
            known => known.as_str(),
        }
    }
}
