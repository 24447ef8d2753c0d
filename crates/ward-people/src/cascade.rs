//! The cascade: what is still to be taken back from a leaver, and the records that do it.
//!
//! Pure: no clock, file, socket or random source. It holds no state of its own either. What is
//! left to do is worked out each time from [`Holdings`], which is rebuilt from records, so a run
//! that was cut off anywhere is resumed by asking again, and a repeated signal finds nothing to do.
//! What it must never do: put anything in front of `PrincipalSuspended`, the one record that makes
//! every token, session and API key of the leaver refuse.
//! Where it sits: `life.rs` appends what [`next`] says, one group at a time, and asks again.
//! Best test: `cascade/tests.rs` (each prefix of the records, then a restart: the same end,
//! nothing doubled).

use ward_model::record::{
    ApiKeyRevoked, CascadeFinished, CascadeStarted, CascadeStep, ClientRevoked,
    GrandfatheringClosed, KeyStateChanged, PersonPut, PrincipalRestored, PrincipalRevoked,
    PrincipalSuspended,
};
use ward_model::word::{CascadeStepKind, Cause, KeyState, PersonState, StepOutcome};
use ward_model::{ApiKeyId, CascadeId, KeyNumber, PersonId, PrincipalKey, Record, UnixMillis};

use crate::holdings::{Custody, Holdings, KeyHeld, PersonHeld, Run};

/// One thing to take back, in the order in which it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Suspend the principal and end his tokens for good.
    Suspend,
    /// Let no more old tokens of a key in.
    Grandfathering(KeyNumber),
    /// Treat a key as being in other hands. `since` is `None` when that is known already and the
    /// run has only to name the key.
    SigningKey {
        /// The key.
        key: KeyNumber,
        /// The earliest moment he could read it.
        since: Option<UnixMillis>,
    },
    /// Revoke a client he answers for.
    Client(PrincipalKey),
    /// Revoke an API key that acts for him.
    ApiKey(ApiKeyId),
}

/// What is still to be taken back from `person`, in order; empty when he has not left or nothing
/// is left. With `signalled` he is treated as a leaver: a preview of what leaving would do.
#[must_use]
pub fn plan(view: &Holdings, person: PersonId, signalled: bool) -> Vec<Step> {
    let Some(held) = view.person(person) else { return Vec::new() };
    if !signalled && !view.is_out(person) {
        return Vec::new();
    }
    let run = running(view, person).map(|(_, run)| run);
    let mut steps = Vec::new();
    if !is_cut(view, held) {
        steps.push(Step::Suspend);
    }
    let keys: Vec<_> = view.keys_of(person).collect();
    let old_tokens = keys.iter().filter(|(key, ..)| view.grandfathers(*key));
    steps.extend(old_tokens.map(|&(key, ..)| Step::Grandfathering(key)));
    steps.extend(keys.iter().filter_map(|&(key, it, custody)| key_step(run, key, it, custody)));
    let clients = view.clients_of(person).filter(|(_, client)| !client.revoked);
    steps.extend(clients.map(|(key, _)| Step::Client(key)));
    let api_keys = view.api_keys_of(held.principal_key).filter(|(_, it)| !it.revoked);
    steps.extend(api_keys.map(|(id, _)| Step::ApiKey(id)));
    steps
}

fn key_step(run: Option<&Run>, key: KeyNumber, it: &KeyHeld, custody: Custody) -> Option<Step> {
    let known = it.state == KeyState::Compromised && it.since <= custody.since;
    let named = run.is_none_or(|run| run.has(CascadeStepKind::SigningKey, i64::from(key.0)));
    match (known, named) {
        (true, true) => None,
        (true, false) => Some(Step::SigningKey { key, since: None }),
        (false, _) => Some(Step::SigningKey { key, since: Some(custody.since) }),
    }
}

