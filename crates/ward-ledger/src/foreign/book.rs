//! What one foreign issuer has said, and which of its tokens were presented before it said so.
//!
//! Rebuilt from records and from nothing else. A report that comes after its token was presented
//! does not make the token known: it is *late*, and that stands whatever comes after. Of a batch
//! reporter that is only so once the issuer had said that everything of that time was reported.
//! What must still be recorded as an alarm waits in [`Book::alarms`] until its record comes.
//! Pure; every map is bounded. Best test: `tests.rs` of `foreign`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ward_model::record::{IssuanceReported, IssuerTroubled, UnreportedSeen};
use ward_model::word::{IssuerTroubleKind, ReportMode};
use ward_model::{KeyNumber, PrincipalKey, PrincipalNumber, UnixMillis};

use super::order::Order;
use crate::Digest;

/// Most tokens that were presented without a report and are remembered one by one.
pub const SIGHTINGS_MAX: usize = 262_144;
/// Most principals of them that are counted apart.
pub const PRINCIPALS_MAX: usize = 262_144;
/// Most alarms that wait for their record.
pub const ALARMS_MAX: usize = 4096;
/// How long what would have been refused is counted, hours: what a preview looks back.
pub const PREVIEW_HOURS: i64 = 7 * 24;
/// How far the reports of a batch may be out of the order of `iat`, seconds.
pub const BATCH_SLACK_SECONDS: i64 = 5;
/// An `iat` further in the future than this was set by nobody honest, seconds.
pub const IAT_AHEAD_SECONDS_MAX: i64 = 60;

const HOUR_MS: i64 = 3_600_000;

/// A token that was presented without a report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sighting {
    pub(crate) id: Digest,
    pub(crate) key: KeyNumber,
    pub(crate) principal: PrincipalNumber,
    pub(crate) issued_at: i64,
}

/// Something that must be recorded as [`IssuerTroubled`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What.
    pub kind: IssuerTroubleKind,
    /// Under which key.
    pub key: KeyNumber,
    /// Whom the token names.
    pub principal: PrincipalNumber,
    /// The token.
    pub about: Digest,
}

/// What the last seven days would have refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Distinct tokens.
    pub tokens: u64,
    /// Of them, those issued before the issuer's first report.
    pub before_reporting: u64,
    /// Distinct principals they name.
    pub principals: u64,
    /// Whether there were more principals than are counted apart.
    pub principals_at_least: bool,
    /// The first hour that was counted, if any was.
    pub since: Option<UnixMillis>,
}

/// Counters of an issuer. All rebuilt from records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Tokens reported.
    pub reported: u64,
    /// Of them, late: not known by their report.
    pub late: u64,
    /// Places used for no token.
    pub voided: u64,
    /// Distinct tokens presented without a report.
    pub unreported: u64,
    /// Old tokens let in by grandfathering.
    pub pinned: u64,
    /// Tokens presented without a report that found no room to be remembered.
    pub forgotten: u64,
}

/// The book of one issuer.
#[derive(Debug, Default)]
pub struct Book {
    /// The order of its reports.
    pub order: Order,
    /// Counters.
    pub totals: Totals,
    /// When the last report or word of completeness was recorded.
    pub last_said: Option<UnixMillis>,
    /// The second of `iat` of the first report.
    pub reporting_since: Option<i64>,
    pub(crate) sightings: HashMap<Digest, Sighting>,
    pub(crate) ends: BTreeMap<i64, Vec<Digest>>,
    /// Presented before their time was complete: (second of `iat`, token).
    pub(crate) unsure: BTreeSet<(i64, Digest)>,
    pub(crate) hours: BTreeMap<i64, (u64, u64)>,
    pub(crate) principals: HashMap<PrincipalKey, i64>,
    pub(crate) principals_full: bool,
    pub(crate) alarms: Vec<Alarm>,
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reported {
    /// It makes its token known.
    Enter,
    /// It came after the token was presented.
    Late,
    /// It does not fit what came before it.
    Fault,
}

impl Book {
    /// Whether everything issued at this second was reported.
    #[must_use]
    pub fn is_complete(&self, issued_at: i64, mode: ReportMode) -> bool {
        let slack = match mode {
            ReportMode::Synchronous => 0,
            ReportMode::Batch => BATCH_SLACK_SECONDS,
        };
        let before = self.order.complete_before();
        before.is_some_and(|before| issued_at < before.saturating_sub(slack))
    }

    /// Whether a token was presented without a report: by any name a report could give it.
    #[must_use]
    pub fn was_seen(&self, token: &Digest) -> bool {
        self.sightings.contains_key(token)
    }

    /// Alarms that wait for their record, oldest first.
    #[must_use]
    pub fn alarms(&self) -> &[Alarm] {
        &self.alarms
    }

    /// What enforcing would have refused in the seven days before `now`.
    #[must_use]
    pub fn preview(&self, now: UnixMillis) -> Preview {
        let from = hour(now).saturating_sub(PREVIEW_HOURS);
        let mut preview = Preview {
            principals: u64::try_from(
                self.principals.values().filter(|last| **last > from).count(),
            )
            .unwrap_or(u64::MAX),
            principals_at_least: self.principals_full,
            ..Preview::default()
        };
        for (at, (tokens, before)) in self.hours.range(from.saturating_add(1)..) {
            preview.tokens += tokens;
            preview.before_reporting += before;
            preview.since.get_or_insert(UnixMillis::new(at.saturating_mul(HOUR_MS)));
        }
        preview
    }

