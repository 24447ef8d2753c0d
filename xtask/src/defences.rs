//! Takes each defence out, and sees the tour fail at the step that shows it.
//!
//! One program is built from a copy of the tree in which every edit of `xtask/defences.txt` sleeps;
//! its environment wakes one at a time. Best test: `defences/table.rs`.
//! It must never touch the tree itself, nor leave a demo running.

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use anyhow::{Context, Result, bail};

use crate::count::Count;
use crate::house::{House, settle};
use crate::{run, setup};
use table::{Defence, SWITCH, Step, Table};

const LIST: &str = "xtask/defences.txt";
/// Customers of the demo: enough to spend a budget on.
const CUSTOMERS: &str = "2000";
/// The folder of the copy that holds everything but the workspace's manifest.
const DEEPER: &str = "without";
/// Lines shown of a demo's log.
const LOG_LINES: usize = 20;
/// Most seconds a suite may take.
const SUITE_SECONDS: &str = "300";

/// Reads the table.
pub fn read(house: &House) -> Result<Table> {
    table::parse(&house.read(LIST)?).context(LIST)
}

/// Runs the named defences, all if none is named.
pub fn run(house: &House, names: &[String], count: &mut Count) -> Result<()> {
    let table = read(house)?;
    if let Some(name) = names.iter().find(|name| !table.defences.iter().any(|it| it.name == **name))
    {
        bail!("{LIST} has no defence `{name}`");
    }
    let own = house.target.join("without");
    if holds_switch(&house.program("ward"))? {
        bail!("the program that is shipped knows {SWITCH}: it must not");
    }
    let program = build(house, &table, &own)?;
    if !holds_switch(&program)? {
        bail!("{} does not know {SWITCH}: nothing can be taken out", program.display());
    }
    let mut faults = table.covers(&tour(&program, &own, None)?);
    if !faults.is_empty() {
        return settle("defences", &faults);
    }
    for defence in &table.defences {
        if !names.is_empty() && !names.contains(&defence.name) {
            continue;
        }
        let found = without(house, &table, defence, &program, &own);
        let well = found.is_empty();
        let word = if well { "fails at" } else { "DOES NOT FAIL AS IT MUST AT" };
        let told: Vec<&str> =
            defence.fails.iter().chain(&defence.breaks).map(String::as_str).collect();
        println!("without {}: {word} {}", defence.name, told.join(" / "));
        count.add(Count { passed: u64::from(well), failed: u64::from(!well) });
        faults.extend(found);
    }
    if holds_switch(&house.program("ward"))? {
        faults.push(format!("the program that is shipped knows {SWITCH} now"));
    }
    settle("defences", &faults)
}

/// Whether a program knows the switch. One that was not built yet does not.
fn holds_switch(program: &Path) -> Result<bool> {
    if !program.exists() {
        return Ok(false);
    }
    let bytes = std::fs::read(program)?;
    Ok(bytes.windows(SWITCH.len()).any(|window| window == SWITCH.as_bytes()))
}

/// What did not go wrong as it must without `defence`.
fn without(
    house: &House,
    table: &Table,
    defence: &Defence,
    program: &Path,
    own: &Path,
) -> Vec<String> {
    let name = &defence.name;
    let mut faults = Vec::new();
    if !defence.fails.is_empty() {
        match tour(program, own, Some(name)) {
            Ok(steps) => {
                let odd = table.judge(defence, &steps);
                if !odd.is_empty() {
                    tell(&steps, own);
                }
                faults.extend(odd);
            }
            Err(why) => faults.push(format!("without `{name}`: {why:#}")),
        }
    }
    for suite in &defence.breaks {
        match breaks(house, suite, name, program, own) {
            Ok(true) => (),
            Ok(false) => faults.push(format!("without `{name}` `{suite}` still passes")),
            Err(why) => faults.push(format!("without `{name}` `{suite}`: {why:#}")),
        }
    }
    faults
}

/// Prints what a tour said that came out unlike the table: a rare fault leaves no other trace.
fn tell(steps: &[Step], own: &Path) {
    for step in steps.iter().filter(|step| !step.ok) {
        println!("  {}: {}, not {}", step.name, step.got, step.want);
    }
    let log = std::fs::read_to_string(own.join("demo.log")).unwrap_or_default();
    let skipped = log.lines().count().saturating_sub(LOG_LINES);
    for line in log.lines().skip(skipped) {
        println!("  demo: {line}");
    }
}

/// Whether a suite finds that `without` is out: it ran to its closing line, and counted failures.
fn breaks(house: &House, suite: &str, without: &str, program: &Path, own: &Path) -> Result<bool> {
    let folder = own.join("suite");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let log = own.join("suite.log");
    let words: Vec<&str> = suite.split_whitespace().collect();
    let mut command = house.command("timeout", &["--kill-after=10", SUITE_SECONDS]);
    command.args(words).env(SWITCH, without);
    command.env("WARD_BIN", program).env("WARD_SUITE_DIR", &folder);
    setup::equip(house, &mut command)?;
    let _failed = run::logged(command, File::create(&log)?);
    let text = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
    let closing = text.lines().filter_map(Count::of_suite).next_back();
    Ok(closing.with_context(|| format!("no closing line in {}", log.display()))?.failed > 0)
}

