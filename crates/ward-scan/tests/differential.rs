//! Any JSON, any chunking, any plan, against a plain walk over a tree; any bytes against
//! serde_json; the fuzz corpus as an ordinary test.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests stop when their input is wrong"
)]

use std::collections::BTreeMap;
use std::fmt;

use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use ward_scan::testing::{fuzz_scan, order_fields, order_page, scan};
use ward_scan::{Action, Field, Framing, Mask, Mode, Plan, Role, ScanError};

/// A JSON document that keeps duplicate keys, order and the text of numbers.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Tree;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("json")
            }
            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Null)
            }
            fn visit_bool<E>(self, it: bool) -> Result<Tree, E> {
                Ok(Tree::Bool(it))
            }
            fn visit_i64<E>(self, it: i64) -> Result<Tree, E> {
                Ok(Tree::Number(it.to_string()))
            }
            fn visit_u64<E>(self, it: u64) -> Result<Tree, E> {
                Ok(Tree::Number(it.to_string()))
            }
            fn visit_f64<E>(self, it: f64) -> Result<Tree, E> {
                Ok(Tree::Number(format!("{it:?}")))
            }
            fn visit_str<E>(self, it: &str) -> Result<Tree, E> {
                Ok(Tree::Text(it.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
                let mut list = Vec::new();
                while let Some(it) = seq.next_element()? {
                    list.push(it);
                }
                Ok(Tree::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut object = Vec::new();
                while let Some(it) = map.next_entry()? {
                    object.push(it);
                }
                Ok(Tree::Object(object))
            }
        }
        from.deserialize_any(Read)
    }
}

/// Writes a tree as JSON, with spaces and escapes as `odd` (a stream of choices) says.
fn write(tree: &Tree, odd: &mut impl FnMut() -> u8, out: &mut String) {
    fn space(odd: &mut impl FnMut() -> u8, out: &mut String) {
        out.push_str(["", "", "", "", " ", "\n", "\t ", "\r\n"][usize::from(odd()) % 8]);
    }
    fn text(it: &str, odd: &mut impl FnMut() -> u8, out: &mut String) {
        out.push('"');
        for c in it.chars() {
            if odd() < 50 {
                let mut units = [0; 2];
                c.encode_utf16(&mut units)
                    .iter()
                    .for_each(|u| out.push_str(&format!("\\u{u:04x}")));
            } else {
                let quoted = serde_json::to_string(&c).unwrap();
                out.push_str(&quoted[1..quoted.len() - 1]);
            }
        }
        out.push('"');
    }
    space(odd, out);
    match tree {
        Tree::Null => out.push_str("null"),
        Tree::Bool(it) => out.push_str(if *it { "true" } else { "false" }),
        Tree::Number(it) => out.push_str(it),
        Tree::Text(it) => text(it, odd, out),
        Tree::List(list) => {
            out.push('[');
            for (n, it) in list.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { "," });
                write(it, odd, out);
            }
            space(odd, out);
            out.push(']');
        }
        Tree::Object(object) => {
            out.push('{');
            for (n, (key, it)) in object.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { "," });
                space(odd, out);
                text(key, odd, out);
                space(odd, out);
                out.push(':');
                write(it, odd, out);
            }
            space(odd, out);
            out.push('}');
        }
    }
    space(odd, out);
}

// ---- the reference: ~100 lines, by declared path strings, no trie, no streaming ----

#[derive(Default, Debug, PartialEq)]
struct Reference {
    subjects: BTreeMap<(u16, String), u64>,
    tenants: BTreeMap<String, u64>,
    tenant_missing: u64,
    fields: u64,
    unattributed: u64,
    undeclared: u64,
    embedded: u64,
    uncountable: bool,
}

#[derive(Default)]
struct Around {
    fields: u64,
    tenants: u64,
    own: Vec<(u16, String)>,
}

/// The declared paths below a value: segments left, and the field they end in.
type Left<'a> = Vec<(Vec<String>, &'a Field)>;

fn below<'a>(left: &Left<'a>, step: &str) -> Left<'a> {
    let fits = |name: &str| name == step || (name == "*" && step != "[]");
    let rest = |(segments, field): &(Vec<String>, &'a Field)| match segments.split_first() {
        Some((first, rest)) if fits(first) => Some((rest.to_vec(), *field)),
        _ => None,
    };
    left.iter().filter_map(rest).collect()
}

/// Which of the path's segments are wildcards: the earliest named key decides.
fn wildness(field: &Field) -> Vec<bool> {
    field.path.replace("[]", ".[]").split('.').map(|segment| segment == "*").collect()
}

