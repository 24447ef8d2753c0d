//! A notice: what Ward tells people outside, as JSON for a webhook and as text for a letter.
//!
//! Pure. It must never hold more of a person than the caller puts in, nor a secret: a notice leaves
//! the house. Titles and lines are cut and cleaned rather than refused: an alert must go out, even
//! if what it quotes is strange. The JSON has the shape that Standard Webhooks recommends (`type`,
//! `timestamp`, `data`).

use core::fmt;

use bytes::Bytes;
use serde::Serialize;
use ward_model::UnixMillis;

use crate::limits::{
    LINE_BYTES_MAX, LINES_MAX, LINK_BYTES_MAX, NOTICE_ID_BYTES_MAX, TITLE_BYTES_MAX,
};
use crate::words::line;

/// A notice's name, made from the record it tells of: the same after every restart. It becomes the
/// `webhook-id` and the Message-ID, by which receivers know a repetition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoticeId(Box<str>);

/// One thing told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    id: NoticeId,
    at: UnixMillis,
    kind: &'static str,
    title: String,
    lines: Vec<String>,
    link: String,
}

/// Why there is no such notice; a mistake of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// An id is 1 to 64 letters, digits, `-` and `_`.
    #[error("a notice's id is 1 to {NOTICE_ID_BYTES_MAX} letters, digits, `-` and `_`")]
    Id,
    /// A link is a path of printable ASCII that starts with one `/`.
    #[error("a notice's link is a path, at most {LINK_BYTES_MAX} bytes")]
    Link,
}

impl NoticeId {
    /// Takes an id.
    ///
    /// # Errors
    /// [`NoticeError::Id`].
    pub fn parse(text: &str) -> Result<Self, NoticeError> {
        let is_token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let sound = (1..=NOTICE_ID_BYTES_MAX).contains(&text.len()) && text.chars().all(is_token);
        if sound { Ok(Self(text.into())) } else { Err(NoticeError::Id) }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Notice {
    /// A notice of something that happened `at`. `kind` is a dotted word such as
    /// `approval.proposed`; `title` and `lines` are cleaned and cut to the bounds of
    /// [`crate::limits`]; `link` is a path on the console.
    ///
    /// # Errors
    /// [`NoticeError::Link`].
    pub fn new(
        id: NoticeId,
        at: UnixMillis,
        kind: &'static str,
        title: &str,
        lines: &[String],
        link: &str,
    ) -> Result<Self, NoticeError> {
        let sound = link.starts_with('/')
            && !link.starts_with("//")
            && link.len() <= LINK_BYTES_MAX
            && link.chars().all(|c| c.is_ascii_graphic());
        if !sound {
            return Err(NoticeError::Link);
        }
        let mut kept: Vec<String> =
            lines.iter().take(LINES_MAX).map(|text| line(text, LINE_BYTES_MAX)).collect();
        if let Some(more) = lines.len().checked_sub(LINES_MAX).filter(|more| *more > 0) {
            kept.push(format!("and {more} more"));
        }
        let title = line(title, TITLE_BYTES_MAX);
        Ok(Self { id, at, kind, title, lines: kept, link: link.to_owned() })
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> &NoticeId {
        &self.id
    }

    /// When it happened.
    #[must_use]
    pub const fn at(&self) -> UnixMillis {
        self.at
    }

    /// Its title: one line.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The body of a webhook: the same bytes for every attempt. `console` is the console's public
    /// address without a path.
    #[must_use]
    pub fn json(&self, console: &str) -> Bytes {
        let data = Data {
            id: self.id.as_str(),
            title: &self.title,
            lines: &self.lines,
            link: format!("{console}{}", self.link),
        };
        let body = Body { kind: self.kind, timestamp: self.time(), data };
        // WHY: strings alone cannot fail to be JSON.
        Bytes::from(serde_json::to_vec(&body).unwrap_or_default())
    }

    /// The body of a letter. `console` as in [`Self::json`].
    #[must_use]
    pub fn text(&self, console: &str) -> String {
        let lines = self.lines.join("\n");
        let (title, link, kind, id) = (&self.title, &self.link, self.kind, &self.id);
        let time = self.time();
        format!("{title}\n\n{lines}\n\n{console}{link}\n\n-- \nWard, {time}, {kind}, {id}\n")
    }

    /// RFC 3339, milliseconds, UTC; a time that has no date is written as a number.
    fn time(&self) -> String {
        jiff::Timestamp::from_millisecond(self.at.ms())
            .map_or_else(|_| self.at.ms().to_string(), |time| format!("{time:.3}"))
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    id: &'a str,
    title: &'a str,
    lines: &'a [String],
    link: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: UnixMillis = UnixMillis::new(1_795_000_000_000);

    fn notice(title: &str, lines: &[String]) -> Notice {
        let id = NoticeId::parse("approval-7").unwrap();
        Notice::new(id, AT, "approval.proposed", title, lines, "/approvals/7").unwrap()
    }

    #[test]
    fn both_forms_say_the_same() {
        let notice = notice("Ärger\r\nBcc: x@y", &["line \"one\"".to_owned(), "two".to_owned()]);
        let json = String::from_utf8(notice.json("https://ward.example").to_vec()).unwrap();
        let want = concat!(
            r#"{"type":"approval.proposed","timestamp":"2026-11-18T11:06:40.000Z","data":"#,
            r#"{"id":"approval-7","title":"Ärger Bcc: x@y","lines":["line \"one\"","two"],"#,
            r#""link":"https://ward.example/approvals/7"}}"#,
        );
        assert_eq!(json, want);
        let want = "Ärger Bcc: x@y\n\nline \"one\"\ntwo\n\nhttps://ward.example/approvals/7\n\n-- \n\
                    Ward, 2026-11-18T11:06:40.000Z, approval.proposed, approval-7\n";
        assert_eq!(notice.text("https://ward.example"), want);
    }

    #[test]
    fn much_is_cut_and_counted() {
        let notice = notice(&"t".repeat(1000), &vec!["l".repeat(1000); LINES_MAX + 8]);
        assert!(notice.title().len() <= TITLE_BYTES_MAX);
        assert!(notice.lines.iter().all(|line| line.len() <= LINE_BYTES_MAX));
        assert_eq!(notice.lines.len(), LINES_MAX + 1);
        assert_eq!(notice.lines.last().unwrap(), "and 8 more");
    }

    #[test]
    fn ids_and_links_are_plain() {
        let long = "x".repeat(NOTICE_ID_BYTES_MAX + 1);
        for id in ["", "a.b", "a b", "a\r\n", "ä", "a@b", long.as_str()] {
            assert_eq!(NoticeId::parse(id), Err(NoticeError::Id), "{id}");
        }
        for link in ["", "approvals", "//evil.example/", "/a b", "/a\n", "https://x/"] {
            let id = NoticeId::parse("a").unwrap();
            let made = Notice::new(id, AT, "a.b", "t", &[], link);
            assert_eq!(made, Err(NoticeError::Link), "{link}");
        }
    }
}
