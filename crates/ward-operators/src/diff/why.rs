//! Reasons: what is weaker or stronger, where, in plain words.
//!
//! What it must never do: repeat personal data. Names of the catalogue, the policies and the
//! settings are in it; names of persons and addresses are not.

use core::fmt::Display;

use super::Judgement;
use super::limits::{REASONS_MAX, WORD_BYTES_MAX};

macro_rules! kinds {
    ($($(#[$meta:meta])* $variant:ident = $text:literal,)+) => {
        /// What a reason is about. Stable: its word is a metric label.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($(#[$meta])* $variant,)+ }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The short word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

kinds! {
    /// Where the state lives.
    Data = "data",
    /// The log's name.
    LogName = "log_name",
    /// An address that is listened on.
    Listen = "listen",
    /// Whose tokens are issued, and for whom.
    Issuer = "issuer",
    /// How long a token lives.
    TokenLife = "token_life",
    /// Whether the issuer enforces.
    IssuerMode = "issuer_mode",
    /// How keys are kept.
    Custody = "custody",
    /// Declared holders of the keys.
    Holders = "holders",
    /// How long records are kept.
    Retention = "retention",
    /// How long an operator's session lasts.
    Session = "session",
    /// How long a fresh proof of an operator counts.
    StepUp = "step_up",
    /// How operators sign in.
    SignIn = "sign_in",
    /// What groups of the identity provider make of their members.
    Groups = "groups",
    /// How much personal data an operator may read.
    ReadBudget = "read_budget",
    /// Who must consent to what, and for how long.
    Approvals = "approvals",
    /// Alerts that are not told.
    Mutes = "mutes",
    /// Who is told.
    Notifications = "notifications",
    /// Who may have which tokens signed.
    Signing = "signing",
    /// A setting without an order.
    OtherSetting = "other_setting",
    /// A host that is served.
    Host = "host",
    /// Names a host answers to.
    HostNames = "host_names",
    /// Where requests are sent.
    Upstream = "upstream",
    /// What happens to requests that match no route.
    Undeclared = "undeclared",
    /// How large an answer may be.
    BodyBytes = "body_bytes",
    /// What a number of a data class stands for.
    DataClass = "data_class",
    /// What a number of a namespace stands for.
    Namespace = "namespace",
    /// An exposure budget.
    Budget = "budget",
    /// A route that is there or not.
    Route = "route",
    /// A route's number.
    RouteNumber = "route_number",
    /// A route's name, by which policies and scopes speak of it.
    RouteName = "route_name",
    /// Which of two routes takes a request.
    RouteOverlap = "route_overlap",
    /// Observe or enforce.
    RouteMode = "route_mode",
    /// Kinds of principals that may call.
    RouteKinds = "route_kinds",
    /// Whether a purpose is asked for.
    RoutePurpose = "route_purpose",
    /// Whether a login is asked for.
    RouteLogin = "route_login",
    /// Whether a token must be bound to its presenter.
    RouteHolder = "route_holder",
    /// Whose data a route is about.
    RouteSubject = "route_subject",
    /// Whether it is about oneself only.
    RouteSelfOnly = "route_self_only",
    /// Whether the tenant is checked.
    RouteTenant = "route_tenant",
    /// How many data subjects an answer may hold.
    RouteSubjects = "route_subjects",
    /// What kind of body it answers with.
    RouteBody = "route_body",
    /// A declared field that is there or not.
    Field = "field",
    /// A field's slot.
    FieldSlot = "field_slot",
    /// A field's data class.
    FieldClass = "field_class",
    /// A field's mask, for whom.
    FieldMask = "field_mask",
    /// Whether a field names a data subject.
    FieldSubject = "field_subject",
    /// Whether a field names a tenant.
    FieldTenant = "field_tenant",
    /// A policy that permits.
    Permit = "permit",
    /// A policy that forbids.
    Forbid = "forbid",
    /// What refusals by a policy are recorded as.
    PolicyReason = "policy_reason",
    /// How many more reasons there are than can be listed.
    More = "more",
}

impl serde::Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Why {
    /// What it is about.
    pub kind: Kind,
    /// Where: `catalogue: route orders (GET /me/orders)`.
    pub place: String,
    /// What becomes of it; lowercase, no final stop.
    pub what: String,
}

impl Display for Why {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { kind: _, place, what } = self;
        write!(f, "{place}: {what}")
    }
}

/// A measure; `None` is without limit, more than any number.
pub(super) type Measure = Option<u64>;

/// What has been found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    weaker: Reasons,
    stronger: Reasons,
}

#[derive(Debug, Default)]
struct Reasons {
    list: Vec<Why>,
    more: usize,
}

impl Reasons {
    fn push(&mut self, kind: Kind, place: &dyn Display, what: &dyn Display) {
        if self.list.len() < REASONS_MAX {
            self.list.push(Why { kind, place: place.to_string(), what: what.to_string() });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    fn into_list(mut self) -> Vec<Why> {
        if self.more > 0 {
            let what = format!("{} more", self.more);
            self.list.push(Why { kind: Kind::More, place: "everywhere".to_owned(), what });
        }
        self.list
    }
}

impl Findings {
    /// Something is weaker, or cannot be shown to be as strict.
    pub(super) fn weaker(&mut self, kind: Kind, place: &dyn Display, what: &dyn Display) {
        self.weaker.push(kind, place, what);
    }

    /// Something is stronger: the way back would be weaker.
    pub(super) fn stronger(&mut self, kind: Kind, place: &dyn Display, what: &dyn Display) {
        self.stronger.push(kind, place, what);
    }

    /// One or the other.
    pub(super) fn either(
        &mut self,
        is_weaker: bool,
        kind: Kind,
        place: &dyn Display,
        what: &dyn Display,
    ) {
        let reasons = if is_weaker { &mut self.weaker } else { &mut self.stronger };
        reasons.push(kind, place, what);
    }

    /// Something whose values have no order: weaker on any change.
    pub(super) fn unordered<T: PartialEq + ?Sized>(
        &mut self,
        kind: Kind,
        place: &dyn Display,
        what: &str,
        old: &T,
        new: &T,
    ) {
        if old != new {
            self.weaker(kind, place, &what);
        }
    }

    /// A measure of which more is weaker; `what` goes before the number, `unit` after it.
    pub(super) fn cap(
        &mut self,
        kind: Kind,
        place: &dyn Display,
        [what, unit]: [&str; 2],
        old: Measure,
        new: Measure,
    ) {
        if old != new {
            let (now, before) = (shown(new), shown(old));
            let text = format_args!("{what} {now} {unit}, before {before}");
            self.either(rank(new) > rank(old), kind, place, &text);
        }
    }

    /// A measure of which less is weaker.
    pub(super) fn floor(
        &mut self,
        kind: Kind,
        place: &dyn Display,
        [what, unit]: [&str; 2],
        old: Measure,
        new: Measure,
    ) {
        if old != new {
            let (now, before) = (shown(new), shown(old));
            let text = format_args!("{what} {now} {unit}, before {before}");
            self.either(rank(new) < rank(old), kind, place, &text);
        }
    }

    /// The first thing that is weaker.
    pub(super) fn first_weaker(&self) -> Option<&Why> {
        self.weaker.list.first()
    }

    pub(super) fn into_judgement(self) -> Judgement {
        let Self { weaker, stronger } = self;
        match (weaker.into_list(), stronger.into_list()) {
            (weaker, stronger) if !weaker.is_empty() => Judgement::Weaker { weaker, stronger },
            (_, stronger) if !stronger.is_empty() => Judgement::Stronger(stronger),
            _ => Judgement::Same,
        }
    }
}

/// No limit is above every number.
const fn rank(measure: Measure) -> (bool, u64) {
    match measure {
        None => (true, 0),
        Some(number) => (false, number),
    }
}

fn shown(measure: Measure) -> String {
    measure.map_or_else(|| "unlimited".to_owned(), |number| number.to_string())
}

/// A name or a value as a reason repeats it: of bounded length.
pub(super) fn word(text: &str) -> &str {
    let end = (0..=WORD_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or(text)
}
