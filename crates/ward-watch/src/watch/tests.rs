//! Feeds of access rows: each matter alerts at once and once, whatever the driver does meanwhile.

use std::collections::BTreeMap;

use proptest::prelude::*;
use ward_model::record::*;
use ward_model::word::*;
use ward_model::*;

use super::*;
use crate::run::{Outside, Unavailable, raise, run};

fn row(verdict: Verdict, released: bool) -> AccessRow {
    AccessRow {
        access: AccessId([1; 16]),
        row: 0,
        rows: 1,
        principal_kind: PrincipalKind::Customer,
        principal: PrincipalNumber(9),
        principal_key: PrincipalKey([9; 16]),
        api_key: ApiKeyId::NONE,
        origin: Origin::NONE,
        sequence: Sequence::NONE,
        key: KeyNumber(3),
        route: RouteNumber(4),
        task: Task::View,
        source: [0; 16],
        tenant: TenantNumber::NONE,
        purpose: 0,
        verdict,
        released,
        mode: RouteMode::Enforce,
        provenance: Provenance::Measured,
        data_subject: DataSubjectNumber::NONE,
        fields: 0,
        status: 0,
    }
}

fn refused(reason: Reason) -> AccessRow {
    row(Verdict::Refuse(reason), false)
}

fn observed(reason: Reason, data_subject: i64) -> AccessRow {
    let data_subject = DataSubjectNumber(data_subject);
    AccessRow { data_subject, ..row(Verdict::Refuse(reason), true) }
}

fn left(number: u8, state: PersonState) -> Record {
    PersonPut {
        person: PersonId([number; 16]),
        principal: PrincipalNumber(number.into()),
        principal_key: PrincipalKey([number; 16]),
        state,
        row_digest: [0; 32],
    }
    .into()
}

fn restored(number: u8) -> Record {
    let cause = Cause::Returned;
    let principal_key = PrincipalKey([number; 16]);
    PrincipalRestored { principal: PrincipalNumber(number.into()), principal_key, cause }.into()
}

fn key_added(state: KeyState) -> Record {
    KeyAdded {
        key: KeyNumber(3),
        kid: Text::cut("k3"),
        algorithm: Algorithm::Es256,
        purpose: KeyPurpose::Token,
        source: KeySource::Imported,
        issuer: Text::cut("https://login"),
        public_key: column::Octets::default(),
        state,
    }
    .into()
}

fn presented(key: i32, believed: bool) -> Record {
    ForgeryPresented {
        key: KeyNumber(key),
        principal_kind: PrincipalKind::Customer,
        principal: PrincipalNumber(9),
        principal_key: PrincipalKey([9; 16]),
        asked_at: AskedAt::Revocation,
        client_key: PrincipalKey([4; 16]),
        api_key: ApiKeyId::NONE,
        believed,
    }
    .into()
}

fn bypass(id: i64) -> Record {
    BypassOpened {
        bypass: BypassId(id),
        route: RouteNumber(4),
        until: UnixMillis::new(60_000),
        person: PersonId([1; 16]),
        api_key: ApiKeyId::NONE,
        session: SessionId(1),
        note: Text::cut("pages fail"),
    }
    .into()
}

fn signed_in(how: SignInMethod) -> Record {
    SessionOpened {
        session: SessionId(1),
        person: PersonId([1; 16]),
        how,
        passkey: PasskeyId(1),
        provider_session: [0; 32],
        expires_at: UnixMillis::new(60_000),
        source: [0; 16],
    }
    .into()
}

fn at(index: i64, time: i64) -> Position {
    Position { index: LeafIndex(index), time: UnixMillis::new(time) }
}

fn feed(records: &[Record]) -> Watch {
    let mut watch = Watch::new();
    for (index, record) in (0..).zip(records) {
        watch.see(at(index, index), record);
    }
    watch
}

