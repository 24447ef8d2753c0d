//! A consent: the signature covers the act's digest, and serves nothing else.

use super::forge::{Answer, Device};
use super::*;

const ACT: [u8; 32] = [0xac; 32];

fn consent(device: &Device, act: [u8; 32], pending: PendingConsent, answer: &[u8]) -> Outcome {
    let lookup = |_: &CredentialId| Some(known(device, 0));
    party().finish_assertion_over(pending, &act, answer, lookup, NOW)
}

type Outcome = Result<Asserted, PasskeyError>;

fn begun(device: &Device) -> (Vec<u8>, PendingConsent) {
    let (options, pending) = party().begin_assertion_over(&ACT, &[], [3; 32], NOW);
    let answer = Answer::to_get(device, &challenge(&options), user().as_bytes());
    (answer.got(device), pending)
}

#[test]
fn the_challenge_is_made_of_the_act() {
    let (options, _pending) = party().begin_assertion_over(&ACT, &[], [3; 32], NOW);
    let want = digest(&SHA256, &[b"ward consent v1", &[3; 32][..], &ACT].concat());
    assert_eq!(challenge(&options), want.as_ref());
    assert_eq!(consent_challenge(&[3; 32], &ACT), want.as_ref());
}

#[test]
fn a_consent_is_to_one_act() {
    let device = Device::es256();
    let (answer, pending) = begun(&device);
    assert!(consent(&device, ACT, pending, &answer).is_ok());
    let mut other = ACT;
    other[31] ^= 1;
    let (answer, pending) = begun(&device);
    let swapped = consent(&device, other, pending, &answer);
    assert_eq!(swapped, Err(PasskeyError::WrongChallenge), "the act changed after it was shown");
    let (_, pending) = party().begin_assertion_over(&ACT, &[], [4; 32], NOW);
    let replayed = consent(&device, ACT, pending, &answer);
    assert_eq!(replayed, Err(PasskeyError::WrongChallenge), "the same act, proposed again");
}

#[test]
fn a_sign_in_is_no_consent_nor_a_consent_a_sign_in() {
    let device = Device::es256();
    let lookup = |_: &CredentialId| Some(known(&device, 0));
    let (_, pending) = begun(&device);
    // The very random of the consent, as the challenge of a sign-in.
    let signed_in = Answer::to_get(&device, &[3; 32], user().as_bytes()).got(&device);
    let outcome = consent(&device, ACT, pending, &signed_in);
    assert_eq!(outcome, Err(PasskeyError::WrongChallenge));
    let (answer, _) = begun(&device);
    let (_, pending) = party().begin_assertion(&[], [3; 32], NOW);
    let outcome = party().finish_assertion(pending, &answer, lookup, NOW);
    assert_eq!(outcome, Err(PasskeyError::WrongChallenge));
}

#[test]
fn a_consent_is_checked_like_a_sign_in() {
    let (mine, other) = (Device::es256(), Device::eddsa());
    let allow = [CredentialId::new(&mine.id).unwrap()];
    let (options, pending) = party().begin_assertion_over(&ACT, &allow, [3; 32], NOW);
    let answer = Answer::to_get(&other, &challenge(&options), user().as_bytes()).got(&other);
    let outcome = consent(&other, ACT, pending, &answer);
    assert_eq!(outcome, Err(PasskeyError::UnknownCredential));
    let (answer, pending) = begun(&mine);
    let lookup = |_: &CredentialId| Some(known(&mine, 0));
    let late = NOW.plus_ms(CHALLENGE_AGE_MS_MAX + 1);
    let outcome = party().finish_assertion_over(pending, &ACT, &answer, lookup, late);
    assert_eq!(outcome, Err(PasskeyError::Expired));
    let (options, pending) = party().begin_assertion_over(&ACT, &[], [3; 32], NOW);
    let mut answer = Answer::to_get(&mine, &challenge(&options), user().as_bytes());
    answer.flags = super::forge::UP;
    let outcome = consent(&mine, ACT, pending, &answer.got(&mine));
    assert_eq!(outcome, Err(PasskeyError::UserUnverified));
}
