//! The parts of a snapshot: for each piece of state how it is written and how it is taken back.
//!
//! To add a part: one function that puts, one that takes, one line in [`PARTS`]. [`covered`] names
//! every field of the state, so that one that is forgotten here does not compile.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use core::sync::atomic::Ordering;

use ward_model::UnixMillis;
use ward_model::record::Restored;

use crate::api_key::{ApiKey, Client, Credentials};
use crate::grandfather::Window;
use crate::keys::{Holder, Key, Moment};
use crate::state::{Shared, Snapshot};
use crate::table::Table;
use crate::terms::Terms;
use crate::view::Writer;

use super::client_terms::{put_client_terms, take_client_terms};
use super::code::{In, Out};
use super::digests::{put_digests, take_digests};
use super::foreign::{put_foreign, take_foreign};
use super::slots::{put_origins, take_origins};

/// What is written: everything readers and the writer share, under the writer's lock.
pub(crate) struct State<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) writer: &'a Writer,
}

/// One part.
pub(crate) struct Part {
    pub(crate) tag: u16,
    pub(crate) put: fn(&State<'_>, &mut Out),
    pub(crate) take: fn(&mut In<'_>, &mut Shared) -> Option<()>,
}

/// Every part, in the order of the file. FORMAT: tags are final.
pub(crate) const PARTS: &[Part] = &[
    Part { tag: 16, put: put_clock, take: take_clock },
    Part { tag: 17, put: put_keys, take: take_keys },
    Part { tag: 18, put: put_modes, take: take_modes },
    Part { tag: 19, put: put_principals, take: take_principals },
    Part { tag: 20, put: put_clients, take: take_clients },
    Part { tag: 21, put: put_pins, take: take_pins },
    Part { tag: 22, put: put_api_keys, take: take_api_keys },
    Part { tag: 23, put: put_registered, take: take_registered },
    Part { tag: 24, put: put_people, take: take_people },
    Part { tag: 25, put: put_origins, take: take_origins },
    Part { tag: 26, put: put_digests, take: take_digests },
    Part { tag: 27, put: put_terms, take: take_terms },
    Part { tag: 28, put: put_foreign, take: take_foreign },
    Part { tag: 29, put: put_client_terms, take: take_client_terms },
];

/// Names every field of the state and the part it is in. WHY: a new field must not be forgotten.
#[expect(dead_code, reason = "it is there to be compiled")]
fn covered(state: &State<'_>) {
    let Shared {
        secret: _,      // never written: it keys the file
        bits: _,        // header
        loaded: _,      // header
        snapshot: _,    // the writer's `master`, published
        principals: _,  // 19
        clients: _,     // 20
        pins: _,        // 21
        digests: _,     // 26
        foreign: _,     // 28
        credentials: _, // 22, 23, 29, 27
        people: _,      // 24
        revocations: _, // 16
        faults: _,      // 16
        writer: _,
    } = state.shared;
    let Writer {
        master:
            Snapshot {
                keys: _,     // 17
                origins: _,  // 25, slots
                modes: _,    // 18
                restored: _, // 16
            },
        applied: _,     // header
        time: _,        // 16
        steady_from: _, // 16
        swept_at: _,    // 16
    } = state.writer;
}

fn put_clock(state: &State<'_>, out: &mut Out) {
    out.u64(state.shared.revocations.load(Ordering::Acquire));
    out.u64(state.shared.faults.load(Ordering::Acquire));
    out.option(state.writer.time.as_ref(), |out, time| out.put(time));
    out.put(&state.writer.steady_from);
    out.put(&state.writer.swept_at);
    out.option(state.writer.master.restored.as_ref(), |out, (row, until)| {
        let Restored { backup, backup_size, size } = row;
        out.put(backup);
        out.put(backup_size);
        out.put(size);
        out.put(until);
    });
}

fn take_clock(input: &mut In<'_>, shared: &mut Shared) -> Option<()> {
    shared.revocations = input.u64()?.into();
    shared.faults = input.u64()?.into();
    let writer = shared.writer_mut();
    writer.time = input.option(In::take::<UnixMillis>)?;
    writer.steady_from = input.take()?;
    writer.swept_at = input.take()?;
    writer.master.restored = input.option(|input| {
        let (backup, backup_size, size) = (input.take()?, input.take()?, input.take()?);
        Some((Restored { backup, backup_size, size }, input.take()?))
    })?;
    Some(())
}

fn put_keys(state: &State<'_>, out: &mut Out) {
    for key in state.writer.master.keys.iter() {
        let Key {
            number,
            kid,
            algorithm,
            purpose,
            source,
            issuer,
            public_key,
            state,
            since,
            cause,
            holders,
            holders_unknown_since,
            grandfathering,
            header: _,   // follows from algorithm and kid
            verifier: _, // follows from algorithm and public key
            cut,
            moments,
        } = &**key;
        out.put(number);
        out.bytes(kid.as_bytes());
        out.put(algorithm);
        out.put(purpose);
        out.put(source);
        out.bytes(issuer.as_bytes());
        out.bytes(public_key);
        out.put(state);
        out.put(since);
        out.option(cause.as_ref(), |out, cause| out.put(cause));
        out.u64(holders.len() as u64);
        for Holder { person, person_key, since, evidence } in holders {
            out.put(person);
            out.put(person_key);
            out.put(since);
            out.put(evidence);
        }
        out.option(holders_unknown_since.as_ref(), |out, since| out.put(since));
        out.option(grandfathering.as_ref(), |out, window| {
            let Window { cut_over, life_ms_max, closes_at, closed } = window;
            out.put(cut_over);
            out.put(life_ms_max);
            out.put(closes_at);
            out.put(closed);
        });
        out.u64(*cut);
        out.u64(moments.len() as u64);
        for Moment { revocation, side, moment } in moments {
            out.u64(*revocation);
            out.put(side);
            out.put(moment);
        }
    }
}

fn take_keys(input: &mut In<'_>, shared: &mut Shared) -> Option<()> {
    let keys = Arc::make_mut(&mut shared.writer_mut().master.keys);
    input.entries(|input| {
        let number = input.take()?;
        let kid = input.text()?;
        let (algorithm, purpose, source) = (input.take()?, input.take()?, input.take()?);
        let (issuer, public_key) = (input.text()?, input.bytes()?);
        let mut key = Key::bare(number, kid, algorithm, purpose, source, issuer, public_key);
        key.state = input.take()?;
        key.since = input.take()?;
        key.cause = input.option(In::take)?;
        for _ in 0..input.u64()? {
            key.holders.push(Holder {
                person: input.take()?,
                person_key: input.take()?,
                since: input.take()?,
                evidence: input.take()?,
            });
        }
        key.holders_unknown_since = input.option(In::take)?;
        key.grandfathering = input.option(|input| {
            Some(Window {
                cut_over: input.take()?,
                life_ms_max: input.take()?,
                closes_at: input.take()?,
                closed: input.take()?,
            })
        })?;
        key.cut = input.u64()?;
        for _ in 0..input.u64()? {
            let (revocation, side, moment) = (input.u64()?, input.take()?, input.take()?);
            key.moments.push(Moment { revocation, side, moment });
        }
        keys.admit(key).then_some(())
    })
}

fn put_modes(state: &State<'_>, out: &mut Out) {
    for (issuer, mode) in state.writer.master.modes.iter() {
        out.bytes(issuer.as_bytes());
        out.put(mode);
    }
}

fn take_modes(input: &mut In<'_>, shared: &mut Shared) -> Option<()> {
    let mut modes = BTreeMap::new();
    input.entries(|input| {
        modes.insert(input.text()?, input.take()?);
        Some(())
    })?;
    shared.writer_mut().master.modes = Arc::new(modes);
    Some(())
}

pub(crate) fn put_table(table: &Table, out: &mut Out) {
    table.each(|key, [first, second]| {
        out.entry();
        out.put(&key);
        out.u64(first);
        out.u64(second);
    });
}

pub(crate) fn take_entry(input: &mut In<'_>, table: &Table) -> Option<()> {
    let (key, words) = (input.take()?, [input.u64()?, input.u64()?]);
    table.update(key, |of_key| *of_key = words);
    Some(())
}

fn take_table(input: &mut In<'_>, table: &Table) -> Option<()> {
    input.entries(|input| take_entry(input, table))
}

fn put_principals(state: &State<'_>, out: &mut Out) {
    put_table(&state.shared.principals, out);
}

fn take_principals(input: &mut In<'_>, shared: &mut Shared) -> Option<()> {
    take_table(input, &shared.principals)
}

fn put_clients(state: &State<'_>, out: &mut Out) {
    put_table(&state.shared.clients, out);
}

fn take_clients(input: &mut In<'_>, shared: &mut Shared) -> Option<()> {
    take_table(input, &shared.clients)
}

fn put_pins(state: &State<'_>, out: &mut Out) {
    put_table(&state.shared.pins, out);
}

fn take_pins(input: &mut In<'_>, shared: &mut Shared) -> Option<()> {
    take_table(input, &shared.pins)
}

fn put_api_keys(state: &State<'_>, out: &mut Out) {
    let credentials = state.shared.credentials();
    // `hash_of` follows from `by_hash`; clients and terms are parts of their own.
    let Credentials { by_hash, hash_of: _, clients: _, terms: _, client_terms: _ } = &*credentials;
    for (hash, key) in by_hash {
        let ApiKey { id, kind, owner_kind, owner, owner_key, expires_at, revoked } = key;
        out.entry();
        out.put(hash);
        out.put(id);
        out.put(kind);
        out.put(owner_kind);
        out.put(owner);
        out.put(owner_key);
        out.put(expires_at);
        out.put(revoked);
    }
}

fn take_api_keys(input: &mut In<'_>, shared: &mut Shared) -> Option<()> {
    let credentials = shared.credentials.get_mut().unwrap_or_else(PoisonError::into_inner);
    input.entries(|input| {
        let hash: [u8; 32] = input.take()?;
        let key = ApiKey {
            id: input.take()?,
            kind: input.take()?,
            owner_kind: input.take()?,
            owner: input.take()?,
            owner_key: input.take()?,
            expires_at: input.take()?,
            revoked: input.take()?,
        };
        credentials.hash_of.insert(key.id, hash);
        credentials.by_hash.insert(hash, key);
        Some(())
    })
}

fn put_terms(state: &State<'_>, out: &mut Out) {
    for (api_key, terms) in &state.shared.credentials().terms {
        let Terms {
            name,
            description,
            scope,
            networks,
            roles,
            answerable,
            issued_at,
            replaces,
            replaced_by,
        } = &**terms;
        out.entry();
        out.put(api_key);
        out.bytes(name.as_bytes());
        out.bytes(description.as_bytes());
        out.bytes(scope.as_bytes());
        out.put(networks);
        out.put(roles);
        out.option(answerable.as_ref(), |out, (person, key)| {
            out.put(person);
            out.put(key);
        });
        out.put(issued_at);
        out.put(replaces);
        out.put(replaced_by);
    }
}

fn take_terms(input: &mut In<'_>, shared: &mut Shared) -> Option<()> {
    let credentials = shared.credentials.get_mut().unwrap_or_else(PoisonError::into_inner);
    input.entries(|input| {
        let api_key = input.take()?;
        let terms = Terms {
            name: input.text()?,
            description: input.text()?,
            scope: input.text()?,
            networks: input.take()?,
            roles: input.take()?,
            answerable: input.option(|input| Some((input.take()?, input.take()?)))?,
            issued_at: input.take()?,
            replaces: input.take()?,
            replaced_by: input.take()?,
        };
        credentials.terms.insert(api_key, Arc::new(terms));
        Some(())
    })
}

fn put_registered(state: &State<'_>, out: &mut Out) {
    for client in state.shared.credentials().clients.values() {
        let Client {
            client_id,
            client_key,
            secret_hash,
            owner,
            owner_key,
            audience,
            scope,
            life_ms_max,
            expires_at,
            revoked,
        } = &**client;
        out.entry();
        out.put(client_key);
        out.bytes(client_id.as_bytes());
        out.put(secret_hash);
        out.put(owner);
        out.put(owner_key);
        out.bytes(audience.as_bytes());
        out.bytes(scope.as_bytes());
        out.put(life_ms_max);
        out.put(expires_at);
        out.put(revoked);
    }
}

fn take_registered(input: &mut In<'_>, shared: &mut Shared) -> Option<()> {
    let credentials = shared.credentials.get_mut().unwrap_or_else(PoisonError::into_inner);
    input.entries(|input| {
        let client = Client {
            client_key: input.take()?,
            client_id: input.text()?,
            secret_hash: input.take()?,
            owner: input.take()?,
            owner_key: input.take()?,
            audience: input.text()?,
            scope: input.text()?,
            life_ms_max: input.take()?,
            expires_at: input.take()?,
            revoked: input.take()?,
        };
        credentials.clients.insert(client.client_key, Arc::new(client));
        Some(())
    })
}

fn put_people(state: &State<'_>, out: &mut Out) {
    let people = state.shared.people.read().unwrap_or_else(PoisonError::into_inner);
    for (key, word) in people.iter() {
        out.entry();
        out.put(key);
        out.put(word);
    }
}

fn take_people(input: &mut In<'_>, shared: &mut Shared) -> Option<()> {
    let people = shared.people.get_mut().unwrap_or_else(PoisonError::into_inner);
    input.entries(|input| {
        people.insert(input.take()?, input.take()?);
        Some(())
    })
}
