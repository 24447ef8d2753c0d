//! The page of the operators' record: its form, from a query string to a question and back. Pure.
//!
//! A filter that is not understood is said, never dropped. Best test: at the end of this file.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use ward_model::time::DAY_MS;
use ward_model::{LeafIndex, PersonId, UnixMillis};

use super::{Here, page};
use crate::facts::{RecordAsk, RecordPage};
use crate::limits::PAGE_ROWS;
use crate::say::Moment as _;

/// Longest text of a search, bytes.
const WORDS_BYTES_MAX: usize = 200;

/// The query string; an empty value is no filter.
#[derive(Debug, Default, Deserialize)]
pub struct RecordQuery {
    person: Option<String>,
    kind: Option<String>,
    words: Option<String>,
    from: Option<String>,
    to: Option<String>,
    before: Option<String>,
}

/// A filter, understood.
#[derive(Debug, Default)]
pub struct RecordFilter {
    /// What to ask.
    pub ask: RecordAsk,
    /// What was not understood.
    pub wrong: Option<&'static str>,
    /// The days as the form shows them.
    from: String,
    to: String,
}

impl RecordQuery {
    /// Understands it; of several faults the last is named.
    pub fn parse(&self) -> RecordFilter {
        let mut wrong = None;
        let words = given(&self.words).unwrap_or_default();
        if words.len() > WORDS_BYTES_MAX {
            wrong = Some("text");
        }
        let ask = RecordAsk {
            person: take(&self.person, &mut wrong, "person’s id", person),
            kind: given(&self.kind).map(str::to_owned),
            words: words.to_owned(),
            from: take(&self.from, &mut wrong, "day", day),
            to: take(&self.to, &mut wrong, "day", |it| Some(day(it)?.plus_ms(DAY_MS))),
            before: take(&self.before, &mut wrong, "page", |it| it.parse().ok().map(LeafIndex)),
            rows_max: PAGE_ROWS,
        };
        let shown = |it: &Option<String>| given(it).unwrap_or_default().to_owned();
        RecordFilter { ask, wrong, from: shown(&self.from), to: shown(&self.to) }
    }
}

fn given(value: &Option<String>) -> Option<&str> {
    value.as_deref().map(str::trim).filter(|it| !it.is_empty())
}

fn take<T>(
    value: &Option<String>,
    wrong: &mut Option<&'static str>,
    what: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let read = read(given(value)?);
    if read.is_none() {
        *wrong = Some(what);
    }
    read
}

fn person(text: &str) -> Option<PersonId> {
    PersonId::parse(&text.replace('-', "")).ok().filter(|it| it.uuid() == text)
}

/// The first moment of a day, UTC, as a form's date field writes it.
fn day(text: &str) -> Option<UnixMillis> {
    if text.len() != 10 {
        return None;
    }
    let start: jiff::Timestamp = format!("{text}T00:00:00Z").parse().ok()?;
    Some(UnixMillis::new(start.as_millisecond()))
}

impl RecordFilter {
    /// Whether anything is filtered, the page aside.
    fn is_set(&self) -> bool {
        let any = RecordAsk {
            before: self.ask.before,
            rows_max: self.ask.rows_max,
            ..RecordAsk::default()
        };
        self.ask != any
    }

    fn is_kind(&self, kind: &str) -> bool {
        self.ask.kind.as_deref() == Some(kind)
    }

    fn person(&self) -> String {
        self.ask.person.map(PersonId::uuid).unwrap_or_default()
    }

    /// The link to the same list from `before` on; without it, to its newest page.
    fn link(&self, before: Option<&LeafIndex>) -> String {
        let pairs = [
            ("person", self.person()),
            ("kind", self.ask.kind.clone().unwrap_or_default()),
            ("words", in_url(&self.ask.words)),
            ("from", in_url(&self.from)),
            ("to", in_url(&self.to)),
            ("before", before.map(|it| it.0.to_string()).unwrap_or_default()),
        ];
        let pairs: Vec<String> = pairs
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        match pairs.is_empty() {
            true => PATH.to_owned(),
            false => format!("{PATH}?{}", pairs.join("&")),
        }
    }
}

const PATH: &str = "/console/operators/record";

/// Percent-encoding of everything but letters and digits (RFC 3986 §2.1).
fn in_url(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    encoded.collect()
}

#[derive(Template)]
#[template(path = "record.html")]
struct RecordListPage<'a> {
    here: Here,
    filter: RecordFilter,
    page: &'a RecordPage,
}

/// The operators' record.
pub fn record(mut filter: RecordFilter, found: &RecordPage) -> Response {
    if filter.ask.kind.as_deref().is_some_and(|kind| !found.kinds.contains(&kind)) {
        filter.wrong = Some("kind");
        filter.ask.kind = None;
    }
    let status = if filter.wrong.is_none() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    page(status, &RecordListPage { here: Here::Elsewhere, filter, page: found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{AT, HOSTILE, record_page};

    fn query(person: &str, kind: &str, words: &str, from: &str, to: &str) -> RecordQuery {
        let some = |it: &str| Some(it.to_owned());
        RecordQuery {
            person: some(person),
            kind: some(kind),
            words: some(words),
            from: some(from),
            to: some(to),
            before: some(""),
        }
    }

    #[test]
    fn a_form_is_understood_and_survives_its_links() {
        let id = PersonId([7; 16]).uuid();
        let filter = query(&id, "act", "rotate & key", "2027-01-15", "2027-01-15").parse();
        assert_eq!((filter.wrong, filter.ask.person), (None, Some(PersonId([7; 16]))));
        let (from, to) = (filter.ask.from.unwrap(), filter.ask.to.unwrap());
        assert!(from <= AT && AT < to && to.since(from) == DAY_MS, "the day of the sample");
        let link = filter.link(Some(&LeafIndex(9)));
        let want = format!(
            "{PATH}?person={id}&kind=act&words=rotate%20%26%20key&from=2027-01-15&to=2027-01-15\
             &before=9"
        );
        assert_eq!(link, want);
        assert!(filter.is_set());
        assert!(!query("", " ", "", "", "").parse().is_set());
        assert_eq!(RecordFilter::default().link(None), PATH);
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let long = "x".repeat(WORDS_BYTES_MAX + 1);
        for (given, want) in [
            (query("7", "", "", "", ""), "person’s id"),
            (query("", "", &long, "", ""), "text"),
            (query("", "", "", "yesterday", ""), "day"),
            (query("", "", "", "", "2027-02-30"), "day"),
        ] {
            assert_eq!(given.parse().wrong, Some(want), "{given:?}");
        }
        let filter = query("", "deed", "", "", "").parse();
        assert_eq!(record(filter, &record_page()).status(), StatusCode::BAD_REQUEST);
    }

    #[test]
    fn the_page_says_who_did_what_and_lets_no_markup_in() {
        let (page, filter) = (record_page(), query("", "act", HOSTILE, "", "").parse());
        let html = RecordListPage { here: Here::Elsewhere, filter, page: &page }.render().unwrap();
        assert!(html.contains(&format!("?person={}", PersonId([7; 16]).uuid())));
        assert!(html.contains("API key 8") && html.contains("session 9"));
        assert!(html.contains("<option value=\"act\" selected>"));
        assert_eq!(html.matches("<script").count(), 1, "only our one script");
        for bad in ["<img", "onerror=y>", "alert('"] {
            assert!(!html.contains(bad), "{bad}");
        }
    }
}
