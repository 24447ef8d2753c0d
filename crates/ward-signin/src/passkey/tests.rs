//! What a registration, a sign-in and a consent accept, and what each check refuses.

mod consent;
mod forge;
mod forged;
mod kinds;
mod steps;

use ward_model::UnixMillis;

use super::*;
use forge::{Answer, Device};

const ORIGIN: &str = "https://ward.example";
const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);

fn party() -> RelyingParty {
    RelyingParty::of_site(ORIGIN, "Ward").unwrap()
}

fn user() -> UserHandle {
    UserHandle::new(b"operator one").unwrap()
}

/// The challenge that options hold.
fn challenge(options: &str) -> Vec<u8> {
    let options: serde_json::Value = serde_json::from_str(options).unwrap();
    BASE64URL_NOPAD.decode(options["challenge"].as_str().unwrap().as_bytes()).unwrap()
}

/// A registration with `random`, answered with whatever `change` makes of a right answer.
fn register(device: &Device, change: impl FnOnce(&mut Answer)) -> Result<Registered, PasskeyError> {
    let (options, pending) = party().begin_registration(&user(), "One", &[], [1; 32], NOW);
    let mut answer = Answer::to_create(device, &challenge(&options));
    change(&mut answer);
    party().finish_registration(pending, &answer.created(), |_| false, NOW)
}

/// What is kept of a device's credential.
fn known(device: &Device, sign_count: u32) -> Known {
    Known { public_key: device.cose.clone(), sign_count, user_handle: user() }
}

/// A sign-in with any credential, answered with whatever `change` makes of a right answer.
fn sign_in(device: &Device, change: impl FnOnce(&mut Answer)) -> Result<Asserted, PasskeyError> {
    let (options, pending) = party().begin_assertion(&[], [2; 32], NOW);
    let mut answer = Answer::to_get(device, &challenge(&options), user().as_bytes());
    change(&mut answer);
    let lookup = |id: &CredentialId| (id.as_bytes() == device.id).then(|| known(device, 4));
    party().finish_assertion(pending, &answer.got(device), lookup, NOW)
}
