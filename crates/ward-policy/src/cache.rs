//! Decisions kept by the whole set of attributes, never by a hash alone.
//!
//! The cache belongs to one loaded set of policies and goes with it. A decision is looked up
//! without allocating; a full shard is emptied.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, Hasher as _, RandomState};
use std::sync::{PoisonError, RwLock};

use ward_model::word::{PersonState, Task};
use ward_model::{PrincipalKind, RouteNumber};

use crate::limits::{SHARD_DECISIONS_MAX, SHARDS};
use crate::{Ask, Decided};

/// Everything an answer can depend on.
#[derive(PartialEq, Eq, Hash)]
struct Plain {
    kind: PrincipalKind,
    state: PersonState,
    tenant: bool,
    route: RouteNumber,
    self_only: bool,
    is_self: bool,
    purpose_required: bool,
    purpose_stated: bool,
    task: Task,
}

struct Kept {
    plain: Plain,
    scopes: String,
    route_name: String,
    route_kinds: Vec<PrincipalKind>,
    decided: Decided,
}

impl Kept {
    fn answers(&self, plain: &Plain, ask: &Ask<'_>) -> bool {
        self.plain == *plain
            && self.scopes == ask.scopes
            && self.route_name == ask.route_name
            && self.route_kinds == ask.route_kinds
    }
}

#[derive(Default)]
struct Shard {
    kept: HashMap<u64, Vec<Kept>>,
    count: usize,
}

/// Kept decisions.
pub(crate) struct Cache {
    hasher: RandomState,
    shards: [RwLock<Shard>; SHARDS],
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), shards: Default::default() }
    }

    /// The kept decision, or a new one, which is kept.
    pub(crate) fn get_or(&self, ask: &Ask<'_>, decide: impl FnOnce() -> Decided) -> Decided {
        let Ask { kind, state, tenant, route, self_only, is_self, .. } = *ask;
        let Ask { purpose_required, purpose_stated, task, .. } = *ask;
        let plain = Plain {
            kind,
            state,
            tenant,
            route,
            self_only,
            is_self,
            purpose_required,
            purpose_stated,
            task,
        };
        let mut hasher = self.hasher.build_hasher();
        plain.hash(&mut hasher);
        (ask.scopes, ask.route_name, ask.route_kinds).hash(&mut hasher);
        let hash = hasher.finish();
        let place = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        let Some(shard) = self.shards.get(place) else { return decide() };
        {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            let same = shard.kept.get(&hash).into_iter().flatten();
            if let Some(kept) = same.into_iter().find(|kept| kept.answers(&plain, ask)) {
                return kept.decided.clone();
            }
        }
        let decided = decide();
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        if shard.count >= SHARD_DECISIONS_MAX {
            *shard = Shard::default();
        }
        shard.count += 1;
        shard.kept.entry(hash).or_default().push(Kept {
            plain,
            scopes: ask.scopes.to_owned(),
            route_name: ask.route_name.to_owned(),
            route_kinds: ask.route_kinds.to_vec(),
            decided: decided.clone(),
        });
        decided
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().unwrap().kept.values().flatten().count()).sum()
    }
}
