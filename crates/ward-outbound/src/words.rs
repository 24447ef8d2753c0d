//! Errors and foreign text as one short line for the console.
//!
//! Pure. It must never let a control character or an endless text through.

use std::error::Error;

use crate::limits::WORDS_BYTES_MAX;

/// An error with its causes, joined by `: `, each said once, as [`line`] writes it.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let words = error.to_string();
        // WHY: many errors repeat their cause in their own words.
        if !said.iter().any(|earlier| earlier.contains(&words)) {
            said.push(words);
        }
        next = error.source();
    }
    line(&said.join(": "), WORDS_BYTES_MAX)
}

/// One line of at most `bytes_max` bytes: control characters and line separators become spaces,
/// runs of spaces become one, and what was cut ends in an ellipsis.
pub fn line(text: &str, bytes_max: usize) -> String {
    const CUT: &str = "…";
    let mut out = String::new();
    for c in text.chars() {
        let breaks = c.is_control() || c.is_whitespace() || is_invisible(c);
        if breaks && (out.is_empty() || out.ends_with(' ')) {
            continue;
        }
        out.push(if breaks { ' ' } else { c });
        if out.len() > bytes_max {
            let room = bytes_max.saturating_sub(CUT.len());
            while out.len() > room && out.pop().is_some() {}
            out.push_str(CUT);
            break;
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Characters that turn text round or hide in it (Unicode TR 36: bidirectional controls).
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_one_line_and_short() {
        for (given, max, want) in [
            ("as it is", 20, "as it is"),
            ("two\r\nlines\u{0}", 20, "two lines"),
            ("  much \t room ", 20, "much room"),
            ("back\u{202e}wards", 20, "back wards"),
            ("0123456789", 10, "0123456789"),
            ("0123456789a", 10, "0123456…"),
            ("ääääää", 10, "äää…"),
        ] {
            assert_eq!(line(given, max), want, "{given:?}");
        }
    }

    #[test]
    fn causes_are_said_once() {
        let inner = std::io::Error::other("the disk is on fire");
        assert_eq!(causes(&std::io::Error::other(inner)), "the disk is on fire");
    }
}
