//! What the lock file may hold: licences, sources, banned packages, duplicate versions.
//!
//! Reads `xtask/deny.txt`, `xtask/duplicates.txt`, `cargo metadata --locked` and `cargo tree`.
//! Licences, sources and bans are judged for every platform; duplicates for Linux, where the
//! product runs. A package that the lock file names and no build can reach is passed over.
//! It must never pass a package it cannot read. Best test: `deny/tests.rs`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use spdx::{Expression, LicenseReq, ParseMode};

use crate::house::{House, lines, settle};
use crate::metadata::{Metadata, Package};
use crate::run;

/// Where the product runs.
const LINUX: &str = "x86_64-unknown-linux-gnu";
/// The one place packages come from, as the lock file names it.
const SOURCE: &str = concat!("registry+https://github.com/rust-lang/crates", ".io-index");

/// Judges the lock file.
pub fn run(house: &House) -> Result<()> {
    let rules = Rules::parse(&house.read("xtask/deny.txt")?)?;
    let listed = parse_duplicates(&house.read("xtask/duplicates.txt")?)?;
    let everywhere = built(Metadata::ask(house, &[])?, &tree(house, "all")?);
    let linux = built(Metadata::ask(house, &["--filter-platform", LINUX])?, &tree(house, LINUX)?);
    let mut faults: Vec<String> =
        everywhere.iter().flat_map(|package| rules.faults(package)).collect();
    faults.extend(duplicates(&listed, &linux));
    settle("deny", &faults)?;
    println!(
        "deny: {} packages ({} on Linux), {} in more than one version",
        everywhere.len(),
        linux.len(),
        listed.len()
    );
    Ok(())
}

/// Every package that some build of the workspace compiles for a target, as `NAME vVERSION ...`.
fn tree(house: &House, target: &str) -> Result<String> {
    let words = ["tree", "--locked", "--workspace", "--edges", "normal,build,dev"];
    let shape = ["--prefix", "none", "--format", "{p}", "--target", target];
    run::answer(house.command("cargo", &[&words[..], &shape[..]].concat()))
}

/// The packages that [`tree`] names. The lock file, and with it `cargo metadata`, also names what
/// a weak feature (`ring?/alloc`) would touch if something else brought it: nothing does.
fn built(metadata: Metadata, tree: &str) -> Vec<Package> {
    let parted = |line: &str| {
        let (name, rest) = line.split_once(" v")?;
        Some((name.to_owned(), rest.split(' ').next()?.to_owned()))
    };
    let named: BTreeSet<(String, String)> = tree.lines().filter_map(parted).collect();
    let is_built = |it: &Package| named.contains(&(it.name.clone(), it.version.clone()));
    metadata.packages.into_iter().filter(is_built).collect()
}

/// `deny.txt`.
struct Rules {
    licences: Vec<LicenseReq>,
    /// Name (a star at the end takes every name that starts so) and reason.
    bans: Vec<(String, String)>,
}

impl Rules {
    fn parse(text: &str) -> Result<Self> {
        let mut rules = Self { licences: Vec::new(), bans: Vec::new() };
        for line in lines(text) {
            match line.words.as_slice() {
                ["licence", name @ ..] if !name.is_empty() => {
                    let name = name.join(" ");
                    let expression = Expression::parse(&name)
                        .with_context(|| format!("deny.txt:{}: {name}", line.number))?;
                    rules.licences.extend(expression.requirements().map(|it| it.req.clone()));
                }
                ["ban", name, reason @ ..] if !reason.is_empty() => {
                    rules.bans.push(((*name).to_owned(), reason.join(" ")));
                }
                _ => bail!("deny.txt:{}: cannot read this line", line.number),
            }
        }
        Ok(rules)
    }

    /// What is wrong with one package.
    fn faults(&self, package: &Package) -> Vec<String> {
        let name = format!("{} {}", package.name, package.version);
        let mut faults = Vec::new();
        if let Some(source) = package.source.as_deref().filter(|source| *source != SOURCE) {
            faults.push(format!("{name}: from {source}"));
        }
        match package.license.as_deref() {
            None => faults.push(format!("{name}: names no licence")),
            Some(text) => match Expression::parse_mode(text, ParseMode::LAX) {
                Err(_) => faults.push(format!("{name}: cannot read its licence, {text}")),
                Ok(said) if !said.evaluate(|asked| self.licences.contains(asked)) => {
                    faults.push(format!("{name}: {text} is not allowed"));
                }
                Ok(_) => {}
            },
        }
        for (ban, reason) in &self.bans {
            let banned = match ban.strip_suffix('*') {
                Some(start) => package.name.starts_with(start),
                None => package.name == *ban,
            };
            if banned {
                faults.push(format!("{name}: banned, {reason}"));
            }
        }
        faults
    }
}

/// `duplicates.txt`: name and number of versions.
fn parse_duplicates(text: &str) -> Result<BTreeMap<String, usize>> {
    let mut listed = BTreeMap::new();
    for line in lines(text) {
        let [name, count, _, ..] = line.words.as_slice() else {
            bail!("duplicates.txt:{}: NAME HOW_MANY why", line.number);
        };
        let count = count.parse().with_context(|| format!("duplicates.txt:{}", line.number))?;
        if listed.insert((*name).to_owned(), count).is_some() {
            bail!("duplicates.txt:{}: {name} is listed twice", line.number);
        }
    }
    Ok(listed)
}

/// Packages in more versions than listed, and lines that are no longer needed.
fn duplicates(listed: &BTreeMap<String, usize>, packages: &[Package]) -> Vec<String> {
    let mut real: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        real.entry(&package.name).or_default().insert(&package.version);
    }
    let mut faults = Vec::new();
    for (name, versions) in &real {
        let (is, allowed) = (versions.len(), listed.get(*name).copied().unwrap_or(1));
        if is > allowed {
            let versions = versions.iter().copied().collect::<Vec<_>>().join(", ");
            faults.push(format!("{name} in {is} versions ({versions}); {allowed} listed"));
        }
    }
    for (name, allowed) in listed {
        let is = real.get(name.as_str()).map_or(0, BTreeSet::len);
        if is < *allowed {
            faults.push(format!("duplicates.txt: {name} needs {is}, not {allowed}: shrink it"));
        }
    }
    faults
}

#[cfg(test)]
mod tests;
