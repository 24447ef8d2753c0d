//! The document against the table of endpoints, and against itself.

use std::collections::BTreeSet;

use super::*;

/// Every endpoint and its door; `interop/endpoints.py` holds it against the sources.
const ENDPOINTS: &str = include_str!("../../../../../interop/endpoints.txt");
const METHODS: &[&str] = &["get", "post", "put", "patch", "delete"];

fn whole() -> Value {
    document().unwrap_or_else(|told| panic!("{told}"))
}

fn operations(whole: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (path, item) in whole["paths"].as_object().unwrap() {
        for method in METHODS {
            if let Some(operation) = item.get(*method) {
                found.push((format!("{} {path}", method.to_uppercase()), operation));
            }
        }
    }
    found
}

#[test]
fn every_endpoint_of_the_api_is_an_operation_and_no_other() {
    let documented = |door: &str, method: &str| door != "session" && method != "ANY";
    let (mut endpoints, mut any) = (BTreeSet::new(), BTreeSet::new());
    for line in ENDPOINTS.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [method, path, door, ..] = words.as_slice() else { continue };
        if *method == "ANY" {
            any.insert(*path);
        }
        if *method == "#" || !documented(door, method) || path.starts_with("/console") {
            continue;
        }
        endpoints.insert(format!("{method} {}", path.replace("{*path}", "{path}")));
    }
    let whole = whole();
    let named: BTreeSet<String> = operations(&whole).into_iter().map(|(name, _)| name).collect();
    let missing: Vec<_> = endpoints.difference(&named).collect();
    // What takes any method speaks another's protocol: it is described as far as OpenAPI can.
    let of_any = |name: &&String| any.contains(name.split(' ').nth(1).unwrap_or_default());
    let invented: Vec<_> = named.difference(&endpoints).filter(|it| !of_any(it)).collect();
    assert!(missing.is_empty() && invented.is_empty(), "not there {missing:?}; more {invented:?}");
}

#[test]
fn every_operation_has_a_name_of_its_own_and_an_answer() {
    let whole = whole();
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&whole) {
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{name}: no id"));
        assert!(ids.insert(id), "{name}: {id} is taken");
        assert!(operation["summary"].is_string(), "{name}: no summary");
        let tags = operation["tags"].as_array().map_or(0, Vec::len);
        assert_eq!(tags, 1, "{name}: one tag");
        let answers = operation["responses"].as_object().unwrap();
        assert!(answers.keys().any(|status| status.starts_with('2')), "{name}: never succeeds");
        assert!(operation.get("x-problems").is_none(), "{name}: not written out");
        let behind = operation["security"].pointer("/0/operator").is_some();
        let open = ["/api/leaks", "/api/issuances"].iter().any(|path| name.contains(path));
        assert!(!name.contains(" /api/") || behind || open, "{name}: without its door");
        assert!(!behind || answers.contains_key("401"), "{name}: never refuses");
        for variable in name.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
            assert!(declares(&whole, &name, operation, variable), "{name}: {{{variable}}}");
        }
    }
}

/// Whether a variable of the path is a parameter of the operation or of its path.
fn declares(whole: &Value, name: &str, operation: &Value, variable: &str) -> bool {
    let path = name.split(' ').nth(1).unwrap();
    [operation, &whole["paths"][path]]
        .iter()
        .flat_map(|it| it["parameters"].as_array().into_iter().flatten())
        .map(|parameter| match parameter["$ref"].as_str() {
            Some(reference) => whole.pointer(reference.trim_start_matches('#')).unwrap(),
            None => parameter,
        })
        .any(|parameter| parameter["name"] == variable && parameter["in"] == "path")
}

#[test]
fn every_reference_leads_somewhere() {
    fn look(whole: &Value, at: &Value, broken: &mut Vec<String>) {
        match at {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref")
                    && whole.pointer(reference.trim_start_matches('#')).is_none()
                {
                    broken.push(reference.clone());
                }
                members.values().for_each(|value| look(whole, value, broken));
            }
            Value::Array(items) => items.iter().for_each(|value| look(whole, value, broken)),
            _ => {}
        }
    }
    let (whole, mut broken) = (whole(), Vec::new());
    look(&whole, &whole, &mut broken);
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn two_of_one_name_are_told() {
    let mut whole = json!({"paths": {}, "components": {"schemas": {"A": {}}}});
    let one = Map::from_iter([("A".to_owned(), json!({}))]);
    assert!(!put(&mut whole, "/components/schemas", one.clone()));
    assert!(put(&mut whole, "/components/parameters", one.clone()));
    assert!(put(&mut whole, "/paths", one));
}
