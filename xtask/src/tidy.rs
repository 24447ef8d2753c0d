//! House rules for the text itself: sizes, words, titles, links.
//!
//! Rules are pure functions of one file and the list of all; each is in `tidy/rules.rs` with the
//! figure it keeps. It must never change a file. Best test: `tidy/tests.rs`.

mod rules;

use std::collections::BTreeSet;

use anyhow::{Context, Result};

use crate::house::{House, settle};

/// A broken rule.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Fault {
    /// From 1; 0 speaks of the whole file.
    line: usize,
    what: String,
    /// Shown, and does not fail.
    warning: bool,
}

impl Fault {
    fn at(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into(), warning: false }
    }
}

/// One text file, named from the root.
struct Text<'a> {
    path: &'a str,
    body: &'a str,
}

impl<'a> Text<'a> {
    fn has_extension(&self, extension: &str) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, end)| end == extension)
    }

    /// Its lines, numbered from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &'a str)> {
        (1..).zip(self.body.lines())
    }
}

/// All files of the tree, to look a link up in.
struct Tree(BTreeSet<String>);

impl Tree {
    /// Whether a file or a folder of this name is there.
    fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty()
            || self.0.contains(path)
            || self.0.range(folder.clone()..).next().is_some_and(|it| it.starts_with(&folder))
    }
}

/// Checks every file git knows.
pub fn run(house: &House) -> Result<()> {
    let names = house.files()?;
    let tree = Tree(names.iter().cloned().collect());
    let mut faults = Vec::new();
    let mut warnings = Vec::new();
    for path in &names {
        let bytes = std::fs::read(house.root.join(path)).with_context(|| path.clone())?;
        let mut found: Vec<Fault> = rules::weight(path, bytes.len()).into_iter().collect();
        if let Ok(body) = std::str::from_utf8(&bytes) {
            found.extend(rules::text(&Text { path, body }, &tree));
        }
        for fault in found {
            let said = match fault.line {
                0 => format!("{path}: {}", fault.what),
                line => format!("{path}:{line}: {}", fault.what),
            };
            if fault.warning { warnings.push(said) } else { faults.push(said) }
        }
    }
    for warning in &warnings {
        println!("  warning: {warning}");
    }
    settle("tidy", &faults)?;
    println!("tidy: {} files, {} warnings", names.len(), warnings.len());
    Ok(())
}

#[cfg(test)]
mod tests;
