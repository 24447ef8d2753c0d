//! The table of defences: how each is taken out of the sources, and what must then go wrong.
//!
//! Pure. It must never apply an edit that fits nowhere or in two places: then the source has
//! changed, and the table no longer says what it claims.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};

/// The switch of one program: the defence that its environment names is out.
pub const SWITCH: &str = "WARD_WITHOUT";

/// A step as the tour prints it.
#[derive(Debug, Default, Clone, serde::Deserialize)]
pub struct Step {
    pub name: String,
    pub want: String,
    pub got: String,
    pub ok: bool,
}

/// A defence of the table.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Defence {
    pub name: String,
    /// Steps of the tour that come out wrong without it; the first of them is the first that does.
    pub fails: Vec<String>,
    /// Suites that must fail without it: commands.
    pub breaks: Vec<String>,
    pub edits: Vec<Edit>,
}

/// Lines of a file that stand there once, and what stands there instead.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Edit {
    pub file: String,
    pub old: String,
    pub new: String,
}

/// The whole table.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub defences: Vec<Defence>,
    /// Steps that show no defence.
    pub shows: Vec<String>,
}

/// Reads the table.
///
/// # Errors
/// A line that is none, an edit without a file, a defence without an edit or without a consequence.
pub fn parse(text: &str) -> Result<Table> {
    let mut table = Table::default();
    let mut file = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let defence = table.defences.last_mut();
        match (line.chars().next(), word, defence) {
            (None | Some('#'), ..) => (),
            (Some(sign @ ('-' | '+')), _, Some(defence)) => {
                ensure!(!file.is_empty(), "line {number}: in which file?");
                take(defence, &file, sign, line.get(1..).unwrap_or_default());
            }
            (_, "defence", _) => {
                file.clear();
                table.defences.push(Defence { name: rest.to_owned(), ..Defence::default() });
            }
            (_, "fails", Some(defence)) => defence.fails.push(rest.to_owned()),
            (_, "breaks", Some(defence)) => defence.breaks.push(rest.to_owned()),
            (_, "in", Some(_)) => rest.clone_into(&mut file),
            (_, "shows", _) => table.shows.push(rest.to_owned()),
            _ => bail!("line {number}: none of defence, fails, breaks, in, -, +, shows"),
        }
    }
    for defence in &table.defences {
        let whole = defence.edits.iter().all(|edit| !edit.old.is_empty());
        let seen = !defence.fails.is_empty() || !defence.breaks.is_empty();
        let name = &defence.name;
        ensure!(whole && !defence.edits.is_empty(), "{name}: needs edits of -lines");
        ensure!(seen, "{name}: needs a step that fails, or a suite that breaks");
    }
    Ok(table)
}

/// Takes a line into the edit at hand; a `-` after a `+` begins the next.
fn take(defence: &mut Defence, file: &str, sign: char, line: &str) {
    let goes_on = |edit: &Edit| edit.file == file && (sign == '+' || edit.new.is_empty());
    if !defence.edits.last().is_some_and(goes_on) {
        defence.edits.push(Edit { file: file.to_owned(), ..Edit::default() });
    }
    if let Some(edit) = defence.edits.last_mut() {
        let side = if sign == '-' { &mut edit.old } else { &mut edit.new };
        side.push_str(line);
        side.push('\n');
    }
}

