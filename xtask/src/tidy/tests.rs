//! Each rule with what it finds and what it lets pass.

use super::*;

/// One rule on one file: lines that break it.
struct Case {
    name: &'static str,
    path: &'static str,
    body: String,
    want: &'static [usize],
}

fn case(
    name: &'static str,
    path: &'static str,
    body: impl Into<String>,
    want: &'static [usize],
) -> Case {
    Case { name, path, body: body.into(), want }
}

fn check(cases: &[Case]) {
    let files = ["README.md", "docs/a.md", "docs/operate/b.md"].map(str::to_owned);
    let tree = Tree(files.into());
    for case in cases {
        let text = Text { path: case.path, body: &case.body };
        let found = rules::text(&text, &tree);
        let lines: Vec<usize> = found.iter().filter(|it| !it.warning).map(|it| it.line).collect();
        assert_eq!(lines, case.want, "{}: {found:?}", case.name);
    }
}

#[test]
fn words_are_found_where_they_stand_alone() {
    let apology = concat!("It works for", " now, says a simplified", " version.");
    check(&[
        case("shouted", "a.toml", concat!("ok\n# FIX", "ME: later"), &[2]),
        case("three letters", "a.sh", concat!("X", "XX"), &[1]),
        case(
            "part of a longer word",
            "a.sh",
            concat!("X", "XXL mktemp a.X", "X", "X", "X", "XX"),
            &[],
        ),
        case("macro", "a.rs", concat!("//! A.\nfn f() { tod", "o!() }"), &[2]),
        case("two in a line, any case", "a.py", apology, &[1, 1]),
        case("longer word after", "a.py", concat!("for", " nowhere"), &[]),
        case("an honest word", "a.html", concat!("a place", "holder page"), &[1]),
        case("the attribute", "a.html", concat!("<input place", "holder=\"id\">"), &[]),
        case("the selector", "a.css", concat!("input::place", "holder { color: red }"), &[]),
        case("made elsewhere", "x/uplot.min.js", concat!("FIX", "ME"), &[]),
    ]);
}

#[test]
fn machines_and_registries_stay_out() {
    check(&[
        case("a path", "a.md", concat!("# T\n`/ro", "ot/x`"), &[2]),
        case("a path after =", "a.sh", concat!("D=/ho", "me/me/x"), &[1]),
        case("a route of that name", "a.toml", concat!("/me/wo", "rk/{id}"), &[]),
        case("a host", "a.md", concat!("# T\nfrom crates", ".io"), &[2]),
        case("the lock file names it", "Cargo.lock", concat!("crates", ".io-index"), &[]),
    ]);
}

#[test]
fn rust_files_keep_their_figures() {
    let long = |lines: usize| format!("//! Long.\n{}", "\n".repeat(lines - 1));
    check(&[
        case("sound", "a.rs", "//! What it is.\n", &[]),
        case("no module doc", "a.rs", "use std::fmt;\n", &[1]),
        case("106 columns", "a.rs", format!("//! {}", "é".repeat(102)), &[]),
        case("107 columns", "a.rs", format!("//! {}", "é".repeat(103)), &[1]),
        case("an address may be long", "a.rs", format!("//! https://{}", "a".repeat(99)), &[]),
        case("800 lines", "a.rs", long(800), &[]),
        case("801 lines", "a.rs", long(801), &[0]),
        case("a test left out", "a.rs", concat!("//! T.\n#[", "ignore]"), &[2]),
        case("any panic will do", "a.rs", concat!("//! T.\n#[", "should_panic]"), &[2]),
    ]);
    let body = long(501);
    let warned = rules::rust(&Text { path: "a.rs", body: &body });
    assert!(matches!(warned.as_slice(), [Fault { warning: true, .. }]), "{warned:?}");
}

#[test]
fn documents_have_one_title_and_live_links() {
    check(&[
        case("sound", "docs/c.md", "# T\n[a](a.md) [b](operate/b.md#x) [r](../README.md)", &[]),
        case("no title", "c.md", "## T\n", &[1]),
        case("two titles", "c.md", "# T\n\n# U\n", &[3]),
        case("a comment in code is no title", "c.md", "# T\n```sh\n# run\n```\n", &[]),
        case("dead link", "docs/c.md", "# T\n[b](b.md)", &[2]),
        case("dead picture", "docs/c.md", "# T\n![b](../a.png)", &[2]),
        case("a folder", "c.md", "# T\n[b](docs/operate) [c](docs/)", &[]),
        case("outside and inside", "c.md", "# T\n[x](https://example.test/a) [y](#t)", &[]),
        case("shown as code", "c.md", "# T\n```\n[b](b.md)\n```", &[]),
    ]);
}

#[test]
fn members_say_what_they_are() {
    let manifest =
        "[workspace]\nmembers = [\n  # floor\n  \"a\", # what a is\n  \"b\",\n]\n\"c\"\n";
    check(&[
        case("root manifest", "Cargo.toml", manifest, &[5]),
        case("a member's manifest", "a/Cargo.toml", manifest, &[]),
    ]);
}

#[test]
fn files_keep_under_two_mebibytes() {
    assert_eq!(rules::weight("docs/a.png", 2 << 20), None);
    assert!(rules::weight("docs/a.png", (2 << 20) + 1).is_some());
}
