//! The software authenticator before the relying party, and what a browser would refuse.

use ward_model::UnixMillis;

use super::*;
use crate::passkey::{CredentialId, Known, PasskeyError, Registered, RelyingParty, UserHandle};

const ORIGIN: &str = "http://localhost:7780";
const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);

fn party() -> RelyingParty {
    RelyingParty::of_site("http://127.0.0.1:7780", "Ward").unwrap()
}

fn user() -> UserHandle {
    UserHandle::new(b"operator one").unwrap()
}

fn registered(soft: &mut SoftAuthenticator) -> Registered {
    let (options, pending) = party().begin_registration(&user(), "One", &[], [1; 32], NOW);
    let answer = soft.create(&options, ORIGIN).unwrap();
    party().finish_registration(pending, answer.as_bytes(), |_| false, NOW).unwrap()
}

fn known(of: &Registered, sign_count: u32) -> Known {
    Known { public_key: of.public_key.clone(), sign_count, user_handle: user() }
}

fn signed_in(
    soft: &mut SoftAuthenticator,
    of: &Registered,
    sign_count: u32,
) -> Result<u32, PasskeyError> {
    let (options, pending) = party().begin_assertion(&[], [2; 32], NOW);
    let answer = soft.get(&options, ORIGIN).unwrap();
    let lookup = |id: &CredentialId| (*id == of.credential_id).then(|| known(of, sign_count));
    let done = party().finish_assertion(pending, answer.as_bytes(), lookup, NOW)?;
    Ok(done.sign_count)
}

#[test]
fn it_registers_signs_in_and_consents() {
    let mut soft = SoftAuthenticator::new(Counter::Rising);
    let mine = registered(&mut soft);
    assert_eq!((mine.sign_count, mine.backed_up, mine.aaguid), (1, false, [0; 16]));
    assert_eq!(signed_in(&mut soft, &mine, 1), Ok(2));
    let (options, pending) = party().begin_assertion_over(&[7; 32], &[], [3; 32], NOW);
    let answer = soft.get(&options, ORIGIN).unwrap();
    let lookup = |_: &CredentialId| Some(known(&mine, 2));
    let done = party().finish_assertion_over(pending, &[7; 32], answer.as_bytes(), lookup, NOW);
    assert_eq!(done.unwrap().sign_count, 3);
}

#[test]
fn a_copy_of_one_that_counts_is_found_out() {
    let mut soft = SoftAuthenticator::new(Counter::Rising);
    let mine = registered(&mut soft);
    let mut copy = SoftAuthenticator::from_json(soft.to_json().unwrap().expose()).unwrap();
    let count = signed_in(&mut soft, &mine, 1).unwrap();
    let thief = signed_in(&mut copy, &mine, count);
    assert_eq!(thief, Err(PasskeyError::Cloned { stored: 2, seen: 2 }));
}

#[test]
fn one_at_zero_is_a_synced_passkey() {
    let mut soft = SoftAuthenticator::new(Counter::Zero);
    let mine = registered(&mut soft);
    assert!(mine.backup_eligible && mine.backed_up);
    let mut copy = SoftAuthenticator::from_json(soft.to_json().unwrap().expose()).unwrap();
    assert_eq!(signed_in(&mut soft, &mine, 0), Ok(0));
    assert_eq!(signed_in(&mut copy, &mine, 0), Ok(0));
}

#[test]
fn it_refuses_what_a_browser_refuses() {
    let mut soft = SoftAuthenticator::new(Counter::Rising);
    let mine = registered(&mut soft);
    let exclude = [mine.credential_id];
    let (options, _pending) = party().begin_registration(&user(), "One", &exclude, [1; 32], NOW);
    assert_eq!(soft.create(&options, ORIGIN), Err(SoftError::AlreadyRegistered));
    let (options, _pending) = party().begin_registration(&user(), "One", &[], [1; 32], NOW);
    for origin in ["https://evil.example", "http://127.0.0.1:7780", "http://localhost:7780/", ""] {
        assert_eq!(soft.create(&options, origin), Err(SoftError::Origin), "{origin}");
    }
    let other = options.replace("-7", "-8");
    assert_eq!(soft.create(&other, ORIGIN), Err(SoftError::KeyNotOffered));
    let (options, _pending) = party().begin_assertion(&[], [2; 32], NOW);
    assert_eq!(soft.get(&options, "https://evil.example"), Err(SoftError::Origin));
    assert_eq!(soft.get("{}", ORIGIN), Err(SoftError::Options));
    let unknown = [CredentialId::new(&[9]).unwrap()];
    let (options, _pending) = party().begin_assertion(&unknown, [2; 32], NOW);
    assert_eq!(soft.get(&options, ORIGIN), Err(SoftError::NoCredential));
    let elsewhere = RelyingParty::of_site("https://ward.example", "Ward").unwrap();
    let (options, _pending) = elsewhere.begin_assertion(&[], [2; 32], NOW);
    assert_eq!(soft.get(&options, "https://ward.example"), Err(SoftError::NoCredential));
}

#[test]
fn a_kept_form_that_is_newer_or_not_one_is_refused() {
    let soft = SoftAuthenticator::new(Counter::Zero);
    let kept = String::from_utf8(soft.to_json().unwrap().expose().clone()).unwrap();
    assert_eq!(kept, r#"{"version":1,"counter":"zero","credentials":[]}"#);
    assert!(SoftAuthenticator::from_json(kept.as_bytes()).is_ok());
    for spoilt in [kept.replace(":1,", ":2,"), kept.replace('}', ",\"x\":1}"), "x".into()] {
        let read = SoftAuthenticator::from_json(spoilt.as_bytes());
        assert_eq!(read.err(), Some(SoftError::Kept), "{spoilt}");
    }
}

/// What `interop/lib/passkey.py` kept, and the public key it had registered, as COSE_Key.
#[test]
fn what_its_twin_in_python_kept_serves_here() {
    let mut soft = SoftAuthenticator::from_json(include_bytes!("kept-by-python.json")).unwrap();
    let public_key = "pQECAyYgASFYIDQd87At1hStfN_SHA0lBHI0peyaDStyTtHPf_FjNbWTIlgg8KeS9KHRTvDO8aYFYX\
                      FM_g_zRzaO8jrWNrmtC4Xy_kA";
    let id = "uXa9XKzIa7gKLbnCSCjtaYhXgENKQQ-WCYW3JKqJW5o";
    let bytes = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
    let theirs = Registered {
        credential_id: CredentialId::new(&bytes(id)).unwrap(),
        public_key: bytes(public_key),
        aaguid: [0; 16],
        sign_count: 2,
        backup_eligible: false,
        backed_up: false,
    };
    assert_eq!(signed_in(&mut soft, &theirs, 2), Ok(3));
}
