//! Building the trie of a plan: inserting paths, merging wildcards into their named siblings,
//! finding contradictions, marking the records that must name a tenant.

use super::{Field, Leaf, Node, NodeId, PlanError, PlanErrorKind, ROOT, Role, Segment};
use crate::limits::NODES_MAX;

pub(super) struct Build {
    pub(super) nodes: Vec<Node>,
    pub(super) errors: Vec<PlanError>,
}

impl Build {
    pub(super) fn error(&mut self, field: usize, kind: PlanErrorKind) {
        self.errors.push(PlanError { field, kind });
    }

    fn get(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    fn get_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(id as usize)
    }

    pub(super) fn insert(&mut self, index: usize, field: &Field, segments: &[Segment]) {
        let mut at = ROOT;
        for segment in segments {
            let Some(next) = self.child(at, segment) else {
                return self.error(index, PlanErrorKind::TooLarge);
            };
            at = next;
        }
        let bit = 1_u64.checked_shl(u32::from(field.slot)).unwrap_or(0);
        let wild = (segments.iter())
            .fold(0_u32, |wild, segment| wild << 1 | u32::from(*segment == Segment::Any));
        let leaf = Leaf { field: index, wild, bit, action: field.action, role: field.role };
        match self.get_mut(at) {
            Some(node) if node.leaf.is_none() => node.leaf = Some(leaf),
            _ => self.error(index, PlanErrorKind::PathTwice),
        }
    }

    /// The child of a node by a segment, made when missing; `None` past the bound.
    fn child(&mut self, at: NodeId, segment: &Segment) -> Option<NodeId> {
        let node = self.get(at)?;
        let found = match segment {
            Segment::Any => node.any,
            Segment::Element => node.element,
            Segment::Key(name) => {
                node.children.iter().find(|child| child.0 == *name).map(|child| child.1)
            }
        };
        if found.is_some() {
            return found;
        }
        if self.nodes.len() >= NODES_MAX {
            return None;
        }
        let id = NodeId::try_from(self.nodes.len()).ok()?;
        self.nodes.push(Node::new(Some((at, segment.clone()))));
        let node = self.get_mut(at)?;
        match segment {
            Segment::Any => node.any = Some(id),
            Segment::Element => node.element = Some(id),
            Segment::Key(name) => node.children.push((name.clone(), id)),
        }
        Some(id)
    }

    /// What `*` declares holds for the named keys beside it as well.
    /// Recursion is bounded by the length of a path.
    pub(super) fn merge_wildcards(&mut self, at: NodeId) {
        let Some(node) = self.get(at) else { return };
        let named: Vec<NodeId> = node.children.iter().map(|child| child.1).collect();
        let (any, element) = (node.any, node.element);
        for child in &named {
            if let Some(any) = any {
                self.merge(*child, any);
                if let Some(child) = self.get_mut(*child) {
                    child.record = true;
                }
            }
            self.merge_wildcards(*child);
        }
        for child in any.into_iter().chain(element) {
            self.merge_wildcards(child);
        }
    }

    /// Copies what is declared under `from` to `into`.
    fn merge(&mut self, into: NodeId, from: NodeId) {
        let Some(node) = self.get(from) else { return };
        let leaf = node.leaf;
        let children: Vec<(Segment, NodeId)> = (node.children.iter())
            .map(|(name, id)| (Segment::Key(name.clone()), *id))
            .chain(node.any.map(|id| (Segment::Any, id)))
            .chain(node.element.map(|id| (Segment::Element, id)))
            .collect();
        if let Some(target) = self.get_mut(into) {
            target.leaf = target.leaf.into_iter().chain(leaf).min_by_key(|leaf| leaf.wild);
        }
        for (segment, child) in children {
            let Some(target) = self.child(into, &segment) else {
                return self.error(0, PlanErrorKind::TooLarge);
            };
            self.merge(target, child);
        }
    }

    pub(super) fn check_containers(&mut self) {
        let both = |node: &Node| node.is_object() || node.element.is_some();
        let clashes: Vec<usize> = (self.nodes.iter().filter(|node| both(node)))
            .filter_map(|node| node.leaf.map(|leaf| leaf.field))
            .collect();
        for field in clashes {
            self.error(field, PlanErrorKind::ValueAndContainer);
        }
    }

    /// The record of a tenant leaf: the nearest object around it that is the root, an element of
    /// an array or a value under `*`. A record without its tenant is counted as missing one.
    pub(super) fn mark_records(&mut self) {
        for id in 0..self.nodes.len() {
            let Some(node) = self.nodes.get(id) else { return };
            let Some(leaf) = node.leaf.filter(|leaf| leaf.role == Role::Tenant) else { continue };
            let mut at = node.from.as_ref().map(|(parent, _)| *parent);
            // The object that holds the leaf: arrays between are looked through.
            while let Some(id) = at {
                let Some(node) = self.get(id) else { break };
                if node.is_object() && node.record {
                    break;
                }
                at = node.from.as_ref().map(|(parent, _)| *parent);
            }
            if let Some(record) = self.get_mut(at.unwrap_or(ROOT)) {
                record.tenant_slots |= leaf.bit;
            }
        }
    }
}
