//! The operating pages are complete, true to one shape, and safe to show.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn names(list: &str) -> BTreeSet<String> {
    std::fs::read_dir(docs().join("operate").join(list))
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn wanted(list: &str) -> Vec<&'static str> {
    match list {
        "refusals" => Reason::ALL.iter().map(|it| it.as_str()).collect(),
        _ => AlertKind::ALL.iter().map(|it| it.as_str()).collect(),
    }
}

#[test]
fn every_reason_and_alert_has_its_page_and_no_page_is_left_over() {
    for list in ["refusals", "alerts"] {
        let want: BTreeSet<String> = wanted(list).iter().map(|it| format!("{it}.md")).collect();
        assert_eq!(names(list), want, "{list}");
    }
}

#[test]
fn every_page_has_the_three_sections_with_something_in_each() {
    let index = std::fs::read_to_string(docs().join("operate/README.md")).unwrap();
    for list in ["refusals", "alerts"] {
        for name in wanted(list) {
            let text =
                std::fs::read_to_string(docs().join(format!("operate/{list}/{name}.md"))).unwrap();
            let rest = text.strip_prefix(&format!("# {name}\n\n## Meaning\n\n")).unwrap();
            let (meaning, rest) = rest.split_once("\n\n## Look\n\n").unwrap();
            let (look, act) = rest.split_once("\n\n## Do\n\n").unwrap();
            for (section, text) in [("Meaning", meaning), ("Look", look), ("Do", act)] {
                assert!(text.trim().len() > 40, "{name}: {section} says nothing");
                assert!(!text.contains("\n#"), "{name}: a title inside {section}");
            }
            assert!(index.contains(&format!("]({list}/{name}.md)")), "{name} is in no index");
            assert_eq!(source(list, name).as_deref(), Some(text.as_str()), "{name}: embedded");
            assert!(!super::meaning(list, name).is_empty(), "{name}");
        }
    }
}

#[test]
fn every_problem_type_has_its_anchor_and_none_is_left_over() {
    use ward_model::ProblemKind as Kind;
    let others = [
        Kind::Input,
        Kind::SecondPerson,
        Kind::NotFound,
        Kind::Conflict,
        Kind::TooLarge,
        Kind::TooMany,
        Kind::BadGateway,
        Kind::Corrupt,
    ];
    let of_reasons = Reason::ALL.iter().map(|&it| Kind::of(it));
    let want: BTreeSet<String> = of_reasons
        .chain(others)
        .map(|it| it.problem("", None).kind.split_once('#').unwrap().1.to_owned())
        .collect();
    let titles = PROBLEMS.lines().filter_map(|line| line.strip_prefix("## "));
    assert_eq!(titles.map(str::to_owned).collect::<BTreeSet<_>>(), want);
    let html = problems().html;
    assert!(want.iter().all(|it| html.contains(&format!("id=\"{it}\""))));
}

#[test]
fn links_between_pages_lead_somewhere() {
    for list in ["refusals", "alerts"] {
        for name in wanted(list) {
            let html = operate(list, name).unwrap().html;
            for link in html.split("href=\"").skip(1) {
                let to = link.split('"').next().unwrap();
                let (list, name) = match to.strip_prefix("/console/docs/") {
                    Some(to) => to.split_once('/').unwrap(),
                    None => (list, to),
                };
                assert!(operate(list, name).is_some(), "{name}: {to}");
            }
        }
    }
}

#[test]
fn pages_outside_the_lists_are_not_there() {
    for (list, name) in
        [("refusals", "../README"), ("alerts", "expired"), ("", "expired"), ("refusals", "README")]
    {
        assert_eq!(operate(list, name), None, "{list}/{name}");
    }
}

#[test]
fn markdown_becomes_escaped_html() {
    let page = read(concat!(
        "# <T>\n\n## `A`\n\nOne `<b>` **two**\n*three* <script>.\n\n- a [x](y.md)\n  more\n",
        "- [z](http://e)\n\n",
        "1. first\n2. second\n\n400. A status is no step.\n\n```\n<i> [a](b.md)\n```\n\n| a | b |\n|---|---|\n| `c` | \"d\" |\n",
    ));
    insta::assert_snapshot!(format!("{}\n{}", page.title, page.html.replace("><", ">\n<")));
}
