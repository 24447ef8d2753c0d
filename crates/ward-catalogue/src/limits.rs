//! Bounds of a catalogue and of the paths it is asked about.

/// Bytes of a catalogue file.
pub const CATALOGUE_BYTES_MAX: usize = 8 << 20;
/// Mistakes reported of one file; more are counted in the last one.
pub const MISTAKES_MAX: usize = 200;
/// Routes of a catalogue.
pub const ROUTES_MAX: usize = 2_000;
/// Bytes of a request's path.
pub const PATH_BYTES_MAX: usize = 8_192;
/// Segments of a path template, and of a path that can match one.
pub const SEGMENTS_MAX: usize = 32;
/// Bytes of a name in the catalogue.
pub const NAME_BYTES_MAX: usize = 64;
/// The highest number of a data class.
pub const CLASS_NUMBER_MAX: i64 = 30;
/// The first number that a catalogue may give to a namespace of its own.
pub const NAMESPACE_OWN_FIRST: i64 = 32;
/// The last one: it is two bytes wide in a plan.
pub const NAMESPACE_LAST: i64 = 32_767;
/// Most data subjects that one answer may be declared to hold.
pub const SUBJECTS_MAX: i64 = 100_000;
/// The most that is held back of one answer.
pub const BODY_BYTES_MAX: i64 = 64 << 20;
/// What is held back when the file does not say.
pub const BODY_BYTES_DEFAULT: i64 = 1 << 20;
/// The shortest window of a budget, milliseconds.
pub const WINDOW_MS_MIN: i64 = 60_000;
/// The longest: 366 days.
pub const WINDOW_MS_MAX: i64 = 366 * 86_400_000;
/// Most characters that a mask may leave.
pub const MASK_KEEP_MAX: u8 = 16;
/// Bytes of an OpenAPI file.
pub const OPENAPI_BYTES_MAX: usize = 16 << 20;
/// How deep a schema is followed; a cycle ends sooner.
pub const SCHEMA_DEPTH_MAX: usize = 12;
/// Schemas looked at for one route.
pub const SCHEMA_STEPS_MAX: usize = 20_000;

const _: () = assert!(NAMESPACE_OWN_FIRST > 17);
const _: () = assert!(BODY_BYTES_DEFAULT <= BODY_BYTES_MAX);
