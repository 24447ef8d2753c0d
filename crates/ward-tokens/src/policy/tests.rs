//! A row for each thing a rule names, and the patterns.

use super::*;

fn name(id: &str) -> PrincipalName {
    PrincipalName::new(PrincipalKind::Customer, id).unwrap()
}

fn rule() -> Rule {
    Rule {
        caller: PrincipalName::new(PrincipalKind::Service, "login").unwrap(),
        issuer: "ward".into(),
        audiences: vec!["shop".into(), "app".into()],
        kinds: vec![PrincipalKind::Customer],
        sub: Some(SubPattern::new("[0-9]{1,12}").unwrap()),
        tenants: Tenants::Listed(vec!["77".into()]),
        life_ms_max: 600_000,
        login_required: true,
        per_minute: 60,
        extra_claims: vec!["roles".into()],
        typed: true,
        transit: Some(TransitRule { key: "web".into(), may_create: false, may_rotate: false }),
    }
}

#[test]
fn a_rule_permits_what_it_names_and_nothing_else() {
    let audiences = ["shop".to_owned()];
    let both = ["shop".to_owned(), "bank".to_owned()];
    let (roles, other) = (["roles".to_owned()], ["roles".to_owned(), "act".to_owned()]);
    let (customer, letters) = (name("100001"), name("100001x"));
    let seller = PrincipalName::new(PrincipalKind::Seller, "7").unwrap();
    let good = Wanted {
        door: Door::Typed,
        issuer: None,
        audiences: &audiences,
        principal: &customer,
        tenant: Some("77"),
        life_ms: 600_000,
        login: true,
        others: &roles,
    };
    for (what, wanted, want) in [
        ("all of it", good, None),
        ("by transit", Wanted { door: Door::Transit("web"), ..good }, None),
        ("another key", Wanted { door: Door::Transit("x"), ..good }, Some(Denied::Door)),
        ("its issuer", Wanted { issuer: Some("ward"), ..good }, None),
        ("another issuer", Wanted { issuer: Some("x"), ..good }, Some(Denied::Issuer)),
        ("another kind", Wanted { principal: &seller, ..good }, Some(Denied::Kind)),
        ("one audience too many", Wanted { audiences: &both, ..good }, Some(Denied::Audience)),
        ("no audience", Wanted { audiences: &[], ..good }, Some(Denied::Audience)),
        ("another sub", Wanted { principal: &letters, ..good }, Some(Denied::Sub)),
        ("another tenant", Wanted { tenant: Some("78"), ..good }, Some(Denied::Tenant)),
        ("no tenant", Wanted { tenant: None, ..good }, Some(Denied::Tenant)),
        ("too long", Wanted { life_ms: 600_001, ..good }, Some(Denied::Life)),
        ("too short", Wanted { life_ms: 999, ..good }, Some(Denied::Life)),
        ("no login", Wanted { login: false, ..good }, Some(Denied::Login)),
        ("another claim", Wanted { others: &other, ..good }, Some(Denied::Claim)),
    ] {
        assert_eq!(rule().permits(&wanted).err(), want, "{what}");
    }
    let shut = Rule { typed: false, transit: None, ..rule() };
    for door in [Door::Typed, Door::Transit("web")] {
        assert_eq!(shut.permits(&Wanted { door, ..good }), Err(Denied::Door));
    }
    let none = Rule { tenants: Tenants::Listed(Vec::new()), ..rule() };
    assert_eq!(none.permits(&good), Err(Denied::Tenant));
    assert_eq!(none.permits(&Wanted { tenant: None, ..good }), Ok(()));
    let any = Rule { tenants: Tenants::Any, login_required: false, sub: None, ..rule() };
    assert_eq!(any.permits(&Wanted { tenant: None, login: false, ..good }), Ok(()));
}

#[test]
fn one_of_the_callers_own_rules_permits() {
    let audiences = ["shop".to_owned()];
    let customer = name("100001");
    let wanted = Wanted {
        door: Door::Transit("web"),
        issuer: Some("ward"),
        audiences: &audiences,
        principal: &customer,
        tenant: Some("77"),
        life_ms: 900_000,
        login: true,
        others: &[],
    };
    let mut rules = Rules::default();
    assert_eq!(rules.permit(&wanted, |_| true).err(), Some(Denied::NoRule));
    rules.0.insert("a".into(), rule());
    assert_eq!(rules.permit(&wanted, |_| false).err(), Some(Denied::NoRule));
    assert_eq!(rules.permit(&wanted, |_| true).err(), Some(Denied::Life));
    rules.0.insert("b".into(), Rule { life_ms_max: 900_000, ..rule() });
    rules.0.insert("c".into(), Rule { kinds: Vec::new(), transit: None, ..rule() });
    assert_eq!(rules.permit(&wanted, |_| true).map(|(name, _)| name).ok(), Some("b"));
    assert_eq!(rules.transit_keys(|_| true), ["web"]);
    assert!(rules.transit("web", |_| true).is_some() && rules.transit("x", |_| true).is_none());
    assert!(rules.transit_keys(|_| false).is_empty());
}

#[test]
fn patterns_match_the_whole_of_sub() {
    for (pattern, sub, want) in [
        ("a|b", "a", true),
        ("a|b", "ab", false),
        ("a|b", "xb", false),
        ("[0-9]+", "12\n", false),
        ("[0-9]+", "12", true),
        ("^[0-9]+$", "12", true),
        (".*", "", true),
        ("(a+)+", &"a".repeat(5000), true),
        ("(a+)+b", &"a".repeat(5000), false),
        ("(?i)x", "X", true),
    ] {
        assert_eq!(SubPattern::new(pattern).unwrap().matches(sub), want, "{pattern}");
    }
    let long = "a".repeat(257);
    for bad in ["", "(", "a)|(b", r"(?=x)", r"(a)\1", "(((a{99}){99}){99})", &long] {
        assert!(SubPattern::new(bad).is_err(), "{bad}");
    }
}