fn alerts(watch: &mut Watch) -> Vec<AlertRaised> {
    let records = watch.take(usize::MAX).into_iter().flat_map(|(_, group)| group);
    let alert = |record| match record {
        Record::AlertRaised(alert) => Some(alert),
        _ => None,
    };
    records.filter_map(alert).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_alerts_and_what_does_not() {
    struct Case {
        name: &'static str,
        given: Vec<Record>,
        want: &'static [AlertKind],
    }
    let revoked = || refused(Reason::Revoked).into();
    let unknown = |api_key| AccessRow {
        principal: PrincipalNumber::NONE,
        principal_key: PrincipalKey::default(),
        api_key: ApiKeyId(api_key),
        ..refused(Reason::Revoked)
    };
    let issued = ApiKeyIssued {
        api_key: ApiKeyId(5),
        kind: ApiKeyKind::Person,
        hash: [0; 32],
        owner_kind: PrincipalKind::Person,
        owner: PrincipalNumber(9),
        owner_key: PrincipalKey([9; 16]),
        expires_at: UnixMillis::new(0),
    };
    let gone = || left(9, PersonState::Left);
    let cases = [
        Case {
            name: "never issued",
            given: vec![refused(Reason::NeverIssued).into()],
            want: &[AlertKind::NeverIssued],
        },
        Case {
            name: "never issued, only watched",
            given: vec![observed(Reason::NeverIssued, 1).into()],
            want: &[AlertKind::NeverIssued],
        },
        Case {
            name: "a phantom",
            given: vec![refused(Reason::UnknownDataSubject).into()],
            want: &[AlertKind::PhantomDataSubject],
        },
        Case { name: "revoked, not a leaver's", given: vec![revoked()], want: &[] },
        Case {
            name: "a leaver's",
            given: vec![gone(), revoked()],
            want: &[AlertKind::LeaverCredential],
        },
        Case {
            name: "a leaver's, suspended",
            given: vec![gone(), refused(Reason::PrincipalSuspended).into()],
            want: &[AlertKind::LeaverCredential],
        },
        Case {
            name: "a leaver's API key, nobody else known",
            given: vec![issued.clone().into(), gone(), unknown(5).into()],
            want: &[AlertKind::LeaverCredential],
        },
        Case {
            name: "another's API key",
            given: vec![issued.into(), gone(), unknown(6).into()],
            want: &[],
        },
        Case {
            name: "someone who came back",
            given: vec![gone(), restored(9), left(9, PersonState::Active), revoked()],
            want: &[],
        },
        Case {
            name: "a row written late",
            given: vec![gone(), left(9, PersonState::Active), revoked()],
            want: &[AlertKind::LeaverCredential],
        },
        Case {
            name: "budget, tenant, field",
            given: vec![
                refused(Reason::BudgetSpent).into(),
                refused(Reason::WrongTenant).into(),
                observed(Reason::UndeclaredField, 1).into(),
            ],
            want: &[AlertKind::BudgetSpent, AlertKind::WrongTenant, AlertKind::UndeclaredField],
        },
        Case {
            name: "noise",
            given: [Reason::BadSignature, Reason::Malformed, Reason::Expired, Reason::Policy]
                .map(|reason| refused(reason).into())
                .to_vec(),
            want: &[],
        },
        Case {
            name: "emergencies, each of them",
            given: vec![bypass(1), signed_in(SignInMethod::BreakGlass), bypass(2)],
            want: &[AlertKind::EmergencyUsed; 3],
        },
        Case {
            name: "an ordinary sign-in",
            given: vec![signed_in(SignInMethod::Passkey), signed_in(SignInMethod::Oidc)],
            want: &[],
        },
        Case { name: "a permit", given: vec![row(Verdict::Permit, true).into()], want: &[] },
    ];
    for case in cases {
        let got: Vec<_> = alerts(&mut feed(&case.given)).iter().map(|it| it.kind).collect();
        assert_eq!(got, case.want, "{}", case.name);
    }
}

#[test]
fn a_flood_is_one_alert_with_its_count_and_the_next_window_alerts_again() {
    let mut watch = Watch::new();
    let record = refused(Reason::NeverIssued).into();
    for index in 0..10_000 {
        watch.see(at(index, index), &record);
    }
    assert_eq!(alerts(&mut watch).len(), 1);
    assert_eq!(watch.matters().next().unwrap().2, 10_000);
    watch.see(at(10_000, WINDOW_MS - 1), &record);
    assert_eq!(alerts(&mut watch).len(), 0);
    watch.see(at(10_001, WINDOW_MS), &record);
    assert_eq!(alerts(&mut watch).len(), 1);
    assert_eq!(watch.losses(), Losses::default());
}

#[test]
fn leaked_counts_people_released_in_the_matter_before_the_alert() {
    // A learning issuer: unledgered tokens pass, then one names somebody who does not exist.
    let unledgered = |data_subject| AccessRow {
        data_subject: DataSubjectNumber(data_subject),
        ..row(Verdict::Permit, true)
    };
    let issued = AccessRow { origin: Origin(1), sequence: Sequence(5), ..unledgered(80) };
    let records: Vec<Record> = [unledgered(70), unledgered(71), unledgered(71), issued]
        .into_iter()
        .map(Record::from)
        .chain([refused(Reason::UnknownDataSubject).into()])
        .collect();
    assert_eq!(alerts(&mut feed(&records))[0].leaked, 2);

    // An access of three rows counts whole, in the alert it raises itself.
    let rows = (0..3).map(|at| {
        AccessRow { row: at, rows: 3, ..observed(Reason::BudgetSpent, i64::from(at) + 1) }.into()
    });
    let got = alerts(&mut feed(&rows.collect::<Vec<Record>>()));
    assert_eq!((got.len(), got[0].leaked), (1, 3));
    assert_eq!(alerts(&mut feed(&[refused(Reason::NeverIssued).into()]))[0].leaked, 0);
}

#[test]
fn a_refused_forgery_says_that_the_key_is_in_other_hands() {
    struct Case {
        name: &'static str,
        given: Vec<Record>,
        want: &'static [&'static str],
    }
    let opened = GrandfatheringOpened {
        key: KeyNumber(3),
        cut_over: UnixMillis::new(0),
        life_ms_max: 1,
        closes_at: UnixMillis::new(0),
    };
    let forged = || refused(Reason::NeverIssued).into();
    let both = &["AlertRaised", "KeyStateChanged", "GrandfatheringClosed"];
    let cases = [
        Case {
            name: "refused",
            given: vec![key_added(KeyState::Active), opened.clone().into(), forged()],
            want: both,
        },
        Case {
            name: "known already",
            given: vec![key_added(KeyState::Compromised), forged()],
            want: &["AlertRaised"],
        },
        Case {
            name: "only watched: Ward changes nothing",
            given: vec![
                key_added(KeyState::Active),
                opened.into(),
                observed(Reason::NeverIssued, 1).into(),
            ],
            want: &["AlertRaised"],
        },
        Case {
            name: "a phantom proves no forgery",
            given: vec![key_added(KeyState::Active), refused(Reason::UnknownDataSubject).into()],
            want: &["AlertRaised"],
        },
    ];
    for case in cases {
        let groups = feed(&case.given).take(9);
        let names: Vec<_> = groups.iter().flat_map(|it| &it.1).map(Record::kind_name).collect();
        assert_eq!(names, case.want, "{}", case.name);
    }
}

