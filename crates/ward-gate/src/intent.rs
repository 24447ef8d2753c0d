//! Intents: what was about to happen upstream when Ward stopped.
//!
//! An unsafe request is recorded before it goes upstream. The access row of the same request
//! closes it. What is still open when Ward starts is closed as `outcome_unknown`: Ward cannot know
//! whether the upstream acted, and says so instead of guessing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ward_model::record::IntentClosed;
use ward_model::word::Outcome;
use ward_model::{AccessId, LeafIndex, Position, Record, View};

/// The intents that nothing has closed. Cheap to clone.
#[derive(Clone, Default)]
pub struct Intents(Arc<Mutex<BTreeMap<AccessId, Position>>>);

impl Intents {
    /// The write side.
    #[must_use]
    pub fn view(&self) -> impl View + use<> {
        IntentView(self.clone())
    }

    /// The records that close every open intent: append them once after the replay at start.
    #[must_use]
    pub fn close_all(&self) -> Vec<IntentClosed> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let close = |&access: &AccessId| IntentClosed { access, outcome: Outcome::Unknown };
        open.keys().map(close).collect()
    }
}

struct IntentView(Intents);

impl View for IntentView {
    fn apply(&mut self, at: Position, record: &Record) {
        let mut open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        match record {
            Record::AccessIntended(intent) => {
                open.insert(intent.access, at);
            }
            Record::AccessRow(row) => {
                open.remove(&row.access);
            }
            Record::IntentClosed(closed) => {
                open.remove(&closed.access);
            }
            _ => {}
        }
    }

    fn needs_issuances_from(&self) -> LeafIndex {
        LeafIndex::NEVER
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ward_model::record::AccessIntended;
    use ward_model::word::Task;
    use ward_model::{
        ApiKeyId, KeyNumber, LeafIndex, Origin, PrincipalKey, PrincipalNumber, RouteNumber,
        Sequence, UnixMillis,
    };

    #[test]
    fn an_intent_is_open_until_a_record_closes_it() {
        let intents = Intents::default();
        let mut view = intents.view();
        let at = Position { index: LeafIndex(0), time: UnixMillis::new(0) };
        let intent = |n| {
            Record::from(AccessIntended {
                access: AccessId([n; 16]),
                principal: PrincipalNumber(1),
                principal_key: PrincipalKey::default(),
                api_key: ApiKeyId::NONE,
                origin: Origin(1),
                sequence: Sequence(7),
                key: KeyNumber(1),
                route: RouteNumber(1),
                task: Task::Change,
                source: [0; 16],
            })
        };
        view.apply(at, &intent(1));
        view.apply(at, &intent(2));
        assert_eq!(intents.close_all().len(), 2);
        let close = IntentClosed { access: AccessId([1; 16]), outcome: Outcome::Released };
        view.apply(at, &close.into());
        assert_eq!(
            intents.close_all(),
            vec![IntentClosed { access: AccessId([2; 16]), outcome: Outcome::Unknown }]
        );
    }
}
