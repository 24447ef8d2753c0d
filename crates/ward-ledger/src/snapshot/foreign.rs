//! The part of a snapshot about foreign issuers: declarations, keys, holders and books.
//!
//! What is remembered of verified signatures is not written: it costs one verification each.

use std::sync::Arc;

use ward_model::column::{Octets, Text};
use ward_model::record::IssuerKeySeen;
use ward_model::{IssuerNumber, UnixMillis};

use crate::foreign::{Alarm, Book, ForeignKey, Issuer, Mapping, Order, Sighting, Totals};
use crate::grandfather::Window;
use crate::keys::Holder;
use crate::state::Shared;

use super::code::{In, Out};
use super::parts::State;

pub(super) fn put_foreign(state: &State<'_>, out: &mut Out) {
    for issuer in state.shared.foreign.all().iter() {
        put_issuer(issuer, out);
        issuer.with_book(|book| put_book(book, out));
    }
}

pub(super) fn take_foreign(input: &mut In<'_>, shared: &mut Shared) -> Option<()> {
    let mut issuers = Vec::new();
    input.entries(|input| {
        issuers.push(Arc::new(take_issuer(input)?));
        Some(())
    })?;
    shared.foreign.restore(issuers);
    Some(())
}

fn put_issuer(issuer: &Issuer, out: &mut Out) {
    let Mapping { principal, kind, kinds, tenant, client } = &issuer.mapping;
    out.put(&issuer.number);
    for text in [&issuer.name, &issuer.url, principal] {
        out.bytes(text.as_bytes());
    }
    out.u64(issuer.audiences.len() as u64);
    issuer.audiences.iter().for_each(|one| out.bytes(one.as_bytes()));
    out.put(&issuer.life_ms_max);
    out.put(&issuer.reports);
    for claim in [kind, tenant, client] {
        out.option(claim.as_ref(), |out, name| out.bytes(name.as_bytes()));
    }
    out.u64(kinds.len() as u64);
    kinds.iter().for_each(|kind| out.put(kind));
    out.put(&issuer.withdrawn);
    out.put(&issuer.since);
    out.u64(issuer.keys.len() as u64);
    for key in &issuer.keys {
        out.put(&key.number);
        out.bytes(key.kid.as_bytes());
        out.put(&key.algorithm);
        out.bytes(&key.public_key);
        out.put(&key.state);
        out.put(&key.since);
    }
    out.u64(issuer.holders.len() as u64);
    for (secret, Holder { person, person_key, since, evidence }) in &issuer.holders {
        out.put(secret);
        out.put(person);
        out.put(person_key);
        out.put(since);
        out.put(evidence);
    }
    out.option(issuer.grandfathering.as_ref(), |out, window| {
        let Window { cut_over, life_ms_max, closes_at, closed } = window;
        out.put(cut_over);
        out.put(life_ms_max);
        out.put(closes_at);
        out.put(closed);
    });
}

fn take_issuer(input: &mut In<'_>) -> Option<Issuer> {
    let number: IssuerNumber = input.take()?;
    let (name, url, principal) = (input.text()?, input.text()?, input.text()?);
    let mut audiences = Vec::new();
    for _ in 0..input.u64()? {
        audiences.push(input.text()?);
    }
    let (life_ms_max, reports) = (input.take()?, input.take()?);
    let (kind, tenant) = (input.option(In::text)?, input.option(In::text)?);
    let client = input.option(In::text)?;
    let mut kinds = Vec::new();
    for _ in 0..input.u64()? {
        kinds.push(input.take()?);
    }
    let mapping = Mapping { principal, kind, kinds, tenant, client };
    let (withdrawn, since) = (input.take()?, input.take()?);
    let mut keys = Vec::new();
    for _ in 0..input.u64()? {
        keys.push(Arc::new(take_key(input, number)?));
    }
    let mut holders = Vec::new();
    for _ in 0..input.u64()? {
        let secret = input.take()?;
        let (person, person_key) = (input.take()?, input.take()?);
        let (since, evidence) = (input.take()?, input.take()?);
        holders.push((secret, Holder { person, person_key, since, evidence }));
    }
    let grandfathering = input.option(|input| {
        let (cut_over, life_ms_max) = (input.take()?, input.take()?);
        let (closes_at, closed) = (input.take()?, input.take()?);
        Some(Window { cut_over, life_ms_max, closes_at, closed })
    })?;
    let book = take_book(input)?;
    let issuer = Issuer {
        number,
        name,
        url,
        audiences,
        life_ms_max,
        reports,
        mapping,
        withdrawn,
        keys,
        holders,
        grandfathering,
        since,
        shared: Arc::default(),
    };
    issuer.set_book(book);
    Some(issuer)
}

