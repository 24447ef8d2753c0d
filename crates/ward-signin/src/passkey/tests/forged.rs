//! Bytes that are not an answer: cut, flipped, too large, spelt otherwise, random.

use proptest::prelude::*;

use super::forge::{Answer, Device, created, got};
use super::*;

/// A right answer's parts for the challenge of all twos.
struct Parts {
    device: Device,
    client_data: Vec<u8>,
    data: Vec<u8>,
    signature: Vec<u8>,
}

impl Parts {
    fn of(device: Device) -> Self {
        let answer = Answer::to_get(&device, &[2; 32], user().as_bytes());
        let (client_data, data) = (answer.client_data(), answer.data());
        Self { signature: answer.signature(&device), device, client_data, data }
    }

    fn judge(
        &self,
        client_data: &[u8],
        data: &[u8],
        signature: &[u8],
    ) -> Result<Asserted, PasskeyError> {
        let handle = user();
        let handle = Some(handle.as_bytes());
        self.judge_whole(&got(&self.device.id, client_data, data, signature, handle))
    }

    fn judge_whole(&self, answer: &[u8]) -> Result<Asserted, PasskeyError> {
        let (_, pending) = party().begin_assertion(&[], [2; 32], NOW);
        let lookup = |_: &CredentialId| Some(known(&self.device, 0));
        party().finish_assertion(pending, answer, lookup, NOW)
    }
}

/// Each copy of `bytes` with one bit turned.
fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        (bit, flipped)
    })
}

#[test]
fn no_bit_of_a_signed_answer_can_be_turned() {
    for device in [Device::es256(), Device::eddsa()] {
        let it = Parts::of(device);
        assert!(it.judge(&it.client_data, &it.data, &it.signature).is_ok());
        for (bit, flipped) in flips(&it.client_data) {
            assert!(it.judge(&flipped, &it.data, &it.signature).is_err(), "client data, bit {bit}");
        }
        for (bit, flipped) in flips(&it.data) {
            assert!(it.judge(&it.client_data, &flipped, &it.signature).is_err(), "data, bit {bit}");
        }
        for (bit, flipped) in flips(&it.signature) {
            let outcome = it.judge(&it.client_data, &it.data, &flipped);
            assert_eq!(outcome, Err(PasskeyError::BadSignature), "signature, bit {bit}");
        }
    }
}

#[test]
fn no_part_of_an_answer_can_be_cut() {
    let it = Parts::of(Device::es256());
    for at in 0..it.data.len() {
        assert!(it.judge(&it.client_data, &it.data[..at], &it.signature).is_err(), "data at {at}");
    }
    for at in 0..it.signature.len() {
        assert!(it.judge(&it.client_data, &it.data, &it.signature[..at]).is_err(), "signature");
    }
    let handle = user();
    let whole =
        got(&it.device.id, &it.client_data, &it.data, &it.signature, Some(handle.as_bytes()));
    for at in 0..whole.len() {
        let outcome = it.judge_whole(&whole[..at]);
        assert_eq!(outcome, Err(PasskeyError::Malformed("answer")), "answer at {at}");
    }
}

#[test]
fn turned_and_cut_registrations_never_panic_and_never_register_another_credential() {
    let device = Device::es256();
    let answer = Answer::to_create(&device, &[1; 32]);
    let (client_data, object) = (answer.client_data(), answer.object());
    let judge = |object: &[u8]| {
        let (_, pending) = party().begin_registration(&user(), "One", &[], [1; 32], NOW);
        let answer = created(&device.id, &client_data, object);
        party().finish_registration(pending, &answer, |_| false, NOW)
    };
    assert!(judge(&object).is_ok());
    for (bit, flipped) in flips(&object) {
        if let Ok(registered) = judge(&flipped) {
            // Nobody signs these: the model, the count, the backup flags, reserved flags.
            assert_eq!(registered.public_key, device.cose, "bit {bit}");
            assert_eq!(registered.credential_id.as_bytes(), device.id, "bit {bit}");
        }
    }
    for at in 0..object.len() {
        let outcome = judge(&object[..at]);
        assert_eq!(outcome, Err(PasskeyError::Malformed("attestation object")), "at {at}");
    }
}

#[test]
fn an_answer_is_spelt_as_browsers_do() {
    let it = Parts::of(Device::es256());
    let handle = user();
    let whole =
        got(&it.device.id, &it.client_data, &it.data, &it.signature, Some(handle.as_bytes()));
    let whole = String::from_utf8(whole).unwrap();
    assert!(it.judge_whole(whole.as_bytes()).is_ok());
    let id = CredentialId::new(&it.device.id).unwrap().to_string();
    let client_data = BASE64URL_NOPAD.encode(&it.client_data);
    let cases = [
        ("another id", whole.replacen(&id, "wcHB", 1)),
        ("another type", whole.replace("\"public-key\"", "\"password\"")),
        ("no type", whole.replace("\"type\"", "\"kind\"")),
        ("padded", whole.replace(&id, &format!("{id}="))),
        ("a space", whole.replace(&id, &format!("{id} "))),
        ("trailing bits", whole.replace(&id, &format!("{}F", id.strip_suffix('E').unwrap()))),
        ("client data padded", whole.replace(&client_data, &format!("{client_data}="))),
        ("a member twice", whole.replacen('{', "{\"type\":\"public-key\",", 1)),
        ("a part twice", whole.replacen("\"signature\"", "\"signature\":\"AA\",\"signature\"", 1)),
        ("something after", format!("{whole} x")),
        ("a list", format!("[{whole}]")),
        ("too large", format!("{whole}{}", " ".repeat(RESPONSE_BYTES_MAX))),
        ("deep", "[".repeat(RESPONSE_BYTES_MAX)),
    ];
    for (name, answer) in cases {
        assert_ne!(answer, whole, "{name}: the case says nothing");
        let outcome = it.judge_whole(answer.as_bytes());
        assert!(matches!(outcome, Err(PasskeyError::Malformed(_))), "{name}: {outcome:?}");
    }
}

