//! Reading query strings strictly: unknown and repeated keys are mistakes.

use std::collections::BTreeMap;

use ward_model::{Problem, UnixMillis};

use super::input;

/// A query string's pairs.
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads a query string that may hold `known` keys, each once.
    pub fn parse(text: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let mut pairs = BTreeMap::new();
        for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_encoding::percent_decode_str(&value.replace('+', " "))
                .decode_utf8()
                .map_err(|_| input(format!("`{key}` is not UTF-8")))?
                .into_owned();
            if !known.contains(&key) {
                return Err(input(format!("`{key}` is not known here; use {}", known.join(", "))));
            }
            if pairs.insert(key.to_owned(), value).is_some() {
                return Err(input(format!("`{key}` stands twice")));
            }
        }
        Ok(Self(pairs))
    }

    /// A value.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// An integer in bounds, or the default.
    pub fn number(&self, key: &str, default: i64, max: i64) -> Result<i64, Problem> {
        match self.get(key).map(str::parse::<i64>) {
            None => Ok(default),
            Some(Ok(number)) if (0..=max).contains(&number) => Ok(number),
            Some(_) => Err(input(format!("`{key}` must be 0 to {max}"))),
        }
    }

    /// A moment (RFC 3339, or milliseconds since the epoch).
    pub fn moment(&self, key: &str) -> Result<Option<UnixMillis>, Problem> {
        let Some(text) = self.get(key) else { return Ok(None) };
        if let Ok(ms) = text.parse() {
            return Ok(Some(UnixMillis::new(ms)));
        }
        let bad = |_| input(format!("`{key}` is no RFC 3339 time, such as 2026-11-23T00:00:00Z"));
        let time: jiff::Timestamp = text.parse().map_err(bad)?;
        Ok(Some(UnixMillis::new(time.as_millisecond())))
    }
}

/// A moment that stands in a body (RFC 3339).
///
/// # Errors
/// It is none.
pub fn moment(text: &str) -> Result<UnixMillis, Problem> {
    let bad = |_| input("a moment is an RFC 3339 time, such as 2026-11-23T00:00:00Z");
    let time: jiff::Timestamp = text.parse().map_err(bad)?;
    Ok(UnixMillis::new(time.as_millisecond()))
}

/// A moment as RFC 3339 text in UTC.
pub fn text_of(moment: UnixMillis) -> String {
    jiff::Timestamp::from_millisecond(moment.ms())
        .map_or_else(|_| moment.ms().to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_query_strings_are_told() {
        for (text, ok) in [
            ("", true),
            ("from=2026-11-23T00:00:00Z&limit=5", true),
            ("from=1700000000000", true),
            ("from=yesterday", false),
            ("limit=-1", false),
            ("limit=1&limit=2", false),
            ("colour=red", false),
            ("from=%ff", false),
        ] {
            let read = Query::parse(Some(text), &["from", "limit"]).and_then(|query| {
                query.number("limit", 1, 10)?;
                query.moment("from")
            });
            assert_eq!(read.is_ok(), ok, "{text}");
        }
    }
}
