//! The phases, in order: cheap ones first, each timed, a table at the end.
//!
//! Everything is built in one profile with the features of the whole workspace, so that clippy's
//! neighbour phases find their dependencies compiled. It must never pass over a phase silently:
//! what is left out stands in the table with its reason.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;

use crate::count::Count;
use crate::house::House;
use crate::{arrows, cases, defences, deny, fuzz, run, setup, suites, tidy};

/// Which phases to run.
#[derive(Args)]
pub struct Plan {
    /// Run this phase alone
    #[arg(long, value_name = "PHASE", conflicts_with = "from")]
    only: Option<String>,
    /// Run this phase and those after it
    #[arg(long, value_name = "PHASE")]
    from: Option<String>,
    /// Go on after a phase that failed
    #[arg(long)]
    keep_going: bool,
}

/// A phase's work; the text says why it was left out.
type Work = fn(&House, &mut Count) -> Result<Option<String>>;

const PHASES: [(&str, Work); 15] = [
    ("setup", |house, _| setup::run(house).map(|()| None)),
    ("fmt", |house, _| house.cargo("fmt --all --check").map(|()| None)),
    ("arrows", |house, _| arrows::run(house).map(|()| None)),
    ("tidy", |house, _| tidy::run(house).map(|()| None)),
    ("deny", |house, _| deny::run(house).map(|()| None)),
    ("clippy", |house, _| {
        let words = "clippy --quiet --workspace --all-targets --release --locked -- -D warnings";
        house.cargo(words).map(|()| None)
    }),
    ("build", |house, _| {
        let words = "build --release --locked --workspace --bins --examples --tests";
        house.cargo(words).map(|()| None)
    }),
    ("tests", |house, count| {
        let words = ["nextest", "run", "--release", "--locked", "--workspace"];
        counted(house, &words, Count::of_nextest, count).map(|()| None)
    }),
    ("doctests", doctests),
    ("cases", |house, _| cases::run(house, false).map(|()| None)),
    ("docs", |house, _| {
        let words = "doc --quiet --no-deps --workspace --release --locked";
        let words: Vec<&str> = words.split(' ').collect();
        let mut command = house.command("cargo", &words);
        command.env("RUSTDOCFLAGS", "-D warnings");
        run::must(command).map(|()| None)
    }),
    ("fuzz", |house, _| fuzz::run(house)),
    ("suites", |house, count| suites::run(house, &[], count).map(|()| None)),
    ("defences", |house, count| defences::run(house, &[], count).map(|()| None)),
    ("bench", |house, _| bench(house, None, true).map(|()| None)),
];

/// Runs the phases of the plan.
pub fn run(house: &House, plan: &Plan) -> Result<()> {
    let mut count = Count::default();
    let mut rows: Vec<(&str, Duration, String)> = Vec::new();
    let mut failed = Vec::new();
    for (name, work) in chosen(plan)? {
        println!("== {name}");
        let start = now();
        let row = match work(house, &mut count) {
            Ok(left_out) => left_out.unwrap_or_default(),
            Err(why) => {
                println!("ci: {name} failed: {why:#}");
                failed.push(name);
                "FAILED".into()
            }
        };
        rows.push((name, start.elapsed(), row));
        if !failed.is_empty() && !plan.keep_going {
            break;
        }
    }
    println!("\n{:<10} {:>9}", "phase", "seconds");
    for (name, took, row) in &rows {
        println!("{name:<10} {:>9.1}  {row}", took.as_secs_f64());
    }
    let total: Duration = rows.iter().map(|(_, took, _)| *took).sum();
    println!("{:<10} {:>9.1}", "total", total.as_secs_f64());
    if !count.is_empty() {
        println!("{count}");
    }
    if !failed.is_empty() {
        bail!("{} failed; one alone: cargo xtask ci --only PHASE", failed.join(", "));
    }
    Ok(())
}

