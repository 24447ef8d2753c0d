//! Reports of leaks: whoever holds a credential's full text proves by it that it lies in the open,
//! and Ward takes it back.
//!
//! What it must never do: say whether a text was known; keep or log one. The answer, and the wait
//! for it, is the same either way: every report is one append. An alert stands in the same group as
//! the revocation, so that no crash leaves a credential revoked and nobody told.
//! What anybody could do with the text anyway is worse than revoking it, so the door is open; it is
//! narrow instead: [`Gauge`]. Best tests: `tests/leaks.rs`, `interop/apikeys.py`.

use std::collections::{BTreeSet, HashMap};

use ward_ledger::{Checked, Entered};
use ward_model::record::{
    AlertRaised, ApiKeyRevoked, EnteredRevoked, LeaksReported, PinRevoked, TokenRevoked,
};
use ward_model::word::{AlertKind, Cause};
use ward_model::{
    AccessId, AlertId, ApiKeyId, DataSubjectNumber, KeyNumber, PrincipalNumber, Record,
    RouteNumber, UnixMillis,
};

use crate::inspect::keys_in;
use crate::issuance::{Issuance, IssueError};
use crate::limits::{
    LEAK_REPORTS_A_MINUTE_ALL, LEAK_REPORTS_A_MINUTE_EACH, LEAK_SOURCES_MAX, LEAK_TEXTS_MAX,
};

/// How many reports came in this minute, by source and in all. Pure; bounded.
#[derive(Debug, Default)]
pub struct Gauge {
    minute: i64,
    all: u32,
    /// By /24 or /48.
    sources: HashMap<[u8; 16], u32>,
}

impl Gauge {
    /// Counts a report; `Err`: too many, seconds to wait. A source past the bound on sources counts
    /// with the others like it.
    ///
    /// # Errors
    /// Seconds until the next minute.
    pub fn count(&mut self, source: [u8; 16], now: UnixMillis) -> Result<(), i64> {
        let minute = now.seconds().div_euclid(60);
        if minute != self.minute {
            *self = Self { minute, ..Self::default() };
        }
        let known = self.sources.contains_key(&source) || self.sources.len() < LEAK_SOURCES_MAX;
        let of_source = self.sources.entry(if known { source } else { [0; 16] }).or_default();
        if self.all >= LEAK_REPORTS_A_MINUTE_ALL || *of_source >= LEAK_REPORTS_A_MINUTE_EACH {
            return Err(60 - now.seconds().rem_euclid(60));
        }
        self.all += 1;
        *of_source += 1;
        Ok(())
    }
}

impl Issuance {
    /// Takes back every live API key and token of Ward's among `texts` (the first 100 count), alerts,
    /// and records that there was a report from `prefix`. Says nothing of what was found.
    ///
    /// # Errors
    /// [`IssueError::Journal`]: nothing was taken back; retry.
    pub async fn leaked(&self, texts: &[String], prefix: [u8; 16]) -> Result<(), IssueError> {
        let now = self.now();
        let texts = texts.get(..texts.len().min(LEAK_TEXTS_MAX)).unwrap_or_default();
        let mut found: Vec<Record> = Vec::new();
        let mut seen: BTreeSet<ApiKeyId> = BTreeSet::new();
        let mut live = 0_i64;
        for text in texts {
            let keys = keys_in(text).take(LEAK_TEXTS_MAX);
            for key in keys.filter_map(|key| self.0.ledger.api_key_of(key)) {
                let over = key.revoked || now >= key.expires_at;
                if over || seen.len() >= LEAK_TEXTS_MAX || !seen.insert(key.id) {
                    continue;
                }
                let cause = Cause::Compromise;
                found.push(ApiKeyRevoked { api_key: key.id, cause }.into());
                found.push(alert(live, key.owner, key.id, KeyNumber::NONE, now).into());
                live += 1;
            }
            if let Some((record, principal, key)) = self.live_token(text.trim(), now) {
                found.push(record);
                found.push(alert(live, principal, ApiKeyId::NONE, key, now).into());
                live += 1;
            }
        }
        let count = i64::try_from(texts.len()).unwrap_or(i64::MAX);
        let mut group = vec![Record::from(LeaksReported { prefix, texts: count, live })];
        group.append(&mut found);
        self.append(group).await?;
        tracing::info!(texts = count, live, "leaks were reported");
        Ok(())
    }

    /// The revocation of a token that is live now.
    fn live_token(
        &self,
        raw: &str,
        now: UnixMillis,
    ) -> Option<(Record, PrincipalNumber, KeyNumber)> {
        let ledger = &self.0.ledger;
        let entered = ledger.locate(raw)?;
        let audiences = &self.0.policy.audiences;
        let issued =
            audiences.iter().find_map(|audience| match ledger.check(raw, audience, now) {
                Checked::Pass(issued) => Some(issued),
                Checked::Refuse(_) => None,
            })?;
        let cause = Cause::Compromise;
        let record = match entered {
            Entered::Slot(place) => {
                let (origin, sequence) = (place.origin, place.sequence);
                TokenRevoked { origin, sequence, cause }.into()
            }
            Entered::Pin(fingerprint) => PinRevoked { fingerprint, cause }.into(),
            Entered::Digest(digest, expires_at) => {
                EnteredRevoked { digest, expires_at, cause }.into()
            }
        };
        let bearer = issued.bearer();
        // WHY not the token's key in the alert: the key is not in other hands, one token is.
        Some((record, bearer.number, KeyNumber::NONE))
    }
}

fn alert(
    place: i64,
    principal: PrincipalNumber,
    api_key: ApiKeyId,
    key: KeyNumber,
    now: UnixMillis,
) -> AlertRaised {
    let kind = AlertKind::CredentialLeaked;
    // WHY moved by its place: alerts of one report are told apart by their ids.
    let moment = now.ms().saturating_add(place).saturating_mul(256);
    AlertRaised {
        alert: AlertId(moment.saturating_add(i64::from(kind.byte()))),
        kind,
        principal,
        data_subject: DataSubjectNumber::NONE,
        key,
        api_key,
        access: AccessId::default(),
        route: RouteNumber::NONE,
        leaked: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_and_all_sources_are_held_to_a_rate() {
        let mut gauge = Gauge::default();
        let now = UnixMillis::from_seconds(600 + 15);
        for _ in 0..LEAK_REPORTS_A_MINUTE_EACH {
            assert_eq!(gauge.count([1; 16], now), Ok(()));
        }
        assert_eq!(gauge.count([1; 16], now), Err(45));
        assert_eq!(gauge.count([2; 16], now), Ok(()), "another source");
        assert_eq!(gauge.count([1; 16], UnixMillis::from_seconds(660)), Ok(()), "a new minute");
        let mut counted = 1;
        for n in 0..u32::MAX {
            let mut source = [0; 16];
            source[..4].copy_from_slice(&n.to_le_bytes());
            if gauge.count(source, UnixMillis::from_seconds(661)).is_err() {
                break;
            }
            counted += 1;
        }
        assert_eq!(counted, LEAK_REPORTS_A_MINUTE_ALL);
        assert!(gauge.sources.len() <= LEAK_SOURCES_MAX + 1);
    }
}
