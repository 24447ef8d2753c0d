//! What is drawn: the strip of the last minute and the bars of the reasons. Pure integers.
//!
//! Best test: `pages/tests.rs`.

use ward_model::Reason;

use crate::facts::ReasonCount;
use crate::limits::STRIP_SECONDS;

/// Height of the upper half (reads), units of the drawing.
const READS_HIGH: u64 = 56;
/// Height of the lower half (refusals).
const REFUSALS_HIGH: u64 = 24;
/// Width of one second.
const STEP: usize = 10;

/// The last minute: reads upward, refusals downward, each on its own scale.
pub struct Strip {
    /// One column per second, oldest first.
    pub columns: Vec<Column>,
    /// Most reads in one second.
    pub reads_max: u64,
    /// Most refusals in one second.
    pub refusals_max: u64,
}

/// One second of the strip.
pub struct Column {
    /// Left edge.
    pub x: usize,
    /// Top of the reads' bar.
    pub reads_y: u64,
    /// Height of the reads' bar.
    pub reads_high: u64,
    /// Height of the refusals' bar, drawn downward.
    pub refusals_high: u64,
}

impl Strip {
    /// Draws the newest [`STRIP_SECONDS`] of both.
    pub fn of(reads: &[u64], refusals: &[u64]) -> Self {
        let (reads, refusals) = (newest(reads), newest(refusals));
        let reads_max = reads.iter().copied().max().unwrap_or(0);
        let refusals_max = refusals.iter().copied().max().unwrap_or(0);
        let columns = reads.iter().zip(&refusals).enumerate().map(|(at, (&reads, &refused))| {
            let reads_high = scaled(reads, reads_max, READS_HIGH);
            Column {
                x: at * STEP,
                reads_y: READS_HIGH - reads_high,
                reads_high,
                refusals_high: scaled(refused, refusals_max, REFUSALS_HIGH),
            }
        });
        Self { columns: columns.collect(), reads_max, refusals_max }
    }
}

/// The newest values, with zeros before the first.
fn newest(values: &[u64]) -> Vec<u64> {
    let from = values.len().saturating_sub(STRIP_SECONDS);
    let values = values.get(from..).unwrap_or_default();
    let missing = STRIP_SECONDS.saturating_sub(values.len());
    std::iter::repeat_n(0, missing).chain(values.iter().copied()).collect()
}

/// `value` of `max` on a scale of `high`; something is never drawn as nothing.
fn scaled(value: u64, max: u64, high: u64) -> u64 {
    if value == 0 || max == 0 {
        return 0;
    }
    let exact = u128::from(value) * u128::from(high) / u128::from(max);
    u64::try_from(exact).unwrap_or(high).clamp(2, high)
}

/// How often one reason was given today, beside the most frequent.
pub struct Bar {
    /// The reason.
    pub reason: Reason,
    /// How often today.
    pub today: u64,
    /// How often in the last minute.
    pub last_minute: u64,
    /// Width of the bar, 0 to 100.
    pub wide: u64,
}

impl Bar {
    /// The reasons given today, most frequent first.
    pub fn of(counts: &[ReasonCount]) -> Vec<Self> {
        let max = counts.iter().map(|it| it.today).max().unwrap_or(0);
        let mut bars: Vec<Self> = counts
            .iter()
            .filter(|it| it.today > 0)
            .map(|it| Self {
                reason: it.reason,
                today: it.today,
                last_minute: it.last_minute,
                wide: scaled(it.today, max, 100),
            })
            .collect();
        bars.sort_by_key(|it| (std::cmp::Reverse(it.today), it.reason.byte()));
        bars
    }
}
