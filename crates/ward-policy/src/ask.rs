//! What is asked: attributes, never ids, so that equal questions have one answer.

use std::collections::{HashMap, HashSet};
use std::str::FromStr as _;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
    Schema,
};
use ward_model::word::{PersonState, Task};
use ward_model::{PrincipalKind, RouteNumber};

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// What kind of principal asks.
    pub kind: PrincipalKind,
    /// A person's state; everyone else is `active`.
    pub state: PersonState,
    /// Whether he acts for a tenant.
    pub tenant: bool,
    /// Scopes of his credential, separated by spaces (RFC 6749 §3.3).
    pub scopes: &'a str,
    /// The route.
    pub route: RouteNumber,
    /// The route's name in the catalogue; `Route::"name"` in policies.
    pub route_name: &'a str,
    /// Kinds of principals the route lists.
    pub route_kinds: &'a [PrincipalKind],
    /// Whether the route is about the principal himself only.
    pub self_only: bool,
    /// Whether the route's data subject is the principal.
    pub is_self: bool,
    /// Whether the route asks for a purpose.
    pub purpose_required: bool,
    /// Whether one was stated.
    pub purpose_stated: bool,
    /// The task.
    pub task: Task,
}

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn texts<'t>(all: impl Iterator<Item = &'t str>) -> RestrictedExpression {
    RestrictedExpression::new_set(all.map(text))
}

fn uid(type_name: &str, id: &str) -> Option<EntityUid> {
    let type_name = EntityTypeName::from_str(type_name).ok()?;
    Some(EntityUid::from_type_name_and_id(type_name, EntityId::new(id)))
}

fn entity<const N: usize>(
    uid: EntityUid,
    attributes: [(&str, RestrictedExpression); N],
) -> Option<Entity> {
    let attributes: HashMap<String, RestrictedExpression> =
        attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Entity::new(uid, attributes, HashSet::new()).ok()
}

impl Ask<'_> {
    /// The question in Cedar's terms, checked against the schema; `None` when it does not fit.
    pub(crate) fn in_cedar(&self, schema: &Schema) -> Option<(Request, Entities)> {
        let bool = RestrictedExpression::new_bool;
        let principal = uid("Principal", "principal")?;
        let route = uid("Route", self.route_name)?;
        let entities = [
            entity(
                principal.clone(),
                [
                    ("kind", text(self.kind.as_str())),
                    ("state", text(self.state.as_str())),
                    ("tenant", bool(self.tenant)),
                    ("scopes", texts(self.scopes.split_ascii_whitespace())),
                ],
            )?,
            entity(
                route.clone(),
                [
                    ("name", text(self.route_name)),
                    ("number", RestrictedExpression::new_long(i64::from(self.route.0))),
                    ("kinds", texts(self.route_kinds.iter().map(|kind| kind.as_str()))),
                    ("self_only", bool(self.self_only)),
                    ("purpose_required", bool(self.purpose_required)),
                ],
            )?,
        ];
        let context = Context::from_pairs([
            ("is_self".to_owned(), bool(self.is_self)),
            ("purpose_stated".to_owned(), bool(self.purpose_stated)),
            ("task".to_owned(), text(self.task.as_str())),
        ])
        .ok()?;
        let action = uid("Action", "access")?;
        let request = Request::new(principal, action, route, context, Some(schema)).ok()?;
        let entities = Entities::from_entities(entities, Some(schema)).ok()?;
        Some((request, entities))
    }
}
