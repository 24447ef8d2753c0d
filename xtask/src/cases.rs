//! The list of test cases, compared with `xtask/cases.txt`: a case that stops running is seen in
//! review, never silently.
//!
//! Cases are nextest's, and by name the end-to-end suites and the defences that are taken out. A
//! case that is listed by the runner and would not run (left out by a mark or a filter) fails. It
//! must never run a test.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::house::{House, settle};
use crate::{defences, run, suites};

const LIST: &str = "xtask/cases.txt";

/// Compares the list, or rewrites it.
pub fn run(house: &House, bless: bool) -> Result<()> {
    let json = run::answer(house.command(
        "cargo",
        &["nextest", "list", "--release", "--locked", "--workspace", "--message-format", "json"],
    ))?;
    let mut real = parse(&json)?;
    real.extend(suites::read(house)?.iter().map(|suite| format!("suite {}", suite.name)));
    real.extend(defences::read(house)?.defences.iter().map(|it| format!("defence {}", it.name)));
    if bless {
        let mut file = std::fs::File::create(house.root.join(LIST))?;
        for case in &real {
            writeln!(file, "{case}")?;
        }
        println!("cases: {} written to {LIST}", real.len());
        return Ok(());
    }
    let listed = house.read(LIST).context("no list yet? cargo xtask cases --bless")?;
    let listed: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
    settle("cases", &difference(&listed, &real)).with_context(|| {
        format!("{LIST} differs (- listed, + real); if that is meant: cargo xtask cases --bless")
    })?;
    println!("cases: {} as listed", real.len());
    Ok(())
}

#[derive(Deserialize)]
struct Listing {
    #[serde(rename = "rust-suites")]
    suites: BTreeMap<String, Suite>,
}

#[derive(Deserialize)]
struct Suite {
    testcases: BTreeMap<String, Case>,
}

#[derive(Deserialize)]
struct Case {
    ignored: bool,
    #[serde(rename = "filter-match")]
    filter: Match,
}

#[derive(Deserialize)]
struct Match {
    status: String,
}

/// `BINARY CASE` of every case that would run.
fn parse(json: &str) -> Result<BTreeSet<String>> {
    let listing: Listing = serde_json::from_str(json).context("reading `cargo nextest list`")?;
    let mut cases = BTreeSet::new();
    for (binary, suite) in listing.suites {
        for (name, case) in suite.testcases {
            if case.ignored || case.filter.status != "matches" {
                bail!("{binary} {name} would not run");
            }
            cases.insert(format!("{binary} {name}"));
        }
    }
    Ok(cases)
}

/// What is only in one of them, as the lines of a diff.
fn difference(listed: &BTreeSet<String>, real: &BTreeSet<String>) -> Vec<String> {
    let both = listed.symmetric_difference(real);
    both.map(|case| format!("{} {case}", if real.contains(case) { '+' } else { '-' })).collect()
}

#[cfg(test)]
mod tests {
    //! The runner's JSON and the diff.

    use super::*;

    fn listing(ignored: bool, status: &str) -> String {
        let case = serde_json::json!({"ignored": ignored, "filter-match": {"status": status}});
        let suite = serde_json::json!({"package-name": "a", "testcases": {"t::one": case}});
        serde_json::json!({"test-count": 1, "rust-suites": {"a": suite}}).to_string()
    }

    #[test]
    fn cases_are_named_by_binary_and_must_run() {
        let sound = parse(&listing(false, "matches")).unwrap();
        assert_eq!(sound, ["a t::one".to_owned()].into());
        assert!(parse(&listing(true, "matches")).is_err(), "ignored");
        assert!(parse(&listing(false, "mismatch")).is_err(), "filtered");
    }

    #[test]
    fn a_difference_is_a_diff() {
        let set = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect();
        let (listed, real): (BTreeSet<String>, _) = (set(&["a 1", "a 2"]), set(&["a 2", "b 1"]));
        assert_eq!(difference(&listed, &real), ["- a 1", "+ b 1"]);
        assert!(difference(&real, &real).is_empty());
    }
}