#[test]
fn state_is_bounded_and_what_is_forgotten_alerts_again() {
    let mut watch = Watch::new();
    let most = i64::try_from(MATTERS_MAX).unwrap();
    for number in 1..=most + 1 {
        let principal = PrincipalNumber(number);
        let record = AccessRow { principal, ..refused(Reason::WrongTenant) }.into();
        watch.see(at(number, 1), &record);
        if number % 1_000 == 0 {
            let taken = watch.take(usize::MAX);
            for record in taken.into_iter().flat_map(|(_, group)| group) {
                watch.see(at(0, 1), &record);
            }
        }
    }
    assert_eq!(watch.losses().matters, 1);
    watch.take(usize::MAX);
    let first = AccessRow { principal: PrincipalNumber(1), ..refused(Reason::WrongTenant) };
    watch.see(at(most + 2, 1), &first.into());
    assert_eq!(watch.take(9).len(), 1);
}

/// A journal whose appends fail on demand.
struct Journal {
    records: Vec<Record>,
    watch: SharedWatch,
    fail: usize,
    changes: usize,
}

impl Journal {
    fn put(&mut self, record: Record) {
        let index = i64::try_from(self.records.len()).unwrap();
        self.watch.view().apply(at(index, index), &record);
        self.records.push(record);
    }
}

impl Outside for Journal {
    async fn changed(&mut self) -> bool {
        self.changes = self.changes.saturating_sub(1);
        self.changes > 0
    }

