//! Every credential Ward knows: whose it is, who could read it, how old, used when and by whom, and
//! what is wrong with it by the house's policy.
//!
//! Pure but for `gather.rs`, which joins the open rooms. No secret comes here; people who work here
//! are named, data subjects are not. Best tests: `inventory/tests.rs`, `interop/apikeys.py`.

mod gather;

use serde_json::{Value, json};
use ward_model::{UnixMillis, time::DAY_MS};

pub use gather::{all, one};

use crate::api::text_of;

/// When a credential is warned of, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A key that signs is older than this.
    pub signing_key_ms: i64,
    /// An API key was not used for so long.
    pub api_key_unused_ms: i64,
    /// A client had no token issued for so long.
    pub client_unused_ms: i64,
    /// The end is so near.
    pub expiring_ms: i64,
}

impl Policy {
    /// As it is configured: keys of `[inventory]` and days.
    #[must_use]
    pub const fn days(&self) -> [(&'static str, i64); 4] {
        [
            ("signing_key_days", self.signing_key_ms / DAY_MS),
            ("api_key_unused_days", self.api_key_unused_ms / DAY_MS),
            ("client_unused_days", self.client_unused_ms / DAY_MS),
            ("expiring_days", self.expiring_ms / DAY_MS),
        ]
    }
}

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$each])* $variant,)+ }
        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
            /// By its word.
            #[must_use]
            pub fn from_name(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == word)
            }
        }
    };
}

names! {
    /// The exact kind of a credential.
    Kind {
        /// Signs tokens, transactions or answers.
        SigningKey = "signing_key",
        /// A key for the API, the gate or SCIM.
        ApiKey = "api_key",
        /// An OAuth client's id and secret.
        Client = "client",
        /// An operator's passkey.
        Passkey = "passkey",
        /// An operator's open session.
        Session = "session",
        /// Ward's own secret at the operators' identity provider.
        ProviderSecret = "provider_secret",
    }
}

names! {
    /// How a credential stands.
    State {
        /// It opens what it is for.
        Live = "live",
        /// It was replaced and ends soon.
        Ending = "ending",
        /// A signing key that signs no more; its tokens live on.
        Retired = "retired",
        /// It ended by itself.
        Expired = "expired",
        /// It was taken back, or is in other hands.
        Revoked = "revoked",
    }
}

names! {
    /// What the policy finds.
    Warning {
        /// A key that signs is older than the policy allows.
        SigningKeyOld = "signing_key_old",
        /// A person who could read a key that signs works here no more.
        HeldByLeaver = "held_by_leaver",
        /// An API key was not used for longer than the policy allows.
        ApiKeyUnused = "api_key_unused",
        /// A client had no token issued for longer than the policy allows.
        ClientUnused = "client_unused",
        /// It ends soon and has no successor.
        Expiring = "expiring",
        /// Nobody who works here answers for it.
        Unowned = "unowned",
    }
}

/// Whether somebody answers for a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// Someone who works here, or the outside principal itself.
    Yes,
    /// He works here no more, is suspended, or is not known.
    NoMore,
    /// Nobody was ever named.
    Nobody,
}

/// Whose a credential is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The kind of principal, or `ward`.
    pub kind: &'static str,
    /// A person's SCIM id or a service's id; empty for data subjects, who are not named.
    pub id: String,
    /// A person's name, or the service's.
    pub name: String,
    /// The person answerable: SCIM id and name.
    pub answerable: Option<(String, String)>,
    /// Whether somebody answers for it.
    pub answers: Answers,
}

/// Who could read a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// SCIM id.
    pub person: String,
    /// His name.
    pub name: String,
    /// How it is known.
    pub evidence: &'static str,
    /// Since when.
    pub since: UnixMillis,
    /// He works here no more.
    pub gone: bool,
}

/// Who presented or used a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// `route`, `client` or `control_plane`.
    pub kind: &'static str,
    /// The route or client.
    pub name: String,
    /// How often.
    pub count: u64,
    /// When last.
    pub last: UnixMillis,
}

/// One credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// `KIND-ID`, for addresses.
    pub id: String,
    /// Its kind.
    pub kind: Kind,
    /// What people call it.
    pub name: String,
    /// What it is within its kind: `service`, `token ES256`.
    pub sort: String,
    /// How it stands.
    pub state: State,
    /// Whose it is.
    pub owner: Owner,
    /// Who could read it.
    pub holders: Vec<Holder>,
    /// Since when it is; `None` when no record says.
    pub created_at: Option<UnixMillis>,
    /// Its last use that is known; `None` for never, or not observable: see `use_known`.
    pub last_used: Option<UnixMillis>,
    /// Whether use of this kind of credential is observed at all.
    pub use_known: bool,
    /// Uses that are known.
    pub uses: u64,
    /// Uses that were refused.
    pub refused: u64,
    /// Its end.
    pub expires_at: Option<UnixMillis>,
    /// It has a successor.
    pub replaced: bool,
    /// Who used it lately, the latest first.
    pub consumers: Vec<Consumer>,
    /// What else there is to say: label and text.
    pub details: Vec<(&'static str, String)>,
    /// What the policy finds.
    pub warnings: Vec<Warning>,
}

