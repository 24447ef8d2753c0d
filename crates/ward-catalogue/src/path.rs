//! Matching a request's path to a route, proof against the ways to write one path as another.
//!
//! What it is: RFC 3986 §6.2.2 normalisation with everything refused that two servers could read
//! in two ways. What it must never do: match a route that the upstream would not, or miss one
//! that it would. Where it sits: the gate asks once per request, on the raw path without query.
//! Best test: `path/tests.rs`.

use ward_model::RouteNumber;

use crate::catalogue::{Catalogue, Host, Method, Route, Segment};
use crate::limits::{PATH_BYTES_MAX, SEGMENTS_MAX};

/// What a request is for.
#[derive(Debug)]
pub enum Lookup<'c> {
    /// A declared route.
    Match(Match<'c>),
    /// No declared route, and nothing that could be taken for one.
    NoRoute,
    /// A path that must not be guessed at. See [`Host::enforces`].
    Refused(Trick),
}

/// A matched route.
#[derive(Debug)]
pub struct Match<'c> {
    /// The route.
    pub route: &'c Route,
    /// The values of its parameters, decoded, in their order.
    pub params: Vec<String>,
    /// The path in its one canonical form, when the request wrote it otherwise: forward this one
    /// under enforce.
    pub canonical: Option<String>,
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trick {
    /// It does not begin with `/`.
    #[error("path does not begin with a slash")]
    NotAbsolute,
    /// More than 8,192 bytes.
    #[error("path too long")]
    TooLong,
    /// A character that no path may hold unencoded: a space, a control, a quote, anything past
    /// ASCII.
    #[error("character that must be encoded")]
    BadCharacter,
    /// `%` without two hex digits.
    #[error("malformed percent-encoding")]
    BadEncoding,
    /// `%2f`, `%5c`: a separator to some, a letter to others.
    #[error("encoded slash or backslash")]
    EncodedSlash,
    /// `%00` and other controls.
    #[error("encoded control character")]
    EncodedControl,
    /// `%25` before two hex digits: it would be decoded twice by some.
    #[error("doubly encoded")]
    DoubleEncoding,
    /// What is encoded is not UTF-8.
    #[error("encoded bytes are not utf-8")]
    NotUtf8,
    /// `\`.
    #[error("backslash in the path")]
    Backslash,
    /// `;`, encoded or not: matrix parameters, cut off by some.
    #[error("matrix parameter in the path")]
    MatrixParameter,
    /// `//`.
    #[error("empty segment in the path")]
    EmptySegment,
    /// `.` or `..`, encoded or not.
    #[error("dot segment in the path")]
    DotSegment,
    /// A declared route but for a trailing slash or upper and lower case: the upstream may serve
    /// it as that route.
    #[error("variant of the declared route {0}")]
    Variant(RouteNumber),
}

impl Trick {
    /// The short kind: metric label.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::NotAbsolute => "not_absolute",
            Self::TooLong => "too_long",
            Self::BadCharacter => "bad_character",
            Self::BadEncoding => "bad_encoding",
            Self::EncodedSlash => "encoded_slash",
            Self::EncodedControl => "encoded_control",
            Self::DoubleEncoding => "double_encoding",
            Self::NotUtf8 => "not_utf8",
            Self::Backslash => "backslash",
            Self::MatrixParameter => "matrix_parameter",
            Self::EmptySegment => "empty_segment",
            Self::DotSegment => "dot_segment",
            Self::Variant(_) => "variant",
        }
    }
}

/// A path taken apart.
struct Parts {
    segments: Vec<String>,
    trailing_slash: bool,
    canonical: String,
}

impl Catalogue {
    /// The route of a request. `method` as on the wire (HEAD follows GET); `path` raw, without
    /// query. Cost: O(length of the path + routes with as many segments).
    #[must_use]
    pub fn find(&self, host: &Host, method: &str, path: &str) -> Lookup<'_> {
        let parts = match take_apart(path) {
            Ok(parts) => parts,
            Err(trick) => return Lookup::Refused(trick),
        };
        let wire = if method == "HEAD" { "GET" } else { method };
        let known = Method::ALL.into_iter().find(|known| known.as_str() == wire);
        let found = known.filter(|_| !parts.trailing_slash).and_then(|method| {
            let same = |literal: &str, given: &str| literal == given;
            self.search(host, Some(method), &parts.segments, same)
        });
        if let Some(route) = found {
            let params = (route.segments.iter().zip(&parts.segments))
                .filter(|(segment, _)| matches!(segment, Segment::Parameter(_)))
                .map(|(_, given)| given.clone())
                .collect();
            let canonical = (parts.canonical != path).then_some(parts.canonical);
            return Lookup::Match(Match { route, params, canonical });
        }
        // A method that differs from a declared one only in case is a variant as well.
        let method =
            Method::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(wire));
        let variant = |literal: &str, given: &str| alike(literal, given);
        match method.and_then(|method| self.search(host, Some(method), &parts.segments, variant)) {
            Some(route) => Lookup::Refused(Trick::Variant(route.number)),
            None => Lookup::NoRoute,
        }
    }

    fn search(
        &self,
        host: &Host,
        method: Option<Method>,
        given: &[String],
        same: impl Fn(&str, &str) -> bool,
    ) -> Option<&Route> {
        let bucket = self.index.get(&(host.index, method?, given.len()))?;
        let fits = |route: &&Route| {
            route.segments.iter().zip(given).all(|(segment, given)| match segment {
                Segment::Literal(literal) => same(literal, given),
                Segment::Parameter(_) => true,
            })
        };
        bucket.iter().filter_map(|at| self.routes.get(*at)).find(fits)
    }
}