impl Reference {
    /// What is left of a value; `None` when it goes.
    fn walk(&mut self, tree: &Tree, left: &Left<'_>, around: &mut Around) -> Option<Tree> {
        let leaves = left.iter().filter(|(segments, _)| segments.is_empty());
        let leaf = leaves.map(|(_, field)| *field).min_by_key(|field| wildness(field));
        let list = left.iter().any(|(segments, _)| segments.first().is_some_and(|s| s == "[]"));
        let object = left.iter().any(|(segments, _)| segments.first().is_some_and(|s| s != "[]"));
        match tree {
            Tree::Null => Some(Tree::Null),
            Tree::List(elements) if list => {
                let left = below(left, "[]");
                Some(Tree::List(
                    elements.iter().filter_map(|it| self.walk(it, &left, around)).collect(),
                ))
            }
            Tree::Object(members) if object => {
                let mut inner = Around::default();
                let kept = members.iter().filter_map(|(key, it)| {
                    let left = below(left, key);
                    let kept = if left.is_empty() {
                        self.undeclared += 1;
                        None
                    } else {
                        self.walk(it, &left, &mut inner)
                    };
                    kept.map(|it| (key.clone(), it))
                });
                let kept = Tree::Object(kept.collect());
                around.tenants |= inner.tenants;
                self.settle(inner, around);
                Some(kept)
            }
            _ => match leaf {
                Some(field) if !matches!(tree, Tree::List(_) | Tree::Object(_)) => {
                    self.leaf(tree, field, around)
                }
                _ => {
                    self.uncountable |= leaf.is_some_and(|field| field.role != Role::Plain);
                    self.undeclared += 1;
                    None
                }
            },
        }
    }

    fn settle(&mut self, inner: Around, around: &mut Around) {
        if inner.own.is_empty() {
            around.fields |= inner.fields;
        }
        for subject in inner.own {
            *self.subjects.entry(subject).or_default() |= inner.fields;
            self.fields |= inner.fields;
        }
    }

    fn leaf(&mut self, tree: &Tree, field: &Field, around: &mut Around) -> Option<Tree> {
        around.fields |= 1 << field.slot;
        let embedded = matches!(tree, Tree::Text(it) if holds_json(it));
        let id = match tree {
            Tree::Text(it) if !it.is_empty() && !embedded => Some(it.clone()),
            Tree::Number(it) if it.parse::<i64>().is_ok() => Some(it.clone()),
            _ => None,
        };
        match (field.role, id) {
            (Role::Plain, _) => {}
            (_, None) => self.uncountable = true,
            (Role::DataSubject { namespace }, Some(id)) => around.own.push((namespace, id)),
            (Role::Tenant, Some(id)) => *self.tenants.entry(id).or_default() += 1,
        }
        if embedded {
            self.embedded += 1;
            return None;
        }
        let Action::Mask(mask) = field.action else { return Some(tree.clone()) };
        let Tree::Text(it) = tree else { return Some(Tree::Null) };
        let count = it.chars().count();
        let stars = |n: usize| "*".repeat(n.min(64));
        Some(match mask {
            Mask::Null => Tree::Null,
            Mask::All => Tree::Text("***".into()),
            Mask::KeepFirst(n) | Mask::KeepLast(n) if count <= n.into() => Tree::Text(stars(count)),
            Mask::KeepFirst(n) => {
                let n = usize::from(n);
                Tree::Text(it.chars().take(n).collect::<String>() + &stars(count - n))
            }
            Mask::KeepLast(n) => {
                let n = usize::from(n);
                Tree::Text(stars(count - n) + &it.chars().skip(count - n).collect::<String>())
            }
            Mask::Email => Tree::Text(match it.rsplit_once('@') {
                Some((a, b)) if !a.is_empty() && !b.is_empty() && b.chars().all(is_domain) => {
                    format!("{}***@{b}", a.chars().next().unwrap())
                }
                _ => "***".into(),
            }),
        })
    }
}

fn is_domain(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '.'
}

fn holds_json(text: &str) -> bool {
    let it = text.trim_matches(|c: char| c.is_ascii_whitespace());
    (it.starts_with(['{', '[']) && it.ends_with(['}', ']']))
        || (it.starts_with('"') && serde_json::from_str(it).is_ok_and(|s: String| holds_json(&s)))
}

