//! Every bound of the shop in one place. Nothing here decides; see the files that use them.

use std::time::Duration;

/// Longest token the shop looks at, in bytes.
pub(crate) const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Most keys taken from a published key set; the rest is ignored.
pub(crate) const JWKS_KEYS_MAX: usize = 64;
/// Longest key set read from the network, in bytes.
pub(crate) const JWKS_BYTES_MAX: usize = 64 * 1024;
/// How long one fetch of the key set may take.
pub(crate) const JWKS_FETCH_MAX: Duration = Duration::from_secs(2);
/// How long fetched keys are used before they are asked for again.
pub(crate) const JWKS_AGE_MAX: Duration = Duration::from_secs(60);
/// After a fetch that did not bring the wanted key, the next one waits this long.
pub(crate) const JWKS_PAUSE_FRUITLESS: Duration = Duration::from_secs(5);
/// After a fetch that failed, the next one waits this long.
pub(crate) const JWKS_PAUSE_FAILED: Duration = Duration::from_secs(1);

/// Rows on one page of a listing.
pub(crate) const PAGE_ROWS: i64 = 50;
/// Highest page number a caller may ask for.
pub(crate) const PAGE_MAX: i64 = 1_000_000;
/// Longest note, in bytes of request body.
pub(crate) const NOTE_BODY_BYTES_MAX: usize = 4 * 1024;
/// Most notes shown with a customer.
pub(crate) const NOTES_SHOWN_MAX: i64 = 20;
/// Most orders shown on a customer's own page, and jobs on a rider's.
pub(crate) const LIST_ROWS_MAX: i64 = 100;
/// Rows read at once by the export and by the walk over customer ids.
pub(crate) const BATCH_ROWS: i64 = 2_000;
/// Batches of an export waiting for a slow reader.
pub(crate) const EXPORT_QUEUE: usize = 4;
/// Connections to the database that may read at the same time.
pub(crate) const READERS_MAX: usize = 4;
/// How long answers in flight may take once the shop is told to stop.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(5);
/// Longest wait a caller of the misbehaving corner may ask for.
pub(crate) const ODD_WAIT_MAX: Duration = Duration::from_secs(60);

const _: () = assert!(JWKS_PAUSE_FAILED.as_millis() <= JWKS_PAUSE_FRUITLESS.as_millis());
const _: () = assert!(JWKS_PAUSE_FRUITLESS.as_millis() < JWKS_AGE_MAX.as_millis());
