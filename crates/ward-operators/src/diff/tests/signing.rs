//! Every rule for `[signing]`, one change at a time, both ways.

use super::rules::check;
use super::*;

fn set(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|one| (*one).to_owned()).collect()
}

fn rule() -> SigningRule {
    SigningRule {
        caller: "service:login".into(),
        issuer: "https://ward.example".into(),
        audiences: set(&["shop"]),
        kinds: set(&["customer"]),
        sub: Some("[0-9]+".into()),
        tenants: Some(set(&["77"])),
        life_seconds_max: 600,
        login_required: true,
        per_minute: 600,
        extra_claims: set(&["roles"]),
        typed: true,
        transit_key: Some("web".into()),
        transit_create: true,
        transit_rotate: true,
    }
}

#[test]
fn each_part_of_a_rule_is_compared() {
    type Change = fn(&mut SigningRule);
    let cases: [(&str, Change, &str, &str); 18] = [
        ("nothing", |_| {}, "same", "same"),
        ("caller", |it| it.caller.push('x'), "weaker: signing", "weaker: signing"),
        ("issuer", |it| it.issuer.push('x'), "weaker: signing", "weaker: signing"),
        ("audience", |it| it.audiences.extend(set(&["b"])), "weaker: signing", "stronger: signing"),
        ("kind", |it| it.kinds.extend(set(&["b"])), "weaker: signing", "stronger: signing"),
        ("claim", |it| it.extra_claims.clear(), "stronger: signing", "weaker: signing"),
        ("any sub", |it| it.sub = None, "weaker: signing", "stronger: signing"),
        ("another sub", |it| it.sub = Some("x".into()), "weaker: signing", "weaker: signing"),
        ("any tenant", |it| it.tenants = None, "weaker: signing", "stronger: signing"),
        ("no tenant", |it| it.tenants = Some(set(&[])), "weaker: signing", "weaker: signing"),
        (
            "tenants",
            |it| it.tenants = Some(set(&["77", "8"])),
            "weaker: signing",
            "stronger: signing",
        ),
        ("life", |it| it.life_seconds_max = 599, "stronger: signing", "weaker: signing"),
        ("rate", |it| it.per_minute = 601, "weaker: signing", "stronger: signing"),
        ("login", |it| it.login_required = false, "weaker: signing", "stronger: signing"),
        ("typed", |it| it.typed = false, "stronger: signing", "weaker: signing"),
        ("transit", |it| it.transit_key = None, "stronger: signing", "weaker: signing"),
        ("key", |it| it.transit_key = Some("x".into()), "weaker: signing", "weaker: signing"),
        ("rotate", |it| it.transit_rotate = false, "stronger: signing", "weaker: signing"),
    ];
    let with = |rule: SigningRule| {
        let mut it = house();
        it.settings.signing.insert("web".into(), rule);
        it
    };
    for (name, change, want, back) in cases {
        let mut changed = rule();
        change(&mut changed);
        check(name, &with(rule()), &with(changed), want, back);
    }
}

#[test]
fn a_first_rule_is_stronger_unless_it_opens_more() {
    let none = house();
    let with = |rules: &[(&str, SigningRule)]| {
        let mut it = house();
        it.settings.signing =
            rules.iter().map(|(name, rule)| ((*name).to_owned(), rule.clone())).collect();
        it
    };
    let narrow = SigningRule { transit_key: None, ..rule() };
    let (s, w) = ("stronger: signing", "weaker: signing");
    check("narrow", &none, &with(&[("a", narrow.clone())]), s, w);
    check("transit", &none, &with(&[("a", rule())]), w, w);
    let wide = SigningRule { audiences: set(&["bank"]), ..narrow.clone() };
    check("audience", &none, &with(&[("a", wide)]), w, w);
    let long = SigningRule { life_seconds_max: 3601, ..narrow.clone() };
    check("life", &none, &with(&[("a", long)]), w, w);
    let one = with(&[("a", narrow.clone())]);
    check("a second", &one, &with(&[("a", narrow.clone()), ("b", narrow)]), w, s);
}
