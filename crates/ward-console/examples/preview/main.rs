//! Serves the console with made-up facts, to look at it: `cargo run --release -p ward-console
//! --example preview -- 7790`. It prints a one-time link to look, and one to enrol and act.
//! `/` lives: reads come and go, and a forged token is refused every few seconds.

mod room;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ward_console::facts::*;
use ward_console::{Facts, FactsError};
use ward_model::word::*;
use ward_model::*;

struct MadeUp {
    started: UnixMillis,
    is_empty: bool,
}

#[expect(clippy::disallowed_methods, reason = "an example is a driver: it reads the clock")]
fn clock() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis::new(i64::try_from(since.as_millis()).unwrap_or(0))
}

/// A number that looks random and is the same for the same seed.
fn mix(seed: u64) -> u64 {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x ^= x >> 29;
    x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^ (x >> 32)
}

fn id(seed: u64) -> AccessId {
    let (a, b) = (mix(seed).to_be_bytes(), mix(seed ^ 0xABCD).to_be_bytes());
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(a.into_iter().chain(b)) {
        *to = from;
    }
    AccessId(bytes)
}

const ROUTES: [(&str, RouteMode); 9] = [
    ("GET /me", RouteMode::Enforce),
    ("GET /me/addresses", RouteMode::Enforce),
    ("GET /me/addresses/{id}", RouteMode::Enforce),
    ("GET /me/orders", RouteMode::Enforce),
    ("GET /seller/orders", RouteMode::Enforce),
    ("GET /rider/jobs", RouteMode::Observe),
    ("GET /staff/customers/{id}", RouteMode::Enforce),
    ("GET /staff/customers", RouteMode::Enforce),
    ("GET /staff/export.csv", RouteMode::Enforce),
];

fn seconds(at: UnixMillis) -> u64 {
    u64::try_from(at.seconds()).unwrap_or(0)
}

fn small(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(0)
}

fn row(seed: u64, at: UnixMillis, refused: bool) -> AccessRow {
    let reasons =
        [Reason::NeverIssued, Reason::BudgetSpent, Reason::WrongTenant, Reason::PrincipalSuspended];
    let pick = usize::try_from(mix(seed) % 9).unwrap_or(0);
    let (name, mode) = ROUTES.get(pick).copied().unwrap_or(("", RouteMode::Enforce));
    let reason = usize::try_from(mix(seed ^ 7) % 6).ok().and_then(|it| reasons.get(it));
    let released = !refused || mode == RouteMode::Observe;
    AccessRow {
        id: id(seed),
        leaf: LeafIndex(small(seed)),
        at,
        verdict: match refused {
            true => Verdict::Refuse(reason.copied().unwrap_or(Reason::NeverIssued)),
            false => Verdict::Permit,
        },
        released,
        mode,
        principal_kind: match pick {
            4 => PrincipalKind::Seller,
            5 => PrincipalKind::Rider,
            6..=8 => PrincipalKind::Person,
            _ => PrincipalKind::Customer,
        },
        principal: PrincipalNumber(small(mix(seed ^ 3) % 200_000 + 1)),
        route: RouteNumber(i32::try_from(pick).unwrap_or(0) + 1),
        route_name: name.to_owned(),
        data_subjects: if released { 1 + mix(seed ^ 5) % 24 } else { 0 },
        provenance: if released { Provenance::Measured } else { Provenance::None },
    }
}

fn key() -> KeyRef {
    KeyRef {
        number: KeyNumber(3),
        kid: String::from("login-2024-07"),
        issuer: String::from("https://login.shop.example"),
        state: KeyState::Compromised,
        source: KeySource::Imported,
    }
}

impl MadeUp {
    fn alerts(&self) -> Vec<Alert> {
        let alert = |number: i64, kind, leaked| Alert {
            id: AlertId(number),
            at: self.started.plus_ms(-60_000 * (10 - number)),
            kind,
            access: id(u64::try_from(number).unwrap_or(0)),
            incident: IncidentId(if number > 2 { 3 } else { 0 }),
            leaked,
        };
        vec![
            alert(4, AlertKind::NeverIssued, 0),
            alert(3, AlertKind::LeaverCredential, 0),
            alert(2, AlertKind::PhantomDataSubject, 3),
            alert(1, AlertKind::BudgetSpent, 5),
        ]
    }

