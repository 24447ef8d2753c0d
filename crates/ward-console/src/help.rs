//! The operating pages of `docs/operate` and `docs/problems.md`, inside the binary.
//!
//! What it is: a reader of the small part of Markdown those files use (titles, paragraphs, lists,
//! fenced code, tables, `code`, *stress*, **strong**, links).
//! What it must never do: let a byte of its input through as markup; everything is escaped first.
//! Best test: `help/tests.rs`, which also keeps the pages complete.

use std::fmt::Write as _;

use ward_model::{Reason, word::AlertKind};

#[derive(rust_embed::Embed)]
#[folder = "../../docs/operate/"]
struct Operate;

const PROBLEMS: &str = include_str!("../../../docs/problems.md");

/// A page ready to be shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Help {
    /// The title, as text.
    pub title: String,
    /// The rest as HTML made here.
    pub html: String,
}

/// The page of a refusal reason (`refusals`) or an alert kind (`alerts`).
pub fn operate(list: &str, name: &str) -> Option<Help> {
    let name = match list {
        "refusals" => Reason::from_name(name)?.as_str(),
        "alerts" => AlertKind::from_name(name)?.as_str(),
        _ => return None,
    };
    source(list, name).map(|text| read(&text))
}

/// The list of problem types.
pub fn problems() -> Help {
    read(PROBLEMS)
}

/// What a reason means, in the first words of its page.
pub fn meaning(list: &str, name: &str) -> String {
    let text = source(list, name).unwrap_or_default();
    let after = text.split("\n## Meaning\n").nth(1).unwrap_or_default();
    let lead = after.trim_start().split("\n\n").next().unwrap_or_default();
    lead.replace('\n', " ").replace(['`', '*'], "")
}

fn source(list: &str, name: &str) -> Option<String> {
    let file = Operate::get(&format!("{list}/{name}.md"))?;
    String::from_utf8(file.data.into_owned()).ok()
}

/// Reads a page. Every line belongs to one block; a block ends where another kind begins.
fn read(text: &str) -> Help {
    let mut page = Help { title: String::new(), html: String::new() };
    let mut block = Block::None;
    for line in text.lines() {
        if block == Block::Code {
            match line {
                "```" => block = block.turn(Block::None, &mut page.html),
                _ => {
                    page.html.push_str(&escape(line));
                    page.html.push('\n');
                }
            }
        } else {
            block = block.line(line, &mut page);
        }
    }
    block.turn(Block::None, &mut page.html);
    page
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    None,
    Paragraph,
    Bullets,
    Steps,
    Code,
    Table,
}

impl Block {
    /// Takes in a line outside code and gives the block it stands in.
    fn line(self, line: &str, page: &mut Help) -> Self {
        let html = &mut page.html;
        if let Some(title) = line.strip_prefix("# ") {
            title.clone_into(&mut page.title);
            return self.turn(Self::None, html);
        }
        if let Some(title) = line.strip_prefix("## ") {
            let block = self.turn(Self::None, html);
            let title = title.trim_matches('`');
            let _ = write!(html, "<h2 id=\"{0}\">{0}</h2>", escape(title));
            return block;
        }
        if line.starts_with("```") {
            return self.turn(Self::Code, html);
        }
        if line.trim().is_empty() {
            return self.turn(Self::None, html);
        }
        if let Some(row) = line.strip_prefix('|') {
            let block = self.turn(Self::Table, html);
            if !row.starts_with("---") {
                let cells = row.trim_end().trim_end_matches('|').split('|');
                let cells: String =
                    cells.map(|cell| format!("<td>{}</td>", inline(cell.trim()))).collect();
                let _ = write!(html, "<tr>{cells}</tr>");
            }
            return block;
        }
        if let Some(item) = line.strip_prefix("- ") {
            let block = self.turn(Self::Bullets, html);
            let _ = write!(html, "<li>{} ", inline(item));
            return block;
        }
        if let Some((number, item)) = line.split_once(". ")
            && matches!(number.len(), 1 | 2)
            && number.chars().all(|c| c.is_ascii_digit())
        {
            let block = self.turn(Self::Steps, html);
            let _ = write!(html, "<li>{} ", inline(item));
            return block;
        }
        let block = if self == Self::None { self.turn(Self::Paragraph, html) } else { self };
        let _ = write!(html, "{} ", inline(line.trim()));
        block
    }

    /// Closes this block and opens `next`, unless it is the same.
    fn turn(self, next: Self, html: &mut String) -> Self {
        if self != next {
            html.push_str(match self {
                Self::None => "",
                Self::Paragraph => "</p>",
                Self::Bullets => "</ul>",
                Self::Steps => "</ol>",
                Self::Code => "</code></pre>",
                Self::Table => "</table></div>",
            });
            html.push_str(match next {
                Self::None => "",
                Self::Paragraph => "<p>",
                Self::Bullets => "<ul>",
                Self::Steps => "<ol>",
                Self::Code => "<pre><code>",
                Self::Table => "<div class=\"scroll\"><table>",
            });
        }
        next
    }
}

/// `code`, *stress*, **strong** and [links](to) inside a line.
fn inline(line: &str) -> String {
    let mut out = String::new();
    for (at, part) in line.split('`').enumerate() {
        if at % 2 == 1 {
            let _ = write!(out, "<code>{}</code>", escape(part));
        } else {
            for (at, part) in part.split("**").enumerate() {
                let _ = match at % 2 {
                    1 => write!(out, "<strong>{}</strong>", links(part)),
                    _ => write!(out, "{}", stressed(part)),
                };
            }
        }
    }
    out
}

/// Text with its *stressed* parts.
fn stressed(text: &str) -> String {
    let parts = text.split('*').enumerate();
    parts
        .map(
            |(at, part)| {
                if at % 2 == 1 { format!("<em>{}</em>", links(part)) } else { links(part) }
            },
        )
        .collect()
}

fn links(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let link = after.split_once("](").and_then(|(label, tail)| {
            let (to, tail) = tail.split_once(')')?;
            Some((label, address(to)?, tail))
        });
        out.push_str(&escape(before));
        match link {
            Some((label, to, tail)) => {
                let _ = write!(out, "<a href=\"{}\">{}</a>", escape(&to), escape(label));
                rest = tail;
            }
            None => {
                out.push('[');
                rest = after;
            }
        }
    }
    out.push_str(&escape(rest));
    out
}

/// Where a link between the operating pages leads in the console; other links stay text.
fn address(to: &str) -> Option<String> {
    let page = to.strip_suffix(".md")?;
    let mut parts = page.rsplit('/');
    let name = parts.next()?;
    match parts.next() {
        Some("refusals") => Some(format!("/console/docs/refusals/{name}")),
        Some("alerts") => Some(format!("/console/docs/alerts/{name}")),
        None => Some(name.to_owned()),
        Some(_) => None,
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
