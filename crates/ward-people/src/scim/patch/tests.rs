//! Every spelling of a leave that is in use, and every near miss that must be refused.

use serde_json::json;

use super::*;
use crate::person::PersonRow;

fn draft() -> Draft {
    Draft { row: crate::testing::row(1, "kim"), active: None }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn active_in_every_spelling() {
    struct Case {
        name: &'static str,
        given: Value,
        want: Result<Option<bool>, &'static str>,
    }
    let one = |operation: Value| json!({ "schemas": [SCHEMA], "Operations": [operation] });
    let cases = [
        Case {
            name: "okta, no path",
            given: one(json!({"op": "replace", "value": {"active": false}})),
            want: Ok(Some(false)),
        },
        Case {
            name: "path",
            given: one(json!({"op": "replace", "path": "active", "value": false})),
            want: Ok(Some(false)),
        },
        Case {
            name: "entra, capitals and a string",
            given: one(json!({"op": "Replace", "path": "active", "value": "False"})),
            want: Ok(Some(false)),
        },
        Case {
            name: "entra, older list form",
            given: one(json!({"op": "Replace", "path": "active",
                "value": [{"$ref": null, "value": "False"}]})),
            want: Ok(Some(false)),
        },
        Case {
            name: "lower-case string",
            given: one(json!({"op": "replace", "path": "active", "value": "false"})),
            want: Ok(Some(false)),
        },
        Case {
            name: "add instead of replace",
            given: one(json!({"op": "Add", "path": "active", "value": "false"})),
            want: Ok(Some(false)),
        },
        Case {
            name: "urn path",
            given: one(json!({"op": "replace",
                "path": "urn:ietf:params:scim:schemas:core:2.0:User:active", "value": false})),
            want: Ok(Some(false)),
        },
        Case {
            name: "names in other case",
            given: json!({"operations": [{"OP": "replace", "Path": "Active", "VALUE": true}]}),
            want: Ok(Some(true)),
        },
        Case {
            name: "several attributes",
            given: one(json!({"op": "replace",
                "value": {"active": "False", "displayName": "x", "id": "1"}})),
            want: Ok(Some(false)),
        },
        Case {
            name: "the last operation wins",
            given: json!({"Operations": [
                {"op": "replace", "path": "active", "value": true},
                {"op": "replace", "path": "active", "value": false}]}),
            want: Ok(Some(false)),
        },
        Case {
            name: "an unknown attribute is ignored",
            given: one(json!({"op": "replace", "path": "title", "value": "x"})),
            want: Ok(None),
        },
        Case {
            name: "an unknown extension is ignored",
            given: one(json!({"op": "add",
                "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
                "value": "x"})),
            want: Ok(None),
        },
        Case {
            name: "null is no truth value",
            given: one(json!({"op": "replace", "path": "active", "value": null})),
            want: Err("invalidValue"),
        },
        Case {
            name: "a number is no truth value",
            given: one(json!({"op": "replace", "path": "active", "value": 0})),
            want: Err("invalidValue"),
        },
        Case {
            name: "another word is no truth value",
            given: one(json!({"op": "replace", "path": "active", "value": "no"})),
            want: Err("invalidValue"),
        },
        Case {
            name: "a missing value",
            given: one(json!({"op": "replace", "path": "active"})),
            want: Err("invalidValue"),
        },
        Case {
            name: "active removed",
            given: one(json!({"op": "remove", "path": "active"})),
            want: Err("invalidValue"),
        },
        Case {
            name: "active twice in different case",
            given: one(json!({"op": "replace", "value": {"active": false, "Active": true}})),
            want: Err("invalidSyntax"),
        },
        Case {
            name: "active with a selector",
            given: one(json!({"op": "replace", "path": "active[value eq true]", "value": false})),
            want: Err("invalidPath"),
        },
        Case {
            name: "a path with junk",
            given: one(json!({"op": "replace", "path": "active ", "value": false})),
            want: Err("invalidPath"),
        },
        Case {
            name: "read-only",
            given: one(json!({"op": "replace", "path": "id", "value": "x"})),
            want: Err("mutability"),
        },
        Case {
            name: "an unknown op",
            given: one(json!({"op": "set", "path": "active", "value": false})),
            want: Err("invalidSyntax"),
        },
        Case {
            name: "no operations",
            given: json!({"Operations": []}),
            want: Err("invalidSyntax"),
        },
        Case {
            name: "another message",
            given: json!({"schemas": ["urn:x"], "Operations": [{"op": "remove", "path": "x"}]}),
            want: Err("invalidSyntax"),
        },
        Case {
            name: "remove without a path",
            given: one(json!({"op": "remove"})),
            want: Err("noTarget"),
        },
    ];
    for case in cases {
        let got = apply(draft(), &case.given);
        let got = got.map(|it| it.active).map_err(|it| it.scim_type.unwrap_or("none"));
        assert_eq!(got, case.want, "{}", case.name);
    }
}

#[test]
fn attributes() {
    let patch = |operations: Value| apply(draft(), &json!({ "Operations": operations }));
    let row = |operations: Value| -> PersonRow { patch(operations).unwrap().row };
    let work =
        |value: &str| Email { value: value.into(), kind: Some("work".into()), primary: false };

    let got = row(json!([{"op": "replace", "path": "name.familyName", "value": "Lee"}]));
    assert_eq!(got.family_name.as_deref(), Some("Lee"));
    let got = row(json!([{"op": "replace", "value": {"name.givenName": "A", "userName": "b"}}]));
    assert_eq!((got.given_name.as_deref(), got.user_name.as_str()), (Some("A"), "b"));
    let got = row(json!([
        {"op": "add", "path": "displayName", "value": "x"},
        {"op": "remove", "path": "displayName"}
    ]));
    assert_eq!(got.display_name, None);
    let entra = json!({"op": "Add", "path": "emails[type eq \"work\"].value", "value": "a@b.c"});
    assert_eq!(row(json!([entra])).emails, [work("a@b.c")]);
    let change =
        json!({"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "d@e.f"});
    assert_eq!(row(json!([entra, change])).emails, [work("d@e.f")]);
    let remove = json!({"op": "remove", "path": "emails[type eq \"work\"]"});
    assert_eq!(row(json!([entra, remove])).emails, []);
    let twice = json!({"op": "add", "path": "emails", "value": [{"value": "a@b.c"}]});
    assert_eq!(row(json!([entra, twice])).emails.len(), 1);

    for wrong in [
        json!([{"op": "replace", "path": "userName", "value": ""}]),
        json!([{"op": "replace", "path": "userName", "value": "x".repeat(257)}]),
        json!([{"op": "replace", "path": "userName", "value": "a\u{0}"}]),
        json!([{"op": "replace", "path": "emails", "value": "a@b.c"}]),
        json!([{"op": "replace", "path": "displayName", "value": {}}]),
    ] {
        assert_eq!(patch(wrong.clone()).unwrap_err().scim_type, Some("invalidValue"), "{wrong}");
    }
}