    fn incident_row(&self, number: i64) -> IncidentRow {
        let first = number == 3;
        IncidentRow {
            id: IncidentId(number),
            kind: match number {
                3 => AlertKind::NeverIssued,
                2 => AlertKind::LeaverCredential,
                _ => AlertKind::BudgetSpent,
            },
            opened_at: self.started.plus_ms(-3_600_000 * (4 - number)),
            closed_at: (!first).then(|| self.started.plus_ms(-60_000)),
            key: first.then(key),
            principal_kind: PrincipalKind::Person,
            principal: PrincipalNumber(if first { 0 } else { 200_017 }),
            alerts: 2,
            refused: 214,
            leaked: if number == 1 { 5 } else { 0 },
        }
    }
}

fn reads(second: u64) -> u64 {
    90 + mix(second) % 60 + (second % 30) * 2
}

fn refused(second: u64) -> u64 {
    u64::from(mix(second ^ 99).is_multiple_of(9)) * (1 + mix(second) % 3)
}

fn reasons(since: u64) -> Vec<ReasonCount> {
    let count = |reason, today, last_minute| ReasonCount { reason, today, last_minute };
    vec![
        count(Reason::NeverIssued, 214 + since / 7, 8),
        count(Reason::BudgetSpent, 31, 0),
        count(Reason::WrongTenant, 12, 0),
        count(Reason::PrincipalSuspended, 9, 1),
        count(Reason::Expired, 118, 2),
        count(Reason::BadSignature, 2, 0),
    ]
}

fn head(at: UnixMillis, tree: i64) -> JournalHead {
    JournalHead {
        tree_size: TreeSize(tree),
        checkpoint_size: TreeSize(tree - tree % 64),
        checkpoint_at: Some(UnixMillis::from_seconds(at.seconds() - at.seconds() % 5)),
        root: String::from("l1rSvEYq8pWIcMEfhWLYzTZlWcyM1YbIu8vNqWRqBXk="),
        lost: 0,
    }
}

fn credential() -> Credential {
    Credential {
        id: String::from("api-key-4711"),
        kind: "api_key",
        name: String::from("Nightly export"),
        sort: String::from("service"),
        state: "live",
        owner: ("service", String::from("nightly-export"), String::from("nightly-export")),
        created_at: Some(UnixMillis::from_seconds(1_790_000_000)),
        last_used: Some(UnixMillis::from_seconds(1_795_000_000)),
        use_known: true,
        uses: (3_041, 2),
        expires_at: Some(UnixMillis::from_seconds(1_799_000_000)),
        consumers: vec![(
            "route",
            String::from("orders"),
            3_041,
            UnixMillis::from_seconds(1_795_000_000),
        )],
        details: vec![("routes", String::from("orders")), ("networks", String::from("10.0.0.0/8"))],
        warnings: vec!["unowned"],
        ..Credential::default()
    }
}

impl Facts for MadeUp {
    fn now(&self) -> Result<Now, FactsError> {
        let at = clock();
        let second = seconds(at);
        let since = u64::try_from(at.since(self.started) / 1000).unwrap_or(0);
        let zero = self.is_empty;
        let strip = |of: fn(u64) -> u64| -> Vec<u64> {
            (0..60).map(|back| if zero { 0 } else { of(second - 59 + back) }).collect()
        };
        let forged = (0..8).map(|back| {
            let second = second - second % 7 - 7 * back;
            row(second, UnixMillis::from_seconds(small(second)), true)
        });
        let full = Reads {
            last_second: reads(second),
            last_minute: (0..60).map(|back| reads(second - back)).sum(),
            today: 1_284_201 + since * 130,
            total: 8_911_530 + since * 130,
        };
        Ok(Now {
            at,
            started_at: self.started,
            version: String::from("0.1.0"),
            reads: if zero { Reads::default() } else { full },
            reads_by_second: strip(reads),
            refusals_by_second: strip(refused),
            refusals: if zero { Vec::new() } else { reasons(since) },
            people_read_today: if zero { 0 } else { 41_877 + since / 3 },
            recent_refusals: if zero { Vec::new() } else { forged.collect() },
            recent_alerts: if zero { Vec::new() } else { self.alerts() },
            alerts_today: if zero { 0 } else { 4 },
            incidents_open: u64::from(!zero),
            journal: head(at, if zero { 41 } else { 9_214_077 + small(since * 140) }),
            custody: CustodyGrade {
                grade: String::from("key file"),
                protects: String::from("A copy of the data directory alone opens no key."),
                leaves: String::from(
                    "Root on this host can read the keys and is a declared holder.",
                ),
            },
            issuers: vec![
                IssuerState {
                    issuer: String::from("https://ward.shop.example"),
                    mode: IssuerMode::Enforcing,
                },
                IssuerState { issuer: key().issuer, mode: IssuerMode::Learning },
            ],
            routes: self.routes()?,
            ungated_today: if zero { 0 } else { 18 },
            bypasses_open: u64::from(!zero),
            emergencies_unreviewed: u64::from(!zero),
        })
    }

