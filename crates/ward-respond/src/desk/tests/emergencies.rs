//! Emergencies: the incident stays open until a second person has looked at every one of them.

use super::*;

const FIRST: PersonId = PersonId([1; 16]);
const SECOND: PersonId = PersonId([2; 16]);

/// A route opened for `ms`, and its alert; says the bypass.
fn bypass(fake: &Fake, id: i64, ms: i64) -> BypassId {
    let leaf = i64::try_from(fake.len()).unwrap();
    let (bypass, now) = (BypassId(id), UnixMillis::new(1_700_000_000_000 + leaf * 1000));
    fake.put(BypassOpened {
        bypass,
        route: RouteNumber(3),
        until: now.plus_ms(ms),
        person: FIRST,
        api_key: ApiKeyId::NONE,
        session: SessionId(1),
        note: Text::cut("pages fail"),
    });
    fake.put(AlertRaised {
        route: RouteNumber(3),
        leaked: 0,
        access: AccessId::default(),
        ..alert(leaf * 256 + 10, AlertKind::EmergencyUsed, 0, 0)
    });
    bypass
}

fn review(fake: &Fake, bypass: BypassId, person: PersonId) {
    let (session, note) = (SessionId::NONE, Text::cut("rightly"));
    fake.put(EmergencyReviewed { bypass, session, person, note });
}

fn is_closed(fake: &Fake) -> bool {
    block_on(fake.desk().tend()).unwrap();
    fake.incidents.read(|it| it.incident(IncidentId(1)).unwrap().closed.is_some())
}

fn close(fake: &Fake) -> Result<(), DeskError> {
    let act = Caller::machine(ApiKeyId(1), ApiKeyKind::Operator).did("close incident", 1, [0; 32]);
    block_on(fake.desk().close(IncidentId(1), Text::cut("done"), act))
}

#[test]
fn an_incident_about_emergencies_is_closed_by_the_second_persons_word_alone() {
    let fake = Fake::default();
    let one = bypass(&fake, 11, 1);
    assert!(!is_closed(&fake));
    let two = bypass(&fake, 12, 60_000);
    assert!(!is_closed(&fake));
    assert_eq!(fake.incidents.read(|it| it.all_open().count()), 1, "both on one");
    assert_eq!(close(&fake), Err(DeskError::Unreviewed));
    review(&fake, one, SECOND);
    review(&fake, two, SECOND);
    assert!(!is_closed(&fake), "the second is still open");
    fake.put(BypassEnded { bypass: two, person: SECOND });
    for nobody in [FIRST, PersonId::default()] {
        review(&fake, two, nobody);
        assert!(!is_closed(&fake), "{nobody}: not another person");
        assert_eq!(close(&fake), Err(DeskError::Unreviewed));
    }
    assert!(!is_closed(&fake.again()), "a restart changes nothing");
    review(&fake, two, SECOND);
    assert!(is_closed(&fake));
    let lines = fake.incidents.read(|it| report(it, IncidentId(1)).unwrap().entries);
    let notes: Vec<&str> = lines.iter().map(|line| line.note.as_str()).collect();
    assert_eq!(
        notes,
        [
            "bypass 11 opened route 3 until 2023-11-14T22:13:20.001Z: pages fail",
            "bypass 12 opened route 3 until 2023-11-14T22:14:24Z: pages fail",
            "a second person looked at it: rightly",
            "the bypass was ended",
            "a second person looked at it: rightly",
        ]
    );
    assert_eq!(lines[0].person, Some(FIRST.uuid()));
    // What comes later is another incident.
    bypass(&fake, 13, 1);
    block_on(fake.desk().tend()).unwrap();
    let open: Vec<_> = fake.incidents.read(|it| it.all_open().map(|(id, _)| id).collect());
    assert_eq!(open, [IncidentId(2)]);
}

#[test]
fn a_break_glass_sign_in_waits_for_a_second_person_too() {
    let fake = Fake::default();
    let session = SessionId(7);
    let opened = |how| SessionOpened {
        session,
        person: FIRST,
        how,
        passkey: PasskeyId(1),
        provider_session: [0; 32],
        expires_at: UnixMillis::new(1_800_000_000_000),
        source: [0; 16],
    };
    fake.put(opened(SignInMethod::Passkey));
    fake.put(opened(SignInMethod::BreakGlass));
    fake.put(alert(256 + 10, AlertKind::EmergencyUsed, 0, 0));
    assert!(!is_closed(&fake));
    assert_eq!(close(&fake), Err(DeskError::Unreviewed));
    let (bypass, note) = (BypassId::NONE, Text::cut("the provider was down"));
    fake.put(EmergencyReviewed { bypass, session, person: SECOND, note });
    assert!(is_closed(&fake));
}
