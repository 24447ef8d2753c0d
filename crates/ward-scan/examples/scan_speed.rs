//! Prints how fast a 20 kB page is scanned and masked, beside serde_json in the same run:
//! `cargo run --release -p ward-scan --example scan_speed [-- PART-OF-A-NAME]`.
#![expect(clippy::print_stdout, reason = "a measuring program prints")]
#![expect(clippy::disallowed_methods, reason = "a measuring program reads the clock")]
#![expect(clippy::expect_used, reason = "a measuring program stops when its input is wrong")]

use std::hint::black_box;
use std::time::Instant;

use ward_scan::testing::{order_fields, order_page, scan};
use ward_scan::{Framing, Mode, Plan};

const ROUNDS: usize = 15;
const PAGES: usize = 300;

fn main() {
    let page = order_page(51);
    let plan = Plan::new(&order_fields()).expect("the plan is sound");
    let run = |mode, chunk| {
        black_box(scan(&plan, mode, Framing::Single, black_box(&page), chunk).expect("json"));
    };
    let ways: [(&str, &dyn Fn()); 6] = [
        ("enforce, 1400-byte chunks", &|| run(Mode::Enforce, 1_400)),
        ("enforce, one chunk", &|| run(Mode::Enforce, usize::MAX)),
        ("observe, 1400-byte chunks", &|| run(Mode::Observe, 1_400)),
        ("str::from_utf8 alone", &|| {
            black_box(std::str::from_utf8(black_box(&page)).expect("utf-8"));
        }),
        ("serde_json IgnoredAny", &|| {
            black_box(
                serde_json::from_slice::<serde::de::IgnoredAny>(black_box(&page)).expect("json"),
            );
        }),
        ("serde_json Value and back", &|| {
            let tree: serde_json::Value = serde_json::from_slice(black_box(&page)).expect("json");
            black_box(serde_json::to_vec(&tree).expect("json"));
        }),
    ];
    let only = std::env::args().nth(1).unwrap_or_default();
    let ways: Vec<_> = ways.into_iter().filter(|way| way.0.contains(&only)).collect();
    let mut micros = vec![Vec::new(); ways.len()];
    for _ in 0..ROUNDS {
        for (way, times) in ways.iter().zip(&mut micros) {
            let start = Instant::now();
            (0..PAGES).for_each(|_| (way.1)());
            times.push(start.elapsed().as_secs_f64() * 1e6 / PAGES as f64);
        }
    }
    println!("page: {} bytes, 51 data subjects, 3 masked fields an order", page.len());
    for (way, times) in ways.iter().zip(&mut micros) {
        times.sort_by(f64::total_cmp);
        let median = times.get(ROUNDS / 2).copied().unwrap_or(f64::NAN);
        let best = times.first().copied().unwrap_or(f64::NAN);
        let rate = |micros: f64| page.len() as f64 / micros;
        println!(
            "{:28} median {median:7.1} us {:6.0} MB/s   best {:6.0} MB/s",
            way.0,
            rate(median),
            rate(best)
        );
    }
}
