//! Facts for tests: every text in them is hostile.

pub mod room;
pub mod shown;

use std::sync::Mutex;

use ward_model::word::*;
use ward_model::*;

use crate::facts::*;

/// What no page may let through as markup.
pub const HOSTILE: &str = "<script>alert('x')</script>\"><img src=x onerror=y>&amp;";

/// A journal time all samples share.
pub const AT: UnixMillis = UnixMillis::new(1_800_000_000_000);

/// How the sample answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// With something in every field.
    Full,
    /// With as little as can be.
    Empty,
    /// Not at the moment.
    Unavailable,
    /// Never again.
    Corrupt,
}

/// Facts that answer as told, and remember what they were asked.
pub struct Sample {
    /// How.
    pub answers: Mutex<Answers>,
    /// The last question for accesses.
    pub asked: Mutex<Option<AccessesAsk>>,
    /// What pages said they show: what, and how many data subjects.
    pub let_out: Mutex<Vec<(&'static str, usize)>>,
    /// Why nothing may be shown.
    pub refuses: Mutex<Option<FactsError>>,
}

impl Sample {
    pub fn new(answers: Answers) -> Self {
        Self {
            answers: Mutex::new(answers),
            asked: Mutex::new(None),
            let_out: Mutex::default(),
            refuses: Mutex::new(None),
        }
    }

    /// Whether it answers in full.
    fn is_full(&self) -> Result<bool, FactsError> {
        match *self.answers.lock().unwrap() {
            Answers::Full => Ok(true),
            Answers::Empty => Ok(false),
            Answers::Unavailable => Err(FactsError::Unavailable { what: "the journal" }),
            Answers::Corrupt => Err(FactsError::Corrupt { what: "the journal" }),
        }
    }
}

pub fn access_id(byte: u8) -> AccessId {
    AccessId([byte; 16])
}

pub fn row(reason: Option<Reason>, released: bool) -> AccessRow {
    AccessRow {
        id: access_id(0xab),
        leaf: LeafIndex(1_000),
        at: AT,
        verdict: reason.map_or(Verdict::Permit, Verdict::Refuse),
        released,
        mode: RouteMode::Observe,
        principal_kind: PrincipalKind::Customer,
        principal: PrincipalNumber(1_234),
        route: RouteNumber(3),
        route_name: HOSTILE.to_owned(),
        data_subjects: 60,
        provenance: Provenance::Measured,
    }
}

pub fn key() -> KeyRef {
    KeyRef {
        number: KeyNumber(2),
        kid: HOSTILE.to_owned(),
        issuer: HOSTILE.to_owned(),
        state: KeyState::Compromised,
        source: KeySource::Imported,
    }
}

pub fn now(is_full: bool) -> Now {
    let some = u64::from(is_full);
    let mut now = Now {
        at: AT,
        started_at: AT,
        version: HOSTILE.to_owned(),
        reads: Reads { last_second: 12 * some, last_minute: 700, today: 1_000, total: 33_700_000 },
        reads_by_second: vec![1, 2, 40],
        refusals_by_second: vec![0, 1, 0],
        refusals: vec![],
        people_read_today: 999 * some,
        recent_refusals: vec![],
        recent_alerts: vec![],
        alerts_today: some,
        incidents_open: some,
        journal: JournalHead {
            tree_size: TreeSize(9_214_077),
            checkpoint_size: TreeSize(9_214_016),
            checkpoint_at: is_full.then_some(AT),
            root: HOSTILE.to_owned(),
            lost: 0,
        },
        custody: CustodyGrade {
            grade: HOSTILE.to_owned(),
            protects: HOSTILE.to_owned(),
            leaves: HOSTILE.to_owned(),
        },
        issuers: vec![],
        routes: vec![],
        ungated_today: some,
        bypasses_open: some,
        emergencies_unreviewed: 2 * some,
    };
    if is_full {
        let count = |reason, today| ReasonCount { reason, today, last_minute: today / 2 };
        now.refusals = vec![count(Reason::Expired, 2), count(Reason::NeverIssued, 20)];
        now.recent_refusals =
            vec![row(Some(Reason::NeverIssued), false), row(Some(Reason::Policy), true)];
        now.recent_alerts = vec![Alert {
            id: AlertId(1),
            at: AT,
            kind: AlertKind::NeverIssued,
            access: access_id(0xab),
            incident: IncidentId(3),
            leaked: 1,
        }];
        now.issuers = vec![IssuerState { issuer: HOSTILE.to_owned(), mode: IssuerMode::Enforcing }];
        now.routes = routes();
    }
    now
}

pub fn routes() -> Vec<RouteState> {
    vec![RouteState { number: RouteNumber(3), name: HOSTILE.to_owned(), mode: RouteMode::Observe }]
}

pub fn access(released: bool) -> AccessDetail {
    AccessDetail {
        row: row(Some(Reason::NeverIssued), released),
        last_leaf: LeafIndex(1_059),
        task: Task::View,
        key: Some(key()),
        api_key: ApiKeyId::NONE,
        source: HOSTILE.to_owned(),
        tenant: TenantNumber(4),
        purpose_stated: true,
        status: 200,
        fields: vec![HOSTILE.to_owned()],
        data_subjects: (1..=60).map(DataSubjectNumber).collect(),
        incident: IncidentId(3),
    }
}

pub fn incident_row() -> IncidentRow {
    IncidentRow {
        id: IncidentId(3),
        kind: AlertKind::NeverIssued,
        opened_at: AT,
        closed_at: None,
        key: Some(key()),
        principal_kind: PrincipalKind::Person,
        principal: PrincipalNumber(5),
        alerts: 1,
        refused: 2,
        leaked: 3,
    }
}

pub fn incident() -> IncidentDetail {
    IncidentDetail {
        row: incident_row(),
        holders: vec![Holder {
            person: PersonId([7; 16]),
            name: HOSTILE.to_owned(),
            state: PersonState::Left,
            left_at: Some(AT),
            since: AT,
            evidence: CustodyEvidence::Declared,
        }],
        timeline: vec![TimelineEntry {
            at: AT,
            kind: IncidentEntryKind::Note,
            text: HOSTILE.to_owned(),
            access: access_id(0xab),
            leaf: LeafIndex(1_000),
        }],
        timeline_left_out: 5,
    }
}

pub fn people() -> PeoplePage {
    let custody = vec![Custody { key: key(), since: AT, evidence: CustodyEvidence::Storage }];
    let rows = vec![PersonRow {
        id: PersonId([7; 16]),
        name: HOSTILE.to_owned(),
        state: PersonState::Left,
        leaves_at: Some(AT),
        api_keys_live: 1,
        custody,
        steps_open: 2,
    }];
    PeoplePage { rows, next: Some(HOSTILE.to_owned()) }
}

pub fn record_page() -> RecordPage {
    let row = RecordRow {
        leaf: LeafIndex(1_000),
        at: AT,
        person: Some(PersonId([7; 16])),
        name: HOSTILE.to_owned(),
        api_key: ApiKeyId(8),
        session: SessionId::NONE,
        kind: "act",
        text: HOSTILE.to_owned(),
    };
    let (person, api_key, session) = (None, ApiKeyId::NONE, SessionId(9));
    let other = RecordRow { person, api_key, session, kind: "sign_in", ..row.clone() };
    RecordPage {
        rows: vec![row, other],
        next: Some(LeafIndex(900)),
        searched_to: Some(AT),
        kinds: vec!["act", "sign_in"],
    }
}

/// A credential with something in every field.
pub fn credential() -> Credential {
    let text = || HOSTILE.to_owned();
    Credential {
        id: "api-key-17".to_owned(),
        kind: "api_key",
        name: text(),
        sort: text(),
        state: "live",
        owner: ("service", text(), text()),
        answerable: Some((text(), text())),
        answers: false,
        holders: vec![(text(), "declared", AT, true)],
        created_at: Some(AT),
        last_used: Some(AT),
        use_known: true,
        uses: (4711, 3),
        expires_at: Some(AT),
        consumers: vec![("route", text(), 12, AT), ("client", text(), 1, AT)],
        details: vec![("description", text()), ("networks", "10.0.0.0/8".to_owned())],
        warnings: vec!["unowned", "expiring"],
    }
}

impl Facts for Sample {
    fn now(&self) -> Result<Now, FactsError> {
        self.is_full().map(now)
    }

