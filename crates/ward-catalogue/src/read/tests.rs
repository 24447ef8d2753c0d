//! The file: what a good one compiles to, and everything wrong with bad ones at once.

use ward_model::{NamespaceNumber, PrincipalKind, RouteNumber};
use ward_scan::{Framing, Mask, Mode as ScanMode};

use crate::catalogue::{Body, Catalogue, Holder, Mode, RouteSubject, Undeclared};

const GOOD: &str = r#"
version = 1
[hosts.shop]
upstream = "http://127.0.0.1:9000"
undeclared = "refuse"
max_body_bytes = 1_048_576
[classes]
name = 1
phone = 2
[namespaces]
courier = 40
[budgets.staff-day]
kinds = ["person", "service"]
subjects = 200
window = "1d"
[[routes]]
number = 3
name = "staff-customer"
host = "shop"
method = "GET"
path = "/staff/customers/{id}"
mode = "enforce"
kinds = ["service", "person"]
purpose = "required"
subject = "customer:{id}"
self_only = true
tenant = "principal"
subjects_max = 5
body = "json"
[[routes.fields]]
slot = 4
path = "orders[].buyer.phone"
class = "phone"
mask = "last4"
mask_for = ["rider"]
[[routes.fields]]
slot = 0
path = "orders[].buyer.id"
subject = "courier"
[[routes.fields]]
slot = 7
path = "orders[].seller"
tenant = true
"#;

fn mistakes(text: &str) -> String {
    let list = Catalogue::parse("catalogue.toml", text).unwrap_err();
    list.iter().map(|mistake| format!("{mistake}\n")).collect()
}

#[test]
fn a_good_file_compiles() {
    let catalogue = Catalogue::parse("catalogue.toml", GOOD).unwrap();
    let host = catalogue.host_for(None).unwrap();
    assert_eq!((host.undeclared, host.max_body_bytes), (Undeclared::Refuse, 1 << 20));
    assert!(host.enforces);
    let route = catalogue.route(RouteNumber(3)).unwrap();
    assert_eq!((route.mode, route.body, route.subjects_max), (Mode::Enforce, Body::Json, 5));
    assert_eq!(route.kinds, [PrincipalKind::Person, PrincipalKind::Service]);
    assert!(!route.login_required);
    for (word, want) in [("required", true), ("optional", false)] {
        let text = GOOD.replace("tenant = \"principal\"", &format!("login = \"{word}\"\n$0"));
        let text = text.replace("$0", "tenant = \"principal\"");
        let other = Catalogue::parse("catalogue.toml", &text).unwrap();
        assert_eq!(other.route(RouteNumber(3)).unwrap().login_required, want);
        assert_eq!(other.digest() == catalogue.digest(), !want, "it counts, and only when asked");
    }
    for (word, want) in [("bound", Holder::Bound), ("any", Holder::Any)] {
        let more = format!("holder = \"{word}\"\ntenant = \"principal\"");
        let text = GOOD.replace("tenant = \"principal\"", &more);
        let other = Catalogue::parse("catalogue.toml", &text).unwrap();
        assert_eq!(other.route(RouteNumber(3)).unwrap().holder, want);
        let same = other.digest() == catalogue.digest();
        assert_eq!(same, want == Holder::Any, "it counts, and only when asked");
    }
    let customer = NamespaceNumber(1);
    assert_eq!(route.subject, Some(RouteSubject::Parameter { namespace: customer, index: 0 }));
    assert_eq!(route.fields.iter().map(|field| field.slot).collect::<Vec<_>>(), [0, 4, 7]);
    assert_eq!(route.field(4).unwrap().mask, Some(Mask::KeepLast(4)));
    assert_eq!((route.classes_of(1 << 4), route.classes_of(1)), (1 << 2, 0));
    assert_eq!(catalogue.namespace_name(NamespaceNumber(40)), Some("courier"));
    assert_eq!(catalogue.budgets()[0].window_ms, 86_400_000);
}

