//! The measured collector: whose data a document holds, which fields, which tenants.
//!
//! Fields belong to the innermost object around them that names a data subject of its own (the
//! id may come after the fields). Fields of objects that name nobody go up to the object around
//! them; what is left at the document's root is *unattributed* and the gate gives it to the
//! route's own data subject. Arrays are looked through.
//! What it must never do: lose a data subject, or give one person's fields to another without
//! need. An object that names several gives its fields to all of them.
//! Best test: `tests/differential.rs` (a tree walk finds the same).

use crate::error::ScanError;
use crate::limits::{Limits, SAMPLE_KEY_MAX, SAMPLES_MAX};
use crate::plan::{NodeId, Plan};

/// What was found. The same in both modes, for any chunking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Distinct data subjects, sorted by (namespace, id); fields merged.
    pub subjects: Vec<Subject>,
    /// Distinct tenants, sorted, with how often each was named.
    pub tenants: Vec<Tenant>,
    /// Records that the plan says name a tenant and that did not (absent or `null`).
    pub tenant_missing: u64,
    /// Declared fields found anywhere, one bit a slot; `null` is no field. A field whose string
    /// held JSON is counted here too, though enforce drops it.
    pub fields: u64,
    /// Of those, the ones that belong to no data subject named in the document.
    pub unattributed: u64,
    /// Undeclared keys, elements and roots: each counts once with all that is in it.
    pub undeclared: u64,
    /// Up to 16 distinct places of undeclared content: paths, never values; array indexes elided,
    /// keys that may themselves be data shown as `<key>`.
    pub undeclared_samples: Vec<String>,
    /// Declared strings that held JSON.
    pub embedded: u64,
    /// Data subjects and tenants that could not be counted (observe only; enforce refuses).
    pub missed: u64,
    /// Whether enforce changes any byte.
    pub changed: bool,
    /// Documents finished (1, or lines of a stream).
    pub documents: u64,
}

/// A data subject and what of it was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The namespace as the plan numbers it.
    pub namespace: u16,
    /// The id, unescaped; a number as it was written.
    pub id: String,
    /// One bit a slot.
    pub fields: u64,
}

/// A tenant and how often it was named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tenant {
    /// The tenant's id, unescaped; a number as it was written.
    pub id: String,
    /// How many values named it.
    pub count: u64,
}

/// Where undeclared content was found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// Under a key of a node.
    Key(NodeId, &'a [u8]),
    /// At a declared node itself: a value where a container is declared, or the reverse.
    Node(NodeId),
}

#[derive(Default)]
struct Scope {
    fields: u64,
    tenants: u64,
    pending_from: usize,
}

struct Pending {
    namespace: u16,
    from: usize,
}

/// Collects while the scanner walks.
pub(crate) struct Collector {
    limits: Limits,
    scopes: Vec<Scope>,
    root: Scope,
    pending: Vec<Pending>,
    pending_ids: Vec<u8>,
    subjects: Found,
    tenants: Found,
    samples: Vec<(NodeId, Option<Box<[u8]>>)>,
    pub(crate) measured: Measured,
}

impl Collector {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            scopes: Vec::with_capacity(16),
            root: Scope::default(),
            pending: Vec::new(),
            pending_ids: Vec::new(),
            subjects: Found::new(Merge::Fields),
            tenants: Found::new(Merge::Count),
            samples: Vec::new(),
            measured: Measured::default(),
        }
    }

    /// An object begins.
    pub(crate) fn open(&mut self) {
        self.scopes.push(Scope { pending_from: self.pending.len(), ..Scope::default() });
    }

    /// A declared value was found in the innermost object.
    pub(crate) fn field(&mut self, bit: u64) {
        self.scope().fields |= bit;
    }

    fn scope(&mut self) -> &mut Scope {
        self.scopes.last_mut().unwrap_or(&mut self.root)
    }

    /// A data subject of the innermost object.
    pub(crate) fn subject(&mut self, namespace: u16, id: &[u8]) {
        self.pending.push(Pending { namespace, from: self.pending_ids.len() });
        self.pending_ids.extend_from_slice(id);
    }

    /// The tenant of the record around.
    pub(crate) fn tenant(&mut self, bit: u64, id: &[u8]) -> Result<(), ScanError> {
        self.scope().tenants |= bit;
        self.tenants.add(0, id, 1, self.limits.tenants).map_err(|Full| ScanError::TooManyTenants)
    }

    pub(crate) fn tenant_missing(&mut self) {
        self.measured.tenant_missing = self.measured.tenant_missing.saturating_add(1);
    }

    pub(crate) fn undeclared(&mut self, place: Place<'_>) {
        self.measured.undeclared = self.measured.undeclared.saturating_add(1);
        self.measured.changed = true;
        if self.samples.len() >= SAMPLES_MAX {
            return;
        }
        let (node, key) = match place {
            Place::Key(node, key) => (node, Some(key)),
            Place::Node(node) => (node, None),
        };
        if !self.samples.iter().any(|(at, name)| *at == node && name.as_deref() == key) {
            self.samples.push((node, key.map(Box::from)));
        }
    }

    /// The innermost object ends. `tenant_slots` are the tenants it must have named.
    pub(crate) fn close(&mut self, tenant_slots: u64) -> Result<(), ScanError> {
        let Some(scope) = self.scopes.pop() else { return Ok(()) };
        if scope.tenants & tenant_slots != tenant_slots {
            self.tenant_missing();
        }
        self.scope().tenants |= scope.tenants;
        self.settle(&scope)
    }

    /// The document ends.
    pub(crate) fn close_document(&mut self) -> Result<(), ScanError> {
        let scope = std::mem::take(&mut self.root);
        self.measured.documents = self.measured.documents.saturating_add(1);
        self.settle(&scope)?;
        let left = std::mem::take(&mut self.root);
        self.measured.unattributed |= left.fields;
        self.measured.fields |= left.fields;
        Ok(())
    }

    /// Gives the fields of an object to its own data subjects, or to the object around it.
    fn settle(&mut self, scope: &Scope) -> Result<(), ScanError> {
        if self.pending.len() == scope.pending_from {
            self.scope().fields |= scope.fields;
            return Ok(());
        }
        self.measured.fields |= scope.fields;
        let mut end = self.pending_ids.len();
        while self.pending.len() > scope.pending_from {
            let Some(last) = self.pending.pop() else { break };
            let id = self.pending_ids.get(last.from..end).unwrap_or_default();
            self.subjects
                .add(last.namespace, id, scope.fields, self.limits.subjects)
                .map_err(|Full| ScanError::TooManySubjects)?;
            end = last.from;
        }
        self.pending_ids.truncate(end);
        Ok(())
    }

    /// Takes what has been found in finished objects so far.
    pub(crate) fn take(&mut self, plan: &Plan) -> Result<Measured, ScanError> {
        let mut measured = std::mem::take(&mut self.measured);
        let subjects = self.subjects.take(self.limits.subjects);
        let tenants = self.tenants.take(self.limits.tenants);
        measured.subjects = (subjects.map_err(|Full| ScanError::TooManySubjects)?.into_iter())
            .map(|(namespace, id, fields)| Subject { namespace, id, fields })
            .collect();
        measured.tenants = (tenants.map_err(|Full| ScanError::TooManyTenants)?.into_iter())
            .map(|(_, id, count)| Tenant { id, count })
            .collect();
        measured.undeclared_samples = (std::mem::take(&mut self.samples).into_iter())
            .map(|(node, key)| sample_path(plan, node, key.as_deref()))
            .collect();
        measured.undeclared_samples.sort();
        measured.undeclared_samples.dedup();
        Ok(measured)
    }
}

