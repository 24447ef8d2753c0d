//! Where things are: the tree's root, the cache outside it, the checked-in tables.
//!
//! The tables share one form: a line a fact, `#` starts a comment, blank lines separate.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::run;

/// The places the tasks work in.
pub struct House {
    /// Root of the tree (absolute).
    pub root: PathBuf,
    /// Kept between runs and clones: Python and npm packages.
    pub cache: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
}

impl House {
    /// Reads the places from the environment that `cargo run` gives.
    pub fn find() -> Result<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let root = manifest
            .and_then(|own| own.parent().map(Path::to_path_buf))
            .context("run me as `cargo xtask`")?;
        let cache = match std::env::var_os("WARD_CACHE_DIR") {
            Some(named) => PathBuf::from(named),
            None => std::env::home_dir()
                .context("neither WARD_CACHE_DIR nor a home directory is set")?
                .join(".cache/ward"),
        };
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
        Ok(Self { target: root.join(target), root, cache })
    }

    /// A release program of this workspace.
    pub fn program(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }

    /// Text of a file named from the root.
    pub fn read(&self, path: &str) -> Result<String> {
        std::fs::read_to_string(self.root.join(path)).with_context(|| format!("reading {path}"))
    }

    /// A command run in the root.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.root);
        command
    }

    /// Runs `cargo` with these words; its output goes to the screen.
    pub fn cargo(&self, words: &str) -> Result<()> {
        let words: Vec<&str> = words.split_whitespace().collect();
        run::must(self.command("cargo", &words))
    }

    /// Files that git tracks, and new ones it does not ignore, named from the root.
    pub fn files(&self) -> Result<Vec<String>> {
        let listed = run::answer(self.command(
            "git",
            &["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"],
        ))?;
        let mut names: Vec<String> = listed
            .split('\0')
            .filter(|name| !name.is_empty() && self.root.join(name).is_file())
            .map(str::to_owned)
            .collect();
        names.sort_unstable();
        Ok(names)
    }
}

/// A line of a table with its number (from 1), its words and the comment after them.
pub struct Line<'a> {
    pub number: usize,
    pub words: Vec<&'a str>,
    pub comment: &'a str,
}

/// The lines of a table that say something.
pub fn lines(table: &str) -> impl Iterator<Item = Line<'_>> {
    table.lines().enumerate().filter_map(|(at, line)| {
        let (said, comment) = line.split_once('#').unwrap_or((line, ""));
        let words: Vec<&str> = said.split_whitespace().collect();
        let number = at.saturating_add(1);
        (!words.is_empty()).then_some(Line { number, words, comment: comment.trim() })
    })
}

/// Fails with every fault at once.
pub fn settle(task: &str, faults: &[String]) -> Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    for fault in faults {
        println!("  {fault}");
    }
    anyhow::bail!("{task}: {} found", faults.len())
}
