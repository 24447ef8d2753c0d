//! Every rule for catalogues and policies, one change at a time.
//! What is stronger one way is weaker the other.

use super::*;

/// `want` is the verdict and the kinds of the reasons; for `back` likewise, the other way round.
pub fn check(name: &str, old: &Declarations, new: &Declarations, want: &str, back: &str) {
    let (there, return_) = (diff(old, new), diff(new, old));
    assert_eq!(told(&there), want, "{name}: {there:#?}");
    assert_eq!(told(&return_), back, "{name}, back: {return_:#?}");
    if want != "same" {
        assert_ne!(digest(old), digest(new), "{name}");
    }
    assert!(!format!("{there:?}{return_:?}").contains("a@b.example"), "{name}");
}

/// What is replaced in the text, by what.
struct TextCase {
    name: &'static str,
    swap: &'static [(&'static str, &'static str)],
    want: &'static str,
    back: &'static str,
}

const fn case(
    name: &'static str,
    swap: &'static [(&'static str, &'static str)],
    want: &'static str,
    back: &'static str,
) -> TextCase {
    TextCase { name, swap, want, back }
}

fn swapped(text: &str, case: &TextCase) -> String {
    case.swap.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{}: nothing to replace: {from}", case.name);
        text.replacen(from, to, 1)
    })
}

/// Fields of the route `staff`.
const ID: &str = "  { slot = 0, path = \"buyer.id\", subject = \"customer\" },\n";
const PHONE: &str = "{ slot = 1, path = \"buyer.phone\", class = \"phone\", mask = \"last4\", mask_for = [\"person\", \"rider\"] }";
const TOTAL: &str = "  { slot = 4, path = \"total\" },\n";
const LIST: &str =
    "fields = [{ slot = 0, path = \"name\", class = \"name\" }]\n[[routes]]\nnumber = 3";

const HOSTS: &[TextCase] = &[
    case(
        "undeclared",
        &[("\"refuse\"", "\"observe\"")],
        "weaker: undeclared",
        "stronger: undeclared",
    ),
    case("upstream's port", &[("127.0.0.1:9000", "127.0.0.1:9001")], "same", "same"),
    case("upstream's slash", &[("10.0.0.7", "10.0.0.7:80/")], "same", "same"),
    case("upstream", &[("127.0.0.1", "127.0.0.2")], "weaker: upstream", "weaker: upstream"),
    case(
        "upstream's far port",
        &[("10.0.0.7", "10.0.0.7:81")],
        "weaker: upstream",
        "weaker: upstream",
    ),
    case("upstream local", &[("10.0.0.7", "127.0.0.1")], "weaker: upstream", "weaker: upstream"),
    case("answer", &[("= 1000", "= 1001")], "weaker: body_bytes", "stronger: body_bytes"),
    case(
        "a name more",
        &[("\"open.example\"", "\"open.example\", \"o.example\"")],
        "weaker: host_names",
        "stronger: host_names",
    ),
    case(
        "a name moves",
        &[("\"api.example\", ", ""), ("\"open.example\"", "\"open.example\", \"api.example\"")],
        "weaker: host_names",
        "weaker: host_names",
    ),
    case(
        "names in another order",
        &[("\"api.example\", \"shop.example\"", "\"shop.example\", \"api.example\"")],
        "same",
        "same",
    ),
    case(
        "a host that observes",
        &[("[classes]", "[hosts.x]\nupstream = \"http://x\"\nnames = [\"x\"]\n[classes]")],
        "weaker: host",
        "stronger: host",
    ),
    case(
        "a host that refuses",
        &[(
            "[classes]",
            "[hosts.x]\nupstream = \"http://x\"\nnames = [\"x\"]\nundeclared = \"refuse\"\n[classes]",
        )],
        "same",
        "same",
    ),
    case(
        "a class renamed",
        &[("\"phone\", mask", "\"tel\", mask"), ("phone = 2", "tel = 2")],
        "weaker: data_class",
        "weaker: data_class",
    ),
    case(
        "a class renumbered",
        &[("phone = 2", "phone = 3")],
        "weaker: data_class field_class",
        "weaker: data_class field_class",
    ),
    case("a class more", &[("phone = 2", "phone = 2\nx = 3")], "same", "weaker: data_class"),
    case("a namespace renumbered", &[("= 40", "= 41")], "weaker: namespace", "weaker: namespace"),
    case("a namespace more", &[("= 40", "= 40\nx = 41")], "same", "weaker: namespace"),
    case("a budget's cap", &[("= 200", "= 201")], "weaker: budget", "stronger: budget"),
    case("a budget's window", &[("\"1d\"", "\"23h\"")], "weaker: budget", "stronger: budget"),
    case(
        "a budget's kinds",
        &[("[\"person\", \"service\"]", "[\"person\"]")],
        "weaker: budget",
        "stronger: budget",
    ),
    case(
        "a budget of cap and window",
        &[("= 200", "= 100"), ("\"1d\"", "\"12h\"")],
        "weaker: budget",
        "weaker: budget",
    ),
    case(
        "no budget",
        &[(
            "[budgets.staff-day]\nkinds = [\"person\", \"service\"]\nsubjects = 200\nwindow = \"1d\"\n",
            "",
        )],
        "weaker: budget",
        "stronger: budget",
    ),
];

