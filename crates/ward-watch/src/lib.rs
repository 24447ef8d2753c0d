//! Detectors over the journal and their alerts.
