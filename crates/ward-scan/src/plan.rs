//! The plan: declared paths compiled to a trie that the scanner walks.
//!
//! What it is: an allow-list of the leaves of a document, each with its slot, its mask and its
//! role. Where it sits: made once per (route, principal kind) by the catalogue, shared by every
//! scan. What it must never do: guess; two declarations that contradict are errors.
//! Path grammar: keys joined by `.`; `[]` after a key (or first, for a root array) for the
//! elements of an array; `*` for any key; `\` takes the next character literally.
//! Best test: `plan/tests.rs`.

use crate::limits::{PATH_BYTES_MAX, PATH_SEGMENTS_MAX, SLOT_MAX};
use crate::mask::Mask;

/// What is done with the value of a declared leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It passes.
    Keep,
    /// It passes masked.
    Mask(Mask),
}

/// What the value of a declared leaf says about the record around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing.
    Plain,
    /// It is the id of a data subject.
    DataSubject {
        /// The namespace the id belongs to; the caller's numbering.
        namespace: u16,
    },
    /// It is the tenant that the record belongs to.
    Tenant,
}

/// One declared leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where it is: `orders[].buyer.phone`.
    pub path: String,
    /// Its bit in every mask of fields, 0 to [`SLOT_MAX`]; unique in a plan.
    pub slot: u8,
    /// What is done with its value.
    pub action: Action,
    /// What its value says.
    pub role: Role,
}

/// What is wrong with one field; `field` is its index in the list given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field {field}: {kind}")]
pub struct PlanError {
    /// Index of the field in the list given.
    pub field: usize,
    /// What is wrong.
    pub kind: PlanErrorKind,
}

/// What can be wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanErrorKind {
    /// Not a path.
    #[error("malformed path")]
    MalformedPath,
    /// Too many segments or bytes.
    #[error("path too long")]
    PathTooLong,
    /// The slot is past [`SLOT_MAX`].
    #[error("slot past 62")]
    SlotTooHigh,
    /// The slot was given to an earlier field.
    #[error("slot used twice")]
    SlotTwice,
    /// An earlier field has this path.
    #[error("path declared twice")]
    PathTwice,
    /// The path is a leaf here and a container in another field.
    #[error("declared both as a value and as a container")]
    ValueAndContainer,
    /// The wildcards multiply past the bound.
    #[error("plan too large")]
    TooLarge,
}

/// A compiled plan: immutable, cheap to share.
#[derive(Debug)]
pub struct Plan {
    nodes: Vec<Node>,
    /// The keys of every node, those of one node side by side in the order they were declared.
    keys: Vec<Key>,
    slots: u64,
}

impl Plan {
    /// Compiles declared leaves. An empty list is a plan that declares nothing.
    ///
    /// # Errors
    /// Everything wrong with the list, in the order of the fields.
    pub fn new(fields: &[Field]) -> Result<Self, Vec<PlanError>> {
        let mut build = Build { nodes: vec![Node::new(None)], errors: Vec::new() };
        let mut slots = 0_u64;
        for (index, field) in fields.iter().enumerate() {
            match 1_u64.checked_shl(u32::from(field.slot)).filter(|_| field.slot <= SLOT_MAX) {
                None => build.error(index, PlanErrorKind::SlotTooHigh),
                Some(bit) if slots & bit != 0 => build.error(index, PlanErrorKind::SlotTwice),
                Some(bit) => slots |= bit,
            }
            match parse_path(&field.path) {
                Err(kind) => build.error(index, kind),
                Ok(segments) => build.insert(index, field, &segments),
            }
        }
        build.merge_wildcards(ROOT);
        build.check_containers();
        build.mark_records();
        if !build.errors.is_empty() {
            build.errors.sort_by_key(|error| error.field);
            build.errors.dedup();
            return Err(build.errors);
        }
        let mut keys = Vec::new();
        for node in &mut build.nodes {
            let first = keys.len();
            keys.extend(node.children.drain(..).map(|(name, child)| Key::new(&name, child)));
            node.keys = first..keys.len();
            node.sorted = node.keys.clone().collect();
            let name = |at: &usize| keys.get(*at).map_or(&[][..], Key::name);
            node.sorted.sort_by(|a, b| name(a).cmp(name(b)));
        }
        Ok(Self { nodes: build.nodes, keys, slots })
    }

    /// The slots that this plan declares, one bit each.
    #[must_use]
    pub const fn slots(&self) -> u64 {
        self.slots
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        // INVARIANT: ids are made only by `Build::push`; the root always exists.
        self.nodes.get(id as usize).unwrap_or(&EMPTY)
    }