const ROUTES: &[TextCase] = &[
    case(
        "observed",
        &[("\"enforce\"", "\"observe\"")],
        "weaker: route_mode",
        "stronger: route_mode",
    ),
    case(
        "a kind more",
        &[("\"enforce\"\nkinds = [\"person\"", "\"enforce\"\nkinds = [\"rider\", \"person\"")],
        "weaker: route_kinds",
        "stronger: route_kinds",
    ),
    case(
        "a kind more where it is observed",
        &[("\"observe\"\nkinds = [\"person\"]", "\"observe\"\nkinds = [\"rider\", \"person\"]")],
        "weaker: route_kinds",
        "stronger: route_kinds",
    ),
    case(
        "purpose required",
        &[("\"optional\"", "\"required\"")],
        "stronger: route_purpose",
        "weaker: route_purpose",
    ),
    case(
        "a login",
        &[("path = \"/lists/{id}\"\n", "path = \"/lists/{id}\"\nlogin = \"required\"\n")],
        "stronger: route_login",
        "weaker: route_login",
    ),
    case(
        "bound tokens alone",
        &[("path = \"/lists/{id}\"\n", "path = \"/lists/{id}\"\nholder = \"bound\"\n")],
        "stronger: route_holder",
        "weaker: route_holder",
    ),
    case(
        "purpose none",
        &[("\"optional\"", "\"none\"")],
        "weaker: route_purpose",
        "stronger: route_purpose",
    ),
    case(
        "no subject",
        &[("subject = \"customer:{id}\"\n", "")],
        "weaker: route_subject",
        "stronger: route_subject",
    ),
    case(
        "another subject",
        &[("\"customer:{id}\"", "\"courier:{id}\"")],
        "weaker: route_subject",
        "weaker: route_subject",
    ),
    case(
        "for others",
        &[("self_only = true\n", "")],
        "weaker: route_self_only",
        "stronger: route_self_only",
    ),
    case(
        "no tenant",
        &[("tenant = \"principal\"\n", ""), (", tenant = true", "")],
        "weaker: route_tenant field_tenant",
        "stronger: route_tenant field_tenant",
    ),
    case(
        "subjects",
        &[("subjects_max = 5", "subjects_max = 6")],
        "weaker: route_subjects",
        "stronger: route_subjects",
    ),
    case("a parameter's name", &[("/lists/{id}", "/lists/{no}")], "same", "same"),
    case(
        "a number",
        &[("number = 4", "number = 5")],
        "weaker: route_number",
        "weaker: route_number",
    ),
    case("a name", &[("\"note\"", "\"memo\"")], "weaker: route_name", "weaker: route_name"),
    case(
        "two numbers swapped",
        &[("number = 2", "number = 9"), ("number = 4", "number = 2"), ("number = 9", "number = 4")],
        "weaker: route_number",
        "weaker: route_number",
    ),
    case(
        "moved",
        &[("/notes/{id}", "/memos/{id}")],
        "weaker: route route_number",
        "weaker: route route_number",
    ),
    case(
        "another method",
        &[("\"GET\"", "\"POST\"")],
        "weaker: route_number route",
        "weaker: route_number route",
    ),
    case(
        "another kind of body",
        &[("body = \"json\"", "body = \"ndjson\"")],
        "weaker: route_body",
        "weaker: route_body",
    ),
    case(
        "a body that cannot be looked into, refused",
        &[(
            "body = \"json\"\nfields = [{ slot = 0, path = \"name\", class = \"name\" }]\n[[routes]]\nnumber = 4",
            "body = \"none\"\n[[routes]]\nnumber = 4",
        )],
        "stronger: route_body",
        "weaker: route_body field",
    ),
    case(
        "a body that cannot be looked into, passed",
        &[(
            "body = \"json\"\nfields = [{ slot = 0, path = \"name\", class = \"name\" }]\n[[routes]]\nnumber = 3",
            "body = \"none\"\n[[routes]]\nnumber = 3",
        )],
        "weaker: route_body field",
        "stronger: route_body field",
    ),
    case(
        "a task that a policy reads",
        &[("body = \"none\"", "body = \"uninspectable\"")],
        "weaker: route_body",
        "weaker: route_body",
    ),
];