impl Credential {
    /// What the policy finds at `now`. Only what still opens something is warned of.
    #[must_use]
    pub fn judge(mut self, policy: &Policy, now: UnixMillis) -> Self {
        self.warnings.clear();
        if !matches!(self.state, State::Live | State::Ending) {
            return self;
        }
        let age = self.created_at.map(|at| now.since(at));
        let idle = self.last_used.map(|at| now.since(at)).or(age);
        let longer = |some: Option<i64>, than: i64| some.is_some_and(|ms| ms > than);
        let soon = self.expires_at.is_some_and(|at| at.since(now) <= policy.expiring_ms);
        let of_kind = |kind| self.kind == kind;
        let lives_long = !of_kind(Kind::Session);
        let found = [
            (
                Warning::SigningKeyOld,
                of_kind(Kind::SigningKey) && longer(age, policy.signing_key_ms),
            ),
            (
                Warning::HeldByLeaver,
                of_kind(Kind::SigningKey) && self.holders.iter().any(|it| it.gone),
            ),
            (
                Warning::ApiKeyUnused,
                of_kind(Kind::ApiKey) && longer(idle, policy.api_key_unused_ms),
            ),
            (Warning::ClientUnused, of_kind(Kind::Client) && longer(idle, policy.client_unused_ms)),
            (Warning::Expiring, lives_long && soon && !self.replaced),
            (Warning::Unowned, self.owner.answers != Answers::Yes),
        ];
        self.warnings = found.into_iter().filter_map(|(it, is)| is.then_some(it)).collect();
        self
    }

    /// As JSON; `whole`: with holders, consumers and details.
    #[must_use]
    pub fn json(&self, whole: bool) -> Value {
        let moment = |at: Option<UnixMillis>| at.map(text_of);
        let owner = &self.owner;
        let answerable = owner.answerable.as_ref();
        let mut told = json!({
            "id": self.id, "kind": self.kind.as_str(), "name": self.name, "sort": self.sort,
            "state": self.state.as_str(),
            "owner": {
                "kind": owner.kind, "id": owner.id, "name": owner.name,
                "answerable": answerable.map(|(id, name)| json!({ "id": id, "name": name })),
                "answers": owner.answers == Answers::Yes,
            },
            "holders": self.holders.len(),
            "created_at": moment(self.created_at), "last_used_at": moment(self.last_used),
            "use_known": self.use_known, "uses": self.uses, "refused": self.refused,
            "expires_at": moment(self.expires_at), "replaced": self.replaced,
            "warnings": self.warnings.iter().map(|it| it.as_str()).collect::<Vec<_>>(),
        });
        if let Some(told) = told.as_object_mut().filter(|_| whole) {
            let holder = |it: &Holder| {
                json!({
                    "person": it.person, "name": it.name, "evidence": it.evidence,
                    "since": text_of(it.since), "gone": it.gone,
                })
            };
            let consumer = |it: &Consumer| {
                json!({
                    "kind": it.kind, "name": it.name, "count": it.count,
                    "last_at": text_of(it.last),
                })
            };
            let list = |all: Vec<Value>| Value::Array(all);
            told.insert("holders".into(), list(self.holders.iter().map(holder).collect()));
            told.insert("consumers".into(), list(self.consumers.iter().map(consumer).collect()));
            let details = self.details.iter().map(|(key, text)| ((*key).to_owned(), json!(text)));
            told.insert("details".into(), Value::Object(details.collect()));
        }
        told
    }
}

/// What of the inventory is asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only in this state; none: all but what is over.
    pub state: Option<State>,
    /// Also what is over.
    pub over: bool,
    /// Only with this warning.
    pub warning: Option<Warning>,
    /// Only with any warning.
    pub warned: bool,
    /// Only of this owner or answerable person: id.
    pub owner: Option<String>,
    /// Only of this sort within its kind.
    pub sort: Option<String>,
    /// After the credential with this id.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

impl Wanted {
    fn takes(&self, it: &Credential) -> bool {
        let owned = |owner: &String| {
            it.owner.id == *owner || it.owner.answerable.as_ref().is_some_and(|(id, _)| id == owner)
        };
        let is_over = matches!(it.state, State::Expired | State::Revoked);
        let in_state = match self.state {
            Some(state) => it.state == state,
            None => self.over || !is_over,
        };
        in_state
            && self.kind.is_none_or(|kind| it.kind == kind)
            && self.warning.is_none_or(|warning| it.warnings.contains(&warning))
            && (!self.warned || !it.warnings.is_empty())
            && self.owner.as_ref().is_none_or(owned)
            && self.sort.as_ref().is_none_or(|sort| it.sort == *sort)
    }

    /// A page of what was gathered, how many match in all, and where the next page begins.
    #[must_use]
    pub fn page(&self, all: Vec<Credential>) -> (Vec<Credential>, usize, Option<String>) {
        let mut matching: Vec<Credential> = all.into_iter().filter(|it| self.takes(it)).collect();
        let total = matching.len();
        let start = match &self.after {
            None => 0,
            Some(after) => {
                let found = matching.iter().position(|it| it.id == *after);
                found.map_or(0, |at| at.saturating_add(1))
            }
        };
        let mut page: Vec<Credential> = matching.drain(start.min(total)..).collect();
        let more = page.len() > self.limit;
        page.truncate(self.limit);
        let next = page.last().filter(|_| more).map(|it| it.id.clone());
        (page, total, next)
    }
}

/// How many credentials each policy warns of, every policy named.
#[must_use]
pub fn tally(all: &[Credential]) -> Vec<(Warning, usize)> {
    let count = |warning: Warning| all.iter().filter(|it| it.warnings.contains(&warning)).count();
    Warning::ALL.iter().map(|&warning| (warning, count(warning))).collect()
}

#[cfg(test)]
mod tests;