    fn routes(&self) -> Result<Vec<RouteState>, FactsError> {
        self.is_full().map(|_| routes())
    }

    fn accesses(&self, ask: &AccessesAsk) -> Result<AccessPage, FactsError> {
        *self.asked.lock().unwrap() = Some(ask.clone());
        Ok(match self.is_full()? {
            true => AccessPage {
                rows: vec![
                    row(None, true),
                    row(Some(Reason::BudgetSpent), false),
                    row(Some(Reason::BudgetSpent), true),
                ],
                next: Some(LeafIndex(900)),
                searched_to: Some(AT),
            },
            false => AccessPage::default(),
        })
    }

    fn access(&self, id: AccessId) -> Result<Option<AccessDetail>, FactsError> {
        let is_known = self.is_full()? && id == access_id(0xab);
        Ok(is_known.then(|| access(true)))
    }

    fn incidents(&self, _: Option<IncidentId>, _: usize) -> Result<IncidentPage, FactsError> {
        Ok(match self.is_full()? {
            true => IncidentPage { rows: vec![incident_row()], next: Some(IncidentId(3)) },
            false => IncidentPage::default(),
        })
    }

    fn incident(&self, id: IncidentId) -> Result<Option<IncidentDetail>, FactsError> {
        let is_known = self.is_full()? && id == IncidentId(3);
        Ok(is_known.then(incident))
    }

    fn people(&self, _: Option<&str>, _: usize) -> Result<PeoplePage, FactsError> {
        self.is_full().map(|it| if it { people() } else { PeoplePage::default() })
    }

    fn record(&self, _: &RecordAsk) -> Result<RecordPage, FactsError> {
        self.is_full().map(|it| if it { record_page() } else { RecordPage::default() })
    }

    fn credentials(&self, _: &CredentialsAsk) -> Result<CredentialPage, FactsError> {
        let (kinds, warnings) = (vec!["signing_key", "api_key"], vec![("unowned", 1)]);
        let nothing = CredentialPage { at: AT, kinds, warnings, ..CredentialPage::default() };
        if !self.is_full()? {
            return Ok(nothing);
        }
        let other = Credential { id: "signing-key-2".into(), kind: "signing_key", ..credential() };
        let (rows, next) = (vec![credential(), other], Some("signing-key-2".to_owned()));
        Ok(CredentialPage { rows, total: 2, next, ..nothing })
    }

    fn credential(&self, id: &str) -> Result<Option<Credential>, FactsError> {
        Ok((self.is_full()? && id == "api-key-17").then(credential))
    }

    fn let_out(
        &self,
        _: Option<&ward_operators::Session>,
        what: &'static str,
        _: &str,
        data_subjects: usize,
    ) -> Result<(), FactsError> {
        self.let_out.lock().unwrap().push((what, data_subjects));
        self.refuses.lock().unwrap().take().map_or(Ok(()), Err)
    }
}