    async fn append(&mut self, records: Vec<Record>) -> Result<(), Unavailable> {
        if self.fail > 0 {
            self.fail -= 1;
            return Err(Unavailable);
        }
        records.into_iter().for_each(|record| self.put(record));
        Ok(())
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn a_failed_append_is_tried_again() {
    let watch = SharedWatch::new();
    let mut journal = Journal { records: vec![], watch: watch.clone(), fail: 2, changes: 4 };
    journal.put(key_added(KeyState::Active));
    journal.put(refused(Reason::NeverIssued).into());
    block_on(run(watch.clone(), &mut journal));
    let names: Vec<_> = journal.records.iter().skip(2).map(Record::kind_name).collect();
    assert_eq!(names, ["AlertRaised", "KeyStateChanged"]);
    assert_eq!(watch.with(|it| (it.raised(), it.has_unsent())), (1, false));
}

fn any_row() -> impl Strategy<Value = Record> {
    let reasons = prop::sample::select(vec![
        Reason::NeverIssued,
        Reason::UnknownDataSubject,
        Reason::Revoked,
        Reason::BudgetSpent,
        Reason::WrongTenant,
        Reason::BadSignature,
    ]);
    (reasons, 1..4i32, 1..4u8, 0..5i64, prop::bool::ANY).prop_map(
        |(reason, key, who, whose, out)| {
            AccessRow {
                key: KeyNumber(key),
                principal: PrincipalNumber(who.into()),
                principal_key: PrincipalKey([who; 16]),
                data_subject: DataSubjectNumber(whose),
                ..row(Verdict::Refuse(reason), out)
            }
            .into()
        },
    )
}

/// Alerts by what they say, without their numbers.
fn said(records: &[Record]) -> BTreeMap<String, usize> {
    let mut out = BTreeMap::new();
    for record in records {
        if let Record::AlertRaised(alert) = record {
            let text = format!("{:?}", AlertRaised { alert: AlertId::NONE, ..alert.clone() });
            *out.entry(text).or_default() += 1;
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whenever the driver comes by, and wherever the program stops and starts over, the same
    /// alerts are in the journal in the end, each once.
    #[test]
    fn chunking_and_restarts_do_not_matter(
        rows in prop::collection::vec(any_row(), 0..40),
        acts in prop::collection::vec(0..4u8, 40),
    ) {
        let start = [left(2, PersonState::Left), key_added(KeyState::Active)];
        let run_with = |acts: &dyn Fn(usize) -> u8| {
            let watch = SharedWatch::new();
            let mut journal = Journal { records: vec![], watch, fail: 0, changes: 0 };
            for (index, record) in start.iter().chain(&rows).enumerate() {
                journal.put(record.clone());
                let act = acts(index);
                if act == 1 || act == 3 {
                    journal.fail = usize::from(act == 3);
                    let watch = journal.watch.clone();
                    block_on(raise(&watch, &mut journal));
                    journal.fail = 0;
                }
                if act == 2 {
                    // CRASH: all that is left is what the journal holds.
                    let records = core::mem::take(&mut journal.records);
                    journal.watch = SharedWatch::new();
                    records.into_iter().for_each(|record| journal.put(record));
                }
            }
            let watch = journal.watch.clone();
            block_on(raise(&watch, &mut journal));
            journal.records
        };
        let once = run_with(&|_| 0);
        let other = run_with(&|index| acts.get(index).copied().unwrap_or(0));
        prop_assert_eq!(said(&once), said(&other));
        let compromised = |records: &[Record]| {
            records.iter().filter(|it| matches!(it, Record::KeyStateChanged(_))).count()
        };
        prop_assert_eq!(compromised(&once), compromised(&other));
    }
}

#[test]
fn a_forgery_presented_by_who_verifies_is_the_matter_of_its_key() {
    let (forged, seen) = (refused(Reason::NeverIssued).into(), presented(3, false));
    for (name, given, want, says_so) in [
        ("alone", vec![key_added(KeyState::Active), seen.clone()], 1, true),
        ("again", vec![key_added(KeyState::Active), seen.clone(), seen.clone()], 1, true),
        ("after the gate's", vec![key_added(KeyState::Active), forged, seen], 1, true),
        ("of another key", vec![presented(3, false), presented(4, false)], 2, true),
        ("believed", vec![key_added(KeyState::Active), presented(3, true)], 1, false),
    ] {
        let groups = feed(&given).take(usize::MAX);
        assert_eq!(groups.len(), want, "{name}");
        let compromised = groups.iter().flat_map(|(_, group)| group).any(|record| {
            matches!(record, Record::KeyStateChanged(it) if it.state == KeyState::Compromised)
        });
        assert_eq!(compromised, says_so, "{name}: the key is in other hands");
    }
}
