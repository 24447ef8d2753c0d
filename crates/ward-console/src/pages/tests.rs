//! Snapshots of what pages say, hostile strings in every text, filters, drawings.

use ward_model::word::Role;
use ward_model::{LeafIndex, PrincipalNumber, Roles, RouteNumber};
use ward_operators::signin::{Way, Ways};

use super::credentials::*;
use super::operators::*;
use super::*;
use crate::deeds::{OperatorsShown, ProposalShown};
use crate::facts::{CredentialPage, CredentialsAsk};
use crate::testing::{self, HOSTILE, shown};

/// The words of a page without its markup, one line per block.
fn words(html: &str) -> String {
    let main = html.split_once("<main").map_or(html, |it| it.1);
    let main = main.split_once('>').map_or(main, |it| it.1);
    let mut out = String::new();
    for (at, part) in main.split('<').enumerate() {
        let text = if at == 0 { part } else { part.split_once('>').map_or("", |it| it.1) };
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() {
            out.push_str(&text);
            out.push('\n');
        }
    }
    out
}

fn render(page: &impl Template) -> String {
    page.render().unwrap()
}

fn every_page() -> Vec<(&'static str, String)> {
    let mut pages = lists();
    pages.extend(single_pages());
    pages.extend(doors());
    pages.extend(of_operators());
    pages.extend(of_credentials());
    pages
}

fn of_credentials() -> Vec<(&'static str, String)> {
    let here = Here::Credentials;
    let (filter, who) = (CredentialsAsk::default(), OperatorsShown::default());
    let full = testing::Sample::new(testing::Answers::Full);
    let found = crate::Facts::credentials(&full, &filter).unwrap();
    let nothing = CredentialPage::default();
    let it = testing::credential();
    let shown = Shown { id: 17, text: HOSTILE, expires_at: None, old_ends_at: Some(testing::AT) };
    let pairs = [("name".to_owned(), HOSTILE.to_owned())];
    let approval = ward_model::ApprovalId(7);
    let waits = WaitsPage { here, approval, action: "/console/credentials/new", pairs: &pairs };
    let new = NewPage { here, who: &who, every: &[Role::Keys], none: Roles::NONE };
    vec![
        ("credentials", render(&CredentialsPage { here, filter: &filter, page: &found })),
        ("credentials_empty", render(&CredentialsPage { here, filter: &filter, page: &nothing })),
        ("credential", render(&CredentialOnePage { here, it: &it, who: &who })),
        ("api_key_new", render(&new)),
        ("api_key", render(&ShownPage { here, it: &shown })),
        ("waits", render(&waits)),
    ]
}

fn lists() -> Vec<(&'static str, String)> {
    let (here, is_later) = (Here::Accesses, false);
    let routes = testing::routes();
    let filter = Filter::default();
    let found = AccessPage {
        rows: vec![testing::row(None, true), testing::row(Some(Reason::BudgetSpent), false)],
        next: Some(LeafIndex(900)),
        searched_to: None,
    };
    let full = AccessesPage { here, filter: &filter, routes: &routes, page: found };
    let page = AccessPage::default();
    let empty = AccessesPage { here, filter: &filter, routes: &[], page };
    let incidents = IncidentPage { rows: vec![testing::incident_row()], next: None };
    let no_incidents = IncidentPage::default();
    let (people, nobody) = (testing::people(), PeoplePage::default());
    let here = Here::Elsewhere;
    vec![
        ("accesses", render(&full)),
        ("accesses_empty", render(&empty)),
        ("incidents", render(&IncidentsPage { here, is_later, page: &incidents })),
        ("incidents_empty", render(&IncidentsPage { here, is_later, page: &no_incidents })),
        ("people", render(&PeopleListPage { here, is_later, page: &people })),
        ("people_empty", render(&PeopleListPage { here, is_later, page: &nobody })),
    ]
}

