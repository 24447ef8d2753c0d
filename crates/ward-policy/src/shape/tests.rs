//! What has one shape, what has not, and what is read which way.

use super::{Effect, PolicyShape, Sense};
use crate::DEFAULTS;

const HEAD: &str = "@id(\"p\") permit (principal, action == Action::\"access\", resource)";

fn one(text: &str) -> PolicyShape {
    let shapes = PolicyShape::of(&[("p.cedar", text)]).unwrap();
    assert_eq!(shapes.len(), 1);
    shapes.into_iter().next().unwrap()
}

fn when(conditions: &str) -> PolicyShape {
    one(&format!("{HEAD} {conditions};"))
}

/// `what` with its senses, `+`, `-` or `?`.
fn reads(conditions: &str) -> String {
    let sign = |sense| match sense {
        Sense::More => '+',
        Sense::Less => '-',
        Sense::Either => '?',
    };
    let shape = when(conditions);
    shape.reads.iter().map(|it| format!("{}{} ", it.what, sign(it.sense))).collect()
}

#[test]
fn what_means_nothing_does_not_show() {
    let plain = "when { resource.self_only && context.is_self } unless { context.task == \"add\" }";
    let same = [
        "when { resource.self_only } when { context.is_self } unless { context.task == \"add\" }",
        "unless { context.task == \"add\" } when { context.is_self && resource.self_only }",
        "when { ((resource.self_only)) && context . is_self // why\n } unless {context.task==\"add\"}",
        "when { resource[\"self_only\"] && context.is_self } unless { context.task == \"add\" }",
    ];
    for text in same {
        assert_eq!(when(text), when(plain), "{text}");
    }
    let either = "unless { resource.self_only || context.is_self }";
    assert_eq!(when(either), when("unless { context.is_self } unless { resource.self_only }"));
    let set = |elements: &str| when(&format!("when {{ [{elements}].contains(principal.kind) }}"));
    assert_eq!(set("\"rider\", \"seller\""), set("\"seller\", \"rider\""));
}

#[test]
fn what_means_something_shows() {
    let plain = when("when { resource.self_only }");
    let others = [
        "unless { resource.self_only }",
        "when { !resource.self_only }",
        "when { context.is_self }",
        "when { resource.self_only || context.is_self }",
        "when { resource.self_only } when { context.is_self }",
        "",
    ];
    for text in others {
        assert_ne!(when(text).conditions, plain.conditions, "{text}");
    }
    let scope =
        one(&HEAD.replace("resource)", "resource == Route::\"x\") when { resource.self_only };"));
    assert_ne!(scope.scope, plain.scope);
    let like = |pattern: &str| when(&format!("when {{ resource.name like \"{pattern}\" }}"));
    assert_ne!(like("a*").conditions, like("*a").conditions);
    let forbid =
        one(&format!("{};", HEAD.replace("permit", "@reason(\"no_purpose\") @why(\"x\") forbid")));
    assert_eq!(forbid.effect, Effect::Forbid);
    assert_eq!(forbid.annotations.len(), 2);
}

#[test]
fn files_and_their_order_mean_nothing() {
    let shapes = PolicyShape::of(DEFAULTS).unwrap();
    let ids: Vec<&str> = shapes.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["left", "outside_kinds", "own_only", "purpose", "service_scope", "staff"]);
    let whole: String = DEFAULTS.iter().rev().map(|(_, text)| *text).collect();
    assert_eq!(PolicyShape::of(&[("all.cedar", &whole)]).unwrap(), shapes);
    assert!(shapes.iter().all(|it| !it.may_fail), "nothing Ward comes with can fail");
    PolicyShape::of(&[("p.cedar", "permit")]).unwrap_err();
}

#[test]
fn what_is_read_and_which_way() {
    let cases = [
        ("when { resource.self_only }", "resource.self_only+ "),
        ("unless { resource.self_only }", "resource.self_only- "),
        ("when { !resource.self_only }", "resource.self_only- "),
        (
            "unless { !resource.self_only || context.is_self }",
            "context.is_self- resource.self_only+ ",
        ),
        ("when { resource.kinds.contains(principal.kind) }", "resource.kinds+ "),
        ("when { resource.kinds.isEmpty() }", "resource.kinds- "),
        ("when { [\"rider\"].containsAll(resource.kinds) }", "resource.kinds? "),
        ("when { resource.self_only == context.is_self }", "context.is_self? resource.self_only? "),
        (
            "when { if resource.self_only then context.is_self else principal.tenant }",
            "context.is_self+ resource.self_only? ",
        ),
        ("when { principal.kind == \"rider\" }", ""),
        ("when { resource == Route::\"x\" }", ""),
        (
            "when { (if principal.tenant then resource else resource).self_only }",
            "context.self_only? resource.self_only? ",
        ),
    ];
    for (text, want) in cases {
        assert_eq!(reads(text), want, "{text}");
    }
}

#[test]
fn what_may_fail_keeps_its_order() {
    let sure =
        ["when { resource.number == 1 }", "when { context has task && context.task like \"a*\" }"];
    for text in sure {
        assert!(!when(text).may_fail, "{text}");
    }
    let unsure = [
        "when { resource.number + 9223372036854775807 > 0 }",
        "when { -resource.number < 0 }",
        "when { resource.number * 2 > 0 }",
        "when { Route::\"x\".self_only }",
        "when { (if principal.tenant then resource else Route::\"x\").self_only }",
    ];
    for text in unsure {
        assert!(when(text).may_fail, "{text}");
    }
    let (one, other) = ("when { principal.tenant }", "when { resource.number + 1 > 0 }");
    let ordered = |a: &str, b: &str| when(&format!("{a} {b}")).conditions;
    assert_ne!(ordered(one, other), ordered(other, one));
}

#[test]
fn a_part_for_routes_about_oneself() {
    assert!(when("when { resource.self_only && context.is_self }").self_only_routes);
    for text in ["when { resource.self_only || context.is_self }", "unless { resource.self_only }"]
    {
        assert!(!when(text).self_only_routes, "{text}");
    }
}