fn take_key(input: &mut In<'_>, issuer: IssuerNumber) -> Option<ForeignKey> {
    let (number, kid, algorithm) = (input.take()?, input.text()?, input.take()?);
    let public_key = Octets::new(input.bytes()?).ok()?;
    let (state, since) = (input.take()?, input.take::<UnixMillis>()?);
    let kid = Text::new(kid).ok()?;
    let seen = IssuerKeySeen { issuer, key: number, kid, algorithm, public_key };
    let mut key = ForeignKey::new(&seen, since);
    key.state = state;
    Some(key)
}

fn put_book(book: &Book, out: &mut Out) {
    let Book {
        order,
        totals,
        last_said,
        reporting_since,
        sightings,
        ends,
        unsure,
        hours,
        principals,
        principals_full,
        alarms,
    } = book;
    put_order(order, out);
    let Totals { reported, late, voided, unreported, pinned, forgotten } = totals;
    for count in [reported, late, voided, unreported, pinned, forgotten] {
        out.u64(*count);
    }
    out.option(last_said.as_ref(), |out, at| out.put(at));
    out.option(reporting_since.as_ref(), |out, second| out.put(second));
    let mut names: Vec<_> = sightings.iter().collect();
    names.sort_unstable_by_key(|(name, _)| **name);
    out.u64(names.len() as u64);
    for (name, Sighting { id, key, principal, issued_at }) in names {
        out.put(name);
        out.put(id);
        out.put(key);
        out.put(principal);
        out.put(issued_at);
    }
    out.u64(ends.len() as u64);
    for (hour, names) in ends {
        out.put(hour);
        out.u64(names.len() as u64);
        names.iter().for_each(|name| out.put(name));
    }
    out.u64(unsure.len() as u64);
    for (second, id) in unsure {
        out.put(second);
        out.put(id);
    }
    out.u64(hours.len() as u64);
    for (hour, (tokens, before)) in hours {
        out.put(hour);
        out.u64(*tokens);
        out.u64(*before);
    }
    let mut seen: Vec<_> = principals.iter().collect();
    seen.sort_unstable_by_key(|(principal, _)| principal.0);
    out.u64(seen.len() as u64);
    for (principal, hour) in seen {
        out.put(principal);
        out.put(hour);
    }
    out.put(principals_full);
    out.u64(alarms.len() as u64);
    for Alarm { kind, key, principal, about } in alarms {
        out.put(kind);
        out.put(key);
        out.put(principal);
        out.put(about);
    }
}

fn put_order(order: &Order, out: &mut Out) {
    let Order { next, ahead, contents, before, gap_since } = order;
    out.put(next);
    out.u64(ahead.len() as u64);
    for (place, issued_at) in ahead {
        out.put(place);
        out.option(issued_at.as_ref(), |out, second| out.put(second));
    }
    out.u64(contents.len() as u64);
    for (place, content) in contents {
        out.put(place);
        out.put(content);
    }
    out.put(before);
    out.option(gap_since.as_ref(), |out, since| out.put(since));
}

fn take_book(input: &mut In<'_>) -> Option<Book> {
    let mut book = Book { order: take_order(input)?, ..Book::default() };
    let Totals { reported, late, voided, unreported, pinned, forgotten } = &mut book.totals;
    for count in [reported, late, voided, unreported, pinned, forgotten] {
        *count = input.u64()?;
    }
    book.last_said = input.option(In::take)?;
    book.reporting_since = input.option(In::take)?;
    for _ in 0..input.u64()? {
        let (name, id, key) = (input.take()?, input.take()?, input.take()?);
        let (principal, issued_at) = (input.take()?, input.take()?);
        book.sightings.insert(name, Sighting { id, key, principal, issued_at });
    }
    for _ in 0..input.u64()? {
        let hour = input.take()?;
        let names = book.ends.entry(hour).or_default();
        for _ in 0..input.u64()? {
            names.push(input.take()?);
        }
    }
    for _ in 0..input.u64()? {
        book.unsure.insert((input.take()?, input.take()?));
    }
    for _ in 0..input.u64()? {
        book.hours.insert(input.take()?, (input.u64()?, input.u64()?));
    }
    for _ in 0..input.u64()? {
        book.principals.insert(input.take()?, input.take()?);
    }
    book.principals_full = input.take()?;
    for _ in 0..input.u64()? {
        let (kind, key) = (input.take()?, input.take()?);
        let (principal, about) = (input.take()?, input.take()?);
        book.alarms.push(Alarm { kind, key, principal, about });
    }
    Some(book)
}

fn take_order(input: &mut In<'_>) -> Option<Order> {
    let mut order = Order { next: input.take()?, ..Order::default() };
    for _ in 0..input.u64()? {
        order.ahead.insert(input.take()?, input.option(In::take)?);
    }
    for _ in 0..input.u64()? {
        order.contents.insert(input.take()?, input.take()?);
    }
    order.before = input.take()?;
    order.gap_since = input.option(In::take)?;
    Some(order)
}