fn sample_path(plan: &Plan, node: NodeId, key: Option<&[u8]>) -> String {
    let mut path = plan.path(node);
    if let Some(key) = key {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(shown_key(key));
    }
    if path.is_empty() { "$".to_owned() } else { path }
}

/// WHY: a map may be keyed by a name or a phone number. Only what looks like the name of a
/// property is shown.
fn shown_key(key: &[u8]) -> &str {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-$".contains(byte);
    let digits = key.iter().filter(|byte| byte.is_ascii_digit()).count();
    let fits = !key.is_empty() && key.len() <= SAMPLE_KEY_MAX && digits <= 3;
    match std::str::from_utf8(key) {
        Ok(text) if fits && key.iter().all(word) => text,
        _ => "<key>",
    }
}

/// More distinct ids than the bound.
struct Full;

#[derive(Clone, Copy)]
enum Merge {
    Fields,
    Count,
}

impl Merge {
    const fn merge(self, a: u64, b: u64) -> u64 {
        match self {
            Self::Fields => a | b,
            Self::Count => a.saturating_add(b),
        }
    }
}

struct Seen {
    namespace: u16,
    from: usize,
    until: usize,
    value: u64,
}

/// Distinct ids with a value each.
///
/// WHY: a list that is sorted and merged when it has doubled, not a hash table: whoever chooses
/// the ids cannot make it slow, and it needs no random seed.
struct Found {
    merge: Merge,
    seen: Vec<Seen>,
    ids: Vec<u8>,
    distinct: usize,
}

const COMPACT_FIRST: usize = 1024;

impl Found {
    const fn new(merge: Merge) -> Self {
        Self { merge, seen: Vec::new(), ids: Vec::new(), distinct: 0 }
    }

    fn add(&mut self, namespace: u16, id: &[u8], value: u64, max: usize) -> Result<(), Full> {
        if let Some(last) = self.seen.last_mut()
            && last.namespace == namespace
            && self.ids.get(last.from..last.until) == Some(id)
        {
            last.value = self.merge.merge(last.value, value);
            return Ok(());
        }
        let from = self.ids.len();
        self.ids.extend_from_slice(id);
        self.seen.push(Seen { namespace, from, until: self.ids.len(), value });
        if self.seen.len() >= COMPACT_FIRST.max(self.distinct.saturating_mul(2)) {
            self.compact(max)?;
        }
        Ok(())
    }

    fn compact(&mut self, max: usize) -> Result<(), Full> {
        let old = std::mem::take(&mut self.ids);
        let mut seen = std::mem::take(&mut self.seen);
        let id = |one: &Seen| old.get(one.from..one.until).unwrap_or_default();
        seen.sort_by(|a, b| (a.namespace, id(a)).cmp(&(b.namespace, id(b))));
        seen.dedup_by(|next, kept| {
            let same = next.namespace == kept.namespace && id(next) == id(kept);
            if same {
                kept.value = self.merge.merge(kept.value, next.value);
            }
            same
        });
        for one in &mut seen {
            let from = self.ids.len();
            self.ids.extend_from_slice(old.get(one.from..one.until).unwrap_or_default());
            (one.from, one.until) = (from, self.ids.len());
        }
        self.distinct = seen.len();
        self.seen = seen;
        if self.distinct > max { Err(Full) } else { Ok(()) }
    }

    fn take(&mut self, max: usize) -> Result<Vec<(u16, String, u64)>, Full> {
        self.compact(max)?;
        let all = (self.seen.iter())
            .map(|one| {
                let id = self.ids.get(one.from..one.until).unwrap_or_default();
                (one.namespace, String::from_utf8_lossy(id).into_owned(), one.value)
            })
            .collect();
        *self = Self::new(self.merge);
        Ok(all)
    }
}
