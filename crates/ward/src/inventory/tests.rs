//! The policy over credentials, and pages of the inventory.

use super::*;

const NOW: UnixMillis = UnixMillis::new(1_000 * DAY_MS);
const POLICY: Policy = Policy {
    signing_key_ms: 90 * DAY_MS,
    api_key_unused_ms: 30 * DAY_MS,
    client_unused_ms: 40 * DAY_MS,
    expiring_ms: 14 * DAY_MS,
};

fn ago(days: i64) -> Option<UnixMillis> {
    Some(NOW.plus_ms(-days * DAY_MS))
}

fn credential(kind: Kind, id: &str) -> Credential {
    Credential {
        id: id.to_owned(),
        kind,
        name: String::new(),
        sort: String::new(),
        state: State::Live,
        owner: Owner {
            kind: "person",
            id: "p".into(),
            name: "P".into(),
            answerable: None,
            answers: Answers::Yes,
        },
        holders: Vec::new(),
        created_at: ago(1),
        last_used: None,
        use_known: true,
        uses: 0,
        refused: 0,
        expires_at: Some(NOW.plus_ms(100 * DAY_MS)),
        replaced: false,
        consumers: Vec::new(),
        details: Vec::new(),
        warnings: Vec::new(),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, a row per rule")]
fn the_policy_warns_of_what_still_opens_something() {
    struct Case {
        name: &'static str,
        kind: Kind,
        given: fn(&mut Credential),
        want: &'static [Warning],
    }
    let cases = [
        Case { name: "fresh", kind: Kind::ApiKey, given: |_| {}, want: &[] },
        Case {
            name: "never used, and old",
            kind: Kind::ApiKey,
            given: |it| it.created_at = ago(31),
            want: &[Warning::ApiKeyUnused],
        },
        Case {
            name: "old, and used",
            kind: Kind::ApiKey,
            given: |it| (it.created_at, it.last_used) = (ago(300), ago(29)),
            want: &[],
        },
        Case {
            name: "on the day",
            kind: Kind::ApiKey,
            given: |it| it.created_at = ago(30),
            want: &[],
        },
        Case {
            name: "a client's own days",
            kind: Kind::Client,
            given: |it| (it.created_at, it.last_used) = (ago(300), ago(41)),
            want: &[Warning::ClientUnused],
        },
        Case {
            name: "an old signing key",
            kind: Kind::SigningKey,
            given: |it| (it.created_at, it.expires_at) = (ago(91), None),
            want: &[Warning::SigningKeyOld],
        },
        Case {
            name: "a retired one",
            kind: Kind::SigningKey,
            given: |it| (it.created_at, it.state) = (ago(91), State::Retired),
            want: &[],
        },
        Case {
            name: "a leaver read it",
            kind: Kind::SigningKey,
            given: |it| {
                let (person, name) = ("x".into(), "X".into());
                let holder = Holder { person, name, evidence: "declared", since: NOW, gone: true };
                it.holders.push(holder);
            },
            want: &[Warning::HeldByLeaver],
        },
        Case {
            name: "ends soon",
            kind: Kind::Client,
            given: |it| it.expires_at = Some(NOW.plus_ms(14 * DAY_MS)),
            want: &[Warning::Expiring],
        },
        Case {
            name: "ends soon, replaced",
            kind: Kind::ApiKey,
            given: |it| {
                (it.expires_at, it.replaced) = (Some(NOW.plus_ms(DAY_MS)), true);
                it.state = State::Ending;
            },
            want: &[],
        },
        Case {
            name: "a session ends by itself",
            kind: Kind::Session,
            given: |it| it.expires_at = Some(NOW.plus_ms(1)),
            want: &[],
        },
        Case {
            name: "nobody answers",
            kind: Kind::ApiKey,
            given: |it| it.owner.answers = Answers::NoMore,
            want: &[Warning::Unowned],
        },
        Case {
            name: "nobody answers for what is over",
            kind: Kind::ApiKey,
            given: |it| (it.owner.answers, it.state) = (Answers::Nobody, State::Revoked),
            want: &[],
        },
    ];
    for case in cases {
        let mut one = credential(case.kind, "x");
        (case.given)(&mut one);
        assert_eq!(one.judge(&POLICY, NOW).warnings, case.want, "{}", case.name);
    }
}

#[test]
fn pages_go_through_everything_once() {
    let all = || {
        let mut all: Vec<Credential> =
            (0..25).map(|n| credential(Kind::ApiKey, &format!("api-key-{n:02}"))).collect();
        all[3].state = State::Revoked;
        all[4].owner.answers = Answers::Nobody;
        all[5].kind = Kind::Client;
        all.into_iter().map(|it| it.judge(&POLICY, NOW)).collect::<Vec<_>>()
    };
    let mut wanted = Wanted { limit: 10, ..Wanted::default() };
    let mut seen = Vec::new();
    loop {
        let (page, total, next) = wanted.page(all());
        assert_eq!(total, 24, "what is over is not in it");
        seen.extend(page.into_iter().map(|it| it.id));
        let Some(next) = next else { break };
        wanted.after = Some(next);
    }
    assert_eq!(seen.len(), 24);
    seen.dedup();
    assert_eq!(seen.len(), 24);
    let count = |wanted: Wanted| Wanted { limit: 100, ..wanted }.page(all()).1;
    assert_eq!(count(Wanted { over: true, ..Wanted::default() }), 25);
    assert_eq!(count(Wanted { state: Some(State::Revoked), ..Wanted::default() }), 1);
    assert_eq!(count(Wanted { kind: Some(Kind::Client), ..Wanted::default() }), 1);
    assert_eq!(count(Wanted { warned: true, ..Wanted::default() }), 1);
    let unowned = Wanted { warning: Some(Warning::Unowned), ..Wanted::default() };
    assert_eq!(count(unowned), 1);
    assert_eq!(count(Wanted { owner: Some("q".into()), ..Wanted::default() }), 0);
    let counted = tally(&all());
    assert_eq!(counted.len(), Warning::ALL.len());
    assert!(counted.contains(&(Warning::Unowned, 1)));
}
