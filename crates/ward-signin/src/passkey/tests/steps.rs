//! Each step of WebAuthn Level 2 §7.1 and §7.2: one thing is wrong, and that is what is said.

use super::forge::{AT, Answer, BE, BS, Device, ED, UP, UV, bytes};
use super::*;

type Change = fn(&mut Answer);

/// What both ceremonies check.
const BOTH: [(&str, Change, PasskeyError); 21] = [
    ("another challenge", |it| it.challenge = vec![9; 32], PasskeyError::WrongChallenge),
    ("a shorter challenge", |it| it.challenge.truncate(31), PasskeyError::WrongChallenge),
    ("no challenge", |it| it.challenge.clear(), PasskeyError::WrongChallenge),
    ("another type", |it| it.kind = "payment.get".into(), PasskeyError::WrongCeremony),
    ("a look-alike", |it| it.origin = "https://ward.example.net".into(), PasskeyError::WrongOrigin),
    ("below it", |it| it.origin = "https://a.ward.example".into(), PasskeyError::WrongOrigin),
    ("another scheme", |it| it.origin = "http://ward.example".into(), PasskeyError::WrongOrigin),
    ("another port", |it| it.origin.push_str(":8443"), PasskeyError::WrongOrigin),
    ("a slash", |it| it.origin.push('/'), PasskeyError::WrongOrigin),
    ("capitals", |it| it.origin = "https://WARD.example".into(), PasskeyError::WrongOrigin),
    ("no origin", |it| it.origin = "null".into(), PasskeyError::WrongOrigin),
    ("a frame", |it| it.more = r#","crossOrigin":true"#.into(), PasskeyError::CrossOrigin),
    (
        "a frame in a page",
        |it| it.more = r#","crossOrigin":false,"topOrigin":"https://evil.example""#.into(),
        PasskeyError::CrossOrigin,
    ),
    ("another rp id", |it| it.rp_id = "example".into(), PasskeyError::WrongRelyingParty),
    ("nobody present", |it| it.flags &= !UP, PasskeyError::UserAbsent),
    ("owner not verified", |it| it.flags &= !UV, PasskeyError::UserUnverified),
    ("type twice", |it| it.more = r#","type":"webauthn.get""#.into(), CLIENT_DATA),
    ("origin twice", |it| it.more = r#","origin":"https://ward.example""#.into(), CLIENT_DATA),
    ("not JSON", |it| it.more = r#","x":"#.into(), CLIENT_DATA),
    ("after the end", |it| it.more = "}{".into(), CLIENT_DATA),
    ("too long", |it| it.more = format!(r#","x":"{}""#, "x".repeat(4096)), CLIENT_DATA),
];

const CLIENT_DATA: PasskeyError = PasskeyError::Malformed("client data");
const OBJECT: PasskeyError = PasskeyError::Malformed("attestation object");
const DATA: PasskeyError = PasskeyError::Malformed("authenticator data");
const ANSWER: PasskeyError = PasskeyError::Malformed("answer");

#[test]
fn both_ceremonies_refuse() {
    let device = Device::es256();
    for (name, change, want) in BOTH {
        assert_eq!(register(&device, change).unwrap_err(), want, "registration: {name}");
        assert_eq!(sign_in(&device, change).unwrap_err(), want, "sign-in: {name}");
    }
}

#[test]
fn a_registration_refuses() {
    const CASES: [(&str, Change, PasskeyError); 17] = [
        ("a sign-in", |it| it.kind = "webauthn.get".into(), PasskeyError::WrongCeremony),
        ("no credential", |it| it.flags &= !AT, OBJECT),
        ("another id outside", |it| it.id[0] ^= 1, OBJECT),
        ("another id inside", |it| it.attested_id[0] ^= 1, OBJECT),
        ("an empty id inside", |it| it.attested_id.clear(), OBJECT),
        ("an empty id", |it| it.id.clear(), ANSWER),
        ("backed up, though it may not be", |it| it.flags |= BS, OBJECT),
        ("bytes after the object", |it| it.trailing = vec![0xa0], OBJECT),
        ("bytes after the data", |it| it.extensions = vec![0xa0], OBJECT),
        ("extensions that are no map", |it| extended(it, &[0x01]), OBJECT),
        ("no extensions, though told", |it| it.flags |= ED, OBJECT),
        ("bytes after the extensions", |it| extended(it, &[0xa0, 0x00]), OBJECT),
        ("a statement under format none", |it| it.statement = vec![0xa1, 0x61, b'x', 1], OBJECT),
        ("a statement that is no map", |it| it.statement = vec![0x80], OBJECT),
        ("a key twice", |it| it.statement = twice(), OBJECT),
        ("too deep", |it| it.statement = [vec![0xa1, 0x61, b'x'], deep(40)].concat(), OBJECT),
        ("far too deep", |it| it.statement = deep(9_000), OBJECT),
    ];
    let device = Device::es256();
    for (name, change, want) in CASES {
        let change = |it: &mut Answer| {
            change(it);
            // An attested statement, where the case is about its shape.
            if name == "a key twice" || name.ends_with("deep") {
                it.format = "packed".into();
            }
        };
        assert_eq!(register(&device, change).unwrap_err(), want, "{name}");
    }
}

fn extended(answer: &mut Answer, extensions: &[u8]) {
    answer.flags |= ED;
    answer.extensions = extensions.to_vec();
}

fn twice() -> Vec<u8> {
    vec![0xa2, 0x61, b'x', 0x01, 0x61, b'x', 0x02]
}

fn deep(levels: usize) -> Vec<u8> {
    let mut nested = vec![0x81; levels];
    nested.push(0x00);
    nested
}

#[test]
fn a_registration_that_holds_is_told_whole() {
    let device = Device::es256();
    let plain = register(&device, |_| {}).unwrap();
    let want = Registered {
        credential_id: CredentialId::new(&device.id).unwrap(),
        public_key: device.cose.clone(),
        aaguid: [0xaa; 16],
        sign_count: 5,
        backup_eligible: false,
        backed_up: false,
    };
    assert_eq!(plain, want);
    let synced = register(&device, |it| it.flags |= BE | BS).unwrap();
    assert!(synced.backup_eligible && synced.backed_up);
    // Attested by its maker, which is taken and not trusted, with an extension's answer.
    let attested = register(&device, |it| {
        it.format = "packed".into();
        it.statement =
            [&[0xa2, 0x63][..], b"alg", &[0x26, 0x63], b"sig", &bytes(&[7; 70])].concat();
        extended(it, &[&[0xa1, 0x6b][..], b"credProtect", &[0x02]].concat());
    });
    assert_eq!(attested, Ok(want));
    // Old browsers do not say whether it was in a frame.
    assert!(register(&device, |it| it.more.clear()).is_ok());
    let longest = vec![0xcc; CREDENTIAL_ID_BYTES_MAX];
    let long =
        |id: Vec<u8>| register(&device, move |it| (it.id, it.attested_id) = (id.clone(), id));
    assert!(long(longest.clone()).is_ok());
    assert_eq!(long([longest, vec![0]].concat()), Err(ANSWER));
}

#[test]
fn an_id_that_is_too_long_inside_alone_is_refused() {
    let device = Device::es256();
    let change = |it: &mut Answer| it.attested_id = vec![0xcc; CREDENTIAL_ID_BYTES_MAX + 1];
    assert_eq!(register(&device, change), Err(OBJECT));
}

#[test]
fn a_credential_is_registered_once() {
    let device = Device::es256();
    let (options, pending) = party().begin_registration(&user(), "One", &[], [1; 32], NOW);
    let answer = Answer::to_create(&device, &challenge(&options)).created();
    let is_taken = |id: &CredentialId| id.as_bytes() == device.id;
    let again = party().finish_registration(pending, &answer, is_taken, NOW);
    assert_eq!(again, Err(PasskeyError::AlreadyRegistered));
}

#[test]
fn a_sign_in_refuses() {
    const CASES: [(&str, Change, PasskeyError); 12] = [
        ("a registration", |it| it.kind = "webauthn.create".into(), PasskeyError::WrongCeremony),
        ("an unknown credential", |it| it.id[0] ^= 1, PasskeyError::UnknownCredential),
        ("another's credential", |it| it.user_handle = Some(vec![7]), PasskeyError::WrongUser),
        ("nobody's credential", |it| it.user_handle = None, PasskeyError::WrongUser),
        ("a credential attested", |it| it.flags |= AT, DATA),
        ("bytes after the data", |it| it.extensions = vec![0xa0], DATA),
        ("backed up, though it may not be", |it| it.flags |= BS, DATA),
        ("no signature", |it| it.signature = Some(Vec::new()), PasskeyError::BadSignature),
        ("zeros", |it| it.signature = Some(vec![0; 64]), PasskeyError::BadSignature),
        ("the count again", |it| it.count = 4, PasskeyError::Cloned { stored: 4, seen: 4 }),
        ("a count before", |it| it.count = 3, PasskeyError::Cloned { stored: 4, seen: 3 }),
        ("no count any more", |it| it.count = 0, PasskeyError::Cloned { stored: 4, seen: 0 }),
    ];
    let device = Device::es256();
    for (name, change, want) in CASES {
        assert_eq!(sign_in(&device, change).unwrap_err(), want, "{name}");
    }
}

#[test]
fn a_sign_in_that_holds_is_told_whole() {
    let device = Device::es256();
    let want = Asserted {
        credential_id: CredentialId::new(&device.id).unwrap(),
        sign_count: 5,
        user_handle: user(),
    };
    assert_eq!(sign_in(&device, |_| {}), Ok(want.clone()));
    let synced = |it: &mut Answer| it.flags |= BE | BS;
    assert_eq!(sign_in(&device, synced), Ok(want.clone()));
    assert_eq!(sign_in(&device, |it| extended(it, &[0xa0])), Ok(want));
}

#[test]
fn counters_may_both_be_zero() {
    let device = Device::es256();
    for (stored, seen, holds) in [(0, 0, true), (0, 1, true), (1, 0, false), (7, u32::MAX, true)] {
        let (options, pending) = party().begin_assertion(&[], [2; 32], NOW);
        let mut answer = Answer::to_get(&device, &challenge(&options), user().as_bytes());
        answer.count = seen;
        let lookup = |_: &CredentialId| Some(known(&device, stored));
        let done = party().finish_assertion(pending, &answer.got(&device), lookup, NOW);
        assert_eq!(done.is_ok(), holds, "{stored} then {seen}");
    }
}

#[test]
fn only_those_asked_for_may_answer() {
    let (mine, other) = (Device::es256(), Device::eddsa());
    let allow = [CredentialId::new(&mine.id).unwrap()];
    for (device, handle, want) in [
        (&mine, Some(user()), None),
        // A second factor need not say whose it is: it was asked for by name.
        (&mine, None, None),
        (&mine, UserHandle::new(&[7]), Some(PasskeyError::WrongUser)),
        (&other, Some(user()), Some(PasskeyError::UnknownCredential)),
    ] {
        let (options, pending) = party().begin_assertion(&allow, [2; 32], NOW);
        let mut answer = Answer::to_get(device, &challenge(&options), user().as_bytes());
        answer.user_handle = handle.map(|it| it.as_bytes().to_vec());
        let lookup = |_: &CredentialId| Some(known(device, 4));
        let done = party().finish_assertion(pending, &answer.got(device), lookup, NOW);
        assert_eq!(done.err(), want);
    }
}

#[test]
fn a_signature_of_another_key_or_over_other_data_is_refused() {
    let (mine, other) = (Device::es256(), Device::es256());
    let challenge = [2; 32];
    let stolen = Answer::to_get(&mine, &challenge, user().as_bytes()).signature(&other);
    let done = sign_in(&mine, |it| it.signature = Some(stolen));
    assert_eq!(done, Err(PasskeyError::BadSignature));
    let mut before = Answer::to_get(&mine, &challenge, user().as_bytes());
    before.more.clear();
    let done = sign_in(&mine, |it| it.signature = Some(before.signature(&mine)));
    assert_eq!(done, Err(PasskeyError::BadSignature), "over other client data");
    before = Answer::to_get(&mine, &challenge, user().as_bytes());
    before.count = 6;
    let done = sign_in(&mine, |it| it.signature = Some(before.signature(&mine)));
    assert_eq!(done, Err(PasskeyError::BadSignature), "over other authenticator data");
}

#[test]
fn a_challenge_is_open_for_five_minutes() {
    let device = Device::es256();
    for (after, is_open) in [(0, true), (300_000, true), (300_001, false), (-1, false)] {
        let now = NOW.plus_ms(after);
        let want = (!is_open).then_some(PasskeyError::Expired);
        let (options, pending) = party().begin_registration(&user(), "One", &[], [1; 32], NOW);
        let answer = Answer::to_create(&device, &challenge(&options)).created();
        let done = party().finish_registration(pending, &answer, |_| false, now);
        assert_eq!(done.err(), want, "registration after {after} ms");
        let (options, pending) = party().begin_assertion(&[], [2; 32], NOW);
        let answer = Answer::to_get(&device, &challenge(&options), user().as_bytes()).got(&device);
        let lookup = |_: &CredentialId| Some(known(&device, 0));
        let done = party().finish_assertion(pending, &answer, lookup, now);
        assert_eq!(done.err(), want, "sign-in after {after} ms");
    }
}

#[test]
fn an_answer_serves_one_challenge_only() {
    let device = Device::es256();
    let lookup = |_: &CredentialId| Some(known(&device, 0));
    let (options, pending) = party().begin_assertion(&[], [2; 32], NOW);
    let answer = Answer::to_get(&device, &challenge(&options), user().as_bytes()).got(&device);
    assert!(party().finish_assertion(pending, &answer, lookup, NOW).is_ok());
    let (_, pending) = party().begin_assertion(&[], [3; 32], NOW);
    let replayed = party().finish_assertion(pending, &answer, lookup, NOW);
    assert_eq!(replayed, Err(PasskeyError::WrongChallenge));
}

#[test]
fn options_ask_for_what_is_checked() {
    let exclude = [CredentialId::new(&[1, 2, 3]).unwrap()];
    let (options, _pending) = party().begin_registration(&user(), "One", &exclude, [1; 32], NOW);
    let want = serde_json::json!({
        "rp": { "id": "ward.example", "name": "Ward" },
        "user": { "id": "b3BlcmF0b3Igb25l", "name": "One", "displayName": "One" },
        "challenge": BASE64URL_NOPAD.encode(&[1; 32]),
        "pubKeyCredParams": [
            { "type": "public-key", "alg": -7 },
            { "type": "public-key", "alg": -8 },
            { "type": "public-key", "alg": -257 },
        ],
        "timeout": 300_000,
        "excludeCredentials": [{ "type": "public-key", "id": "AQID" }],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": true,
            "userVerification": "required",
        },
        "attestation": "none",
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&options).unwrap(), want);
    let (options, _pending) = party().begin_assertion(&exclude, [2; 32], NOW);
    let want = serde_json::json!({
        "challenge": BASE64URL_NOPAD.encode(&[2; 32]),
        "timeout": 300_000,
        "rpId": "ward.example",
        "allowCredentials": [{ "type": "public-key", "id": "AQID" }],
        "userVerification": "required",
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&options).unwrap(), want);
}
