//! End-to-end suites: scripts that judge the built program from outside.
//!
//! `interop/suites.txt` names them; a script in the tree that no line names fails, and so does a
//! suite whose outside judge is missing. Each runs in its own folder, with a limit of time, and
//! ends with its whole process group.

use std::fs::File;

use anyhow::{Context, Result, bail};

use crate::count::Count;
use crate::house::{House, lines, settle};
use crate::{run, setup};

const LIST: &str = "interop/suites.txt";
/// Lines of a failed suite's output that are shown.
const SHOWN: usize = 60;

/// One line of the list.
pub struct Suite {
    pub name: String,
    seconds: u32,
    command: Vec<String>,
}

/// Reads the list.
pub fn read(house: &House) -> Result<Vec<Suite>> {
    parse(&house.read(LIST)?)
}

/// Runs the named suites, all if none is named, and counts their tests.
pub fn run(house: &House, names: &[String], count: &mut Count) -> Result<()> {
    let suites = read(house)?;
    settle("suites", &unnamed(&suites, &house.files()?))?;
    if let Some(name) = names.iter().find(|name| !suites.iter().any(|it| it.name == **name)) {
        bail!("{LIST} names no suite `{name}`");
    }
    if suites.is_empty() {
        println!("suites: none listed");
        return Ok(());
    }
    house.cargo("build --quiet --release --locked --workspace --bins --examples")?;
    let mut failed = Vec::new();
    for suite in suites.iter().filter(|it| names.is_empty() || names.contains(&it.name)) {
        let mut closing = None;
        match one(house, suite, &mut closing) {
            Ok(()) => count.add(closing.unwrap_or(Count { passed: 1, failed: 0 })),
            Err(why) => {
                count.add(
                    closing.filter(|it| it.failed > 0).unwrap_or(Count { passed: 0, failed: 1 }),
                );
                failed.push(format!("{}: {why:#}", suite.name));
            }
        }
    }
    settle("suites", &failed)
}

/// Runs one suite; `closing` is its closing line, if it printed one.
fn one(house: &House, suite: &Suite, closing: &mut Option<Count>) -> Result<()> {
    let folder = house.target.join("suites").join(&suite.name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let log = folder.with_extension("log");
    let limit = suite.seconds.to_string();
    // WHY: coreutils' timeout ends everything the suite started, not only the suite.
    let mut command = house.command("timeout", &["--kill-after=10", &limit]);
    command.args(&suite.command);
    command.env("WARD_BIN", house.program("ward")).env("WARD_SUITE_DIR", &folder);
    setup::equip(house, &mut command)?;
    println!("suite {}: {}", suite.name, suite.command.join(" "));
    let done = run::logged(command, File::create(&log)?);
    let text = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
    *closing = text.lines().filter_map(Count::of_suite).next_back();
    let said = closing.map_or_else(String::new, |it| it.to_string());
    match &done {
        Ok(()) if closing.is_some_and(|it| it.failed > 0) => bail!("exit code 0 with {said}"),
        Ok(()) => println!("suite {}: passed {said}", suite.name),
        Err(_) => {
            let skipped = text.lines().count().saturating_sub(SHOWN);
            text.lines().skip(skipped).for_each(|line| println!("    {line}"));
        }
    }
    done.with_context(|| format!("limit {limit} s; its output: {}", log.display()))
}

fn parse(text: &str) -> Result<Vec<Suite>> {
    let mut suites: Vec<Suite> = Vec::new();
    for line in lines(text) {
        let [name, seconds, command @ ..] = line.words.as_slice() else {
            bail!("{LIST}:{}: NAME LIMIT_SECONDS COMMAND...", line.number);
        };
        let seconds = seconds.parse().with_context(|| format!("{LIST}:{}", line.number))?;
        if command.is_empty() || suites.iter().any(|suite| suite.name == *name) {
            bail!("{LIST}:{}: no command, or a name used twice", line.number);
        }
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        suites.push(Suite { name: (*name).to_owned(), seconds, command });
    }
    Ok(suites)
}

/// Scripts under `interop/` and `e2e/` that no suite names.
fn unnamed(suites: &[Suite], files: &[String]) -> Vec<String> {
    let is_script = |path: &str| {
        let ours = path.starts_with("interop/") || path.starts_with("e2e/");
        let end = path.rsplit_once('.').map_or("", |(_, end)| end);
        ours && !path.contains("/lib/") && ["sh", "py", "mjs", "go"].contains(&end)
    };
    let named = |path: &str| suites.iter().any(|suite| suite.command.iter().any(|it| it == path));
    files
        .iter()
        .filter(|path| is_script(path) && !named(path))
        .map(|path| format!("{path}: no line of {LIST} names it"))
        .collect()
}

#[cfg(test)]
mod tests {
    //! The list and the scripts it must name.

    use super::*;

    #[test]
    fn scripts_nobody_runs_are_found() {
        let suites = parse("a 60 python3 e2e/a.py --fast # outside in").unwrap();
        let files = ["e2e/a.py", "e2e/b.mjs", "e2e/lib/c.py", "interop/npm/x.json", "docs/d.sh"];
        let found = unnamed(&suites, &files.map(str::to_owned));
        assert_eq!(found, ["e2e/b.mjs: no line of interop/suites.txt names it"]);
    }

    #[test]
    fn lines_that_cannot_be_run_are_refused() {
        for text in ["a", "a 60", "a soon sh x", "a 60 sh x\na 60 sh y"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(include_str!("../../interop/suites.txt")).is_ok());
    }
}