    pub(crate) fn report(
        &mut self,
        row: &IssuanceReported,
        mode: ReportMode,
        at: UnixMillis,
    ) -> Reported {
        let second = row.issued_at.seconds();
        let seen = self.sightings.get(&row.token).copied();
        // WHY before the order takes it: what this report completes cannot make itself late.
        let late =
            seen.is_some() && (mode == ReportMode::Synchronous || self.is_complete(second, mode));
        if !self.order.take(row.sequence, row.content, Some(second), at) {
            return Reported::Fault;
        }
        self.said(at);
        self.reporting_since = Some(self.reporting_since.map_or(second, |it| it.min(second)));
        self.totals.reported += 1;
        if let Some(seen) = seen {
            self.unsure.remove(&(seen.issued_at, seen.id));
            if late {
                self.totals.late += 1;
                self.alarm(IssuerTroubleKind::LateReport, &seen);
            } else {
                self.sightings.retain(|_, one| one.id != seen.id);
            }
        }
        self.accuse(mode);
        if late { Reported::Late } else { Reported::Enter }
    }

    pub(crate) fn void(
        &mut self,
        place: i64,
        content: i64,
        mode: ReportMode,
        at: UnixMillis,
    ) -> bool {
        let done = self.order.take(place, content, None, at);
        self.totals.voided += u64::from(done);
        self.said(at);
        self.accuse(mode);
        done
    }

    pub(crate) fn complete(
        &mut self,
        before: UnixMillis,
        mode: ReportMode,
        at: UnixMillis,
    ) -> bool {
        let done = self.order.complete(before.seconds());
        self.said(at);
        self.accuse(mode);
        done
    }

    pub(crate) fn see(&mut self, row: &UnreportedSeen, mode: ReportMode, at: UnixMillis) {
        let names: Vec<Digest> = [row.token, row.twin, row.named]
            .into_iter()
            .filter(|name| *name != Digest::default())
            .collect();
        if names.iter().any(|name| self.sightings.contains_key(name)) {
            return;
        }
        let second = row.issued_at.seconds();
        self.totals.unreported += 1;
        self.count(row.principal_key, second, at);
        if self.sightings.len().saturating_add(names.len()) > SIGHTINGS_MAX {
            self.totals.forgotten += 1;
            return;
        }
        let (id, key, principal) = (row.token, row.key, row.principal);
        let sighting = Sighting { id, key, principal, issued_at: second };
        let end = self.ends.entry(hour(row.expires_at)).or_default();
        for name in names {
            self.sightings.insert(name, sighting);
            end.push(name);
        }
        if !self.is_complete(second, mode) {
            self.unsure.insert((second, id));
        }
    }

    pub(crate) fn recorded(&mut self, row: &IssuerTroubled) {
        self.alarms.retain(|alarm| alarm.kind != row.kind || alarm.about != row.about);
    }

    /// Forgets what ended more than `grace` hours ago and what no preview looks at any more.
    pub(crate) fn drop_ended(&mut self, now: UnixMillis) {
        let now = hour(now);
        let left = self.ends.split_off(&now.saturating_sub(1));
        for name in std::mem::replace(&mut self.ends, left).into_values().flatten() {
            if let Some(gone) = self.sightings.remove(&name) {
                self.unsure.remove(&(gone.issued_at, gone.id));
            }
        }
        let from = now.saturating_sub(PREVIEW_HOURS);
        self.hours = self.hours.split_off(&from);
        self.principals.retain(|_, last| *last >= from);
        self.principals_full &= !self.principals.is_empty();
    }

    fn said(&mut self, at: UnixMillis) {
        self.last_said = Some(at);
    }

    fn count(&mut self, principal: PrincipalKey, issued_at: i64, at: UnixMillis) {
        let hour = hour(at);
        let counts = self.hours.entry(hour).or_default();
        counts.0 += 1;
        counts.1 += u64::from(self.reporting_since.is_none_or(|since| issued_at < since));
        let known = self.principals.contains_key(&principal);
        if known || self.principals.len() < PRINCIPALS_MAX {
            self.principals.insert(principal, hour);
        } else {
            self.principals_full = true;
        }
    }

    /// What was presented, of a time that is complete now, was never reported.
    fn accuse(&mut self, mode: ReportMode) {
        while let Some(&(second, id)) = self.unsure.first() {
            if !self.is_complete(second, mode) {
                return;
            }
            self.unsure.remove(&(second, id));
            if let Some(seen) = self.sightings.get(&id).copied() {
                self.alarm(IssuerTroubleKind::NeverReported, &seen);
            }
        }
    }

    fn alarm(&mut self, kind: IssuerTroubleKind, seen: &Sighting) {
        let (key, principal, about) = (seen.key, seen.principal, seen.id);
        // WHY a bound: past it the alert has been raised many times over for the same key.
        if self.alarms.len() < ALARMS_MAX {
            self.alarms.push(Alarm { kind, key, principal, about });
        }
    }
}

const fn hour(at: UnixMillis) -> i64 {
    at.ms().div_euclid(HOUR_MS)
}
