//! Prints how long the set of data subjects of one signing key takes, from bitmaps and by scan.
//!
//! `scope_speed [data subjects] [days] [reads]`: a thief reads them in random order, evenly over the
//! days, with one forged token a read. Records are made as they are read: no disk.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring program: it reads the clock, prints, and stops on any failure"
)]

use std::time::Instant;

use ward_archive::{Agreement, By, Query, Scan, ScopeView, compare};
use ward_model::record::AccessRow;
use ward_model::time::DAY_MS;
use ward_model::word::{Provenance, RouteMode, Task};
use ward_model::*;

/// The record of one read; `index` is permuted so that people come in no order.
fn record(index: i64, people: i64, reads: i64, days: i64) -> (Position, Record) {
    let mut mixed = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let person = i64::try_from((u128::from(mixed) * people as u128) >> 64).unwrap() + 1;
    let mut access = [0; 16];
    access[..8].copy_from_slice(&index.to_be_bytes());
    let row = AccessRow {
        access: AccessId(access),
        row: 0,
        rows: 1,
        principal_kind: PrincipalKind::Customer,
        principal: PrincipalNumber(1_000_000_000 + index % 64),
        principal_key: PrincipalKey::default(),
        api_key: ApiKeyId(0),
        origin: Origin(1),
        sequence: Sequence(index),
        key: KeyNumber(3),
        route: RouteNumber(2),
        task: Task::View,
        source: [0; 16],
        tenant: TenantNumber(0),
        purpose: 0,
        verdict: Verdict::Permit,
        released: true,
        mode: RouteMode::Observe,
        provenance: Provenance::Measured,
        data_subject: DataSubjectNumber(person),
        fields: 7,
        status: 200,
    };
    let since = i128::from(index) * i128::from(days * DAY_MS) / i128::from(reads);
    let time = 20_000 * DAY_MS + i64::try_from(since).unwrap();
    (Position { index: LeafIndex(index), time: UnixMillis::new(time) }, row.into())
}

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<i64>().unwrap());
    let people = args.next().unwrap_or(1_000_000);
    let days = args.next().unwrap_or(120);
    let reads = args.next().unwrap_or(people * 4);
    let scope = ScopeView::new();
    let mut view = scope.view();
    let start = Instant::now();
    for index in 0..reads {
        let (at, record) = record(index, people, reads, days);
        view.apply(at, &record);
    }
    let took = start.elapsed();
    let each = took.as_secs_f64() * 1e9 / reads as f64;
    println!("ingest: {reads} rows over {days} days in {took:.2?}, {each:.0} ns a row");
    let kept = scope.kept();
    println!(
        "kept: {kept:?}, {:.1} B a row",
        (kept.bitmap_bytes + kept.block_bytes) as f64 / reads as f64
    );
    let range = |from: i64, to: i64| Query {
        by: By::Key(KeyNumber(3)),
        from: UnixMillis::new(from),
        to: UnixMillis::new(to),
        fields: None,
    };
    let leaves = |range: core::ops::Range<i64>, visit: &mut dyn FnMut(Position, &Record)| {
        for index in range {
            let (at, record) = record(index, people, reads, days);
            visit(at, &record);
        }
        Ok::<(), core::convert::Infallible>(())
    };
    let end = (20_000 + days) * DAY_MS;
    for (name, query) in [
        ("whole days", range(0, i64::MAX)),
        ("bounds inside days", range(20_000 * DAY_MS + DAY_MS / 2, end - DAY_MS / 2)),
    ] {
        let start = Instant::now();
        let viewed = scope.scope(&query, &leaves).unwrap();
        let by_view = start.elapsed();
        let mut scan = Scan::new(query.clone(), viewed.size);
        let start = Instant::now();
        for index in 0..reads {
            let (at, record) = record(index, people, reads, days);
            scan.see(at, &record);
        }
        let scanned = scan.finish();
        let by_scan = start.elapsed();
        let agreed = matches!(compare(&viewed, &scanned), Agreement::Agree { .. });
        let found = viewed.exact.data_subjects.len();
        println!(
            "{name}: {found} people; bitmaps {by_view:.2?}, scan {by_scan:.2?}, agree: {agreed}"
        );
        assert!(agreed);
    }
    let start = Instant::now();
    let (from, to) = (UnixMillis::new(0), UnixMillis::new(i64::MAX));
    let readers = scope.who_read(DataSubjectNumber(people / 2), from, to, &leaves).unwrap();
    println!("who read one person: {} ways, {:.2?}", readers.readers.len(), start.elapsed());
}
