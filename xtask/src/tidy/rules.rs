//! The rules, each with the figure it keeps. Words are put together from halves, so that this
//! file does not break its own rule.

use super::{Fault, Text, Tree};

/// Lines of a Rust file: a warning above the first, a fault above the second.
const LINES: [usize; 2] = [500, 800];
/// Columns of a line of Rust.
const COLUMNS_MAX: usize = 100;
/// How far a comment may run over: rustfmt counts a comment's own indent differently.
const COLUMNS_SLACK: usize = 6;
/// Bytes of any file.
const BYTES_MAX: usize = 2 * 1024 * 1024;

/// Unfinished work and apologies; all-capital words as they stand, the others in any case.
const WORDS: [&str; 8] = [
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("X", "XX"),
    concat!("tod", "o!"),
    concat!("for ", "now"),
    concat!("place", "holder"),
    concat!("simplified ", "version"),
    concat!("in a real ", "system"),
];

/// Tests that do not run, or pass on any panic.
const TEST_MARKS: [&str; 2] = [concat!("#[", "ignore"), concat!("#[", "should_panic")];

/// Folders of somebody's machine.
const MACHINE_PATHS: [&str; 3] =
    [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/")];

/// Hosts of package registries: which one is used is the machine's business.
const HOSTS: [&str; 8] = [
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("npmjs", ".org"),
    concat!("npmjs", ".com"),
    concat!("deb.debian", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("sum.golang", ".org"),
];

/// A file's size in bytes.
pub fn weight(path: &str, bytes: usize) -> Option<Fault> {
    let heavy = bytes > BYTES_MAX && path != "Cargo.lock";
    heavy.then(|| Fault::at(0, format!("{bytes} bytes; at most {BYTES_MAX}")))
}

/// All rules for text.
pub fn text(text: &Text<'_>, tree: &Tree) -> Vec<Fault> {
    let made_elsewhere = text.path.ends_with(".lock")
        || text.path.ends_with("-lock.json")
        || text.path.contains(".min.")
        || text.path.starts_with("fuzz/corpus/");
    if made_elsewhere {
        return Vec::new();
    }
    let mut faults = words(text);
    faults.extend(machine(text));
    if text.has_extension("rs") {
        faults.extend(rust(text));
    }
    if text.has_extension("md") {
        faults.extend(title(text));
        faults.extend(links(text, tree));
    }
    if text.path == "Cargo.toml" {
        faults.extend(members(text));
    }
    faults
}

/// Length, width, module doc and test marks of a Rust file.
pub fn rust(text: &Text<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let count = text.lines().count();
    let [warned, refused] = LINES;
    if count > warned {
        let what = format!("{count} lines; {refused} at most, {warned} is already long");
        faults.push(Fault { warning: count <= refused, ..Fault::at(0, what) });
    }
    // Compile-fail cases are compared with their errors line by line: no doc moves their lines.
    if !text.body.trim_start().starts_with("//!") && !text.path.contains("/tests/ui/") {
        faults.push(Fault::at(1, "no module doc: start with `//!`"));
    }
    for (at, line) in text.lines() {
        let columns = line.chars().count();
        // WHY: rustfmt holds the width where it can; it cannot break a text or a macro's pattern.
        let unbreakable = ["\"", "$(", "://"].iter().any(|part| line.contains(part))
            || text.path.contains("/tests/ui/");
        if columns > COLUMNS_MAX + COLUMNS_SLACK && !unbreakable {
            faults.push(Fault::at(at, format!("{columns} columns; at most {COLUMNS_MAX}")));
        }
        for mark in TEST_MARKS.iter().filter(|mark| line.contains(**mark)) {
            faults.push(Fault::at(at, format!("`{mark}]`: a test runs, and says what it wants")));
        }
    }
    faults
}

/// Banned words.
pub fn words(text: &Text<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (at, line) in text.lines() {
        let lower = line.to_lowercase();
        for word in WORDS {
            let shouted = word.chars().all(char::is_uppercase);
            let line = if shouted { line } else { lower.as_str() };
            if line.match_indices(word).any(|(from, _)| stands_alone(line, from, word)) {
                faults.push(Fault::at(at, format!("banned: {word}")));
            }
        }
    }
    faults
}

/// Whether the word at `from` is not part of a longer one, nor the HTML attribute or the CSS
/// selector of that name.
fn stands_alone(line: &str, from: usize, word: &str) -> bool {
    let Some((before, rest)) = line.split_at_checked(from) else { return false };
    let after = rest.strip_prefix(word).and_then(|rest| rest.chars().next());
    let before = before.chars().next_back();
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let markup = after == Some('=') || matches!(before, Some(':' | '.'));
    !joins(before) && (word.ends_with('!') || !joins(after)) && !markup
}

/// Paths of a machine and hosts of registries.
pub fn machine(text: &Text<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (at, line) in text.lines() {
        for path in MACHINE_PATHS {
            let starts = |from: usize| {
                let before = line.split_at_checked(from).and_then(|it| it.0.chars().next_back());
                before.is_none_or(|c| c.is_whitespace() || "\"'`=(:[<".contains(c))
            };
            if line.match_indices(path).any(|(from, _)| starts(from)) {
                faults.push(Fault::at(at, format!("a machine's path: {path}")));
            }
        }
        for host in HOSTS.iter().filter(|host| line.contains(**host)) {
            faults.push(Fault::at(at, format!("a registry's host: {host}")));
        }
    }
    faults
}

/// Exactly one title of the first rank.
pub fn title(text: &Text<'_>) -> Vec<Fault> {
    let titles: Vec<usize> =
        prose(text).filter(|(_, line)| line.starts_with("# ")).map(|(at, _)| at).collect();
    match titles.as_slice() {
        [_] => Vec::new(),
        [] => vec![Fault::at(1, "no title: one line starts with `# `")],
        [_, more @ ..] => more.iter().map(|at| Fault::at(*at, "a second title")).collect(),
    }
}

/// Links to files that are not there.
pub fn links(text: &Text<'_>, tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (at, line) in prose(text) {
        for part in line.split("](").skip(1) {
            let target = part.split([')', ' ', '#']).next().unwrap_or("");
            let outside = target.contains("://") || target.starts_with("mailto:");
            if !target.is_empty() && !outside && !tree.has(&resolve(text.path, target)) {
                faults.push(Fault::at(at, format!("dead link: {target}")));
            }
        }
    }
    faults
}

/// A link's target named from the root.
fn resolve(from: &str, target: &str) -> String {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let start = if target.starts_with('/') { "" } else { folder };
    let mut path: Vec<&str> = Vec::new();
    for part in start.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(path.pop()),
            name => path.push(name),
        }
    }
    path.join("/")
}

/// Lines outside code blocks.
fn prose<'a>(text: &Text<'a>) -> impl Iterator<Item = (usize, &'a str)> {
    let mut code = false;
    text.lines().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// Each workspace member says on its line what it is.
pub fn members(text: &Text<'_>) -> Vec<Fault> {
    text.lines()
        .skip_while(|(_, line)| !line.starts_with("members"))
        .take_while(|(_, line)| !line.starts_with(']'))
        .filter(|(_, line)| line.trim_start().starts_with('"') && !line.contains(" # "))
        .map(|(at, _)| Fault::at(at, "a member without a comment that says what it is"))
        .collect()
}