fn single_pages() -> Vec<(&'static str, String)> {
    let here = Here::Now;
    let (full, empty) = (testing::now(true), testing::now(false));
    let (access, incident) = (testing::access(true), testing::incident());
    let meaning = HOSTILE.to_owned();
    let access =
        AccessOnePage { here, it: &access, meaning: meaning.clone(), subjects_left_out: 10 };
    let scope = String::from("ward scope --incident 3");
    let incident = IncidentOnePage { here, it: &incident, meaning, scope };
    let status = StatusCode::NOT_FOUND;
    let fault = FaultPage { here, status, what: HOSTILE, remedy: Some(HOSTILE) };
    vec![
        ("now", render(&NowPage { here, live: Live::of(&full, 3) })),
        ("now_empty", render(&NowPage { here, live: Live::of(&empty, 0) })),
        ("access", render(&access)),
        ("no_access", render(&NoAccessPage { here, id: HOSTILE })),
        ("incident", render(&incident)),
        ("fault", render(&fault)),
        ("welcome", render(&WelcomePage { next: "/console/approvals/7" })),
    ]
}

fn doors() -> Vec<(&'static str, String)> {
    let door = Door { next: "/".to_owned(), ..Door::default() };
    let full = Door {
        complaint: Some(HOSTILE.to_owned()),
        has_company: true,
        next: "/console/accesses?verdict=refuse&route=3".to_owned(),
        elsewhere: Some("https://ward.example".to_owned()),
    };
    let (first, second) = (shown::invitation(false), shown::invitation(true));
    vec![
        ("sign_in", render(&SignInPage { door: &door })),
        ("sign_in_company", render(&SignInPage { door: &full })),
        ("enrol", render(&EnrolPage { door: &door, key: "ab", it: &first })),
        ("enrol_other", render(&EnrolPage { door: &full, key: HOSTILE, it: &second })),
    ]
}

fn of_operators() -> Vec<(&'static str, String)> {
    let here = Here::Approvals;
    let (waiting, ended) = (shown::waiting(), shown::ended());
    let company = ProposalShown {
        ways: Ways { consent: Ok(Way::Company), refuse: false, withdraw: false },
        ..shown::waiting()
    };
    let all = [shown::waiting(), shown::ended()];
    let custody = testing::now(true).custody;
    let every: Vec<Role> = Roles::every_persons().iter().collect();
    let (fresh, stale) = (shown::operators(true), shown::operators(false));
    let looking = OperatorsShown { may_act: false, may_manage: false, ..shown::operators(false) };
    let operators = |it| {
        let none = Roles::NONE;
        render(&OperatorsPage { here, it, custody: &custody, every: &every, none })
    };
    vec![
        ("approvals", render(&ApprovalsPage { here, rows: &all })),
        ("approvals_empty", render(&ApprovalsPage { here, rows: &[] })),
        ("approval", render(&ApprovalPage { here, it: &waiting })),
        ("approval_company", render(&ApprovalPage { here, it: &company })),
        ("approval_ended", render(&ApprovalPage { here, it: &ended })),
        ("confirm", render(&ConfirmPage { here, it: &waiting, ceremony: HOSTILE })),
        ("link", render(&LinkPage { here, url: HOSTILE, expires_at: testing::AT })),
        ("operators", operators(&fresh)),
        ("operators_stale", operators(&stale)),
        ("operators_looking", operators(&looking)),
    ]
}

/// Pages whose scripts are `passkey.js`, or that and `ward.js`.
const PASSKEYS: [&str; 12] = [
    "sign_in",
    "sign_in_company",
    "enrol",
    "enrol_other",
    "approval",
    "approval_company",
    "approval_ended",
    "operators",
    "operators_stale",
    "operators_looking",
    "credential",
    "api_key_new",
];

#[test]
fn pages_say_what_they_said() {
    for (name, html) in every_page() {
        insta::assert_snapshot!(name, words(&html));
    }
}

#[test]
fn the_live_part_is_stable() {
    let now = testing::now(true);
    insta::assert_snapshot!(live(&now, 3).replace(&testing::now(true).version, "HOSTILE"));
}