const NEW: &str = "\n[[routes]]\nnumber = 9\nname = \"new\"\nmethod = \"GET\"\nfields = [{ slot = 0, path = \"name\", class = \"name\" }]\nbody = \"json\"\n";

/// A route more: where, how, and what comes of it.
const ADDED: &[(&str, &str, &str, &str, &str)] = &[
    ("shop", "/new", "enforce", "weaker: route", "stronger: route"),
    ("shop", "/new", "observe", "weaker: route", "stronger: route"),
    ("open", "/new", "enforce", "stronger: route", "weaker: route"),
    ("open", "/new", "observe", "stronger: route", "weaker: route"),
    ("open", "/items/me", "enforce", "weaker: route_overlap", "weaker: route_overlap"),
    ("open", "/items/me", "observe", "weaker: route_overlap", "stronger: route_overlap"),
    ("shop", "/lists/me", "enforce", "stronger: route_overlap", "weaker: route_overlap"),
    ("shop", "/lists/me", "observe", "same", "same"),
    ("open", "/{a}/{b}", "observe", "stronger: route", "weaker: route"),
    ("shop", "/{a}/{b}", "enforce", "weaker: route", "stronger: route"),
];

#[test]
fn hosts_and_numbers_one_by_one() {
    for case in HOSTS.iter().chain(ROUTES).chain(FIELDS) {
        let (old, mut new) = (house(), house());
        new.catalogue = catalogue(&swapped(CATALOGUE, case));
        check(case.name, &old, &new, case.want, case.back);
    }
}

#[test]
fn a_route_more_or_less() {
    for (host, path, mode, want, back) in ADDED {
        let (old, mut new) = (house(), house());
        let kind = if *host == "shop" { "person" } else { "customer" };
        let own = format!(
            "host = \"{host}\"\npath = \"{path}\"\nmode = \"{mode}\"\nkinds = [\"{kind}\"]\n"
        );
        new.catalogue = catalogue(&format!("{CATALOGUE}{NEW}{own}"));
        check(&format!("{host} {path} {mode}"), &old, &new, want, back);
    }
}