#[test]
fn statements_are_plain_cbor() {
    let device = Device::es256();
    let judge = |statement: &[u8]| {
        register(&device, |it| {
            it.format = "packed".into();
            it.statement = statement.to_vec();
        })
    };
    // A map of `pairs` pairs: from 0, so the keys are one byte each up to 23 and two after.
    let many = |pairs: u8| {
        let mut map = vec![0xb8, pairs];
        for key in 0..pairs {
            map.extend_from_slice(if key < 24 { &[] } else { &[0x18] });
            map.extend_from_slice(&[key, 0xf5]);
        }
        map
    };
    assert!(judge(&many(32)).is_ok());
    for (name, statement) in [
        ("too many pairs", many(33)),
        ("a key of bytes", vec![0xa1, 0x41, b'x', 0x01]),
        ("a key that is true", vec![0xa1, 0xf5, 0x01]),
        ("a tag", vec![0xa1, 0x61, b'x', 0xd8, 0x20, 0x61, b'y']),
        ("a float", vec![0xa1, 0x61, b'x', 0xf9, 0x3e, 0x00]),
        ("a key twice, further in", vec![0xa1, 0x61, b'x', 0x81, 0xa2, 0x01, 0x01, 0x01, 0x02]),
        ("a text that is none", vec![0xa1, 0x61, b'x', 0x61, 0xff]),
    ] {
        let outcome = judge(&statement);
        assert_eq!(outcome, Err(PasskeyError::Malformed("attestation object")), "{name}");
    }
}

#[test]
fn readers_hold_their_bounds_by_themselves() {
    let device = Device::es256();
    let mut answer = Answer::to_create(&device, &[1; 32]);
    let object = answer.object();
    assert!(authenticator::attested_data(&object).is_some());
    let more = [&[0xa4], &object[1..], &[0x61, b'x', 0x01]].concat();
    assert!(authenticator::attested_data(&more).is_none(), "a member too many");
    for (length, holds) in [(0, false), (1, true), (1023, true), (1024, false)] {
        answer.attested_id = vec![0xcc; length];
        let data = answer.data();
        assert_eq!(AuthenticatorData::read(&data).is_some(), holds, "an id of {length} bytes");
    }
}

#[test]
fn a_registration_answers_no_sign_in() {
    let device = Device::es256();
    let it = Parts::of(Device::es256());
    let answer = Answer::to_create(&device, &[2; 32]).created();
    assert_eq!(it.judge_whole(&answer), Err(PasskeyError::Malformed("answer")));
    // With the shape made to fit, its type and its flag still tell.
    let mut answer = Answer::to_create(&it.device, &[2; 32]);
    answer.user_handle = Some(user().as_bytes().to_vec());
    let outcome = it.judge_whole(&answer.got(&it.device));
    assert_eq!(outcome, Err(PasskeyError::WrongCeremony));
    answer.kind = "webauthn.get".into();
    let outcome = it.judge_whole(&answer.got(&it.device));
    assert_eq!(outcome, Err(PasskeyError::Malformed("authenticator data")));
}

#[test]
fn kinds_of_refusal_are_told_apart() {
    let all = [
        PasskeyError::Malformed("answer"),
        PasskeyError::Expired,
        PasskeyError::WrongCeremony,
        PasskeyError::WrongChallenge,
        PasskeyError::WrongOrigin,
        PasskeyError::CrossOrigin,
        PasskeyError::WrongRelyingParty,
        PasskeyError::UserAbsent,
        PasskeyError::UserUnverified,
        PasskeyError::KeyNotOffered,
        PasskeyError::AlreadyRegistered,
        PasskeyError::UnknownCredential,
        PasskeyError::WrongUser,
        PasskeyError::BadSignature,
        PasskeyError::Cloned { stored: 2, seen: 1 },
        PasskeyError::CorruptKey,
    ];
    let kinds: std::collections::BTreeSet<_> = all.iter().map(|it| it.kind()).collect();
    assert_eq!(kinds.len(), all.len());
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzz_passkey(&bytes);
    }

    #[test]
    fn no_change_of_a_registration_makes_a_reader_panic(
        at in any::<prop::sample::Index>(),
        with in prop::collection::vec(any::<u8>(), 0..6),
        whole in any::<bool>(),
    ) {
        let device = Device::eddsa();
        let answer = Answer::to_create(&device, &[7; 32]);
        let mut bytes = if whole { answer.created() } else { answer.object() };
        let at = at.index(bytes.len());
        let end = (at + with.len()).min(bytes.len());
        bytes.splice(at..end, with);
        fuzz_passkey(&bytes);
    }
}

/// The fuzz target's corpus, as an ordinary test.
#[test]
fn the_corpus_is_replayed() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/passkey");
    let mut files = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        fuzz_passkey(&std::fs::read(entry.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files >= 8);
}