fn reference(tree: &Tree, fields: &[Field]) -> (Option<Tree>, Reference) {
    let split = |field: &Field| field.path.replace("[]", ".[]");
    let segments = |path: String| {
        path.split('.').filter(|s| !s.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let left = fields.iter().map(|field| (segments(split(field)), field)).collect();
    let (mut found, mut root) = (Reference::default(), Around::default());
    let kept = found.walk(tree, &left, &mut root);
    let mut none = Around::default();
    found.settle(root, &mut none);
    found.fields |= none.fields;
    found.unattributed = none.fields;
    (kept, found)
}

// ---- generators ----

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[a-d]", 1 => "[a-d가\"\\\\]{0,2}"]
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z가-힣0-9@. ]{0,12}",
        2 => any::<String>(),
        1 => "[0-9]{1,5}",
        1 => Just("{\"a\":1}".to_owned()),
        1 => Just(" \"[1]\" ".to_owned()),
        1 => "[{\\[\"a ]{1,2}[}\\]\"a ]{1,2}",
    ]
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let plain = prop_oneof![
        1 => Just(Tree::Null),
        1 => any::<bool>().prop_map(Tree::Bool),
        3 => (-99_999_i64..99_999).prop_map(|n| Tree::Number(n.to_string())),
        1 => (-1e6..1e6_f64).prop_map(|n| Tree::Number(format!("{n:?}"))),
        5 => any_text().prop_map(Tree::Text),
    ];
    plain.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Tree::List),
            2 => prop::collection::vec((any_key(), inner), 0..6).prop_map(Tree::Object),
        ]
    })
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::Keep),
        1 => Just(Action::Mask(Mask::All)),
        1 => (0_u8..6).prop_map(|n| Action::Mask(Mask::KeepFirst(n))),
        1 => (0_u8..6).prop_map(|n| Action::Mask(Mask::KeepLast(n))),
        1 => Just(Action::Mask(Mask::Email)),
        1 => Just(Action::Mask(Mask::Null)),
    ]
}

fn any_role() -> impl Strategy<Value = Role> {
    prop_oneof![
        6 => Just(Role::Plain),
        2 => (1_u16..3).prop_map(|namespace| Role::DataSubject { namespace }),
        1 => Just(Role::Tenant),
    ]
}

/// Paths of `[a-d]`, `*` and `[]`; a field that contradicts an earlier one is left out.
fn any_fields() -> impl Strategy<Value = Vec<Field>> {
    let path = ("(\\[\\])?", prop::collection::vec("([a-d]|\\*)(\\[\\]){0,1}", 0..4)).prop_map(
        |(root, keys)| {
            let dot = if root.is_empty() || keys.is_empty() { "" } else { "." };
            format!("{root}{dot}{}", keys.join("."))
        },
    );
    prop::collection::vec((path, any_action(), any_role()), 0..14).prop_map(|rows| {
        let mut fields: Vec<Field> = Vec::new();
        for (path, action, role) in rows {
            let slot = u8::try_from(fields.len()).unwrap();
            fields.push(Field { path, slot, action, role });
            if Plan::new(&fields).is_err() {
                fields.pop();
            }
        }
        fields
    })
}

fn chunks(body: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    let mut rest = body;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (part, after) = rest.split_at((*size).min(rest.len()));
        parts.push(part.to_vec());
        rest = after;
    }
    parts
}