    /// The child for the key that is expected next, if `rest` (what follows the key's opening
    /// quote) goes on with exactly it, and the bytes it takes, closing quote and colon included.
    #[inline]
    pub(crate) fn expected(
        &self,
        rest: &[u8],
        follow: &mut Follow,
        hints: &Hints,
    ) -> Option<(NodeId, usize)> {
        let key = self.keys.get(follow.expect)?;
        let usual = key.usual.get(..key.usual_bytes)?;
        if usual.is_empty() || !starts_with(rest, usual) {
            return None;
        }
        follow.last = follow.expect;
        follow.expect = hints.next.get(follow.expect).copied().unwrap_or(NO_KEY);
        Some((key.node, usual.len()))
    }

    /// The child of a node for a key, wherever it comes. Cost: a binary search.
    pub(crate) fn find(
        &self,
        at: NodeId,
        key: &[u8],
        follow: &mut Follow,
        hints: &mut Hints,
    ) -> Option<NodeId> {
        let node = self.node(at);
        let name = |at: &usize| self.keys.get(*at).map_or(&[][..], Key::name);
        let Ok(found) = node.sorted.binary_search_by(|at| name(at).cmp(key)) else {
            return node.any;
        };
        let index = *node.sorted.get(found)?;
        let hint = match follow.last {
            NO_KEY => hints.first.get_mut(at as usize),
            last => hints.next.get_mut(last),
        };
        if let Some(hint) = hint {
            *hint = index;
        }
        follow.last = index;
        follow.expect = hints.next.get(index).copied().unwrap_or(NO_KEY);
        self.keys.get(index).map(|key| key.node)
    }

    /// The declared path of a node, array indexes elided.
    pub(crate) fn path(&self, id: NodeId) -> String {
        let mut parts = Vec::new();
        let mut at = id;
        while let Some((parent, segment)) = &self.node(at).from {
            parts.push(segment);
            at = *parent;
        }
        let mut path = String::new();
        for segment in parts.into_iter().rev() {
            segment.show(&mut path);
        }
        path
    }
}

pub(crate) type NodeId = u32;
pub(crate) const ROOT: NodeId = 0;

/// What the trie knows of one declared leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) field: usize,
    /// Which segments of its path are `*`, the first the highest bit: the lowest wins a place
    /// that several paths reach, so the earliest named key decides.
    pub(crate) wild: u32,
    pub(crate) bit: u64,
    pub(crate) action: Action,
    pub(crate) role: Role,
}

#[derive(Debug)]
struct Key {
    /// The key as most writers put it: its name, a quote and a colon. None (0 bytes) when the
    /// name is long or cannot be written without an escape.
    usual: [u8; USUAL_BYTES_MAX],
    usual_bytes: usize,
    node: NodeId,
    name: Box<[u8]>,
}

const USUAL_BYTES_MAX: usize = 32;

impl Key {
    fn new(name: &str, node: NodeId) -> Self {
        let escaped = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        let text = format!("{name}\":");
        let mut usual = [0; USUAL_BYTES_MAX];
        let mut usual_bytes = 0;
        if let Some(space) = usual.get_mut(..text.len())
            && !name.bytes().any(escaped)
        {
            space.copy_from_slice(text.as_bytes());
            usual_bytes = text.len();
        }
        Self { usual, usual_bytes, node, name: name.as_bytes().into() }
    }

    fn name(&self) -> &[u8] {
        &self.name
    }
}

const NO_KEY: usize = usize::MAX;

/// What a scanner expects: after each key the one that came after it last time.
#[derive(Debug)]
pub(crate) struct Hints {
    first: Vec<usize>,
    next: Vec<usize>,
}

impl Hints {
    /// At first: the keys in the order they were declared.
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut next: Vec<usize> = (1..=plan.keys.len()).collect();
        for node in &plan.nodes {
            if let Some(last) = node.keys.end.checked_sub(1).and_then(|last| next.get_mut(last)) {
                *last = NO_KEY;
            }
        }
        let first = |node: &Node| if node.keys.is_empty() { NO_KEY } else { node.keys.start };
        Self { first: plan.nodes.iter().map(first).collect(), next }
    }

    /// At the begin of an object.
    pub(crate) fn begin(&self, node: NodeId) -> Follow {
        let expect = self.first.get(node as usize).copied().unwrap_or(NO_KEY);
        Follow { expect, last: NO_KEY }
    }
}

/// Where one object is among the keys of its node.
/// INVARIANT: `expect` is a key of that node or none.
#[derive(Debug)]
pub(crate) struct Follow {
    expect: usize,
    last: usize,
}

