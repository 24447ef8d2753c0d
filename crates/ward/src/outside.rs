//! What the rooms ask of the program: a journal, rows, numbers, a clock.
//!
//! Rooms of floor 2 know nothing of each other; each says in a small trait what it needs, and this
//! is the one place that gives it to them.

mod people;

use ward_journal::Journal;
use ward_model::Record;

use crate::clock;

pub use people::Persons;

/// Appends for the watch, and tells it when the journal has grown.
pub struct Watching {
    journal: Journal,
    head: tokio::sync::watch::Receiver<ward_model::TreeSize>,
    failed: bool,
}

/// How long to wait before a failed append is tried again.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(1);

impl Watching {
    /// For this journal.
    #[must_use]
    pub fn new(journal: Journal) -> Self {
        let head = journal.head();
        Self { journal, head, failed: false }
    }
}

impl ward_watch::Outside for Watching {
    async fn changed(&mut self) -> bool {
        if std::mem::take(&mut self.failed) {
            return match tokio::time::timeout(AGAIN, self.head.changed()).await {
                Ok(changed) => changed.is_ok(),
                Err(_) => true,
            };
        }
        self.head.changed().await.is_ok()
    }

    async fn append(&mut self, records: Vec<Record>) -> Result<(), ward_watch::Unavailable> {
        match self.journal.append(records, clock::now()).await {
            Ok(_recorded) => Ok(()),
            Err(_) => {
                self.failed = true;
                Err(ward_watch::Unavailable)
            }
        }
    }
}

/// Appends for the operators' desk, and knows the rules.
#[derive(Clone)]
pub struct Approving {
    /// Records.
    pub journal: Journal,
    /// The rules in force.
    pub rules: std::sync::Arc<arc_swap::ArcSwap<ward_operators::Rules>>,
}

impl ward_operators::Outside for Approving {
    async fn append(&self, records: Vec<Record>) -> Result<(), ward_operators::Unavailable> {
        match self.journal.append(records, clock::now()).await {
            Ok(_recorded) => Ok(()),
            Err(_) => Err(ward_operators::Unavailable),
        }
    }

    fn now(&self) -> ward_model::UnixMillis {
        clock::now()
    }

    fn rules(&self) -> ward_operators::Rules {
        self.rules.load().as_ref().clone()
    }
}

/// Appends for the incident desk.
#[derive(Clone)]
pub struct Responding(pub Journal);

impl ward_respond::Outside for Responding {
    async fn append(&self, records: Vec<Record>) -> Result<(), ward_respond::Unavailable> {
        match self.0.append(records, clock::now()).await {
            Ok(_recorded) => Ok(()),
            Err(_) => Err(ward_respond::Unavailable),
        }
    }
}
