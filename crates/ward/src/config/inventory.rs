//! The part of `ward.toml` about credentials: when Ward warns of one, and who is believed about
//! where it is used from. Pure. Best test: `config/tests.rs`.

use ward_model::{Networks, time::DAY_MS};

use super::Walk;
use crate::inventory::Policy;

/// Longest age that can be set, days.
const DAYS_MAX: i64 = 3650;

/// Reads `[inventory]`.
pub fn inventory(walk: &mut Walk<'_>) -> Policy {
    let mut days = |key: &str, default: i64| {
        walk.integer(key, 1..=DAYS_MAX, Some(default)).unwrap_or(default) * DAY_MS
    };
    Policy {
        signing_key_ms: days("inventory.signing_key_days", 90),
        api_key_unused_ms: days("inventory.api_key_unused_days", 30),
        client_unused_ms: days("inventory.client_unused_days", 30),
        expiring_ms: days("inventory.expiring_days", 14),
    }
}

/// Reads `listen.forwarded_from`.
pub fn forwarded_from(walk: &mut Walk<'_>) -> Networks {
    let texts = walk.texts_or("listen.forwarded_from", &[]);
    Networks::parse(texts.iter().map(String::as_str)).unwrap_or_else(|error| {
        walk.mistake("listen.forwarded_from", &error.to_string(), "name the proxies in front");
        Networks::default()
    })
}
