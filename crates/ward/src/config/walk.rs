//! Walks a TOML document by known keys and collects every mistake with its line and remedy.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

use toml_edit::{Document, Item, Table};
use ward_model::word::IssuerMode;

/// One mistake in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub remedy: String,
}

impl core::fmt::Display for Mistake {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}:{}: {}; {}", self.file, self.line, self.what, self.remedy)
    }
}

/// A walk through one document.
pub struct Walk<'a> {
    file: &'a str,
    text: &'a str,
    document: Document<&'a str>,
    known: BTreeSet<String>,
    mistakes: Vec<Mistake>,
}

impl<'a> Walk<'a> {
    /// Starts a walk.
    ///
    /// # Errors
    /// The one mistake that makes the text no TOML.
    pub fn new(file: &'a str, text: &'a str) -> Result<Self, Vec<Mistake>> {
        match Document::parse(text) {
            Ok(document) => {
                Ok(Self { file, text, document, known: BTreeSet::new(), mistakes: Vec::new() })
            }
            Err(error) => Err(vec![Mistake {
                file: file.to_owned(),
                line: line_of(text, error.span().map_or(0, |span| span.start)),
                what: error.message().trim().replace('\n', ", "),
                remedy: "write valid TOML 1.0".to_owned(),
            }]),
        }
    }

    /// Notes a mistake about `key`, which may be a table or absent.
    pub fn mistake(&mut self, key: &str, what: &str, remedy: &str) {
        let line = self.line(key);
        self.mistakes.push(Mistake {
            file: self.file.to_owned(),
            line,
            what: format!("`{key}` {what}"),
            remedy: remedy.to_owned(),
        });
    }

    /// A text; `None` and a mistake when it is missing without a default or no text.
    pub fn text(&mut self, key: &str, default: Option<&str>) -> Option<String> {
        match self.item(key) {
            None => self.missing(key, default.map(str::to_owned)),
            Some(item) => match item.as_str() {
                Some(text) if !text.trim().is_empty() => Some(text.to_owned()),
                _ => {
                    self.mistake(key, "must be a text that is not empty", "put it in quotes");
                    None
                }
            },
        }
    }

    /// An integer in bounds.
    pub fn integer(
        &mut self,
        key: &str,
        bounds: RangeInclusive<i64>,
        default: Option<i64>,
    ) -> Option<i64> {
        match self.item(key) {
            None => self.missing(key, default),
            Some(item) => match item.as_integer() {
                Some(number) if bounds.contains(&number) => Some(number),
                _ => {
                    let what = format!("must be an integer, {}..={}", bounds.start(), bounds.end());
                    self.mistake(key, &what, "choose a value inside the bounds");
                    None
                }
            },
        }
    }

    /// A span of time: a whole number and `s`, `m`, `h` or `d`; milliseconds.
    pub fn duration(&mut self, key: &str, default: &str, bounds: RangeInclusive<i64>) -> i64 {
        let usual = span_ms(default).unwrap_or(*bounds.start());
        let Some(text) = self.text(key, Some(default)) else { return usual };
        span_ms(&text).filter(|ms| bounds.contains(ms)).unwrap_or_else(|| {
            let day = 86_400_000;
            let what = format!("must be a span of time up to {} days", bounds.end() / day);
            self.mistake(key, &what, "write it as \"90d\", \"24h\", \"30m\" or \"45s\"");
            usual
        })
    }

    /// A text that need not be there.
    pub fn text_or_none(&mut self, key: &str) -> Option<String> {
        self.item(key)?;
        self.text(key, None)
    }

    /// Whether a setting is written.
    pub fn is_there(&mut self, key: &str) -> bool {
        self.item(key).is_some()
    }

    /// True or false.
    pub fn boolean(&mut self, key: &str, default: bool) -> bool {
        let Some(item) = self.item(key) else { return default };
        item.as_bool().unwrap_or_else(|| {
            self.mistake(key, "must be true or false", "write it without quotes");
            default
        })
    }

