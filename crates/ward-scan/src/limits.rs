//! Bounds of the scanner: every one of them ends a scan with its own error, never with more work.

/// What one scan may take in. The caller's own bounds go here; [`Limits::DEFAULT`] is for a page
/// of an API held whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all documents together.
    pub total_bytes: u64,
    /// Open objects and arrays at one place.
    pub depth: usize,
    /// Raw bytes between the quotes of a string.
    pub string_bytes: usize,
    /// Raw bytes between the quotes of a key.
    pub key_bytes: usize,
    /// Characters of a number.
    pub number_bytes: usize,
    /// Distinct data subjects.
    pub subjects: usize,
    /// Distinct tenants.
    pub tenants: usize,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        total_bytes: 64 << 20,
        depth: 64,
        string_bytes: 1 << 20,
        key_bytes: 1 << 10,
        number_bytes: 128,
        subjects: 100_000,
        tenants: 10_000,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The highest slot: 63 bits, so that a mask of fields also fits a signed column.
pub const SLOT_MAX: u8 = 62;
/// Segments of a declared path.
pub(crate) const PATH_SEGMENTS_MAX: usize = 32;
/// Bytes of a declared path.
pub(crate) const PATH_BYTES_MAX: usize = 512;
/// Nodes of a compiled plan, after wildcards were merged in.
pub(crate) const NODES_MAX: usize = 16_384;
/// Bytes of a data subject's or tenant's id; a longer one cannot be counted.
pub const ID_BYTES_MAX: usize = 256;
/// Stars that stand for masked characters; a longer value gets no more.
pub(crate) const STARS_MAX: usize = 64;
/// Sample paths of undeclared content.
pub const SAMPLES_MAX: usize = 16;
/// Characters of a sample path's last key.
pub(crate) const SAMPLE_KEY_MAX: usize = 48;
/// How often a string is taken out of its quotes in search of JSON inside.
pub(crate) const EMBEDDED_LEVELS_MAX: usize = 8;
/// Longest domain of an e-mail address that is shown (RFC 1035 §2.3.4).
pub(crate) const DOMAIN_BYTES_MAX: usize = 255;

const _: () = assert!(Limits::DEFAULT.depth >= PATH_SEGMENTS_MAX);
const _: () = assert!((Limits::DEFAULT.string_bytes as u64) < Limits::DEFAULT.total_bytes);
const _: () = assert!(ID_BYTES_MAX < Limits::DEFAULT.string_bytes);
