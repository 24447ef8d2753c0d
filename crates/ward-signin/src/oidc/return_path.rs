//! Where a person goes back to after the sign-in: never off this site. Pure. RFC 9700 §4.11.

use super::limits::RETURN_PATH_BYTES_MAX;

/// The path, if a browser will look for it on this very site; nothing otherwise, and the caller
/// goes to its front page.
///
/// A path is at most 512 bytes of printable ASCII, begins with one slash, and has no backslash, no
/// double slash, no dot segment, no fragment, and no encoded slash, backslash or control character
/// before its query: there is no way to read it as another host.
#[must_use]
pub fn safe_return_path(asked: &str) -> Option<&str> {
    let path = asked.split('?').next().unwrap_or_default();
    let is_plain = asked.len() <= RETURN_PATH_BYTES_MAX
        && asked.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'#');
    let is_local = asked.starts_with('/')
        && !asked.contains("//")
        && !path.split('/').any(|part| matches!(part, "." | ".."));
    let lower = path.to_ascii_lowercase();
    let is_open = ["%2f", "%5c", "%2e", "%0", "%1"].iter().any(|hidden| lower.contains(hidden));
    (is_plain && is_local && !is_open).then_some(asked)
}

#[cfg(test)]
mod tests {
    //! What is a path of this site.

    use super::*;

    #[test]
    fn only_paths_of_this_site() {
        let good = ["/", "/now", "/operators/7?tab=acts&from=2", "/a.b/c..d", "/a?b=c%2Fd:e@f"];
        for path in good {
            assert_eq!(safe_return_path(path), Some(path));
        }
        let bad = [
            "",
            "now",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/a//evil.example",
            "/a?b=//evil.example",
            "/..//evil.example",
            "/a/../b",
            "/./a",
            "/%2fevil.example",
            "/%2Fevil.example",
            "/%5Cevil.example",
            "/%2e%2e/a",
            "/a%0d%0aSet-Cookie:x",
            "/a\r\nSet-Cookie: x",
            "/\tevil.example",
            "/\t/evil.example",
            " /a",
            "/a b",
            "/a#b",
            "/\u{2215}evil.example",
            "https://evil.example/",
            "https:evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "?next=/a",
            "@evil.example",
        ];
        for path in bad {
            assert_eq!(safe_return_path(path), None, "{path:?}");
        }
        let longest = format!("/{}", "a".repeat(RETURN_PATH_BYTES_MAX - 1));
        assert!(safe_return_path(&longest).is_some());
        assert!(safe_return_path(&format!("{longest}a")).is_none());
    }
}
