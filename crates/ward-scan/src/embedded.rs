//! Whether a string holds JSON: a way to carry undeclared fields past a field contract.

use crate::limits::EMBEDDED_LEVELS_MAX;

/// Whether `text` (unescaped), trimmed, starts with `{` or `[` and ends with `}` or `]`, or is a
/// JSON string of such a text, at any of 8 levels; deeper counts as held. O(length).
///
/// WHY: looks at the ends and does not parse: what a lenient reader would still parse is refused.
pub(crate) fn holds_json(text: &[u8]) -> bool {
    // The common case: plain words.
    let ends = (text.first(), text.last());
    if let (Some(first), Some(last)) = ends
        && first.is_ascii_alphanumeric()
        && last.is_ascii_alphanumeric()
    {
        return false;
    }
    let mut level = None::<Vec<u8>>;
    for _ in 0..EMBEDDED_LEVELS_MAX {
        let inner = level.as_deref().unwrap_or(text).trim_ascii();
        match (inner.first(), inner.last()) {
            (Some(b'{' | b'['), Some(b'}' | b']')) => return true,
            (Some(b'"'), Some(b'"')) => match unquoted(inner) {
                Some(next) => level = Some(next),
                None => return false,
            },
            _ => return false,
        }
    }
    true
}

/// The content of a JSON string literal; `None` when it is none. Only what can matter at the
/// ends is decoded: other escapes become a space that is no JSON.
fn unquoted(literal: &[u8]) -> Option<Vec<u8>> {
    let (first, rest) = literal.split_first()?;
    let (last, inner) = rest.split_last()?;
    if *first != b'"' || *last != b'"' {
        return None;
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => return None,
            b'\\' => out.push(match bytes.next()? {
                b @ (b'"' | b'\\' | b'/') => *b,
                b'b' | b'f' | b'n' | b'r' | b't' => b' ',
                b'u' => {
                    let (hex, rest) = bytes.as_slice().split_at_checked(4)?;
                    bytes = rest.iter();
                    let code = u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?;
                    u8::try_from(code).ok().filter(u8::is_ascii).unwrap_or(b'?')
                }
                _ => return None,
            }),
            _ => out.push(byte),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::holds_json;

    #[test]
    fn json_in_strings_is_seen() {
        let nested = |levels: usize| {
            (0..levels)
                .fold("{\"a\":1}".to_owned(), |text, _| serde_json::to_string(&text).unwrap())
        };
        let yes = [
            "{}",
            "[]",
            " {\"a\":1} ",
            "\t[1,2]\r\n",
            "{a:1}",
            "[1}",
            "\"{}\"",
            " \"[1]\" ",
            "\"\\u007b\\u007d\"",
            "\"\\n{\\\"a\\\":1}\"",
        ];
        for text in yes.into_iter().map(str::to_owned).chain([nested(1), nested(5), nested(9)]) {
            assert!(holds_json(text.as_bytes()), "{text}");
        }
        let no = [
            "",
            " ",
            "Seoul",
            "{",
            "}",
            "]{",
            "a{}",
            "{}a",
            "\"quoted\"",
            "\"",
            "\"\"",
            "\"{\"}\"",
            "\"\\x7b}\"",
            "\"\\u00\"",
            "a]",
            "김 [철수",
        ];
        for text in no {
            assert!(!holds_json(text.as_bytes()), "{text}");
        }
    }
}
