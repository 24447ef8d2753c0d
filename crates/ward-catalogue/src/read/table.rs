//! A TOML table read key by key: wrong types are mistakes, and so is every key nobody asked for.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::limits::NAME_BYTES_MAX;
use crate::mistake::Mistakes;

pub(super) type At = Range<usize>;

pub(super) struct Table<'t> {
    table: &'t DeTable<'t>,
    at: At,
    what: String,
    /// The file was whole: what is missing is really missing.
    whole: bool,
    asked: BTreeSet<String>,
}

impl<'t> Table<'t> {
    pub(super) fn new(
        table: &'t DeTable<'t>,
        at: At,
        what: impl Into<String>,
        whole: bool,
    ) -> Self {
        Self { table, at, what: what.into(), whole, asked: BTreeSet::new() }
    }

    fn entry(&mut self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        if !self.asked.contains(key) {
            self.asked.insert(key.to_owned());
        }
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// Where a key's value is; the table itself when it has none.
    pub(super) fn at(&self, key: &str) -> At {
        let found = self.table.iter().find(|(name, _)| name.get_ref() == key);
        found.map_or_else(|| self.at.clone(), |(_, value)| value.span())
    }

    /// All its keys, in the order of the file, with their places.
    pub(super) fn names(&self) -> Vec<(String, At)> {
        let mut names: Vec<(String, At)> =
            self.table.keys().map(|key| (key.get_ref().to_string(), key.span())).collect();
        names.sort_by_key(|(_, at)| at.start);
        names
    }

    fn wrong(&self, mistakes: &mut Mistakes<'_>, key: &str, at: &At, want: &str) {
        let message = format!("{key} in {} must be {want}", self.what);
        mistakes.add(at, message, format!("write {want}"));
    }

    pub(super) fn missing(&self, mistakes: &mut Mistakes<'_>, key: &str, remedy: &str) {
        // WHY: a key that is there with a wrong value has its own mistake already.
        if self.whole && !self.has(key) {
            mistakes.add(&self.at, format!("{} has no {key}", self.what), remedy);
        }
    }

    pub(super) fn string(
        &mut self,
        mistakes: &mut Mistakes<'_>,
        key: &str,
    ) -> Option<(String, At)> {
        let value = self.entry(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some((text.to_owned(), value.span())),
            None => {
                self.wrong(mistakes, key, &value.span(), "a string");
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, mistakes: &mut Mistakes<'_>, key: &str) -> Option<(bool, At)> {
        let value = self.entry(key)?;
        match value.get_ref().as_bool() {
            Some(it) => Some((it, value.span())),
            None => {
                self.wrong(mistakes, key, &value.span(), "true or false");
                None
            }
        }
    }

    pub(super) fn integer(
        &mut self,
        mistakes: &mut Mistakes<'_>,
        key: &str,
        first: i64,
        last: i64,
    ) -> Option<(i64, At)> {
        let value = self.entry(key)?;
        let parsed = value.get_ref().as_integer().and_then(|integer| {
            i64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok()
        });
        match parsed {
            Some(number) if (first..=last).contains(&number) => Some((number, value.span())),
            _ => {
                let want = if last == i64::MAX {
                    format!("a whole number from {first}")
                } else {
                    format!("a whole number from {first} to {last}")
                };
                self.wrong(mistakes, key, &value.span(), &want);
                None
            }
        }
    }

    pub(super) fn word<T: Copy>(
        &mut self,
        mistakes: &mut Mistakes<'_>,
        key: &str,
        words: &[(&str, T)],
    ) -> Option<(T, At)> {
        let (text, at) = self.string(mistakes, key)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let list: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            let message = format!("{key} in {} cannot be {text:?}", self.what);
            mistakes.add(&at, message, format!("use {}", list.join(" or ")));
        }
        found.map(|(_, it)| (*it, at))
    }

    pub(super) fn strings(
        &mut self,
        mistakes: &mut Mistakes<'_>,
        key: &str,
    ) -> Option<Vec<(String, At)>> {
        let value = self.entry(key)?;
        let Some(array) = value.get_ref().as_array() else {
            self.wrong(mistakes, key, &value.span(), "a list of strings");
            return None;
        };
        let mut list = Vec::new();
        for element in array.iter() {
            match element.get_ref().as_str() {
                Some(text) => list.push((text.to_owned(), element.span())),
                None => self.wrong(mistakes, key, &element.span(), "a list of strings"),
            }
        }
        Some(list)
    }

    pub(super) fn table(&mut self, mistakes: &mut Mistakes<'_>, key: &str) -> Option<Table<'t>> {
        let value = self.entry(key)?;
        let what = match self.what.as_str() {
            "the catalogue" => key.to_owned(),
            what => format!("{what}.{key}"),
        };
        match value.get_ref().as_table() {
            Some(table) => Some(Table::new(table, value.span(), what, self.whole)),
            None => {
                self.wrong(mistakes, key, &value.span(), "a table");
                None
            }
        }
    }

    /// An array of tables; `what` names one of them by its index.
    pub(super) fn tables(
        &mut self,
        mistakes: &mut Mistakes<'_>,
        key: &str,
        what: impl Fn(usize) -> String,
    ) -> Vec<Table<'t>> {
        let Some(value) = self.entry(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong(mistakes, key, &value.span(), "a list of tables");
            return Vec::new();
        };
        let mut list = Vec::new();
        for (index, element) in array.iter().enumerate() {
            match element.get_ref().as_table() {
                Some(table) => {
                    list.push(Table::new(table, element.span(), what(index), self.whole));
                }
                None => self.wrong(mistakes, key, &element.span(), "a list of tables"),
            }
        }
        list
    }

    pub(super) fn rename(&mut self, what: String) {
        self.what = what;
    }

    pub(super) fn what(&self) -> &str {
        &self.what
    }

    pub(super) const fn is_whole(&self) -> bool {
        self.whole
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.keys().any(|name| name.get_ref() == key)
    }

    /// Every key that was not asked for is a mistake.
    pub(super) fn finish(self, mistakes: &mut Mistakes<'_>) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if self.asked.contains(name) {
                continue;
            }
            let near = self.asked.iter().find(|known| is_near(known, name));
            let remedy = match near {
                Some(known) => format!("did you mean {known}?"),
                None => "take it out".to_owned(),
            };
            mistakes.add(&key.span(), format!("{} has no key {name:?}", self.what), remedy);
        }
    }
}

/// One letter more, less, other or swapped.
fn is_near(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let start = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let ends = one.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count();
    let longer = one.len().max(other.len());
    let shorter = one.len().min(other.len());
    let swapped = one.len() == other.len() && start + ends + 2 >= longer;
    longer > 2 && longer - shorter <= 1 && (swapped || start + ends + 1 >= longer)
}

/// Names are lower case, so that two never differ by case only.
pub(super) fn is_name(name: &str) -> bool {
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    name.len() <= NAME_BYTES_MAX
        && name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && name.bytes().all(fits)
}
