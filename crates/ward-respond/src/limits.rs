//! The bounds of this room.

/// Most alerts kept for asking; the oldest goes first and stays in the journal.
pub const ALERTS_MAX: usize = 100_000;
/// Most entries kept of one incident's timeline; what is more is counted.
pub const ENTRIES_MAX: usize = 10_000;
/// Most events kept of one key.
pub const KEY_EVENTS_MAX: usize = 1_000;
/// Emergencies kept; those nobody has looked at go last, and are counted then.
pub const EMERGENCIES_MAX: usize = 10_000;
/// Most matters whose accesses are counted.
pub const TALLIES_MAX: usize = 100_000;
/// Most groups one call of `tend` appends: a bound against a view that does not take them in.
pub const GROUPS_MAX: usize = 200_000;
/// Most incidents or alerts in one answer.
pub const PAGE_MAX: usize = 200;
/// Incidents or alerts in one answer when the caller does not say.
pub const PAGE_DEFAULT: usize = 50;
/// Largest request body, bytes.
pub const BODY_BYTES_MAX: usize = 16 * 1024;

const _: () = assert!(PAGE_DEFAULT <= PAGE_MAX);
const _: () = assert!(ward_model::limits::TEXT_BYTES_MAX < BODY_BYTES_MAX);