const FIELDS: &[TextCase] = &[
    case("a field less", &[(TOTAL, "")], "stronger: field", "weaker: field"),
    case("a field that names a person less", &[(ID, "")], "weaker: field_subject", "weaker: field"),
    case(
        "an observed field more",
        &[(
            LIST,
            "fields = [{ slot = 0, path = \"name\", class = \"name\" }, { slot = 1, path = \"x\" }]\n[[routes]]\nnumber = 3",
        )],
        "stronger: field",
        "weaker: field",
    ),
    case("a slot", &[("slot = 4", "slot = 5")], "weaker: field_slot", "weaker: field_slot"),
    case(
        "a slot given to another",
        &[(TOTAL, "  { slot = 4, path = \"sum\" },\n")],
        "weaker: field_slot field",
        "weaker: field_slot field",
    ),
    case("another spelling", &[("\"total\"", "'\\total'")], "same", "same"),
    case(
        "another class",
        &[("class = \"phone\"", "class = \"name\"")],
        "weaker: field_class",
        "weaker: field_class",
    ),
    case(
        "no class",
        &[("class = \"phone\", ", "")],
        "weaker: field_class",
        "stronger: field_class",
    ),
    case(
        "no mask",
        &[("mask = \"last4\", mask_for = [\"person\", \"rider\"]", "tenant = false")],
        "weaker: field_mask",
        "stronger: field_mask",
    ),
    case(
        "another length of mask",
        &[("last4", "last3")],
        "weaker: field_mask",
        "weaker: field_mask",
    ),
    case("a longer mask", &[("last4", "last5")], "weaker: field_mask", "weaker: field_mask"),
    case("a whole mask", &[("last4", "all")], "stronger: field_mask", "weaker: field_mask"),
    case("nothing shown", &[("\"all\"", "\"null\"")], "stronger: field_mask", "weaker: field_mask"),
    case(
        "a mask for fewer",
        &[("[\"person\", \"rider\"]", "[\"person\"]")],
        "weaker: field_mask",
        "stronger: field_mask",
    ),
    case(
        "a mask for all",
        &[(", mask_for = [\"person\", \"rider\"]", "")],
        "stronger: field_mask",
        "weaker: field_mask",
    ),
    case(
        "a mask for some that was for all",
        &[("mask = \"all\"", "mask = \"all\", mask_for = [\"person\"]")],
        "weaker: field_mask",
        "stronger: field_mask",
    ),
    case(
        "no person named",
        &[(", subject = \"customer\"", "")],
        "weaker: field_subject",
        "stronger: field_subject",
    ),
    case(
        "somebody else named",
        &[("subject = \"customer\" }", "subject = \"courier\" }")],
        "weaker: field_subject",
        "weaker: field_subject",
    ),
    case(
        "out of a wildcard, unmasked",
        &[(
            TOTAL,
            "  { slot = 5, path = \"extra.a\", class = \"name\" },\n  { slot = 4, path = \"total\" },\n",
        )],
        "weaker: field_mask",
        "stronger: field_mask",
    ),
    case(
        "out of a wildcard, as masked",
        &[(
            TOTAL,
            "  { slot = 5, path = \"extra.a\", class = \"name\", mask = \"all\" },\n  { slot = 4, path = \"total\" },\n",
        )],
        "same",
        "same",
    ),
    case(
        "a wildcard over a masked field",
        &[(PHONE, "{ slot = 1, path = \"buyer.*\", class = \"phone\", mask = \"null\" }")],
        "weaker: field_slot field",
        "weaker: field_mask field_slot",
    ),
];

const CHANGED_POLICIES: &[TextCase] = &[
    case(
        "comments and spaces",
        &[("when { principal", "// why\n  when   { principal")],
        "same",
        "same",
    ),
    case(
        "order of conditions",
        &[(
            "when { principal.kind == \"service\" } when { context.purpose_stated }",
            "when { context.purpose_stated && principal.kind == \"service\" }",
        )],
        "same",
        "same",
    ),
    case("another annotation", &[("@id(\"extra\")", "@why(\"x\") @id(\"extra\")")], "same", "same"),
    case(
        "a permit's condition less",
        &[(" when { context.purpose_stated }", "")],
        "weaker: permit",
        "stronger: permit",
    ),
    case(
        "a permit's other condition",
        &[("\"service\"", "\"rider\"")],
        "weaker: permit",
        "weaker: permit",
    ),
    case(
        "a permit's scope",
        &[(
            "permit (principal, action == Action::\"access\", resource)",
            "permit (principal, action == Action::\"access\", resource == Route::\"x\")",
        )],
        "weaker: permit",
        "weaker: permit",
    ),
    case(
        "a forbid's condition less",
        &[(" && principal.kind == \"rider\"", "")],
        "stronger: forbid",
        "weaker: forbid",
    ),
    case(
        "a forbid's other condition",
        &[("\"delete\"", "\"add\"")],
        "weaker: forbid",
        "weaker: forbid",
    ),
    case(
        "permit to forbid",
        &[("permit", "forbid")],
        "stronger: permit forbid",
        "weaker: forbid permit",
    ),
    case(
        "a reason",
        &[("@id(\"guard\")", "@reason(\"no_purpose\") @id(\"guard\")")],
        "weaker: policy_reason",
        "weaker: policy_reason",
    ),
    case(
        "a reason that says the default",
        &[("@id(\"guard\")", "@reason(\"policy\") @id(\"guard\")")],
        "same",
        "same",
    ),
    case("an id", &[("@id(\"guard\")", "@id(\"guard2\")")], "weaker: forbid", "weaker: forbid"),
    case(
        "what may fail changes",
        &[("+ 9223372036854775807", "+ 1")],
        "weaker: forbid",
        "weaker: forbid",
    ),
    case(
        "what may fail asks for more",
        &[("> 0 }", "> 0 && principal.tenant }")],
        "weaker: forbid",
        "weaker: forbid",
    ),
    case(
        "what may fail goes",
        &[("resource.number + 9223372036854775807 > 0", "true")],
        "weaker: forbid",
        "weaker: forbid",
    ),
];