#[derive(Debug)]
pub(crate) struct Node {
    /// Its named children while it is built, then its keys in the plan.
    children: Vec<(Box<str>, NodeId)>,
    keys: std::ops::Range<usize>,
    sorted: Vec<usize>,
    any: Option<NodeId>,
    pub(crate) element: Option<NodeId>,
    pub(crate) leaf: Option<Leaf>,
    /// The tenant leaves that an object of this kind must hold: its own and those of the plain
    /// objects inside it. Empty but for records: the root, elements of arrays, values under `*`.
    pub(crate) tenant_slots: u64,
    /// Entered by `[]` or `*`, or the root: an object here is a record of its own.
    record: bool,
    from: Option<(NodeId, Segment)>,
}

static EMPTY: Node = Node::new(None);

impl Node {
    const fn new(from: Option<(NodeId, Segment)>) -> Self {
        Self {
            children: Vec::new(),
            keys: 0..0,
            sorted: Vec::new(),
            any: None,
            element: None,
            leaf: None,
            tenant_slots: 0,
            record: !matches!(from, Some((_, Segment::Key(_)))),
            from,
        }
    }

    pub(crate) const fn is_object(&self) -> bool {
        !self.children.is_empty() || self.keys.start < self.keys.end || self.any.is_some()
    }

    /// Whether it was entered by `[]`.
    pub(crate) const fn is_element(&self) -> bool {
        matches!(self.from, Some((_, Segment::Element)))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Key(Box<str>),
    Any,
    Element,
}

impl Segment {
    fn show(&self, path: &mut String) {
        let text = match self {
            Self::Element => return path.push_str("[]"),
            Self::Any => "*",
            Self::Key(name) => name,
        };
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(text);
    }
}

/// WHY: by words and inline; the keys of an API are shorter than a call is worth.
#[inline]
fn starts_with(text: &[u8], want: &[u8]) -> bool {
    let Some((text, _)) = text.split_at_checked(want.len()) else { return false };
    let (words, tail) = want.as_chunks::<8>();
    let (other_words, other_tail) = text.as_chunks::<8>();
    if words.iter().zip(other_words).any(|(a, b)| u64::from_le_bytes(*a) != u64::from_le_bytes(*b))
    {
        return false;
    }
    match (want.last_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(a), Some(b)) => u64::from_le_bytes(*a) == u64::from_le_bytes(*b),
        _ => tail.iter().zip(other_tail).all(|(a, b)| a == b),
    }
}

fn parse_path(path: &str) -> Result<Vec<Segment>, PlanErrorKind> {
    if path.len() > PATH_BYTES_MAX {
        return Err(PlanErrorKind::PathTooLong);
    }
    let mut segments = Vec::new();
    let mut chars = path.chars().peekable();
    let mut key_may_follow = true;
    while let Some(first) = chars.next() {
        match first {
            '[' if chars.next() == Some(']') => {
                // `a[]`, `[]`, `a[][]`; never `a.[]`.
                if key_may_follow && !segments.is_empty() {
                    return Err(PlanErrorKind::MalformedPath);
                }
                segments.push(Segment::Element);
                key_may_follow = false;
            }
            '.' if !key_may_follow => {
                key_may_follow = true;
                if chars.peek().is_none() {
                    return Err(PlanErrorKind::MalformedPath);
                }
            }
            '*' if key_may_follow && matches!(chars.peek(), None | Some('.' | '[')) => {
                segments.push(Segment::Any);
                key_may_follow = false;
            }
            '.' | '[' | ']' | '*' => return Err(PlanErrorKind::MalformedPath),
            _ if !key_may_follow => return Err(PlanErrorKind::MalformedPath),
            _ => {
                let mut name = String::new();
                let mut next = Some(first);
                while let Some(c) = next {
                    match c {
                        '\\' => name.push(chars.next().ok_or(PlanErrorKind::MalformedPath)?),
                        ']' | '*' => return Err(PlanErrorKind::MalformedPath),
                        _ => name.push(c),
                    }
                    next = chars.next_if(|c| *c != '.' && *c != '[');
                }
                segments.push(Segment::Key(name.into()));
                key_may_follow = false;
            }
        }
        if segments.len() > PATH_SEGMENTS_MAX {
            return Err(PlanErrorKind::PathTooLong);
        }
    }
    if segments.is_empty() { Err(PlanErrorKind::MalformedPath) } else { Ok(segments) }
}

mod build;
use build::Build;

#[cfg(test)]
mod tests;
