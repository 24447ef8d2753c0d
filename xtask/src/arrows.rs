//! Who may lean on whom: compares the manifests with `xtask/edges.txt`, both ways.
//!
//! An edge that is not listed, a listed edge that is gone, and any arrow that goes upward fail.
//! It must never read anything but the table and `cargo metadata`. Best test: `arrows/tests.rs`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use crate::house::{House, lines, settle};
use crate::metadata::Metadata;

/// Compares the table with the tree.
pub fn run(house: &House) -> Result<()> {
    let table = Table::parse(&house.read("xtask/edges.txt")?)?;
    let metadata = Metadata::ask(house, &["--no-deps"])?;
    let faults = faults(&table, &metadata);
    settle("arrows", &faults)?;
    println!("arrows: {} crates, {} edges, none upward", table.floors.len(), table.edges.len());
    Ok(())
}

/// How one crate leans on another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Arrow {
    /// `->`: to a lower floor.
    Down,
    /// `=>`: along the floor, with a reason.
    Along,
    /// `~>`: in tests only.
    Tests,
}

/// The checked-in table.
struct Table {
    /// Floor of each crate, 0 the highest.
    floors: BTreeMap<String, usize>,
    edges: BTreeMap<(String, String), Arrow>,
}

impl Table {
    fn parse(text: &str) -> Result<Self> {
        let mut floors = BTreeMap::new();
        let mut edges = BTreeMap::new();
        let mut floor = 0_usize;
        for line in lines(text) {
            let at = line.number;
            match line.words.as_slice() {
                ["floor", _] => floor = floor.saturating_add(1),
                [from] => place(&mut floors, from, floor, at)?,
                [from, arrow, to @ ..] if !to.is_empty() => {
                    let arrow = match *arrow {
                        "->" => Arrow::Down,
                        "=>" if line.comment.is_empty() => {
                            bail!("edges.txt:{at}: why? say after #")
                        }
                        "=>" => Arrow::Along,
                        "~>" => Arrow::Tests,
                        other => bail!("edges.txt:{at}: `{other}` is no arrow"),
                    };
                    place(&mut floors, from, floor, at)?;
                    for to in to {
                        let edge = ((*from).to_owned(), (*to).to_owned());
                        if edges.insert(edge, arrow).is_some() {
                            bail!("edges.txt:{at}: {from} to {to} is listed twice");
                        }
                    }
                }
                _ => bail!("edges.txt:{at}: cannot read this line"),
            }
        }
        Ok(Self { floors, edges })
    }
}

fn place(floors: &mut BTreeMap<String, usize>, name: &str, floor: usize, at: usize) -> Result<()> {
    let before = floors.insert(name.to_owned(), floor);
    before
        .filter(|before| *before != floor)
        .map_or(Ok(()), |_| Err(anyhow::anyhow!("edges.txt:{at}: {name} stands on two floors")))
}

/// Everything that differs, in words.
fn faults(table: &Table, metadata: &Metadata) -> Vec<String> {
    let (real, members) = real_edges(metadata);
    let mut faults = Vec::new();
    for name in &members {
        if !table.floors.contains_key(name) {
            faults.push(format!("{name} stands on no floor of edges.txt"));
        }
    }
    for name in table.floors.keys().filter(|name| !members.contains(*name)) {
        faults.push(format!("{name} is in edges.txt and not in the workspace"));
    }
    for ((from, to), tests_only) in &real {
        match (table.edges.get(&(from.clone(), to.clone())), tests_only) {
            (None, true) => faults.push(format!("not listed: {from} ~> {to}")),
            (None, false) => faults.push(format!("not listed: {from} -> {to}")),
            (Some(Arrow::Tests), false) => {
                faults
                    .push(format!("{from} ~> {to} is listed for tests, and the code leans on it"));
            }
            (Some(Arrow::Down | Arrow::Along), true) => {
                faults.push(format!("only tests lean so: write {from} ~> {to}"));
            }
            _ => {}
        }
        faults.extend(direction(table, from, to));
    }
    for edge in table.edges.keys().filter(|edge| !real.contains_key(*edge)) {
        faults.push(format!("listed and gone: {} to {}", edge.0, edge.1));
    }
    faults
}

/// What is wrong with where this arrow points.
fn direction(table: &Table, from: &str, to: &str) -> Option<String> {
    let (above, below) = table.floors.get(from).zip(table.floors.get(to))?;
    let arrow = table.edges.get(&(from.to_owned(), to.to_owned()))?;
    match (above.cmp(below), arrow) {
        (std::cmp::Ordering::Greater, _) => Some(format!("upward: {from} leans on {to}")),
        (std::cmp::Ordering::Equal, Arrow::Down) => {
            Some(format!("same floor: {from} -> {to} needs `=>` and a reason"))
        }
        (std::cmp::Ordering::Less, Arrow::Along) => Some(format!("downward: write {from} -> {to}")),
        _ => None,
    }
}

/// Edges between members, with whether only tests lean so; and the members.
fn real_edges(metadata: &Metadata) -> (BTreeMap<(String, String), bool>, BTreeSet<String>) {
    let members: BTreeSet<String> = metadata.members().map(|it| it.name.clone()).collect();
    let mut edges = BTreeMap::new();
    for package in metadata.members() {
        for leaned in package.dependencies.iter().filter(|it| members.contains(&it.name)) {
            let tests_only =
                edges.entry((package.name.clone(), leaned.name.clone())).or_insert(true);
            *tests_only &= leaned.is_dev();
        }
    }
    (edges, members)
}

#[cfg(test)]
mod tests;
