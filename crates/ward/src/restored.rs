//! The first start after `ward restore`: what it finds in the state directory, and what it records.
//!
//! `ward restore` leaves a small file, `restored.json`. While it says `unpacking`, nothing starts
//! there. Once it says `ready`, the first start records the restore, names the origins whose tail is
//! lost, begins an origin no lost life can have used, makes the rows right, and removes the file.
//! CRASH: each step may be done again. Whether the records stand is told by the ledger; numbers
//! that are used up and rows that are right stay so; the file goes last.
//! Best test: `tests` below; `interop/disaster.py`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};
use ward_journal::{Journal, durable};
use ward_ledger::Ledger;
use ward_model::record::{AlertRaised, OriginFenced, OriginLost, Restored};
use ward_model::word::AlertKind;
use ward_model::{
    AccessId, AlertId, ApiKeyId, Caller, DataSubjectNumber, KeyNumber, Origin, Position,
    PrincipalNumber, Record, RouteNumber, UnixMillis, View,
};
use ward_register::Register;
use ward_store::Store;

use crate::clock;
use crate::exit::{Exit, fail};

/// The file's name in the state directory.
pub const FILE: &str = "restored.json";
/// The version this program reads and writes.
const VERSION: u32 = 1;

/// How far a restore has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Files are being put down, or a restore broke off: nothing here may be started.
    Unpacking,
    /// Everything was verified; the first start is still to come.
    Ready,
}

/// What `ward restore` tells the first start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marker {
    /// [`VERSION`].
    pub version: u32,
    /// How far it has come.
    pub stage: Stage,
    /// SHA-256 of the backup's manifest, hex.
    pub backup: String,
    /// Leaves in the backup.
    pub backup_size: i64,
    /// Leaves that stand here.
    pub size: i64,
    /// Whether nothing was recorded past them: the operator vouched for it.
    pub complete: bool,
    /// Leaves a checkpoint kept outside names past them, which the operator accepts as lost.
    pub lost_leaves: i64,
}

impl Marker {
    /// A marker of this program's version.
    #[must_use]
    pub fn new(stage: Stage, backup: [u8; 32], backup_size: i64) -> Self {
        let backup = data_encoding::HEXLOWER.encode(&backup);
        let (size, complete, lost_leaves) = (backup_size, false, 0);
        Self { version: VERSION, stage, backup, backup_size, size, complete, lost_leaves }
    }

    /// Writes it into a state directory; durable when it returns.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write(&self, data: &Path) -> Result<(), Exit> {
        let path = data.join(FILE);
        let text = serde_json::to_vec_pretty(self).map_err(|error| fail(74, &path, &error))?;
        durable::replace(&path, &text).map_err(|error| fail(73, &path, &error))
    }

    fn record(&self) -> Restored {
        let mut backup = [0; 32];
        let bytes = data_encoding::HEXLOWER.decode(self.backup.as_bytes()).unwrap_or_default();
        for (to, from) in backup.iter_mut().zip(bytes) {
            *to = from;
        }
        Restored { backup, backup_size: self.backup_size, size: self.size }
    }
}

/// The marker of a restore whose first start is still to come.
///
/// # Errors
/// A restore broke off here (73), or a newer Ward restored (78).
pub fn pending(data: &Path) -> Result<Option<Marker>, Exit> {
    let path = data.join(FILE);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(73, &path, &error)),
    };
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let version = value.get("version").and_then(serde_json::Value::as_u64).unwrap_or(0);
    if version > u64::from(VERSION) {
        return Err(Exit::new(78, format!("{}: of a newer version", path.display())));
    }
    let marker: Marker = serde_json::from_value(value).map_err(|error| fail(73, &path, &error))?;
    match marker.stage {
        Stage::Ready => Ok(Some(marker)),
        Stage::Unpacking => Err(Exit::new(
            73,
            format!(
                "{}: a restore broke off here; empty the directory, and restore again",
                data.display()
            ),
        )),
    }
}

