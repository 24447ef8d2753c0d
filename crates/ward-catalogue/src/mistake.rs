//! What is wrong with a file: where, what, and what to do about it.

use std::fmt;
use std::ops::Range;

use crate::limits::MISTAKES_MAX;

/// One mistake in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file as the caller named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong; lowercase, no final stop.
    pub message: String,
    /// What to do; lowercase, no final stop.
    pub remedy: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, message, remedy } = self;
        write!(f, "{file}:{line}:{column}: {message}; {remedy}")
    }
}

/// Gathers the mistakes of one file.
pub(crate) struct Mistakes<'t> {
    file: &'t str,
    text: &'t str,
    found: Vec<(usize, Mistake)>,
    more: usize,
}

impl<'t> Mistakes<'t> {
    pub(crate) const fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, found: Vec::new(), more: 0 }
    }

    pub(crate) fn add(&mut self, at: &Range<usize>, message: String, remedy: impl Into<String>) {
        if self.found.len() >= MISTAKES_MAX {
            self.more += 1;
            return;
        }
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        let file = self.file.to_owned();
        let mistake = Mistake { file, line, column, message, remedy: remedy.into() };
        self.found.push((at.start, mistake));
    }

    /// Takes out every mistake that stands at the very begin of the file or in the line of one of
    /// these places, but those that begin with `kept`.
    pub(crate) fn keep_apart_from(&mut self, places: &[usize], kept: &str) {
        let line = |at: usize| self.text.get(..at).map(|text| text.matches('\n').count());
        let lines: Vec<Option<usize>> = places.iter().map(|at| line(*at)).collect();
        let mut found = std::mem::take(&mut self.found);
        found.retain(|(at, mistake)| {
            mistake.message.starts_with(kept) || (*at > 0 && !lines.contains(&line(*at)))
        });
        self.found = found;
    }

    pub(crate) const fn none(&self) -> bool {
        self.found.is_empty()
    }

    /// All of them, in the order of the file.
    pub(crate) fn into_list(mut self) -> Vec<Mistake> {
        self.found.sort_by_key(|(at, _)| *at);
        let mut list: Vec<Mistake> = self.found.into_iter().map(|(_, mistake)| mistake).collect();
        if let (Some(last), 1..) = (list.last_mut(), self.more) {
            last.message = format!("{} (and {} more mistakes)", last.message, self.more);
        }
        list
    }
}
