//! What the gate counts, by stable names (a snapshot test holds the list).

use metrics::counter;
use ward_model::{Reason, RouteNumber};

/// Metric names of this room.
pub const NAMES: [&str; 6] = [
    "ward_gate_reads_total",
    "ward_gate_refusals_total",
    "ward_gate_undeclared_fields_total",
    "ward_gate_missed_total",
    "ward_gate_ungated_total",
    "ward_gate_bypassed_total",
];

/// The gate's counters.
#[derive(Clone, Copy, Default)]
pub struct Counters(());

impl Counters {
    /// An answer was released.
    pub(crate) fn read(self) {
        counter!("ward_gate_reads_total").increment(1);
    }

    /// A request was refused.
    pub(crate) fn refused(self, reason: Reason) {
        counter!("ward_gate_refusals_total", "reason" => reason.as_str()).increment(1);
    }

    /// Fields that nobody declared were in an answer.
    pub(crate) fn undeclared(self, route: RouteNumber, count: u64) {
        if count > 0 {
            let route = route.0.to_string();
            counter!("ward_gate_undeclared_fields_total", "route" => route).increment(count);
        }
    }

    /// Something on an observed route could not be measured or recorded.
    pub(crate) fn missed(self, count: u64) {
        counter!("ward_gate_missed_total").increment(count);
    }

    /// A request passed on an enforced route that is open in an emergency.
    pub(crate) fn bypassed(self, route: RouteNumber) {
        counter!("ward_gate_bypassed_total", "route" => route.0.to_string()).increment(1);
    }

    /// A request to an undeclared route passed.
    pub(crate) fn ungated(self) {
        counter!("ward_gate_ungated_total").increment(1);
    }
}
