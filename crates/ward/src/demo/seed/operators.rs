//! The demo's two operators: persons with every role, whose passkeys are bytes in a file.
//!
//! `operators.json` (mode 0600) holds them, for the tour, the console's tests and whoever plays
//! with the demo: they sign in and consent as anyone does. On a real Ward the first operator comes
//! by the link printed at start.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Value, json};
use ward_model::record::{OperatorSet, PasskeyRegistered};
use ward_model::{
    EnrolmentId, Octets, PasskeyId, PersonId, PrincipalKind, Record, Roles, Text, UnixMillis,
};
use ward_people::person::id_text;
use ward_signin::passkey::{RelyingParty, UserHandle};
use ward_signin::soft::{Counter, SoftAuthenticator};

use super::{Kept, secret_file};
use crate::clock;

/// The file of the operators' passkeys.
pub const FILE: &str = "operators.json";
/// Keys of the two in that file, and their user names.
const TWO: [(&str, &str); 2] = [("one", "operator-one"), ("two", "operator-two")];

/// Makes what is missing of the two; says who the first is.
pub(super) async fn seed(old: &Kept<'_>, dir: &Path, urls: &Value) -> Result<PersonId> {
    let before: Value = std::fs::read_to_string(dir.join(FILE))
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let base = urls.get("console_url").and_then(Value::as_str).unwrap_or_default();
    let party = RelyingParty::of_site(base, "Ward").context("the console's address")?;
    let mut file = json!({ "origin": party.origin() });
    let mut first = PersonId::default();
    for (key, user_name) in TWO {
        let (person, passkey) = match kept(old, &before, key) {
            Some(kept) => kept,
            None => made(old, &party, user_name).await?,
        };
        if first == PersonId::default() {
            first = person;
        }
        let shown = json!({ "person": id_text(person), "passkey": passkey });
        if let Some(file) = file.as_object_mut() {
            file.insert(key.to_owned(), shown);
        }
    }
    secret_file(&dir.join(FILE), serde_json::to_string_pretty(&file)?.as_bytes())?;
    Ok(first)
}

/// One of the two as the file and the journal still know him.
fn kept(old: &Kept<'_>, before: &Value, key: &str) -> Option<(PersonId, Value)> {
    let one = before.get(key)?;
    let person = ward_people::person::parse_id(one.get("person")?.as_str()?)?;
    let holds = old.app.operators.read(|it| {
        let office = it.operators().office(person).is_some();
        office && it.operators().passkeys_of(person).next().is_some()
    });
    holds.then(|| Some((person, one.get("passkey")?.clone())))?
}

async fn made(old: &Kept<'_>, party: &RelyingParty, user_name: &str) -> Result<(PersonId, Value)> {
    let person = old.person(user_name, &format!("{user_name}@shop.example"), "Operator").await?;
    let user = UserHandle::new(&person.0).ok_or_else(|| anyhow!("a person's id is no handle"))?;
    let mut soft = SoftAuthenticator::new(Counter::Zero);
    let now = clock::now();
    let (options, pending) = party.begin_registration(&user, user_name, &[], clock::random(), now);
    let answer = soft.create(&options, party.origin()).context("a passkey was not made")?;
    let new = party
        .finish_registration(pending, answer.as_bytes(), |_| false, now)
        .context("the demo's own passkey is refused")?;
    let person_key = old.app.ledger.principal_key(PrincipalKind::Person, &id_text(person));
    let number = i64::from_le_bytes(clock::random()) & i64::MAX;
    let octets = |bytes: &[u8]| Octets::new(bytes).map_err(|_| anyhow!("a passkey is too long"));
    let registered = PasskeyRegistered {
        passkey: PasskeyId(number.max(1)),
        person,
        enrolment: EnrolmentId::NONE,
        credential: octets(new.credential_id.as_bytes())?,
        public_key: octets(&new.public_key)?,
        aaguid: new.aaguid,
        name: Text::cut("a passkey in a file"),
    };
    let set = OperatorSet { person, person_key, roles: Roles::every_persons() };
    let group: Vec<Record> = vec![registered.into(), set.into()];
    append(old, group, now).await?;
    let kept = soft.to_json().context("a passkey cannot be kept")?;
    Ok((person, serde_json::from_slice(kept.expose())?))
}

async fn append(old: &Kept<'_>, group: Vec<Record>, now: UnixMillis) -> Result<()> {
    let recorded = old.app.journal.append(group, now).await;
    recorded.map(|_| ()).context("an operator could not be recorded")
}