/// The next group of records, to be appended as one, or `None` when nothing is left to do.
///
/// `signal` is the moment an authority said that he leaves; `None` only continues what records
/// already tell of. After each append ask again with a view that has taken the group in.
#[must_use]
pub fn next(view: &Holdings, person: PersonId, signal: Option<UnixMillis>) -> Option<Vec<Record>> {
    let held = view.person(person)?;
    let leaves = signal.is_some() && held.state != PersonState::Left;
    let steps = plan(view, person, leaves);
    let Some((cascade, run)) = running(view, person) else {
        let unbegun = view.is_out(person) && !held.cascade_begun;
        if leaves || unbegun || !steps.is_empty() {
            return Some(first_group(view, person, held, signal));
        }
        return confirm(view, person);
    };
    // CRASH: the first group is appended as one, and is completed here should a journal ever
    // hand back a part of it.
    if steps.first() == Some(&Step::Suspend) || held.state != PersonState::Left {
        let mut group = cut(view, person, held);
        group.extend(suspend_step(run, cascade));
        return Some(group);
    }
    match steps.first() {
        Some(&step) => Some(records_of(view, cascade, step)),
        None => Some(match suspend_step(run, cascade) {
            Some(missing) => vec![missing],
            None => vec![finish(cascade, run)],
        }),
    }
}

/// The records that bring a leaver back, or `None` when he has not left or another cause keeps him
/// suspended. What was revoked stays revoked; keys he could read stay compromised.
///
/// MUST be asked only when [`next`] has nothing left to do: leaving is finished before returning.
#[must_use]
pub fn back(view: &Holdings, person: PersonId) -> Option<Vec<Record>> {
    let held = view.person(person)?;
    let returns = held.state == PersonState::Left;
    if !returns || view.is_suspended_otherwise(held.principal_key) {
        return None;
    }
    // INVARIANT: restored first. Were only the first record to survive, he would still be a
    // leaver by state, and the cascade would suspend him again.
    let restored = PrincipalRestored {
        principal: held.principal,
        principal_key: held.principal_key,
        cause: Cause::Returned,
    };
    Some(vec![restored.into(), put(person, held, PersonState::Active)])
}

/// Whether a record can leave something to do for a cascade that rests: the program then calls
/// `People::tend`.
#[must_use]
pub fn concerns(record: &Record) -> bool {
    matches!(
        record,
        Record::KeyAdded(_)
            | Record::KeyStateChanged(_)
            | Record::KeyHolderDeclared(_)
            | Record::KeyHoldersUnknown(_)
            | Record::GrandfatheringOpened(_)
            | Record::ApiKeyIssued(_)
            | Record::ClientRegistered(_)
            | Record::PrincipalRestored(_)
    )
}

/// The unfinished run of a person.
fn running(view: &Holdings, person: PersonId) -> Option<(CascadeId, &Run)> {
    view.runs_of(person).find(|(_, run)| run.finished_at.is_none())
}

fn is_cut(view: &Holdings, held: &PersonHeld) -> bool {
    view.is_suspended_as_leaver(held.principal_key) && held.tokens_revoked
}

fn first_group(
    view: &Holdings,
    person: PersonId,
    held: &PersonHeld,
    signal: Option<UnixMillis>,
) -> Vec<Record> {
    let cascade = view.next_run();
    let mut group = cut(view, person, held);
    let signalled_at = signal.unwrap_or(held.since);
    group.push(CascadeStarted { cascade, person, cause: Cause::Left, signalled_at }.into());
    group.push(step_record(cascade, CascadeStepKind::Suspend, 0, StepOutcome::Done));
    group
}

