//! Where routes are: (host, method, path without the names of its parameters), and which routes a
//! request to one of them could be taken for. Pure; the matcher itself is `ward-catalogue`'s.
//!
//! INVARIANT: as there, of two routes of one catalogue that match one path the one with fewer
//! parameters takes it, and two of one place there are not.

use std::collections::{BTreeMap, HashMap};

use ward_catalogue::{Catalogue, Method, Route};

/// A path's segments; a parameter is [`PARAMETER`], which no literal can be.
pub(super) type Shape<'c> = Vec<&'c str>;
/// One segment of any text.
const PARAMETER: &str = "{}";

/// Where a route is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place<'c> {
    host: &'c str,
    method: Method,
    shape: Shape<'c>,
}

impl<'c> Place<'c> {
    pub(super) fn of(route: &'c Route) -> Self {
        let inner = route.path.strip_prefix('/').unwrap_or(&route.path);
        let segment = |raw: &'c str| if raw.starts_with('{') { PARAMETER } else { raw };
        let shape = match inner {
            "" => Vec::new(),
            inner => inner.split('/').map(segment).collect(),
        };
        Self { host: &route.host, method: route.method, shape }
    }

    /// Whether every path of `other` is one of this place.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.is_beside(other)
            && self.shape.iter().zip(&other.shape).all(|(a, b)| *a == PARAMETER || a == b)
    }

    /// Whether it takes the paths that it shares with `other` when both are declared.
    pub(super) fn comes_before(&self, other: &Self) -> bool {
        let parameters = |it: &Self| it.shape.iter().filter(|part| **part == PARAMETER).count();
        parameters(self) < parameters(other)
    }

    fn is_beside(&self, other: &Self) -> bool {
        self.host == other.host
            && self.method == other.method
            && self.shape.len() == other.shape.len()
    }
}

/// The routes of one catalogue by their places.
pub(super) struct Places<'c> {
    by_place: HashMap<Place<'c>, &'c Route>,
    tries: HashMap<(&'c str, Method, usize), Trie<'c>>,
}

impl<'c> Places<'c> {
    pub(super) fn of(catalogue: &'c Catalogue) -> Self {
        let mut places = Self { by_place: HashMap::new(), tries: HashMap::new() };
        for route in catalogue.routes() {
            let place = Place::of(route);
            let beside = (place.host, place.method, place.shape.len());
            places.tries.entry(beside).or_default().insert(&place.shape, route);
            places.by_place.insert(place, route);
        }
        places
    }

    /// The route at exactly this place.
    pub(super) fn at(&self, place: &Place<'c>) -> Option<&'c Route> {
        self.by_place.get(place).copied()
    }

    /// Every route that shares a path with this place, the place's own included. Cost: the
    /// branches of the tree that fit, not the routes there are.
    pub(super) fn sharing(&self, place: &Place<'c>) -> Vec<&'c Route> {
        let trie = self.tries.get(&(place.host, place.method, place.shape.len()));
        trie.map_or_else(Vec::new, |trie| trie.sharing(&place.shape))
    }
}

/// A tree over the segments of paths of one length.
struct Trie<'c>(Vec<Node<'c>>);

#[derive(Default)]
struct Node<'c> {
    literals: BTreeMap<&'c str, usize>,
    parameter: Option<usize>,
    route: Option<&'c Route>,
}

impl Default for Trie<'_> {
    fn default() -> Self {
        Self(vec![Node::default()])
    }
}

impl<'c> Trie<'c> {
    fn insert(&mut self, shape: &[&'c str], route: &'c Route) {
        let mut at = 0;
        for part in shape {
            let next = self.0.len();
            let Some(node) = self.0.get_mut(at) else { return };
            at = match *part {
                PARAMETER => *node.parameter.get_or_insert(next),
                literal => *node.literals.entry(literal).or_insert(next),
            };
            if at == next {
                self.0.push(Node::default());
            }
        }
        if let Some(node) = self.0.get_mut(at) {
            node.route = Some(route);
        }
    }

    fn sharing(&self, shape: &[&'c str]) -> Vec<&'c Route> {
        let mut found = Vec::new();
        let mut open = vec![(0, shape)];
        while let Some((at, rest)) = open.pop() {
            let Some(node) = self.0.get(at) else { continue };
            let Some((part, rest)) = rest.split_first() else {
                found.extend(node.route);
                continue;
            };
            open.extend(node.parameter.map(|child| (child, rest)));
            match *part {
                PARAMETER => open.extend(node.literals.values().map(|child| (*child, rest))),
                literal => open.extend(node.literals.get(literal).map(|child| (*child, rest))),
            }
        }
        found
    }
}
