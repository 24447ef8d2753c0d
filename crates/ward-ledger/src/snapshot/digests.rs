//! Tokens known by a digest in a snapshot.

use core::sync::atomic::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use ward_model::PrincipalKey;

use crate::by_digest::{Bucket, ByDigest};
use crate::state::Shared;
use crate::table::Table;

use super::code::{In, Out};
use super::parts::{State, put_table, take_entry};

pub(crate) fn put_digests(state: &State<'_>, out: &mut Out) {
    let ByDigest { buckets, clients, keys, dropped_to, lost, used } = &state.shared.digests;
    out.put(&used.load(Ordering::Acquire));
    out.put(&dropped_to.load(Ordering::Acquire));
    for moment in lost {
        out.put(&moment.load(Ordering::Acquire));
    }
    let (clients, keys, buckets) = (clients.load(), keys.load(), buckets.load());
    out.u64(clients.len() as u64);
    clients.iter().for_each(|client| out.put(client));
    out.u64(keys.len() as u64);
    keys.iter().for_each(|key| out.put(key));
    out.u64(buckets.len() as u64);
    for (end, bucket) in buckets.iter() {
        let Bucket { table, live } = &**bucket;
        out.put(end);
        let live = live.lock().unwrap_or_else(PoisonError::into_inner);
        out.u64(live.len() as u64);
        for (key, count) in live.iter() {
            out.put(key);
            out.u64(*count);
        }
        out.u64(table.count() as u64);
        put_table(table, out);
        out.entries_end();
    }
}

pub(crate) fn take_digests(input: &mut In<'_>, shared: &mut Shared) -> Option<()> {
    let (used, dropped_to): (bool, i64) = (input.take()?, input.take()?);
    let lost: [i64; 2] = [input.take()?, input.take()?];
    let mut clients: Vec<PrincipalKey> = Vec::new();
    for _ in 0..input.u64()? {
        clients.push(input.take()?);
    }
    let mut keys = BTreeSet::new();
    for _ in 0..input.u64()? {
        keys.insert(input.take()?);
    }
    let mut buckets = BTreeMap::new();
    for _ in 0..input.u64()? {
        let end: i64 = input.take()?;
        let mut live = BTreeMap::new();
        for _ in 0..input.u64()? {
            live.insert(input.take()?, input.u64()?);
        }
        let table = Table::new();
        for _ in 0..input.u64()? {
            take_entry(input, &table)?;
        }
        buckets.insert(end, Arc::new(Bucket { table, live: Mutex::new(live) }));
    }
    shared.digests = ByDigest {
        buckets: ArcSwap::from_pointee(buckets),
        clients: ArcSwap::from_pointee(clients),
        keys: ArcSwap::from_pointee(keys),
        dropped_to: dropped_to.into(),
        lost: lost.map(Into::into),
        used: used.into(),
    };
    Some(())
}
