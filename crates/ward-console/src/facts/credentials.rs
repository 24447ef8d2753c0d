//! Credentials as pages show them. No secret stands here, and no data subject's name.

use ward_model::UnixMillis;

/// What a page of the inventory asks for; an empty word is no filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CredentialsAsk {
    /// Only this kind.
    pub kind: Option<String>,
    /// Only with this warning.
    pub warning: Option<String>,
    /// Also what is over.
    pub over: bool,
    /// After the credential with this id.
    pub after: Option<String>,
    /// At most so many.
    pub rows_max: usize,
}

/// A page of the inventory.
#[derive(Clone, Debug, Default)]
pub struct CredentialPage {
    /// When this was true.
    pub at: UnixMillis,
    /// The rows, the newest first within a kind.
    pub rows: Vec<Credential>,
    /// How many match.
    pub total: u64,
    /// Where the next page begins.
    pub next: Option<String>,
    /// Every kind's word.
    pub kinds: Vec<&'static str>,
    /// Every policy's word, and how many credentials it warns of.
    pub warnings: Vec<(&'static str, u64)>,
}

/// One credential.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credential {
    /// Its id in addresses: `api-key-17`.
    pub id: String,
    /// Its kind's word.
    pub kind: &'static str,
    /// What people call it; may be empty.
    pub name: String,
    /// What it is within its kind.
    pub sort: String,
    /// `live`, `ending`, `retired`, `expired`, `revoked`.
    pub state: &'static str,
    /// Whose it is: kind, name, SCIM id or service's id.
    pub owner: (&'static str, String, String),
    /// The person answerable: his name, and his SCIM id.
    pub answerable: Option<(String, String)>,
    /// Whether somebody who works here answers for it.
    pub answers: bool,
    /// Who could read it: name, how it is known, since when, whether he is gone.
    pub holders: Vec<(String, &'static str, UnixMillis, bool)>,
    /// Since when it is.
    pub created_at: Option<UnixMillis>,
    /// Its last use that is known.
    pub last_used: Option<UnixMillis>,
    /// Whether its use is observed.
    pub use_known: bool,
    /// Uses, and refused uses, that are known.
    pub uses: (u64, u64),
    /// Its end.
    pub expires_at: Option<UnixMillis>,
    /// Who used it lately: what, name, how often, when last.
    pub consumers: Vec<(&'static str, String, u64, UnixMillis)>,
    /// What else there is to say.
    pub details: Vec<(&'static str, String)>,
    /// What the policy finds, in its words.
    pub warnings: Vec<&'static str>,
}
