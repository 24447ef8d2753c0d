//! `/console/operators/record`: the operators' record, and what its form asks for.

use axum::extract::{Query, State};
use axum::response::Response;

use super::{App, ask};
use crate::pages::{self, RecordQuery};

/// The page of the record.
pub async fn page(State(app): State<App>, Query(query): Query<RecordQuery>) -> Response {
    let filter = query.parse();
    let (asked, is_wrong) = (filter.ask.clone(), filter.wrong.is_some());
    let found = ask(&app, move |facts| {
        let page = facts.record(&asked)?;
        // Also of a question that was not understood: the form needs the list of kinds.
        Ok(if is_wrong {
            crate::facts::RecordPage { kinds: page.kinds, ..Default::default() }
        } else {
            page
        })
    });
    match found.await {
        Ok(page) => pages::record(filter, &page),
        Err(why) => pages::of_error(&why),
    }
}