#[test]
fn policies_one_by_one() {
    for case in CHANGED_POLICIES {
        let (old, mut new) = (house(), house());
        new.policies = policies(&swapped(POLICIES, case));
        check(case.name, &old, &new, case.want, case.back);
    }
}

#[test]
fn a_policy_more_or_less() {
    let (old, mut new) = (house(), house());
    let more = "@id(\"more\") forbid (principal, action, resource) when { principal.tenant };";
    new.policies = policies(&format!("{POLICIES}{more}"));
    check("forbid", &old, &new, "stronger: forbid", "weaker: forbid");
    new.policies = policies(&format!("{POLICIES}{}", more.replace("forbid", "permit")));
    check("permit", &old, &new, "weaker: permit", "stronger: permit");
    let failing =
        "@id(\"more\") permit (principal, action, resource) when { resource.number + 1 > 0 };";
    new.policies = policies(&format!("{POLICIES}{failing}"));
    check("permit that may fail", &old, &new, "weaker: permit", "weaker: permit");
    // The order of policies in the list means nothing.
    new.policies = old.policies.iter().rev().cloned().collect();
    check("order", &old, &new, "same", "same");
    assert_eq!(digest(&old), digest(&new));
}

/// A policy that reads an attribute of routes the other way round turns a tightening into an
/// opening.
#[test]
fn what_policies_make_of_a_route() {
    type Case = (&'static str, (&'static str, &'static str), &'static str, &'static str);
    let cases: [Case; 6] = [
        (
            "permit where few kinds are listed",
            ("kinds = [\"person\", \"service\"]\npurpose", "kinds = [\"person\"]\npurpose"),
            "permit (principal, action, resource) when { !resource.kinds.contains(\"service\") };",
            "weaker: route_kinds",
        ),
        (
            "forbid by the kinds listed",
            ("kinds = [\"person\", \"service\"]\npurpose", "kinds = [\"person\"]\npurpose"),
            "forbid (principal, action, resource) when { resource.kinds.contains(\"service\") };",
            "weaker: route_kinds",
        ),
        (
            "permit where a purpose is asked for",
            ("\"optional\"", "\"required\""),
            "permit (principal, action, resource) when { resource.purpose_required };",
            "weaker: route_purpose",
        ),
        (
            "permit what is about oneself",
            (
                "mode = \"observe\"\nkinds = [\"person\"]",
                "mode = \"observe\"\nkinds = [\"person\"]\nsubject = \"principal\"",
            ),
            "permit (principal, action, resource) when { context.is_self };",
            "weaker: route_subject",
        ),
        (
            "permit routes about oneself",
            ("subject = \"customer:{id}\"", "subject = \"customer:{id}\"\nself_only = true"),
            "permit (principal, action, resource) when { resource.self_only };",
            "weaker: route_self_only",
        ),
        (
            "permit by the whole context",
            (
                "mode = \"observe\"\nkinds = [\"person\"]",
                "mode = \"observe\"\nkinds = [\"person\"]\nsubject = \"principal\"",
            ),
            "permit (principal, action, resource) when { context == {is_self: true, purpose_stated: true, task: \"view\"} };",
            "weaker: route_subject",
        ),
    ];
    for (name, (from, to), policy, want) in cases {
        assert!(CATALOGUE.contains(from), "{name}");
        let (mut old, mut new) = (house(), house());
        new.catalogue = catalogue(&CATALOGUE.replacen(from, to, 1));
        assert_eq!(told(&diff(&old, &new)), want.replace("weaker", "stronger"), "{name}");
        old.policies = policies(&format!("{POLICIES}@id(\"turned\") {policy}"));
        // It is enough that one side reads it the safe way.
        let judgement = diff(&old, &new);
        assert!(judgement.weaker().iter().all(|why| why.kind != Kind::RouteKinds), "{name}");
        new.policies.clone_from(&old.policies);
        assert_eq!(told(&diff(&old, &new)), want, "{name}");
    }
}

#[test]
fn a_house_is_as_strict_as_itself() {
    assert_eq!(diff(&house(), &house()), Judgement::Same);
}
