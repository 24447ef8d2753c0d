//! The compiled catalogue: what a company's services answer, by route.
//!
//! What it is: hosts, data classes, exposure budgets and routes with their fields; the plan that
//! the scanner needs for each (route, kind of principal). What it must never do: be made from a
//! file with a mistake in it. Where it sits: loaded by the program, asked by the gate for every
//! request. Best test: `path/tests.rs` for the matcher, `read/tests.rs` for the file.

use std::collections::BTreeMap;
use std::sync::Arc;

use ward_model::{NamespaceNumber, PrincipalKind, RouteNumber};
use ward_scan::{Mask, Plan};

/// A catalogue without mistakes. Immutable; share it behind an `Arc`.
#[derive(Debug)]
pub struct Catalogue {
    pub(crate) hosts: Vec<Host>,
    pub(crate) classes: Vec<DataClass>,
    pub(crate) namespaces: Vec<Namespace>,
    pub(crate) budgets: Vec<Budget>,
    pub(crate) routes: Vec<Route>,
    /// (host, method, segments) to routes, the most specific first.
    pub(crate) index: BTreeMap<(usize, Method, usize), Vec<usize>>,
    pub(crate) digest: [u8; 32],
}

impl Catalogue {
    /// The hosts, in the order of their names.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The host that answers to the value of a `Host` header (a port is ignored); the only host
    /// there is when it declares no names. `None`: no host of this catalogue.
    #[must_use]
    pub fn host_for(&self, header: Option<&str>) -> Option<&Host> {
        if let [only] = self.hosts.as_slice()
            && only.names.is_empty()
        {
            return Some(only);
        }
        let header = header?;
        let name = match header.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => header,
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        self.hosts.iter().find(|host| host.names.iter().any(|own| own.eq_ignore_ascii_case(name)))
    }

    /// The data classes, by number.
    #[must_use]
    pub fn classes(&self) -> &[DataClass] {
        &self.classes
    }

    /// Every namespace that can be named: the principal kinds, `phone`, `email`, and the
    /// catalogue's own; by number.
    #[must_use]
    pub fn namespaces(&self) -> &[Namespace] {
        &self.namespaces
    }

    /// The name of a namespace.
    #[must_use]
    pub fn namespace_name(&self, number: NamespaceNumber) -> Option<&str> {
        self.namespaces.iter().find(|one| one.number == number).map(|one| one.name.as_str())
    }

    /// The exposure budgets, by name.
    #[must_use]
    pub fn budgets(&self) -> &[Budget] {
        &self.budgets
    }

    /// The routes, by number.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// A route by its number. O(log routes).
    #[must_use]
    pub fn route(&self, number: RouteNumber) -> Option<&Route> {
        let found = self.routes.binary_search_by_key(&number, |route| route.number).ok()?;
        self.routes.get(found)
    }

    /// SHA-256 of the canonical catalogue: the same for two files that say the same, whatever
    /// their order, spaces and comments.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

/// An upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its name in the catalogue.
    pub name: String,
    /// Values of the `Host` header it answers to, lower case; empty: all, when it is the only one.
    pub names: Vec<String>,
    /// Where it is: `http://address:port`, no path.
    pub upstream: String,
    /// What happens to requests that match no route.
    pub undeclared: Undeclared,
    /// The most that is held back of one answer before it is released, bytes.
    pub max_body_bytes: u64,
    /// A route of it is enforced. Then a path that is refused by the matcher must be refused to
    /// the caller as well, also under [`Undeclared::Observe`]: the upstream may read it as the
    /// enforced route.
    pub enforces: bool,
    pub(crate) index: usize,
}

/// What happens to requests that match no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undeclared {
    /// They pass, counted as ungated.
    Observe,
    /// They are refused as `unknown_route`.
    Refuse,
}

/// A data class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataClass {
    /// Its number, 0 to 30, never reused.
    pub number: u8,
    /// Its name.
    pub name: String,
}

/// A namespace of data subjects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Its number in the register.
    pub number: NamespaceNumber,
    /// Its name.
    pub name: String,
}

/// An exposure budget: a cap on distinct data subjects in a sliding window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its name.
    pub name: String,
    /// Kinds of principals it applies to, each counted for itself.
    pub kinds: Vec<PrincipalKind>,
    /// Most distinct data subjects in the window.
    pub subjects_max: u64,
    /// The window, milliseconds.
    pub window_ms: i64,
}