#[test]
fn hostile_text_stays_text_on_every_page() {
    for (name, html) in every_page() {
        let ours = html.matches("<script").count();
        let is_door = ["sign_in", "sign_in_company", "enrol", "enrol_other", "welcome"];
        let want = usize::from(!is_door.contains(&name)) + usize::from(PASSKEYS.contains(&name));
        assert_eq!(ours, want, "{name}: only our own scripts");
        for bad in ["<img", "onerror=y>", "alert('"] {
            assert!(!html.contains(bad), "{name}: {bad}");
        }
        for never in [" style=", " onclick=", " onload=", "javascript:", "<style", "http://"] {
            let html = html.replace("http://www.w3.org/2000/svg", "");
            assert!(!html.contains(never), "{name}: {never} would break the policy");
        }
    }
}

#[test]
fn the_first_sentence_says_the_worst() {
    let mut now = testing::now(false);
    assert_eq!(Mood::of(&now, 0).text, "All quiet.");
    assert_eq!(Mood::of(&now, 1).text, "1 request refused in the last minute.");
    now.incidents_open = 2;
    assert_eq!(Mood::of(&now, 1).text, "2 incidents are open.");
    now.journal.lost = 1;
    let mood = Mood::of(&now, 1);
    assert_eq!((mood.tone, mood.text.as_str()), ("bad", "1 record is missing from the journal."));
}

#[test]
fn filters_are_understood_or_said() {
    let query = |verdict: &str, reason: &str, principal: &str, route: &str, before: &str| {
        let pairs = [
            ("verdict", verdict),
            ("reason", reason),
            ("principal", principal),
            ("route", route),
            ("before", before),
        ];
        let text: Vec<String> = pairs.iter().map(|(name, it)| format!("{name}={it}")).collect();
        let uri = format!("/?{}", text.join("&")).parse().unwrap();
        axum::extract::Query::<AccessQuery>::try_from_uri(&uri).unwrap().0.parse()
    };
    let none = query("", "", "", "", "");
    assert!(!none.is_set() && none.is_first() && none.wrong.is_none());
    assert_eq!(none.link(None), "/console/accesses");
    let all = query("refuse", "never_issued", "1,234", "3", "77");
    assert!(all.is_set() && !all.is_first() && all.wrong.is_none());
    assert_eq!(all.ask.permitted, Some(false));
    assert_eq!(all.ask.reason, Some(Reason::NeverIssued));
    assert_eq!(all.ask.principal, Some(PrincipalNumber(1_234)));
    assert_eq!(all.ask.route, Some(RouteNumber(3)));
    assert_eq!(
        all.link(Some(&LeafIndex(9))),
        "/console/accesses?verdict=refuse&reason=never_issued&principal=1234&route=3&before=9"
    );
    for (wrong, given) in [
        ("verdict", query("allow", "", "", "", "")),
        ("reason", query("", "nonsense", "", "", "")),
        ("principal number", query("", "", "alice", "", "")),
        ("route", query("", "", "", "%2Fme", "")),
        ("page", query("", "", "", "", "x")),
    ] {
        assert_eq!(given.wrong, Some(wrong));
    }
}

#[test]
fn the_strip_draws_every_second_and_hides_nothing() {
    let strip = Strip::of(&[u64::MAX, 1], &[0, 3]);
    assert_eq!(strip.columns.len(), 60);
    let [.., before, last] = strip.columns.as_slice() else { panic!("60 columns") };
    assert_eq!((before.reads_high, before.reads_y, before.refusals_high), (56, 0, 0));
    assert_eq!((last.reads_high, last.refusals_high), (2, 24), "one read is still seen");
    assert_eq!(strip.columns[0].reads_high, 0);
    assert_eq!(Strip::of(&[], &[]).reads_max, 0);
    assert_eq!(Strip::of(&[7; 90], &[0; 90]).columns.len(), 60);
}
