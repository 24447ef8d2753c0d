//! The project's own tasks: `cargo xtask ci` is what the build server runs, each phase is also a
//! command of its own.
//!
//! It must never fetch anything but through the package clients in `setup`, and never weaken a
//! check because a tool is missing. Its tables (`edges.txt`, `defences.txt`, `deny.txt`,
//! `duplicates.txt`, `cases.txt`, `packages.txt`, `interop/suites.txt`) are text, read in review.
//! Best tests: `arrows/tests.rs`, `tidy/tests.rs`.

#![expect(clippy::print_stdout, reason = "a tool for people: its answer is what it prints")]

mod arrows;
mod cases;
mod ci;
mod count;
mod defences;
mod deny;
mod fuzz;
mod house;
mod metadata;
mod run;
mod setup;
mod suites;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::count::Count;
use crate::house::House;

/// The project's own tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that is checked before a change lands, timed by phase
    Ci(ci::Plan),
    /// Install what is missing: distribution, Python and npm packages, cargo-nextest
    Setup,
    /// Compare who leans on whom with `xtask/edges.txt`
    Arrows,
    /// File sizes, banned words, titles, dead links
    Tidy,
    /// Licences, sources, banned and duplicate packages of the lock file
    Deny,
    /// Compare the list of test cases with `xtask/cases.txt`
    Cases {
        /// Rewrite the list
        #[arg(long)]
        bless: bool,
    },
    /// Run the end-to-end suites of `interop/suites.txt`
    Suites {
        /// Only these
        names: Vec<String>,
    },
    /// Take each defence out and see the tour fail at its step (`xtask/defences.txt`)
    Defences {
        /// Only these
        names: Vec<String>,
    },
    /// Run each fuzz target for ten seconds
    Fuzz,
    /// Measure; BENCHMARKS.md is the answer's home
    Bench {
        /// Only this group of rows: tokens, gate, journal, ...
        group: Option<String>,
        /// Only see that it runs
        #[arg(long)]
        smoke: bool,
    },
}

fn main() -> ExitCode {
    let done = House::find().and_then(|house| match Cli::parse().task {
        Task::Ci(plan) => ci::run(&house, &plan),
        Task::Setup => setup::run(&house),
        Task::Arrows => arrows::run(&house),
        Task::Tidy => tidy::run(&house),
        Task::Deny => deny::run(&house),
        Task::Cases { bless } => cases::run(&house, bless),
        Task::Suites { names } => suites::run(&house, &names, &mut Count::default()),
        Task::Defences { names } => defences::run(&house, &names, &mut Count::default()),
        Task::Fuzz => fuzz::run(&house).map(|left_out| {
            if let Some(why) = left_out {
                println!("{why}");
            }
        }),
        Task::Bench { group, smoke } => ci::bench(&house, group.as_deref(), smoke),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("xtask: {why:#}");
            ExitCode::FAILURE
        }
    }
}