/// A method that can be declared. HEAD follows its GET route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates, or does.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Deletes.
    Delete,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 5] = [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// As on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Reading changes nothing upstream (RFC 9110 §9.2.1).
    #[must_use]
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get)
    }
}

/// Whether a route only measures or decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Measures as bytes pass; refuses nothing.
    Observe,
    /// Decides.
    Enforce,
}

/// Whether a caller must say what he reads for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A read without a purpose is refused.
    Required,
    /// It is recorded if given.
    Optional,
    /// It is not asked for and not recorded.
    None,
}

/// Who may present a token on a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Anybody who has it; a token that is bound only its holder, here as everywhere.
    Any,
    /// Only the holder of a bound token: what is bound to nobody is refused.
    Bound,
}

/// What kind of body a route answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// One JSON document.
    Json,
    /// A JSON document a line.
    Ndjson,
    /// None that matters.
    None,
    /// One that cannot be looked into: refused under enforce.
    Uninspectable,
}

/// Whose data a route is about, known from the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteSubject {
    /// The caller himself.
    Principal,
    /// The id in a parameter of the path.
    Parameter {
        /// The namespace of the id.
        namespace: NamespaceNumber,
        /// Which of the path's parameters, from 0.
        index: usize,
    },
}

/// A declared route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its number, > 0, never reused.
    pub number: RouteNumber,
    /// Its name, unique.
    pub name: String,
    /// The name of its host.
    pub host: String,
    /// Its method.
    pub method: Method,
    /// Its path template: `/staff/customers/{id}`.
    pub path: String,
    /// Observe or enforce.
    pub mode: Mode,
    /// Kinds of principals that may call it at all; policy decides further.
    pub kinds: Vec<PrincipalKind>,
    /// Whether a purpose is asked for.
    pub purpose: Purpose,
    /// Whose data it is about, if the request says so.
    pub subject: Option<RouteSubject>,
    /// A principal of a data subject's kind may call it for itself only. Other people inside the
    /// answer still count.
    pub self_only: bool,
    /// Every record's tenant must be the caller's tenant.
    pub tenant: bool,
    /// Who may present a token: anybody, or only the holder it is bound to.
    pub holder: Holder,
    /// A credential without a login behind it is refused: `login_unproven`.
    pub login_required: bool,
    /// Most distinct data subjects in an answer: what a budget reserves.
    pub subjects_max: u64,
    /// What it answers with.
    pub body: Body,
    /// The declared fields, by slot.
    pub fields: Vec<Field>,
    pub(crate) segments: Vec<Segment>,
    /// By `PrincipalKind::byte()`.
    pub(crate) plans: Vec<Arc<Plan>>,
}

impl Route {
    /// The scanner's plan for answers to a kind of principal.
    #[must_use]
    pub fn plan(&self, kind: PrincipalKind) -> Option<&Arc<Plan>> {
        self.plans.get(usize::from(kind.byte()))
    }

    /// The names of the path's parameters, in their order.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Parameter(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// A declared field by its slot.
    #[must_use]
    pub fn field(&self, slot: u8) -> Option<&Field> {
        self.fields.iter().find(|field| field.slot == slot)
    }

    /// The data classes of a set of slots, one bit a class: what an access has shown.
    #[must_use]
    pub fn classes_of(&self, slots: u64) -> u32 {
        let within =
            |field: &&Field| slots.checked_shr(u32::from(field.slot)).unwrap_or(0) & 1 == 1;
        (self.fields.iter().filter(within))
            .filter_map(|field| 1_u32.checked_shl(u32::from(field.class?)))
            .fold(0, |all, class| all | class)
    }
}

/// A declared field of a route's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its bit in masks of fields, 0 to 62, never reused in the route.
    pub slot: u8,
    /// Where it is: `orders[].buyer.phone` (the path grammar of `ward_scan::Plan`).
    pub path: String,
    /// The number of its data class; none: nothing personal.
    pub class: Option<u8>,
    /// How it is masked.
    pub mask: Option<Mask>,
    /// For which kinds of principals; empty: all.
    pub mask_for: Vec<PrincipalKind>,
    /// It is the id of a data subject of this namespace.
    pub subject: Option<NamespaceNumber>,
    /// It is the tenant of the record around it.
    pub tenant: bool,
}

/// A segment of a path template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Segment {
    /// As it is.
    Literal(String),
    /// One segment of any text.
    Parameter(String),
}