/// What makes every credential of his refuse, as far as it is missing.
fn cut(view: &Holdings, person: PersonId, held: &PersonHeld) -> Vec<Record> {
    let (principal, principal_key) = (held.principal, held.principal_key);
    let mut group = Vec::new();
    if !view.is_suspended_as_leaver(principal_key) {
        group.push(PrincipalSuspended { principal, principal_key, cause: Cause::Left }.into());
    }
    if held.state != PersonState::Left {
        group.push(put(person, held, PersonState::Left));
    }
    if !held.tokens_revoked {
        group.push(PrincipalRevoked { principal, principal_key, cause: Cause::Left }.into());
    }
    group
}

fn suspend_step(run: &Run, cascade: CascadeId) -> Option<Record> {
    let missing = !run.has(CascadeStepKind::Suspend, 0);
    missing.then(|| step_record(cascade, CascadeStepKind::Suspend, 0, StepOutcome::Done))
}

/// WHY the digest is taken from the view: it covers the attributes alone, so a leaver can be cut
/// without a database being asked anything.
fn put(person: PersonId, held: &PersonHeld, state: PersonState) -> Record {
    PersonPut {
        person,
        principal: held.principal,
        principal_key: held.principal_key,
        state,
        row_digest: held.row_digest,
    }
    .into()
}

fn records_of(view: &Holdings, cascade: CascadeId, step: Step) -> Vec<Record> {
    let cause = Cause::Left;
    let done = |kind, target| step_record(cascade, kind, target, StepOutcome::Done);
    match step {
        Step::Suspend => Vec::new(),
        Step::Grandfathering(key) => vec![
            GrandfatheringClosed { key, cause }.into(),
            done(CascadeStepKind::Grandfathering, i64::from(key.0)),
        ],
        Step::SigningKey { key, since } => {
            let state = KeyState::Compromised;
            let changed = since.map(|since| KeyStateChanged { key, state, since, cause }.into());
            let outcome =
                if needs_replacement(view, key) { StepOutcome::Open } else { StepOutcome::Done };
            let kind = CascadeStepKind::SigningKey;
            let named = step_record(cascade, kind, i64::from(key.0), outcome);
            changed.into_iter().chain([named]).collect()
        }
        Step::Client(client_key) => vec![
            ClientRevoked { client_key, cause }.into(),
            done(CascadeStepKind::Client, client_target(client_key)),
        ],
        Step::ApiKey(api_key) => {
            vec![ApiKeyRevoked { api_key, cause }.into(), done(CascadeStepKind::ApiKey, api_key.0)]
        }
    }
}

/// Whether a key must be followed by another that nobody who left could read. A key that signed no
/// more is only marked.
fn needs_replacement(view: &Holdings, key: KeyNumber) -> bool {
    view.key(key).is_some_and(|it| it.state != KeyState::Retired) && !view.is_replaced(key)
}

/// A step left open by a finished run that is done by now: the new key signs.
fn confirm(view: &Holdings, person: PersonId) -> Option<Vec<Record>> {
    let open = view.runs_of(person).flat_map(|(id, run)| run.open().map(move |it| (id, it)));
    let replaced =
        |target: i64| i32::try_from(target).is_ok_and(|number| view.is_replaced(KeyNumber(number)));
    open.filter(|(_, (kind, _))| *kind == CascadeStepKind::SigningKey)
        .find(|(_, (_, target))| replaced(*target))
        .map(|(cascade, (kind, target))| {
            vec![step_record(cascade, kind, target, StepOutcome::Done)]
        })
}

fn finish(cascade: CascadeId, run: &Run) -> Record {
    let open = i32::try_from(run.open().count()).unwrap_or(i32::MAX);
    CascadeFinished { cascade, open }.into()
}

fn step_record(
    cascade: CascadeId,
    step: CascadeStepKind,
    target: i64,
    outcome: StepOutcome,
) -> Record {
    CascadeStep { cascade, step, target, outcome }.into()
}

/// A client in a step's target: the first eight bytes of its key, little endian.
#[must_use]
pub fn client_target(client: PrincipalKey) -> i64 {
    client.0.first_chunk::<8>().map_or(0, |bytes| i64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests;