#[test]
fn a_mask_is_for_its_kinds_only() {
    let catalogue = Catalogue::parse("catalogue.toml", GOOD).unwrap();
    let route = catalogue.route(RouteNumber(3)).unwrap();
    let body = br#"{"orders":[{"seller":9,"buyer":{"id":"5","phone":"010-1234-5678"},"x":1}]}"#;
    let seen = |kind| {
        let plan = route.plan(kind).unwrap();
        let scan = ward_scan::testing::scan(plan, ScanMode::Enforce, Framing::Single, body, 9);
        let (out, measured) = scan.unwrap();
        assert_eq!(measured.subjects[0].namespace, 40);
        String::from_utf8(out).unwrap()
    };
    assert!(seen(PrincipalKind::Rider).contains(r#""phone":"*********5678"}}"#));
    assert!(seen(PrincipalKind::Person).contains(r#""phone":"010-1234-5678"}}"#));
}

#[test]
fn the_digest_is_of_what_is_said() {
    let digest = |text: &str| *Catalogue::parse("", text).unwrap().digest();
    let same = GOOD.replace("[classes]", "# a comment\n[classes] # and another\n");
    assert_eq!(digest(&same), digest(GOOD));
    assert_eq!(digest(&GOOD.replace("name = 1\nphone = 2", "phone = 2\nname = 1")), digest(GOOD));
    let swap = |from: &str, to: &str| {
        assert_ne!(digest(&GOOD.replace(from, to)), digest(GOOD), "{from} -> {to}");
    };
    swap("\"enforce\"", "\"observe\"");
    swap("last4", "last3");
    swap("subjects = 200", "subjects = 201");
    swap("mask_for = [\"rider\"]", "mask_for = [\"rider\", \"person\"]");
    swap("\"1d\"", "\"2d\"");
    swap("slot = 4", "slot = 5");
    swap("self_only = true", "self_only = false");
    swap("\"refuse\"", "\"observe\"");
    swap("1_048_576", "1_048_577");
}

#[test]
fn twelve_mistakes_at_once() {
    let text = GOOD
        .replace("version = 1", "version = 2")
        .replace("http://127.0.0.1:9000", "https://shop/x")
        .replace("undeclared = \"refuse\"", "undeclard = \"refuse\"")
        .replace("phone = 2", "phone = 1")
        .replace("window = \"1d\"", "window = \"1w\"")
        .replace("subjects = 200", "subjects = 0")
        .replace("host = \"shop\"", "host = \"shpo\"")
        .replace("customer:{id}", "customer:{ib}")
        .replace("subjects_max = 5", "subjects_max = \"5\"")
        .replace("class = \"phone\"", "class = \"fone\"")
        .replace("last4", "last0")
        .replace("mask_for = [\"rider\"]", "mask_for = [\"rider\", \"rider\", \"boss\"]")
        .replace("subject = \"courier\"", "subject = \"currier\"")
        .replace("slot = 7", "slot = 4")
        .replace("orders[].seller", "orders[0].seller");
    insta::assert_snapshot!("twelve_mistakes", mistakes(&text));
}

#[test]
fn what_does_not_fit_together() {
    let route = |text: &str| format!("{GOOD}\n[[routes]]\n{text}");
    let second = "number = 4\nname = \"two\"\nhost = \"shop\"\nmethod = \"GET\"\n\
                  path = \"/staff/customers/{no}\"\nmode = \"enforce\"\nkinds = [\"person\"]\n\
                  body = \"json\"\n";
    let cases = [
        ("missing all", route("")),
        ("overlap, empty answers", route(second)),
        ("twice", route(&second.replace('4', "3").replace("two", "staff-customer"))),
        (
            "crossing",
            route(&second.replace("customers/{no}", "{x}/me").replace("enforce", "observe"))
                + "[[routes]]\n"
                + &second
                    .replace('4', "5")
                    .replace("two", "three")
                    .replace("{no}", "{x}")
                    .replace("enforce", "observe")
                    .replace("/staff/customers", "/staff/{y}")
                    .replace("/{x}", "/{z}"),
        ),
        ("fields without a body", GOOD.replace("body = \"json\"", "body = \"none\"")),
        ("tenant unchecked", GOOD.replace("tenant = \"principal\"\n", "")),
        ("tenant unnamed", GOOD.replace("tenant = true\n", "")),
        ("mask_for alone", GOOD.replace("mask = \"last4\"\n", "")),
        ("self without subject", GOOD.replace("subject = \"customer:{id}\"\n", "")),
        ("value and container", GOOD.replace("orders[].seller\"", "orders[].buyer\"")),
        ("syntax", GOOD.replace("number = 3", "number = = 3").replace("slot = 0", "slot 0")),
        ("template", GOOD.replace("/staff/customers/{id}", "/staff//a{id}/")),
        (
            "two hosts",
            GOOD.replace("[classes]", "[hosts.b]\nupstream = \"http://[::1]:1\"\n[classes]"),
        ),
        ("given namespace", GOOD.replace("courier = 40", "courier = 40\nphone = 41\nx = 31")),
        ("names", GOOD.replace("staff-day", "Staff-day").replace("\"staff-customer\"", "\"\"")),
        ("types", "version = \"1\"\nhosts = 3\nroutes = [1]\nbudgets = []".to_owned()),
    ];
    let all: String =
        cases.iter().map(|(name, text)| format!("== {name}\n{}", mistakes(text))).collect();
    insta::assert_snapshot!("what_does_not_fit", all);
}

#[test]
fn hosts_by_their_names() {
    let text = GOOD.replace("undeclared =", "names = [\"api.example.com\"]\nundeclared =")
        + "[hosts.b]\nnames = [\"b.example.com\"]\nupstream = \"http://[::1]:81/\"\n";
    let catalogue = Catalogue::parse("", &text).unwrap();
    let name = |header| catalogue.host_for(header).map(|host| host.name.as_str());
    assert_eq!(name(Some("API.example.com:7781")), Some("shop"));
    assert_eq!(name(Some("b.example.com.")), Some("b"));
    assert_eq!((name(Some("c.example.com")), name(None)), (None, None));
}

#[test]
fn many_mistakes_are_bounded() {
    let text: String = (0..500).map(|n| format!("k{n} = 1\n")).collect();
    let list = Catalogue::parse("", &text).unwrap_err();
    assert_eq!(list.len(), 200);
    assert!(list[199].message.contains("more mistakes"));
}