    /// A list of texts that need not be there.
    pub fn texts_or(&mut self, key: &str, default: &[&str]) -> Vec<String> {
        if self.item(key).is_none() {
            return default.iter().map(|one| (*one).to_owned()).collect();
        }
        self.texts(key)
    }

    /// The names in a table whose names are the writer's own; none when it is not there.
    pub fn keys(&mut self, key: &str) -> Vec<String> {
        let Some(item) = find(self.document.as_table(), key) else { return Vec::new() };
        match item.as_table_like() {
            Some(table) => table.iter().map(|(name, _)| name.to_owned()).collect(),
            None => {
                self.item(key);
                self.mistake(key, "must be a table", "write it as [table]");
                Vec::new()
            }
        }
    }

    /// A required list of texts; may be empty, must be there.
    pub fn texts(&mut self, key: &str) -> Vec<String> {
        let Some(item) = self.item(key) else {
            self.missing::<()>(key, None);
            return Vec::new();
        };
        let texts: Option<Vec<String>> = item.as_array().and_then(|array| {
            array.iter().map(|value| value.as_str().map(str::to_owned)).collect()
        });
        texts.unwrap_or_else(|| {
            self.mistake(key, "must be a list of texts", "write [\"a\", \"b\"], or [] for nobody");
            Vec::new()
        })
    }

    /// A socket address.
    pub fn address(&mut self, key: &str, default: &str) -> SocketAddr {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let Some(text) = self.text(key, Some(default)) else { return nowhere };
        text.parse().unwrap_or_else(|_| {
            self.mistake(key, "is no address", "write ip:port, for example 127.0.0.1:7780");
            nowhere
        })
    }

    /// An issuer mode.
    pub fn issuer_mode(&mut self, key: &str) -> IssuerMode {
        let Some(text) = self.text(key, Some("enforcing")) else { return IssuerMode::Enforcing };
        IssuerMode::from_name(&text).unwrap_or_else(|| {
            self.mistake(key, "is no mode", "write \"learning\" or \"enforcing\"");
            IssuerMode::Enforcing
        })
    }

    /// Ends the walk: keys nobody asked for are mistakes too.
    ///
    /// # Errors
    /// Every mistake, in the order of lines.
    pub fn finish(mut self) -> Result<(), Vec<Mistake>> {
        let mut keys = Vec::new();
        collect(self.document.as_table(), "", &mut keys);
        for key in keys {
            let known = self.known.contains(&key);
            let prefix = format!("{key}.");
            if !known && !self.known.iter().any(|one| one.starts_with(&prefix)) {
                self.mistake(&key, "is not a setting", "remove it, or see docs/config.md");
            }
        }
        self.mistakes.sort_by_key(|mistake| mistake.line);
        if self.mistakes.is_empty() { Ok(()) } else { Err(self.mistakes) }
    }

    fn missing<T>(&mut self, key: &str, default: Option<T>) -> Option<T> {
        if default.is_none() {
            self.mistake(key, "is missing", "add it; docs/config.md has an example");
        }
        default
    }

    fn item(&mut self, key: &str) -> Option<Item> {
        self.known.insert(key.to_owned());
        find(self.document.as_table(), key).cloned()
    }

    /// The line of `key`, or of the nearest table above it that is there.
    fn line(&self, key: &str) -> usize {
        let mut at = key;
        loop {
            let span = find(self.document.as_table(), at).and_then(Item::span);
            if let Some(span) = span {
                return line_of(self.text, span.start);
            }
            match at.rsplit_once('.') {
                Some((above, _)) => at = above,
                None => return 1,
            }
        }
    }
}

fn find<'t>(table: &'t Table, key: &str) -> Option<&'t Item> {
    match key.split_once('.') {
        None => table.get(key),
        Some((head, tail)) => find(table.get(head)?.as_table()?, tail),
    }
}

fn span_ms(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u32>().ok().and_then(|number| i64::from(number).checked_mul(unit))
}

fn collect(table: &Table, prefix: &str, keys: &mut Vec<String>) {
    for (name, item) in table {
        let key = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
        match item.as_table() {
            Some(inner) => collect(inner, &key, keys),
            None => keys.push(key),
        }
    }
}

/// The line, from 1, of a byte offset.
fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}