impl Table {
    /// Puts every edit into the files it names, each asleep until its defence is named.
    ///
    /// # Errors
    /// All edits that do not fit exactly once.
    pub fn apply(&self, files: &mut BTreeMap<String, String>) -> Result<(), Vec<String>> {
        let mut faults = Vec::new();
        for defence in &self.defences {
            let name = &defence.name;
            let out = format!("std::env::var_os({SWITCH:?}).is_some_and(|it| it == {name:?})");
            for edit in &defence.edits {
                let file = &edit.file;
                let Some(text) = files.get_mut(file) else {
                    faults.push(format!("{name}: there is no {file}"));
                    continue;
                };
                match text.matches(&edit.old).count() {
                    1 => *text = text.replacen(&edit.old, &edit.new.replace("{out}", &out), 1),
                    found => faults
                        .push(format!("{name}: {file} holds this {found} times:\n{}", edit.old)),
                }
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// What is wrong with the tour of a program that lacks `defence`; `steps` are the tour's, each
    /// with whether it came out right.
    #[must_use]
    pub fn judge(&self, defence: &Defence, steps: &[Step]) -> Vec<String> {
        let wrong: Vec<&str> =
            steps.iter().filter(|step| !step.ok).map(|step| step.name.as_str()).collect();
        let first = defence.fails.first().map(String::as_str);
        let mut faults = Vec::new();
        if wrong.first().copied() != first {
            faults.push(format!(
                "without `{}` the tour first fails at {:?}, not at {:?}",
                defence.name,
                wrong.first().copied().unwrap_or("no step"),
                first.unwrap_or_default()
            ));
        }
        for step in defence.fails.iter().filter(|step| !wrong.contains(&step.as_str())) {
            let how = match steps.iter().any(|it| it.name == *step) {
                true => "still comes out right",
                false => "is not reached",
            };
            faults.push(format!("without `{}` {step:?} {how}", defence.name));
        }
        faults
    }

    /// What is wrong with the table, held against the steps of a tour where nothing was taken out:
    /// a step that came out wrong, one that nobody explains, one that the tour does not have.
    #[must_use]
    pub fn covers(&self, steps: &[Step]) -> Vec<String> {
        let told: Vec<&String> =
            self.defences.iter().flat_map(|it| &it.fails).chain(&self.shows).collect();
        let mut faults = Vec::new();
        for Step { name: step, want, got, ok } in steps {
            if !ok {
                faults.push(format!(
                    "{step:?} comes out wrong though nothing was taken out: {got}, not {want}"
                ));
            }
            if !told.contains(&step) {
                faults.push(format!("{step:?}: which defence does it show?"));
            }
        }
        for one in told {
            if !steps.iter().any(|step| step.name == *one) {
                faults.push(format!("the tour has no step {one:?}"));
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    //! The table as text, its edits, and the judgement over a tour.

    use super::*;

    const TEXT: &str = "# what it is\nshows a greeting\n\ndefence lock\nfails the door is shut\n\
                        fails the window, too\nin a.rs\n-if locked {\n+if locked && !{out} {\n\
                        -  two\n+  three\n";

    fn tour(steps: &[(&str, bool)]) -> Vec<Step> {
        let step = |(name, ok): &(&str, bool)| Step {
            name: (*name).to_owned(),
            ok: *ok,
            ..Step::default()
        };
        steps.iter().map(step).collect()
    }

    #[test]
    fn a_table_is_read() {
        let table = parse(TEXT).unwrap();
        assert_eq!(table.shows, ["a greeting"]);
        let [lock] = table.defences.as_slice() else { panic!("{table:?}") };
        assert_eq!(lock.fails, ["the door is shut", "the window, too"]);
        assert_eq!(lock.edits.len(), 2);
        assert_eq!(lock.edits[1].old, "  two\n");
        for (bad, why) in [
            ("defence a\n-x\n", "in which file"),
            ("defence a\nfails b\n", "needs edits"),
            ("defence a\nfails b\nin f\n+x\n", "needs edits"),
            ("defence a\nin f\n-x\n", "needs a step"),
            ("hello\n", "line 1"),
        ] {
            assert!(parse(bad).unwrap_err().to_string().contains(why), "{bad}");
        }
    }

    #[test]
    fn an_edit_fits_once_or_not_at_all() {
        let table = parse(TEXT).unwrap();
        let file = |text: &str| BTreeMap::from([("a.rs".to_owned(), text.to_owned())]);
        let mut files = file("if locked {\n  two\n}\n");
        table.apply(&mut files).unwrap();
        assert!(files["a.rs"].starts_with("if locked && !std::env::var_os(\"WARD_WITHOUT\")"));
        assert!(files["a.rs"].ends_with("  three\n}\n"));
        for text in ["if locked {\nif locked {\n  two\n", "  two\n", ""] {
            assert!(table.apply(&mut file(text)).is_err(), "{text}");
        }
        assert!(table.apply(&mut BTreeMap::new()).is_err());
    }

    #[test]
    fn a_tour_must_fail_where_the_table_says() {
        let table = parse(TEXT).unwrap();
        let lock = &table.defences[0];
        let steps = |door, window| {
            tour(&[("a greeting", true), ("the door is shut", door), ("the window, too", window)])
        };
        assert_eq!(table.judge(lock, &steps(false, false)), [""; 0]);
        assert_eq!(table.judge(lock, &steps(true, true)).len(), 3);
        assert_eq!(table.judge(lock, &steps(false, true)).len(), 1);
        assert_eq!(table.judge(lock, &tour(&[("a greeting", false)])).len(), 3);
        assert_eq!(table.covers(&steps(true, true)), [""; 0]);
        assert_eq!(table.covers(&steps(false, true)).len(), 1);
        assert_eq!(table.covers(&tour(&[("another", true)])).len(), 4);
    }
}