/// What becomes of earlier lives at a start, and the origin of this one.
pub fn lives(marker: Option<&Marker>, ledger: &Ledger, now: UnixMillis) -> (Origin, Vec<Record>) {
    let fences = || {
        let open = ledger.open_origins().into_iter();
        open.map(|(origin, end)| Record::from(OriginFenced { origin, end })).collect()
    };
    let Some(marker) = marker.filter(|it| ledger.restored() != Some(it.record())) else {
        // What was signed past the recorded never left; also at a start whose predecessor recorded
        // the restore and stopped before it removed the marker.
        return (ledger.next_origin(), fences());
    };
    let mut records: Vec<Record> = if marker.complete {
        fences()
    } else {
        let lost = ledger.unsettled_origins().into_iter();
        lost.map(|(origin, from)| Record::from(OriginLost { origin, from })).collect()
    };
    records.push(marker.record().into());
    if !marker.complete {
        let act =
            format!("restore a backup without what came later: {} leaves", marker.lost_leaves);
        let did = Caller::WARD.did(&act, marker.lost_leaves, marker.record().backup);
        records.push(did.into());
        records.push(alert(now).into());
    }
    (ledger.origin_after_loss(now), records)
}

/// One person restored less than there was: others are told.
fn alert(now: UnixMillis) -> AlertRaised {
    let kind = AlertKind::UnapprovedChange;
    AlertRaised {
        alert: AlertId(now.ms().saturating_mul(256) + i64::from(kind.byte())),
        kind,
        principal: PrincipalNumber::NONE,
        data_subject: DataSubjectNumber::NONE,
        key: KeyNumber::NONE,
        api_key: ApiKeyId::NONE,
        access: AccessId::default(),
        route: RouteNumber::NONE,
        leaked: 0,
    }
}

/// The highest dense number that records name: a restored register may be older than they are.
#[derive(Clone, Default)]
pub struct Numbers(Arc<AtomicI64>);

impl Numbers {
    /// The view that counts; give it to the journal at open.
    #[must_use]
    pub fn view(&self) -> Box<dyn View> {
        Box::new(Self(Arc::clone(&self.0)))
    }

    fn highest(&self) -> DataSubjectNumber {
        DataSubjectNumber(self.0.load(Ordering::Acquire))
    }
}

impl View for Numbers {
    fn apply(&mut self, _at: Position, record: &Record) {
        let named = match record {
            Record::AccessRow(row) => row.data_subject.0.max(row.principal.0),
            Record::AccessIntended(row) => row.principal.0,
            Record::AlertRaised(row) => row.data_subject.0.max(row.principal.0),
            Record::TokenIssued(row) => row.principal.0,
            Record::TokenPinned(row) => row.principal.0,
            Record::TokenEntered(row) => row.principal.0,
            Record::ApiKeyIssued(row) => row.owner.0,
            Record::PersonPut(row) => row.principal.0,
            Record::PrincipalRevoked(row) => row.principal.0,
            Record::PrincipalSuspended(row) => row.principal.0,
            Record::PrincipalRestored(row) => row.principal.0,
            Record::IncidentOpened(row) => row.principal.0,
            // No other record names a number of the register.
            _ => return,
        };
        self.0.fetch_max(named, Ordering::AcqRel);
    }
}

