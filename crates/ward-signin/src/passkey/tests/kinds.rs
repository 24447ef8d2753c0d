//! Keys: which kinds are taken, and which are not.

use super::forge::{Answer, Device, bytes, es256_cose, rs256_cose};
use super::*;

const KEY: PasskeyError = PasskeyError::Malformed("public key");

#[test]
fn every_offered_kind_registers_and_signs_in() {
    for device in [Device::es256(), Device::eddsa(), Device::rs256()] {
        let registered = register(&device, |_| {}).unwrap();
        assert_eq!(registered.public_key, device.cose);
        assert!(sign_in(&device, |_| {}).is_ok());
        let other = [0; 64].to_vec();
        let forged = sign_in(&device, |it| it.signature = Some(other));
        assert_eq!(forged, Err(PasskeyError::BadSignature));
    }
}

#[test]
fn other_kinds_and_weak_keys_are_not_registered() {
    let device = Device::es256();
    let good = &device.cose;
    let rsa = Device::rs256();
    let n = &rsa.cose[11..11 + 256];
    let with = |cose: &[u8], at: usize, value: u8| {
        let mut cose = cose.to_vec();
        cose[at] = value;
        cose
    };
    let object = PasskeyError::Malformed("attestation object");
    let cases = [
        ("ES384, labelled so", [&[0xa5, 1, 2, 3, 0x38, 0x22], &good[5..]].concat(), NOT_OFFERED),
        ("ES512, labelled so", [&[0xa5, 1, 2, 3, 0x38, 0x23], &good[5..]].concat(), NOT_OFFERED),
        ("a private algorithm", with(good, 4, 0x00), NOT_OFFERED),
        ("EdDSA with a point", with(good, 4, 0x27), KEY),
        ("a point of another kind", with(good, 2, 0x01), KEY),
        ("another curve", with(good, 6, 0x02), KEY),
        ("off the curve", with(good, good.len() - 1, good[good.len() - 1] ^ 1), KEY),
        ("no point", es256_cose(&[0; 32], &[0; 32]), KEY),
        ("a short coordinate", es256_cose(&good[10..41], &good[45..]), KEY),
        ("a label twice", [&[0xa6], &good[1..], &[0x20, 0x01]].concat(), object),
        ("a label too many", [&[0xa6], &good[1..], &[0x02, 0x41, 0x07]].concat(), KEY),
        ("a label too few", [&[0xa4], &good[1..42]].concat(), KEY),
        ("no fixed length", [&[0xbf], &good[1..], &[0xff]].concat(), object),
        ("a number spelt long", [&[0xa5, 0x18, 0x01], &good[2..]].concat(), object),
        ("a tag", [&[0xc0], good.as_slice()].concat(), object),
        ("no map", bytes(good), object),
        ("nothing", Vec::new(), object),
        ("a short modulus", rs256_cose(&n[..128], &[1, 0, 1]), NOT_OFFERED),
        (
            "a bit too few",
            rs256_cose(&[&[n[0] & 0x7f | 1], &n[1..]].concat(), &[1, 0, 1]),
            NOT_OFFERED,
        ),
        ("a long modulus", rs256_cose(&[n, n, n].concat(), &[1, 0, 1]), NOT_OFFERED),
        ("zeros in front", rs256_cose(&[&[0], n].concat(), &[1, 0, 1]), KEY),
        ("no modulus", rs256_cose(&[], &[1, 0, 1]), KEY),
        ("far too large", rs256_cose(&[0xff; PUBLIC_KEY_BYTES_MAX], &[1, 0, 1]), KEY),
        ("RSA of another kind", with(&rsa.cose, 2, 0x02), KEY),
        ("a label too many for RSA", [&[0xa5], &rsa.cose[1..], &[0x02, 0x41, 0x07]].concat(), KEY),
        ("no exponent", rs256_cose(n, &[]), KEY),
        ("an even exponent", rs256_cose(n, &[2]), KEY),
        ("an exponent of one", rs256_cose(n, &[1]), KEY),
        ("a long exponent", rs256_cose(n, &[1, 0, 0, 0, 1]), KEY),
    ];
    for (name, cose, want) in cases {
        assert_eq!(register(&device, |it| it.cose = cose).unwrap_err(), want, "{name}");
    }
}

const NOT_OFFERED: PasskeyError = PasskeyError::KeyNotOffered;

#[test]
fn a_kept_key_that_cannot_be_read_is_no_bad_signature() {
    let device = Device::es256();
    let (options, pending) = party().begin_assertion(&[], [2; 32], NOW);
    let answer = Answer::to_get(&device, &challenge(&options), user().as_bytes()).got(&device);
    let mut kept = known(&device, 0);
    kept.public_key.push(0);
    let done = party().finish_assertion(pending, &answer, |_| Some(kept), NOW);
    assert_eq!(done, Err(PasskeyError::CorruptKey));
}

#[test]
fn ids_and_handles_have_bounds() {
    for (length, is_id, is_handle) in [
        (0, false, false),
        (1, true, true),
        (64, true, true),
        (65, true, false),
        (1024, false, false),
    ] {
        let bytes = vec![1; length];
        assert_eq!(CredentialId::new(&bytes).is_some(), is_id, "{length}");
        assert_eq!(UserHandle::new(&bytes).is_some(), is_handle, "{length}");
    }
    assert_eq!(CredentialId::new(&[0xfb, 0xff]).unwrap().to_string(), "-_8");
}
