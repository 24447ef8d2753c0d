//! Who may do what to Ward itself: Cedar over an operator's roles, fixed in the program.
//!
//! WHY not a file of the house: a changed line would be a changed defence; what differs between
//! houses is who holds which role, and that takes a second person.
//! What it must never do: permit what no policy names, or when an evaluation fails.
//! Best test: `operators/tests.rs`, whose snapshot is the matrix.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request,
    RestrictedExpression, Schema, ValidationMode, Validator,
};
use ward_model::Roles;

const SCHEMA: &str = include_str!("../policies/operators/operators.cedarschema");
const POLICIES: &str = include_str!("../policies/operators/operators.cedar");

/// The policies, and what was decided so far: at most one entry for each set of roles and act.
pub struct OperatorPolicies {
    schema: Schema,
    set: PolicySet,
    acts: BTreeMap<String, EntityUid>,
    decided: Mutex<HashMap<(Roles, String), bool>>,
}

impl OperatorPolicies {
    /// The policies of this program.
    ///
    /// # Errors
    /// What is wrong with them: a fault of the build, found by the tests.
    pub fn load() -> Result<Self, String> {
        let (schema, _) =
            Schema::from_cedarschema_str(SCHEMA).map_err(|error| error.to_string())?;
        let set: PolicySet = POLICIES.parse().map_err(|error| format!("{error}"))?;
        let checked = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
        let wrong: Vec<String> = checked.validation_errors().map(ToString::to_string).collect();
        if !wrong.is_empty() {
            return Err(wrong.join("; "));
        }
        let acts = schema
            .actions()
            .map(|act| (act.id().unescaped().to_owned(), act.clone()))
            .filter(|(name, _)| name != "read")
            .collect();
        Ok(Self { schema, set, acts, decided: Mutex::default() })
    }

    /// Every act there is, by name.
    pub fn acts(&self) -> impl Iterator<Item = &str> {
        self.acts.keys().map(String::as_str)
    }

    /// Whether `roles` may do `act`; an unknown act is never permitted.
    #[must_use]
    pub fn permits(&self, roles: Roles, act: &str) -> bool {
        let asked = (roles, act.to_owned());
        let mut decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = decided.get(&asked) {
            return *known;
        }
        let Some(permits) = self.evaluate(roles, act) else { return false };
        decided.insert(asked, permits);
        permits
    }

    fn evaluate(&self, roles: Roles, act: &str) -> Option<bool> {
        let act = self.acts.get(act)?.clone();
        let operator: EntityUid = r#"Operator::"operator""#.parse().ok()?;
        let ward: EntityUid = r#"Ward::"ward""#.parse().ok()?;
        let names =
            roles.iter().map(|role| RestrictedExpression::new_string(role.as_str().to_owned()));
        let roles = ("roles".to_owned(), RestrictedExpression::new_set(names));
        let entity = Entity::new(operator.clone(), [roles].into(), Default::default()).ok()?;
        let entities = Entities::from_entities([entity], Some(&self.schema)).ok()?;
        let context = Context::empty();
        let request = Request::new(operator, act, ward, context, Some(&self.schema)).ok()?;
        let response = Authorizer::new().is_authorized(&request, &self.set, &entities);
        let failed = response.diagnostics().errors().next().is_some();
        Some(response.decision() == Decision::Allow && !failed)
    }
}

#[cfg(test)]
mod tests;
