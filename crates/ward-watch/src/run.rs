//! The driver: whenever the journal grew, what the detectors found is appended.
//!
//! What it must never do: drop an alert because an append failed.
//! Best test: `watch/tests.rs` (`a_failed_append_is_tried_again`).

use core::future::Future;

use ward_model::Record;

use crate::limits::BATCH_MAX;
use crate::watch::SharedWatch;

/// The journal did not take the alerts; they are kept and tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal cannot be reached")]
pub struct Unavailable;

/// What the program provides.
pub trait Outside: Send {
    /// Waits until the journal has grown since the last call; `false` when it has ended. After a
    /// failed append MUST also return after a bounded wait (a second, say).
    fn changed(&mut self) -> impl Future<Output = bool> + Send;

    /// Appends `records` as ONE group, in the highest lane among them; returns when it is durable
    /// and every view has taken it in.
    fn append(
        &mut self,
        records: Vec<Record>,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// Runs until the journal ends. Start it after the journal has replayed. Cancel safe: what was not
/// appended is found again by the next replay.
pub async fn run(watch: SharedWatch, outside: &mut impl Outside) {
    loop {
        raise(&watch, outside).await;
        if !outside.changed().await {
            return;
        }
    }
}

/// Appends what waits, once. Returns how many alerts were appended.
pub async fn raise(watch: &SharedWatch, outside: &mut impl Outside) -> usize {
    let mut appended = 0usize;
    loop {
        let groups = watch.with(|it| it.take(BATCH_MAX));
        if groups.is_empty() {
            return appended;
        }
        let (ids, records): (Vec<_>, Vec<_>) = groups.into_iter().unzip();
        // CRASH: not yet durable: the replay finds the same alerts. Durable: it finds them raised.
        let once = without_repeats(records.into_iter().flatten());
        if let Err(error) = outside.append(once).await {
            tracing::error!(%error, alerts = ids.len(), "alerts wait for the journal");
            watch.with(|it| ids.iter().for_each(|id| it.give_back(*id)));
            return appended;
        }
        appended = appended.saturating_add(ids.len());
    }
}

/// Two alerts of one batch may find the same key compromised; it is said once.
fn without_repeats(records: impl Iterator<Item = Record>) -> Vec<Record> {
    let mut out: Vec<Record> = Vec::new();
    for record in records {
        let repeats = !matches!(record, Record::AlertRaised(_)) && out.contains(&record);
        if !repeats {
            out.push(record);
        }
    }
    out
}
