//! The `ward` program: the command line, and the one place where the rooms meet.
//!
//! `cli.rs` says what can be typed; `assemble.rs` opens the rooms and joins them; `api/` answers
//! for them; `demo.rs` and `tour.rs` show them at work. Exit codes are documented in `--help`.

mod acts;
mod api;
mod app;
mod ask;
mod assemble;
mod auth;
mod backup;
mod calls;
mod cli;
mod client;
mod clock;
mod config;
mod declarations;
mod deeds;
mod demo;
mod doctor;
mod exit;
mod facts;
mod hold;
mod hygiene;
mod init;
mod inventory;
mod issuers;
mod load;
mod offline;
mod open;
mod outside;
mod reads;
mod restore;
mod restored;
mod sealed;
mod serve;
mod snapshot;
mod telling;
mod tend;
mod tour;
mod unlock;
mod view;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use cli::{Cli, Command};

fn main() -> ExitCode {
    hygiene::forbid_dumps();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("no runtime: {error}"));
            return ExitCode::from(74);
        }
    };
    logs();
    match runtime.block_on(run(cli.command)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let exit = error.downcast_ref::<exit::Exit>().map_or(69, |exit| exit.code);
            complain(&format!("ward: {error:#}"));
            ExitCode::from(exit)
        }
    }
}

/// JSON lines to standard error; `RUST_LOG` chooses, warnings by default. No value of a data
/// subject and no secret is ever a field.
fn logs() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let lines =
        tracing_subscriber::fmt().json().with_writer(std::io::stderr).with_env_filter(filter);
    // Set once, at start; a second time is no harm.
    let _set = lines.try_init();
}

async fn run(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Demo(demo) => demo::run(&demo).await?,
        Command::Serve(file) => serve::run(&file.config).await?,
        Command::Tour(tour) => return tour::run(&tour.dir, tour.json).await,
        Command::People(command) => ask::people(command).await?,
        Command::Keys(command) => return ask::keys(command).await,
        Command::Tokens(command) => return ask::tokens(command).await,
        Command::Subjects(command) => ask::subjects(command).await?,
        Command::Scope(command) => ask::scope(command).await?,
        Command::WhoRead(command) => ask::who_read(command).await?,
        Command::Store(command) => return ask::store(command).await,
        Command::Gate(command) => ask::gate(command).await?,
        Command::Incidents(command) => ask::incidents(command).await?,
        Command::Operators(command) => return ask::operators(command).await,
        Command::Approvals(command) => ask::approvals(command).await?,
        Command::Journal(command) => return offline::journal(command).await,
        Command::Backup(command) => return backup::run(command).await,
        Command::Restore(wanted) => return restore::run(wanted).await,
        Command::Doctor(wanted) => return doctor::run(wanted).await,
        Command::Init(wanted) => tokio::task::spawn_blocking(move || init::init(&wanted)).await??,
        Command::Check(check) => return init::check(&check.file.config, check.against.as_deref()),
    }
    Ok(true)
}

/// Prints the answer to a command.
pub fn say(text: &str) {
    // A reader who went away (`| head`) is no failure of ours.
    let _gone = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints progress: to standard error, so that answers can be piped.
pub fn progress(text: &str) {
    let _gone = writeln!(std::io::stderr().lock(), "{text}");
}

fn complain(text: &str) {
    progress(text);
}
