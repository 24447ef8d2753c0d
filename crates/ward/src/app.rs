//! Everything that is open while Ward runs, for those who answer for it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use ward_archive::ScopeView;
use ward_catalogue::Catalogue;
use ward_gate::Gate;
use ward_journal::Journal;
use ward_keys::KeyStore;
use ward_ledger::Ledger;
use ward_model::UnixMillis;
use ward_people::{People, SharedHoldings};
use ward_policy::Policies;
use ward_register::Register;
use ward_respond::{Desk, SharedIncidents};
use ward_store::Store;
use ward_tokens::Issuance;
use ward_watch::SharedWatch;

use crate::config::Config;

use crate::outside::{Persons, Responding};
use crate::view::pulse::Pulse;
use crate::view::recent::Recent;

/// The open rooms.
pub struct App {
    /// The configuration in force.
    pub config: Config,
    /// When this life began.
    pub started_at: UnixMillis,
    /// What happened.
    pub journal: Journal,
    /// The check.
    pub ledger: Ledger,
    /// Numbers.
    pub register: Register,
    /// Rows.
    pub store: Store,
    /// Decisions.
    pub policies: Arc<Policies>,
    /// Routes.
    pub catalogue: Arc<ArcSwap<Catalogue>>,
    /// Custody.
    pub keys: Arc<KeyStore>,
    /// Issuance.
    pub issuance: Issuance,
    /// The gate.
    pub gate: Arc<Gate>,
    /// People.
    pub people: People<Persons>,
    /// What people hold.
    pub holdings: SharedHoldings,
    /// Detectors.
    pub watch: SharedWatch,
    /// Incidents.
    pub incidents: SharedIncidents,
    /// Where incidents are worked on.
    pub desk: Desk<Responding>,
    /// Scope.
    pub scope: ScopeView,
    /// Latest accesses.
    pub recent: Recent,
    /// Rates and counts.
    pub pulse: Pulse,
    /// Metrics of this process.
    pub metrics: metrics_exporter_prometheus::PrometheusHandle,
    /// The verifier key of checkpoints.
    pub checkpoint_vkey: String,
}