/// Builds the program with all edits asleep; crates from elsewhere are shared with the other phases.
fn build(house: &House, table: &Table, own: &Path) -> Result<PathBuf> {
    let mut files = BTreeMap::new();
    let mut others = BTreeSet::new();
    for path in house.files()? {
        match std::fs::read_to_string(house.root.join(&path)) {
            Ok(text) => drop(files.insert(path, text)),
            Err(_) => drop(others.insert(path)),
        }
    }
    if let Err(faults) = table.apply(&mut files) {
        return settle("defences: the table does not fit the sources", &faults)
            .map(|()| own.into());
    }
    let tree = own.join("tree");
    // WHY a folder deeper: cargo names what it builds by the path from the workspace's root, and
    // the program that is shipped must share nothing with this one but crates from elsewhere.
    let place = |path: &str| match path {
        "Cargo.toml" | "Cargo.lock" => path.to_owned(),
        _ => format!("{DEEPER}/{path}"),
    };
    if let Some(manifest) = files.get_mut("Cargo.toml") {
        *manifest = deeper(manifest);
    }
    for (path, text) in &files {
        put(&tree.join(place(path)), text.as_bytes())?;
    }
    for path in &others {
        put(&tree.join(place(path)), &std::fs::read(house.root.join(path))?)?;
    }
    let kept: BTreeSet<String> = files.keys().chain(&others).map(|path| place(path)).collect();
    prune(&tree, &tree, &|path| kept.contains(path))?;
    let words = ["build", "--quiet", "--release", "--locked", "--workspace", "--bins"];
    let mut cargo = house.command("cargo", &words);
    cargo
        .current_dir(&tree)
        .env("CARGO_TARGET_DIR", own)
        .env("CARGO_BUILD_BUILD_DIR", &house.target);
    run::must(cargo)?;
    Ok(own.join("release/ward"))
}

/// The workspace's manifest with every member a folder deeper.
fn deeper(manifest: &str) -> String {
    let mut text = manifest.to_owned();
    for member in ["crates/", "examples/", "bench\"", "xtask\""] {
        text = text.replace(&format!("\"{member}"), &format!("\"{DEEPER}/{member}"));
    }
    text
}

/// Writes a file whose content differs: cargo tells what is fresh by time.
#[expect(clippy::disallowed_methods, reason = "a copy that is made again at every run")]
fn put(path: &Path, content: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, content).with_context(|| format!("writing {}", path.display()))
}

/// Removes files that the tree no longer has.
fn prune(tree: &Path, folder: &Path, keep: &dyn Fn(&str) -> bool) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            prune(tree, &path, keep)?;
        } else if !path.strip_prefix(tree)?.to_str().is_some_and(keep) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// A running demo; it ends with this value.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

/// Plays the tour on a fresh demo; `without` names the defence that is out.
fn tour(program: &Path, own: &Path, without: Option<&str>) -> Result<Vec<Step>> {
    let dir = own.join("demo");
    if dir.exists() {
        std::fs::remove_dir_all(&dir)?;
    }
    let log = own.join("demo.log");
    let command = |words: &[&str]| {
        let mut command = std::process::Command::new(program);
        command.args(words).arg("--dir").arg(&dir).stdin(Stdio::null());
        match without {
            Some(name) => command.env(SWITCH, name),
            None => command.env_remove(SWITCH),
        };
        command
    };
    let mut demo = command(&["demo", "--json", "--port-base", "0", "--customers", CUSTOMERS]);
    demo.stdout(Stdio::piped()).stderr(File::create(&log)?);
    let mut demo = Demo(demo.spawn().with_context(|| program.display().to_string())?);
    let said = demo.0.stdout.take().context("the demo has no output")?;
    let mut line = String::new();
    if BufReader::new(said).read_line(&mut line)? == 0 {
        bail!("the demo did not start: {}", log.display());
    }
    let played = command(&["tour", "--json"]).stderr(Stdio::null()).output()?;
    serde_json::from_slice(&played.stdout)
        .with_context(|| format!("the tour ended with {} and no table", played.status))
}

#[cfg(test)]
mod tests {
    //! The copy's manifest.

    use super::*;

    #[test]
    fn members_lie_a_folder_deeper() {
        let manifest = "members = [\n    \"crates/ward\",\n    \"bench\", # bench\n]\n\
                        shop = { path = \"examples/shop\" }\nserde = { version = \"1\" }\n";
        let want = "members = [\n    \"without/crates/ward\",\n    \"without/bench\", # bench\n]\n\
                    shop = { path = \"without/examples/shop\" }\nserde = { version = \"1\" }\n";
        assert_eq!(deeper(manifest), want);
    }
}