    fn routes(&self) -> Result<Vec<RouteState>, FactsError> {
        Ok((1..)
            .zip(ROUTES)
            .map(|(number, (name, mode))| RouteState {
                number: RouteNumber(number),
                name: name.to_owned(),
                mode,
            })
            .collect())
    }

    fn accesses(&self, ask: &AccessesAsk) -> Result<AccessPage, FactsError> {
        if self.is_empty {
            return Ok(AccessPage::default());
        }
        let top = ask.before.map_or(9_214_077, |it| it.0);
        let mut page = AccessPage::default();
        for back in 1..2_000 {
            let seed = u64::try_from(top - back).unwrap_or(0);
            let it = row(
                seed,
                self.started.plus_ms(small(seed) * 7 - 9_214_077 * 7),
                mix(seed).is_multiple_of(4),
            );
            let fits = ask.permitted.is_none_or(|want| want == it.verdict.reason().is_none())
                && ask.reason.is_none_or(|want| Some(want) == it.verdict.reason())
                && ask.principal.is_none_or(|want| want == it.principal)
                && ask.route.is_none_or(|want| want == it.route);
            if fits {
                page.next = Some(it.leaf);
                page.rows.push(it);
            }
            if page.rows.len() >= ask.rows_max {
                return Ok(page);
            }
        }
        page.searched_to = Some(self.started.plus_ms(-14_000));
        Ok(page)
    }

    fn access(&self, id: AccessId) -> Result<Option<AccessDetail>, FactsError> {
        if id == AccessId([0xff; 16]) {
            return Err(FactsError::Corrupt { what: "the journal" });
        }
        let seed = u64::from(id.0.first().copied().unwrap_or(0));
        let refused = seed % 2 == 0;
        let mut row = row(seed * 11, self.started, refused);
        row.id = id;
        Ok(Some(AccessDetail {
            last_leaf: LeafIndex(row.leaf.0 + small(row.data_subjects)),
            task: Task::View,
            key: Some(key()),
            api_key: ApiKeyId::NONE,
            source: String::from("203.0.113.77"),
            tenant: TenantNumber::NONE,
            purpose_stated: false,
            status: if row.released { 200 } else { 0 },
            fields: match row.released {
                true => ["name", "phone", "addresses[].line1", "addresses[].door_code"]
                    .map(String::from)
                    .to_vec(),
                false => Vec::new(),
            },
            data_subjects: (0..row.data_subjects)
                .map(|it| DataSubjectNumber(small(mix(it) % 200_000)))
                .collect(),
            incident: IncidentId(if refused { 3 } else { 0 }),
            row,
        }))
    }

    fn incidents(&self, before: Option<IncidentId>, _: usize) -> Result<IncidentPage, FactsError> {
        if self.is_empty || before.is_some() {
            return Ok(IncidentPage::default());
        }
        let rows = (1..=3).rev().map(|it| self.incident_row(it)).collect();
        Ok(IncidentPage { rows, next: None })
    }

    fn incident(&self, id: IncidentId) -> Result<Option<IncidentDetail>, FactsError> {
        if !(1..=3).contains(&id.0) {
            return Ok(None);
        }
        let row = self.incident_row(id.0);
        let at = |ms: i64| row.opened_at.plus_ms(ms);
        let entry = |ms, kind, text: &str, access: u64| TimelineEntry {
            at: at(ms),
            kind,
            text: text.to_owned(),
            access: if access == 0 { AccessId::default() } else { self::id(access) },
            leaf: LeafIndex(9_100_000 + ms),
        };
        Ok(Some(IncidentDetail {
            holders: match row.key.is_some() {
                true => vec![
                    Holder {
                        person: PersonId([1; 16]),
                        name: String::from("Engineer 1 (login team)"),
                        state: PersonState::Left,
                        left_at: Some(self.started.plus_ms(-86_400_000)),
                        since: self.started.plus_ms(-40_000_000_000),
                        evidence: CustodyEvidence::Declared,
                    },
                    Holder {
                        person: PersonId([2; 16]),
                        name: String::from("Engineer 2 (login team)"),
                        state: PersonState::Active,
                        left_at: None,
                        since: self.started.plus_ms(-20_000_000_000),
                        evidence: CustodyEvidence::Storage,
                    },
                ],
                false => Vec::new(),
            },
            timeline: vec![
                entry(
                    0,
                    IncidentEntryKind::Alert,
                    "A good signature over a token nobody issued.",
                    4,
                ),
                entry(1, IncidentEntryKind::Access, "Refused: never_issued on GET /me.", 4),
                entry(
                    3,
                    IncidentEntryKind::Holder,
                    "Engineer 1 could read the key and has left.",
                    0,
                ),
                entry(
                    9,
                    IncidentEntryKind::Revocation,
                    "The key is marked compromised; its issued tokens live on.",
                    0,
                ),
                entry(12, IncidentEntryKind::Revocation, "Grandfathering of the key is closed.", 0),
                entry(
                    61_000,
                    IncidentEntryKind::Note,
                    "Told the login team; sources are being read.",
                    0,
                ),
            ],
            timeline_left_out: 208,
            row,
        }))
    }

