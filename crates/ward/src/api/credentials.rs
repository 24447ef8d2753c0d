//! `/api/credentials` and `GET /api/api-keys`: the inventory. No secret, no data subject's name.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::Response;
use serde_json::{Map, Value, json};
use ward_model::{Problem, ProblemKind};

use super::query::Query;
use super::{Answer, blocking, finish, input};
use crate::app::App;
use crate::inventory::{self, Credential, Kind, State as Standing, Wanted, Warning};

/// Most credentials of one page.
const PAGE_MAX: i64 = 500;
/// Credentials of a page nobody asked a size of.
const PAGE: i64 = 100;

/// `GET /api/credentials`.
pub async fn list(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response<Body> {
    let wanted = wanted(query.as_deref());
    finish(listing(app, wanted).await)
}

/// `GET /api/credentials/{id}`.
pub async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response<Body> {
    let work = async {
        let found = blocking(move || inventory::one(&app, &id)).await?;
        let found = found.map(|it| it.json(true));
        found.ok_or_else(|| ProblemKind::NotFound.problem("no credential has this id", None))
    };
    finish(work.await)
}

/// `GET /api/api-keys`: API keys alone, with their own filters.
pub async fn api_keys(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response<Body> {
    let wanted = of_api_keys(query.as_deref());
    finish(listing(app, wanted).await)
}

async fn listing(app: Arc<App>, wanted: Result<Wanted, Problem>) -> Answer {
    let wanted = wanted?;
    let gathered = blocking(move || {
        let policy = app.set.load().config.inventory;
        (inventory::all(&app), policy)
    });
    let (all, policy) = gathered.await?;
    let warnings: Map<String, Value> = inventory::tally(&all)
        .into_iter()
        .map(|(warning, count)| (warning.as_str().to_owned(), json!(count)))
        .collect();
    let days: Map<String, Value> =
        policy.days().into_iter().map(|(key, days)| (key.to_owned(), json!(days))).collect();
    let (page, total, next) = wanted.page(all);
    let items: Vec<Value> = page.iter().map(|it: &Credential| it.json(false)).collect();
    Ok(json!({
        "items": items, "total": total, "next": next, "warnings": warnings, "policy": days,
    }))
}

fn flag(query: &Query, key: &str) -> Result<bool, Problem> {
    match query.get(key) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(input(format!("`{key}` is true or false"))),
    }
}

fn word<T>(
    query: &Query,
    key: &str,
    read: impl Fn(&str) -> Option<T>,
    all: &[&str],
) -> Result<Option<T>, Problem> {
    let Some(text) = query.get(key) else { return Ok(None) };
    let read = read(text).map(Some);
    read.ok_or_else(|| input(format!("`{key}` is one of {}", all.join(", "))))
}

/// Reads what a listing asks for.
pub fn wanted(query: Option<&str>) -> Result<Wanted, Problem> {
    let known = ["kind", "state", "warning", "warned", "owner", "sort", "over", "after", "limit"];
    let query = Query::parse(query, &known)?;
    let kinds: Vec<&str> = Kind::ALL.iter().map(|it| it.as_str()).collect();
    let states: Vec<&str> = Standing::ALL.iter().map(|it| it.as_str()).collect();
    let warnings: Vec<&str> = Warning::ALL.iter().map(|it| it.as_str()).collect();
    Ok(Wanted {
        kind: word(&query, "kind", Kind::from_name, &kinds)?,
        state: word(&query, "state", Standing::from_name, &states)?,
        warning: word(&query, "warning", Warning::from_name, &warnings)?,
        warned: flag(&query, "warned")?,
        over: flag(&query, "over")?,
        ..paged(&query)?
    })
}

fn paged(query: &Query) -> Result<Wanted, Problem> {
    let limit = query.number("limit", PAGE, PAGE_MAX)?.max(1);
    Ok(Wanted {
        owner: query.get("owner").map(str::to_owned),
        sort: query.get("sort").map(str::to_owned),
        after: query.get("after").map(str::to_owned),
        limit: usize::try_from(limit).unwrap_or(1),
        ..Wanted::default()
    })
}

fn of_api_keys(query: Option<&str>) -> Result<Wanted, Problem> {
    let known = ["kind", "owner", "dormant", "unowned", "expiring", "over", "after", "limit"];
    let query = Query::parse(query, &known)?;
    let filters = [
        (flag(&query, "dormant")?, Warning::ApiKeyUnused),
        (flag(&query, "unowned")?, Warning::Unowned),
        (flag(&query, "expiring")?, Warning::Expiring),
    ];
    let mut asked = filters.into_iter().filter_map(|(is, warning)| is.then_some(warning));
    let warning = asked.next();
    if asked.next().is_some() {
        return Err(input("one of dormant, unowned, expiring at a time"));
    }
    Ok(Wanted {
        kind: Some(Kind::ApiKey),
        sort: query.get("kind").map(str::to_owned),
        warning,
        over: flag(&query, "over")?,
        ..Wanted { sort: None, ..paged(&query)? }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_questions_are_told() {
        for (query, ok) in [
            ("", true),
            ("kind=api_key&state=live&warning=unowned&limit=500", true),
            ("warned=true&over=true&owner=x&after=api-key-1", true),
            ("kind=key", false),
            ("state=dead", false),
            ("warning=old", false),
            ("warned=yes", false),
            ("limit=501", false),
            ("colour=red", false),
        ] {
            assert_eq!(wanted(Some(query)).is_ok(), ok, "{query}");
        }
        for (query, ok) in [
            ("kind=service&dormant=true", true),
            ("unowned=true", true),
            ("unowned=true&dormant=true", false),
            ("warning=unowned", false),
        ] {
            assert_eq!(of_api_keys(Some(query)).is_ok(), ok, "{query}");
        }
        let wanted = of_api_keys(Some("kind=service&expiring=true")).unwrap();
        assert_eq!(wanted.sort.as_deref(), Some("service"));
        assert_eq!((wanted.kind, wanted.warning), (Some(Kind::ApiKey), Some(Warning::Expiring)));
    }
}