/// Makes register and rows fit the records, and ends the restore. Called once the records of
/// [`lives`] are durable, before anything is served.
///
/// # Errors
/// The disk refuses: the next start does it again.
pub fn finish(
    data: &Path,
    numbers: &Numbers,
    register: &Register,
    store: &Store,
    journal: &Journal,
) -> Result<(), Exit> {
    let told = |error: &(dyn std::error::Error + 'static)| fail(74, data, error);
    register.use_up(numbers.highest()).map_err(|error| told(&error))?;
    for row in store.outdated_persons().map_err(|error| told(&error))? {
        let pending = store.begin_person_put(row, None).map_err(|error| told(&error))?;
        let recorded = journal
            .append_blocking(pending.record().clone(), clock::now())
            .map_err(|error| told(&error))?;
        let at = Position { index: recorded.first(), time: recorded.time() };
        store.settle(pending, at).map_err(|error| told(&error))?;
    }
    let path = data.join(FILE);
    std::fs::remove_file(&path).map_err(|error| fail(74, &path, &error))?;
    let dir = std::fs::File::open(data).and_then(|dir| dir.sync_all());
    dir.map_err(|error| fail(74, data, &error))
}

#[cfg(test)]
mod tests {
    use ward_ledger::LedgerSecret;
    use ward_model::record::OriginOpened;
    use ward_model::{LeafIndex, Secret, Sequence};

    use super::*;

    const NOW: UnixMillis = UnixMillis::from_seconds(1_800_000_000);

    fn ledger(records: &[Record]) -> Ledger {
        let ledger = Ledger::new(LedgerSecret::new(Secret::new([1; 32])));
        for (index, record) in (0..).zip(records) {
            ledger.view().apply(Position { index: LeafIndex(index), time: NOW }, record);
        }
        ledger
    }

    fn marker(complete: bool) -> Marker {
        Marker { complete, ..Marker::new(Stage::Ready, [7; 32], 9) }
    }

    #[test]
    fn a_lost_tail_is_never_fenced_and_a_second_try_records_nothing_twice() {
        let mut journal = vec![Record::from(OriginOpened { origin: Origin(1) })];
        let marker = marker(false);
        let (origin, records) = lives(Some(&marker), &ledger(&journal), NOW);
        assert!(origin > Origin(1 << 16));
        let lost = OriginLost { origin: Origin(1), from: Sequence(0) };
        assert_eq!(records.first(), Some(&lost.into()));
        assert!(records.contains(&marker.record().into()));
        let alerts = records.iter().filter(|it| matches!(it, Record::AlertRaised(_)));
        assert_eq!(alerts.count(), 1);
        assert!(!records.iter().any(|it| matches!(it, Record::OriginFenced(_))));
        // It stops before the marker is gone: the life it began is fenced like any other.
        journal.extend(records);
        journal.push(OriginOpened { origin }.into());
        let again = ledger(&journal);
        let (next, records) = lives(Some(&marker), &again, NOW);
        assert_eq!(next, Origin(origin.0 + 1));
        assert_eq!(records, [OriginFenced { origin, end: Sequence(0) }.into()]);
        assert_eq!(again.faults(), 0);
    }

    #[test]
    fn what_is_complete_is_fenced_at_its_end() {
        let journal = [Record::from(OriginOpened { origin: Origin(1) })];
        let marker = marker(true);
        let (origin, records) = lives(Some(&marker), &ledger(&journal), NOW);
        assert!(origin > Origin(1 << 16), "a number no life can have used, all the same");
        let fence = OriginFenced { origin: Origin(1), end: Sequence(0) };
        assert_eq!(records, [fence.into(), marker.record().into()]);
        let (origin, records) = lives(None, &ledger(&journal), NOW);
        assert_eq!((origin, records.len()), (Origin(2), 1));
    }

    #[test]
    fn a_marker_says_whether_anything_may_start() {
        let dir = std::env::temp_dir().join(format!("ward-marker-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        assert_eq!(pending(&dir).unwrap(), None);
        marker(true).write(&dir).unwrap();
        assert_eq!(pending(&dir).unwrap(), Some(marker(true)));
        Marker { stage: Stage::Unpacking, ..marker(true) }.write(&dir).unwrap();
        assert_eq!(pending(&dir).unwrap_err().code, 73);
        Marker { version: 2, ..marker(true) }.write(&dir).unwrap();
        assert_eq!(pending(&dir).unwrap_err().code, 78);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