    fn people(&self, _: Option<&str>, _: usize) -> Result<PeoplePage, FactsError> {
        if self.is_empty {
            return Ok(PeoplePage::default());
        }
        let person = |number: u8, name: &str, state, keys, steps_open| PersonRow {
            id: PersonId([number; 16]),
            name: name.to_owned(),
            state,
            leaves_at: (state != PersonState::Active).then(|| self.started.plus_ms(-86_400_000)),
            api_keys_live: keys,
            custody: match number {
                1 => vec![Custody {
                    key: key(),
                    since: self.started.plus_ms(-40_000_000_000),
                    evidence: CustodyEvidence::Declared,
                }],
                _ => Vec::new(),
            },
            steps_open,
        };
        Ok(PeoplePage {
            rows: vec![
                person(1, "Engineer 1 (login team)", PersonState::Left, 0, 1),
                person(2, "김서연 Seoyeon Kim", PersonState::Active, 2, 0),
                person(3, "Support 3", PersonState::Leaving, 1, 0),
            ],
            next: Some(String::from("Support 3")),
        })
    }

    fn record(&self, ask: &RecordAsk) -> Result<RecordPage, FactsError> {
        let kinds = vec!["act", "read", "proposal", "consent", "sign_in"];
        let row = |n: u64| RecordRow {
            leaf: LeafIndex(small(9_000 - n)),
            at: clock().plus_ms(-60_000 * small(n)),
            person: (n % 4 != 3).then_some(PersonId([7; 16])),
            name: if n % 4 == 3 { String::new() } else { String::from("Engineer") },
            api_key: ApiKeyId::NONE,
            session: SessionId(small(n % 3)),
            kind: if n.is_multiple_of(2) { "act" } else { "read" },
            text: match n % 2 {
                0 => format!("rotate key, number {n}"),
                _ => format!("reads scope: {n} data subjects named, a purpose stated"),
            },
        };
        let rows = (0..if self.is_empty { 0 } else { 50 }).map(row);
        let rows = rows.filter(|it| ask.kind.as_deref().is_none_or(|kind| kind == it.kind));
        Ok(RecordPage { rows: rows.collect(), next: None, searched_to: None, kinds })
    }

    fn credentials(&self, _: &CredentialsAsk) -> Result<CredentialPage, FactsError> {
        let rows = if self.is_empty { Vec::new() } else { vec![credential()] };
        let (kinds, warnings) = (vec!["signing_key", "api_key"], vec![("unowned", 1)]);
        let (at, total) = (clock(), u64::from(!self.is_empty));
        Ok(CredentialPage { at, rows, total, next: None, kinds, warnings })
    }

    fn credential(&self, id: &str) -> Result<Option<Credential>, FactsError> {
        Ok((id == credential().id).then(credential))
    }

    fn let_out(
        &self,
        _: Option<&ward_operators::Session>,
        _: &'static str,
        _: &str,
        _: usize,
    ) -> Result<(), FactsError> {
        Ok(())
    }
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example speaks to the terminal")]
async fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().and_then(|it| it.parse().ok()).unwrap_or(7790);
    let is_empty = arguments.next().is_some_and(|it| it == "empty");
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let (room, look, act) = room::room(listener.local_addr()?.port()).await;
    println!("to look: {look}\nto act:  {act}");
    let facts = Arc::new(MadeUp { started: clock(), is_empty });
    axum::serve(listener, ward_console::router(facts, Arc::new(room))).await
}