/// Alike to an upstream that does not mind case (of any script: `ſ` and `K` fold to ASCII).
fn alike(literal: &str, given: &str) -> bool {
    let folded = |text: &str| text.to_uppercase().to_lowercase();
    literal.eq_ignore_ascii_case(given) || (!given.is_ascii() && folded(literal) == folded(given))
}

fn take_apart(path: &str) -> Result<Parts, Trick> {
    if path.len() > PATH_BYTES_MAX {
        return Err(Trick::TooLong);
    }
    let inner = path.strip_prefix('/').ok_or(Trick::NotAbsolute)?;
    let mut parts = Parts {
        segments: Vec::new(),
        trailing_slash: false,
        canonical: String::with_capacity(path.len()),
    };
    let (inner, trailing_slash) = match inner.strip_suffix('/') {
        Some(inner) => (inner, true),
        None => (inner, false),
    };
    parts.trailing_slash = trailing_slash;
    if inner.is_empty() {
        // `/` itself has no segments; `//` has an empty one.
        parts.canonical.push('/');
        return if trailing_slash { Err(Trick::EmptySegment) } else { Ok(parts) };
    }
    for raw in inner.split('/') {
        if raw.is_empty() {
            return Err(Trick::EmptySegment);
        }
        parts.canonical.push('/');
        let decoded = decode(raw, &mut parts.canonical)?;
        if decoded == "." || decoded == ".." {
            return Err(Trick::DotSegment);
        }
        if parts.segments.len() > SEGMENTS_MAX {
            return Err(Trick::TooLong);
        }
        parts.segments.push(decoded);
    }
    if trailing_slash {
        parts.canonical.push('/');
    }
    Ok(parts)
}

/// A segment decoded once, its canonical form written to `canonical`.
fn decode(raw: &str, canonical: &mut String) -> Result<String, Trick> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            plain(byte)?;
            decoded.push(byte);
            canonical.push(char::from(byte));
            continue;
        }
        let (value, after) = hex_pair(rest).ok_or(Trick::BadEncoding)?;
        rest = after;
        match value {
            b'/' | b'\\' => return Err(Trick::EncodedSlash),
            0..=0x1f | 0x7f => return Err(Trick::EncodedControl),
            b';' => return Err(Trick::MatrixParameter),
            b'%' if hex_pair(rest).is_some() => return Err(Trick::DoubleEncoding),
            _ => {}
        }
        decoded.push(value);
        if value.is_ascii_alphanumeric() || b"-._~".contains(&value) {
            canonical.push(char::from(value));
        } else {
            canonical.push('%');
            for nibble in [value >> 4, value & 15] {
                canonical.push(HEX.get(usize::from(nibble)).copied().map_or('0', char::from));
            }
        }
    }
    // C1 controls and other invisible controls of Unicode are two bytes and more.
    let decoded = String::from_utf8(decoded).map_err(|_| Trick::NotUtf8)?;
    if decoded.chars().any(char::is_control) { Err(Trick::EncodedControl) } else { Ok(decoded) }
}

/// RFC 3986 §3.3: what a path may hold as it is (`pchar`).
fn plain(byte: u8) -> Result<(), Trick> {
    match byte {
        b'\\' => Err(Trick::Backslash),
        b';' => Err(Trick::MatrixParameter),
        b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+'
        | b',' | b'=' | b':' | b'@' => Ok(()),
        _ if byte.is_ascii_alphanumeric() => Ok(()),
        _ => Err(Trick::BadCharacter),
    }
}

fn hex_pair(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let ([high, low], rest) = bytes.split_first_chunk::<2>()?;
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let value = digit(*high)? << 4 | digit(*low)?;
    Some((u8::try_from(value).ok()?, rest))
}

/// A path template taken apart; the reason if it is none.
pub(crate) fn template(path: &str) -> Result<Vec<Segment>, &'static str> {
    let Some(inner) = path.strip_prefix('/') else { return Err("must begin with a slash") };
    if inner.is_empty() {
        return Ok(Vec::new());
    }
    let mut segments = Vec::new();
    for raw in inner.split('/') {
        let segment = match raw.strip_prefix('{').map(|rest| rest.strip_suffix('}')) {
            Some(Some(name)) if is_parameter(name) => Segment::Parameter(name.to_owned()),
            Some(_) => return Err("has a parameter that is not a whole segment"),
            None if raw.is_empty() => return Err("has an empty segment or a trailing slash"),
            None if raw == "." || raw == ".." => return Err("has a dot segment"),
            None if raw.bytes().any(|byte| plain(byte).is_err()) => {
                return Err("holds a character that is not allowed");
            }
            None => Segment::Literal(raw.to_owned()),
        };
        segments.push(segment);
    }
    if segments.len() > SEGMENTS_MAX { Err("has too many segments") } else { Ok(segments) }
}

fn is_parameter(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// How two templates of as many segments stand to one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overlap {
    /// No path matches both.
    None,
    /// Where both match, one is literal wherever the other is.
    Ordered,
    /// A path matches both and neither is the more specific.
    Ambiguous,
}

pub(crate) fn overlap(one: &[Segment], other: &[Segment]) -> Overlap {
    let (mut more, mut less) = (false, false);
    for pair in one.iter().zip(other) {
        match pair {
            (Segment::Literal(a), Segment::Literal(b)) if a != b => return Overlap::None,
            (Segment::Literal(_), Segment::Parameter(_)) => more = true,
            (Segment::Parameter(_), Segment::Literal(_)) => less = true,
            _ => {}
        }
    }
    if more == less { Overlap::Ambiguous } else { Overlap::Ordered }
}

#[cfg(test)]
mod tests;
