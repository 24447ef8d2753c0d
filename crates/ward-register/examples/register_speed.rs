//! Prints how fast the register imports, looks up, numbers and opens again.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring program: it reads the clock, prints, and stops on any failure"
)]

use std::time::Instant;

use ward_model::{NamespaceNumber, Secret};
use ward_register::{Existence, Register};

fn main() {
    let count: u64 = std::env::args().nth(1).map_or(200_000, |count| count.parse().unwrap());
    let dir = tempfile::tempdir_in(".").unwrap();
    let path = dir.path().join("register.db");
    let ns = NamespaceNumber(1);
    let register = Register::open(&path, &Secret::new([1; 32])).unwrap();
    let start = Instant::now();
    let ids = (0..count).map(|id| (100_000 + id).to_string());
    let fed = register.import(ns, ids, |_| ()).unwrap();
    println!("import of {} ids: {:?}", fed.existing, start.elapsed());
    let asked: Vec<String> = (0..count).map(|id| (100_000 + id * 7 % count).to_string()).collect();
    let start = Instant::now();
    let found = asked.iter().filter(|id| register.number(ns, id).is_some()).count();
    let each = start.elapsed().as_secs_f64() * 1e9 / asked.len() as f64;
    println!("number(): {found} found, {each:.0} ns each");
    let start = Instant::now();
    let there = asked.iter().filter(|id| register.existence(ns, id) == Existence::Exists).count();
    let each = start.elapsed().as_secs_f64() * 1e9 / asked.len() as f64;
    println!("existence(): {there} exist, {each:.0} ns each");
    let start = Instant::now();
    let rounds = 200u64;
    for round in 0..rounds {
        register.numbers(&[(ns, &format!("new{round}"))]).unwrap();
    }
    println!("numbers() of one new id, durable: {:?} each", start.elapsed() / 200);
    drop(register);
    let start = Instant::now();
    let register = Register::open(&path, &Secret::new([1; 32])).unwrap();
    println!("open with {} ids: {:?}", register.len(), start.elapsed());
}