/// The phases a plan names.
fn chosen(plan: &Plan) -> Result<Vec<(&'static str, Work)>> {
    let named = plan.only.as_ref().or(plan.from.as_ref());
    let Some(named) = named else { return Ok(PHASES.to_vec()) };
    let Some(at) = PHASES.iter().position(|(name, _)| name == named) else {
        bail!("no phase `{named}`; there are {}", PHASES.map(|(name, _)| name).join(", "));
    };
    let taken = if plan.only.is_some() { 1 } else { PHASES.len() };
    Ok(PHASES.iter().skip(at).take(taken).copied().collect())
}

/// Runs a test runner, shows its output and counts from its closing lines.
fn counted(
    house: &House,
    words: &[&str],
    read: fn(&str) -> Option<Count>,
    count: &mut Count,
) -> Result<()> {
    let mut command = house.command("cargo", words);
    command.env("INSTA_UPDATE", "no").env("CARGO_TERM_COLOR", "never");
    run::watched(command, &mut |line| {
        count.add(read(line).unwrap_or_default());
    })
}

/// Doc tests, where a crate of the workspace has any.
fn doctests(house: &House, count: &mut Count) -> Result<Option<String>> {
    for path in house.files()?.iter().filter(|path| path.ends_with(".rs")) {
        if has_doc_test(&house.read(path)?) {
            let words = ["test", "--quiet", "--release", "--locked", "--workspace", "--doc"];
            return counted(house, &words, Count::of_doctest, count).map(|()| None);
        }
    }
    Ok(Some("none in the tree".into()))
}

/// Whether a doc comment opens a block that rustdoc would run.
fn has_doc_test(body: &str) -> bool {
    let mut inside = false;
    body.lines().any(|line| {
        let doc = ["///", "//!"].iter().find_map(|mark| line.trim_start().strip_prefix(mark));
        let Some(language) = doc.and_then(|doc| doc.trim_start().strip_prefix("```")) else {
            return false;
        };
        inside = !inside;
        let runs = ["", "rust", "no_run", "compile_fail", "E"];
        let rust =
            |word: &str| runs.iter().any(|it| word.trim_end_matches(char::is_numeric) == *it);
        inside && language.trim().split(',').all(rust)
    })
}

/// Measures everything or one group of rows; with `smoke`, only sees that it runs.
pub fn bench(house: &House, group: Option<&str>, smoke: bool) -> Result<()> {
    house.cargo("build --quiet --release --locked --workspace --bins")?;
    let bench = house.program("bench");
    let mut command =
        house.command(&bench.to_string_lossy(), if smoke { &["--smoke"] } else { &[] });
    if let Some(group) = group {
        command.args(["--only", group]);
    }
    setup::equip(house, &mut command)?;
    command.env("WARD_BIN", house.program("ward"));
    run::must(command)
}

#[expect(clippy::disallowed_methods, reason = "phases are timed by a person's clock")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    //! The plan and the search for doc tests.

    use super::*;

    fn names(only: Option<&str>, from: Option<&str>) -> Result<Vec<&'static str>> {
        let plan = Plan {
            only: only.map(str::to_owned),
            from: from.map(str::to_owned),
            keep_going: false,
        };
        Ok(chosen(&plan)?.into_iter().map(|(name, _)| name).collect())
    }

    #[test]
    fn a_plan_picks_its_phases() {
        assert_eq!(names(None, None).unwrap().len(), PHASES.len());
        assert_eq!(names(Some("tidy"), None).unwrap(), ["tidy"]);
        assert_eq!(names(None, Some("suites")).unwrap(), ["suites", "defences", "bench"]);
        assert!(names(Some("tea"), None).unwrap_err().to_string().contains("setup, fmt"));
    }

    #[test]
    fn doc_tests_are_found() {
        let cases = [
            ("/// ```\n/// let a = 1;\n/// ```", true),
            ("    //! ```compile_fail,E0382\n//! ```", true),
            ("/// ```text\n/// a\n/// ```", false),
            ("// ```\n// no doc\n// ```", false),
            ("/// ```text\n/// ```\n/// ```rust\n/// ```", true),
        ];
        for (body, want) in cases {
            assert_eq!(has_doc_test(body), want, "{body}");
        }
    }
}
