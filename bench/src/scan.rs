//! The scanner on a page of 20 kB, beside serde_json: masks applied, data subjects found.
//!
//! The page and its fields are those of `ward_scan::testing`. The scanner writes the whole page
//! anew and counts; a `Value` round trip is what a proxy without it would do; `IgnoredAny` only
//! checks that it is JSON.

use std::hint::black_box;

use anyhow::{Context as _, Result, anyhow, ensure};
use ward_scan::testing::{order_fields, order_page, scan};
use ward_scan::{Framing, Mode, Plan};

use crate::Effort;
use crate::paired::{Paired, paired};
use crate::table::Row;

/// Orders on the page.
const ORDERS: usize = 51;
/// Least megabytes a second.
const GOAL: f64 = 400.0;

/// Measures.
///
/// # Errors
/// The page was not scanned as it must be.
pub fn rows(effort: Effort) -> Result<Vec<Row>> {
    let page = order_page(ORDERS);
    let plan = Plan::new(&order_fields()).map_err(|why| anyhow!("{why:?}"))?;
    let (out, found) = scan(&plan, Mode::Enforce, Framing::Single, &page, usize::MAX)?;
    ensure!(found.changed && out != page, "nothing was masked");
    serde_json::from_slice::<serde_json::Value>(&out).context("what was written is no JSON")?;

    let (rounds, pages) = (effort.of(25, 2), effort.of(300, 10));
    let repeat = |work: &dyn Fn() -> bool| -> u64 { (0..pages).map(|_| u64::from(work())).sum() };
    let ours = |chunk: usize| {
        let (plan, page) = (&plan, &page);
        move || scan(plan, Mode::Enforce, Framing::Single, black_box(page), chunk).is_ok()
    };
    let tree = || {
        let tree = serde_json::from_slice::<serde_json::Value>(black_box(&page));
        tree.and_then(|tree| serde_json::to_vec(&tree)).map(black_box).is_ok()
    };
    let ignored =
        || serde_json::from_slice::<serde::de::IgnoredAny>(black_box(&page)).map(black_box).is_ok();

    let whole = ours(usize::MAX);
    let beside_tree = paired(rounds, || repeat(&whole), || repeat(&tree));
    let beside_ignored = paired(rounds, || repeat(&whole), || repeat(&ignored));
    let chunks = ours(1_400);
    let in_chunks = paired(rounds, || repeat(&chunks), || repeat(&tree));

    let bytes = page.len() as f64;
    let row = |what: String, peer: &str, it: Paired, hard| {
        let rate = bytes * 1e3 / it.thing_ns;
        Row {
            what,
            ours: format!("{rate:.0} MB/s"),
            peer: format!("{peer} {:.0} MB/s", bytes * 1e3 / it.peer_ns),
            ratio: format!("{:.1}x as fast", it.ratio),
            goal: format!(">= {GOAL:.0} MB/s"),
            met: rate >= GOAL,
            hard,
        }
    };
    let tree = "serde_json Value and back";
    let what = format!("scan and mask, {} byte page, one chunk", page.len());
    Ok(vec![
        row(what, tree, beside_tree, true),
        row("the same, in chunks of 1,400 bytes".into(), tree, in_chunks, false),
        row("the same, one chunk".into(), "serde_json IgnoredAny", beside_ignored, false),
    ])
}
