//! Benchmarks: `bench [--smoke] [--only ROW] [--write]`.
//!
//! What it is: every number Ward claims, measured as a ratio against a floor or a peer in the same
//! run. What it must never do: quote a figure it did not see, or compare across runs.
//! `--smoke` only sees that everything runs: small, under 20 seconds, and no goal can fail it.
//! Source of the goals: DESIGN.md section 8. Best test: it runs whole in `cargo xtask ci`.

#![expect(clippy::print_stdout, reason = "a tool for people: its answer is what it prints")]

mod check;
mod diff;
mod gate;
mod issuance;
mod journal;
mod load;
mod machine;
mod never;
mod nginx;
mod openbao;
mod paired;
mod restart;
mod scan;
mod table;
mod world;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};

use crate::table::Row;

/// Measures; every row is a ratio in one run.
#[derive(Parser)]
#[command(name = "bench")]
struct Cli {
    /// Only see that it runs: small, quick, no goals
    #[arg(long)]
    smoke: bool,
    /// Only this group of rows
    #[arg(long)]
    only: Option<Group>,
    /// Write BENCHMARKS.md at the root of the repository
    #[arg(long, conflicts_with_all = ["smoke", "only"])]
    write: bool,
    /// Be the gate that is measured, with its state in this directory
    #[arg(long, hide = true, value_name = "DIR", requires = "origin")]
    gate_child: Option<PathBuf>,
    /// The gate's upstream
    #[arg(long, hide = true)]
    origin: Option<SocketAddr>,
}

/// Rows that are measured together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Group {
    /// Everything about tokens: check, never-issued, issuance, restart
    Tokens,
    /// The whole token check
    Check,
    /// Tokens that were never issued, against a full ledger
    NeverIssued,
    /// The scanner
    Scanner,
    /// Durable records
    Journal,
    /// Tokens signed and recorded
    Issuance,
    /// The proxy, beside nginx
    Gate,
    /// Whether declarations became weaker
    Diff,
    /// A start at 33.7 M live tokens: asked for by name, or with `--smoke`
    Restart,
}

impl Group {
    /// Whether rows of `group` are asked for by this name.
    const fn holds(self, group: Self) -> bool {
        match self {
            Self::Tokens => {
                matches!(group, Self::Check | Self::NeverIssued | Self::Issuance | Self::Restart)
            }
            one => one as u8 == group as u8,
        }
    }
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Only see that it runs.
    smoke: bool,
}

impl Effort {
    /// One of the two.
    #[must_use]
    pub const fn of<T: Copy>(self, full: T, smoke: T) -> T {
        if self.smoke { smoke } else { full }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match (&cli.gate_child, cli.origin) {
        (Some(dir), Some(origin)) => gate::child(dir, origin).map(|()| Vec::new()),
        _ => measure(&cli),
    };
    match done {
        Ok(failed) if failed.is_empty() => ExitCode::SUCCESS,
        Ok(failed) => {
            failed.iter().for_each(|line| println!("bench: {line}"));
            ExitCode::FAILURE
        }
        Err(why) => {
            println!("bench: {why:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures what was asked for; what comes back are the hard goals that were missed.
fn measure(cli: &Cli) -> Result<Vec<String>> {
    type Work = fn(Effort) -> Result<Vec<Row>>;
    let groups: [(Group, Work); 8] = [
        (Group::Check, check::rows),
        (Group::NeverIssued, never::rows),
        (Group::Scanner, scan::rows),
        (Group::Journal, journal::rows),
        (Group::Issuance, issuance::rows),
        (Group::Gate, gate::rows),
        (Group::Diff, diff::rows),
        (Group::Restart, restart::rows),
    ];
    let effort = Effort { smoke: cli.smoke };
    let mut rows = Vec::new();
    for (group, work) in groups {
        if !cli.only.is_none_or(|only| only.holds(group)) {
            continue;
        }
        let start = paired::monotonic_ns();
        let made = work(effort).with_context(|| format!("measuring {group:?}"))?;
        let seconds = (paired::monotonic_ns() - start) / 1_000_000_000;
        println!("== {group:?}, {seconds} s");
        for row in &made {
            println!("{}", row.what);
            println!("    {} beside {}: {}", row.ours, row.peer, row.ratio);
            println!("    goal {}: {}", row.goal, if row.met { "met" } else { "not yet" });
        }
        rows.extend(made);
    }
    let machine = machine::facts();
    println!("{machine}");
    if cli.write {
        write(&table::render(&rows, &machine))?;
    }
    Ok(if cli.smoke { Vec::new() } else { table::failures(&rows) })
}

/// Writes BENCHMARKS.md in the nearest directory upward that holds this crate.
fn write(text: &str) -> Result<()> {
    let here = std::env::current_dir()?;
    let root = here.ancestors().find(|dir| dir.join("bench/Cargo.toml").is_file());
    let root = root.context("run it inside the repository")?;
    std::fs::File::create(root.join("BENCHMARKS.md"))?.write_all(text.as_bytes())?;
    println!("BENCHMARKS.md is written");
    Ok(())
}
