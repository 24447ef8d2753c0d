//! The edge table against small made-up workspaces.

use super::*;

const TABLE: &str = "
floor 2
gate -> scan model
gate => keys  # signs
keys -> model
floor 0
model
scan ~> model
";

/// Manifest lines of a tree that is exactly the table.
const SOUND: &[(&str, &str, &str)] = &[
    ("gate", "scan", ""),
    ("gate", "model", ""),
    ("gate", "keys", ""),
    ("keys", "model", "build"),
    ("scan", "model", "dev"),
];

fn workspace(edges: &[(&str, &str, &str)]) -> Metadata {
    let names: BTreeSet<&str> = ["gate", "keys", "model", "scan"].into();
    let packages: Vec<_> = names
        .iter()
        .chain(["stranger"].iter())
        .map(|name| {
            let leans: Vec<_> = edges
                .iter()
                .filter(|(from, ..)| from == name)
                .map(|(_, to, kind)| {
                    let kind = (!kind.is_empty()).then_some(kind);
                    serde_json::json!({"name": to, "kind": kind})
                })
                .collect();
            serde_json::json!({
                "id": format!("path#{name}"), "name": name, "version": "1.0.0",
                "source": null, "license": null, "dependencies": leans,
            })
        })
        .collect();
    let members: Vec<_> = names.iter().map(|name| format!("path#{name}")).collect();
    let json = serde_json::json!({"packages": packages, "workspace_members": members});
    Metadata::parse(&json.to_string()).unwrap()
}

fn found(table: &str, edges: &[(&str, &str, &str)]) -> Vec<String> {
    faults(&Table::parse(table).unwrap(), &workspace(edges))
}

#[test]
fn a_tree_that_is_its_table_has_no_fault() {
    assert_eq!(found(TABLE, SOUND), Vec::<String>::new());
    let outside = [SOUND, &[("gate", "stranger", "")]].concat();
    assert_eq!(found(TABLE, &outside), Vec::<String>::new(), "others' crates are `deny`'s");
}

#[test]
fn each_difference_is_named() {
    struct Case {
        name: &'static str,
        more: &'static [(&'static str, &'static str, &'static str)],
        table: (&'static str, &'static str),
        want: &'static [&'static str],
    }
    let same = ("", "");
    let cases = [
        Case {
            name: "an edge nobody listed",
            more: &[("scan", "keys", "")],
            table: same,
            want: &["not listed: scan -> keys"],
        },
        Case {
            name: "a test edge nobody listed",
            more: &[("keys", "scan", "dev")],
            table: same,
            want: &["not listed: keys ~> scan"],
        },
        Case {
            name: "the code leans where tests may",
            more: &[("scan", "model", "")],
            table: same,
            want: &["scan ~> model is listed for tests, and the code leans on it"],
        },
        Case {
            name: "a listed edge that is gone",
            more: &[],
            table: ("keys -> model", "keys -> model scan"),
            want: &["listed and gone: keys to scan"],
        },
        Case {
            name: "listing an upward edge does not make it right",
            more: &[("model", "gate", "")],
            table: ("\nmodel\n", "\nmodel -> gate\n"),
            want: &["upward: model leans on gate"],
        },
        Case {
            name: "nor does it in tests",
            more: &[("model", "gate", "dev")],
            table: ("\nmodel\n", "\nmodel ~> gate\n"),
            want: &["upward: model leans on gate"],
        },
        Case {
            name: "along a floor needs its own arrow",
            more: &[],
            table: ("gate => keys", "gate -> keys"),
            want: &["same floor: gate -> keys needs `=>` and a reason"],
        },
        Case {
            name: "a crate without a floor",
            more: &[],
            table: ("keys -> model", ""),
            want: &["keys stands on no floor of edges.txt", "not listed: keys -> model"],
        },
        Case {
            name: "a crate that left",
            more: &[],
            table: ("\nmodel\n", "\nmodel\nold\n"),
            want: &["old is in edges.txt and not in the workspace"],
        },
    ];
    for case in cases {
        let table = TABLE.replacen(case.table.0, case.table.1, 1);
        assert_eq!(found(&table, &[SOUND, case.more].concat()), case.want, "{}", case.name);
    }
}

#[test]
fn a_table_that_cannot_be_read_is_refused() {
    let cases = [
        ("a => b", "why?"),
        ("a >> b", "no arrow"),
        ("a ->", "cannot read"),
        ("a -> b\na ~> b", "listed twice"),
        ("floor 1\na\nfloor 0\na", "two floors"),
    ];
    for (text, want) in cases {
        let why = Table::parse(text).err().unwrap().to_string();
        assert!(why.contains(want), "{text}: {why}");
    }
}