fn by_chunks(
    plan: &Plan,
    mode: Mode,
    parts: &[Vec<u8>],
) -> Result<(Vec<u8>, ward_scan::Measured), ScanError> {
    let limits = ward_scan::Limits::DEFAULT;
    let mut scanner = ward_scan::Scanner::new(plan, mode, Framing::Single, limits);
    let mut out = Vec::new();
    for part in parts {
        scanner.push(part, &mut out)?;
    }
    let measured = scanner.finish(&mut out)?;
    Ok((out, measured))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3_000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn scanner_and_tree_walk_agree(
        tree in any_tree(),
        fields in any_fields(),
        odd in prop::collection::vec(any::<u8>(), 1..40),
        sizes in prop::collection::vec(1_usize..9, 1..6),
    ) {
        let mut at = 0;
        let mut choice = || { at += 1; odd[at % odd.len()] };
        let mut body = String::new();
        write(&tree, &mut choice, &mut body);
        let plan = Plan::new(&fields).unwrap();
        // Numbers as serde_json reads them, on both sides.
        let tree: Tree = serde_json::from_str(&body).unwrap();
        let (kept, found) = reference(&tree, &fields);
        let whole = scan(&plan, Mode::Enforce, Framing::Single, body.as_bytes(), usize::MAX);
        let parts = chunks(body.as_bytes(), &sizes);
        prop_assert_eq!(&by_chunks(&plan, Mode::Enforce, &parts), &whole);
        let seen = by_chunks(&plan, Mode::Observe, &parts);
        prop_assert_eq!(
            &scan(&plan, Mode::Observe, Framing::Single, body.as_bytes(), usize::MAX), &seen
        );
        let (nothing, observed) = seen.unwrap();
        prop_assert!(nothing.is_empty());
        let subjects = observed.subjects.iter();
        let got = Reference {
            subjects: subjects.map(|s| ((s.namespace, s.id.clone()), s.fields)).collect(),
            tenants: observed.tenants.iter().map(|t| (t.id.clone(), t.count)).collect(),
            // Where a record's tenant must be is the plan's own reading; tables test it.
            tenant_missing: found.tenant_missing,
            fields: observed.fields,
            unattributed: observed.unattributed,
            undeclared: observed.undeclared,
            embedded: observed.embedded,
            uncountable: observed.missed > 0,
        };
        prop_assert_eq!(&got, &found);
        match whole {
            Err(error) => {
                prop_assert_eq!(error, ScanError::UncountableSubject);
                prop_assert!(found.uncountable);
            }
            Ok((out, enforced)) => {
                prop_assert!(!found.uncountable);
                prop_assert_eq!(&enforced, &observed);
                prop_assert_eq!(enforced.changed, out != body.as_bytes());
                let out: Tree = serde_json::from_slice(&out).unwrap();
                prop_assert_eq!(out, kept.unwrap_or(Tree::Null));
            }
        }
    }

    #[test]
    fn accepts_what_serde_json_accepts(
        tree in any_tree(),
        odd in prop::collection::vec(any::<u8>(), 1..20),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..30, any::<u8>()), 0..3),
        size in 1_usize..9,
    ) {
        const BYTES: &[u8; 27] = b"{}[]\",:\\u0.eE+-1tfn \n\t\0\xc3\xa9\xff/";
        let mut at = 0;
        let mut choice = || { at += 1; odd[at % odd.len()] };
        let mut text = String::new();
        write(&tree, &mut choice, &mut text);
        let mut body = text.into_bytes();
        for (place, byte, way) in edits {
            let byte = BYTES.get(byte).copied().unwrap_or(b'd');
            let place = place.index(body.len() + 1);
            match way % 3 {
                0 => body.insert(place, byte),
                1 if place < body.len() => body[place] = byte,
                _ if place < body.len() => { body.remove(place); }
                _ => {}
            }
        }
        let judged = serde_json::from_slice::<Tree>(&body);
        let out_of_range = judged.as_ref().is_err_and(|e| e.to_string().contains("out of range"));
        let plan = Plan::new(&[]).unwrap();
        let ours = scan(&plan, Mode::Enforce, Framing::Single, &body, size);
        prop_assert!(out_of_range || judged.is_ok() == ours.is_ok(), "{:?} {:?}", judged, ours);
    }

    #[test]
    fn any_bytes_are_taken_without_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz_scan(&body);
    }

    #[test]
    fn a_page_with_one_byte_changed(place in any::<prop::sample::Index>(), byte: u8) {
        let mut page = order_page(2);
        let place = place.index(page.len());
        page[place] = byte;
        page.insert(0, byte);
        fuzz_scan(&page);
    }
}

#[test]
fn the_page_is_measured_and_masked() {
    let page = order_page(51);
    let plan = Plan::new(&order_fields()).unwrap();
    for chunk in [1, 7, 1_400, usize::MAX] {
        let (out, found) = scan(&plan, Mode::Enforce, Framing::Single, &page, chunk).unwrap();
        assert_eq!((found.subjects.len(), found.tenants.len()), (51, 1));
        assert_eq!((found.undeclared, found.unattributed, found.tenant_missing), (0, 0b11, 0));
        let tree: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(tree["orders"][3]["phone"], "*********1993");
        assert_eq!(tree["orders"][3]["address"]["line2"], "***");
        let customer = tree["orders"][3]["customer_id"].as_str().unwrap();
        assert_eq!(tree["orders"][3]["email"], "u***@example.com", "{customer}");
    }
}

#[test]
fn the_corpus_is_replayed() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/scan");
    let mut seeds = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        let body = std::fs::read(entry.unwrap().path()).unwrap();
        fuzz_scan(&body);
        for size in 0..17 {
            let mut data = vec![size];
            data.extend_from_slice(&body);
            fuzz_scan(&data);
        }
        seeds += 1;
    }
    assert!(seeds >= 25, "{seeds} seeds");
}
