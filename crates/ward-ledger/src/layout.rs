//! How Ward writes a token: fixed header bytes per key, claims in a fixed order with `jti` first.
//!
//! The writer and the positional reader stand beside each other because they are one format.
//! The reader runs over bytes the ledger already knows, so it may trust the order; it is no parser
//! for anything else. FORMAT: RFC 9068 §2 (`at+jwt`), order jti, iss, sub, aud, iat, exp,
//! client_id, kind, then tenant, scope, cnf, login, act, status if there. Best test: `tests` below.

use std::borrow::Cow;
use std::fmt::Write as _;

use ward_model::word::Algorithm;
use ward_model::{Confirmation, PrincipalName, Thumbprint, UnixMillis};

use crate::base64;
use crate::limits::JTI_CHARS;
use crate::locator::Locator;
use crate::secret::LedgerSecret;
use crate::status::StatusPlace;

const JTI_PREFIX: &[u8] = b"{\"jti\":\"";
/// Bytes of the claims up to the end of the `jti`, and their characters in base64url.
const HEAD_BYTES: usize = 48;
const HEAD_CHARS: usize = 64;
const _: () = assert!(HEAD_BYTES == 8 + JTI_CHARS && HEAD_CHARS * 3 == HEAD_BYTES * 4);

/// What a token says, apart from what Ward sets itself (`jti`, `iss`, `iat`).
#[derive(Clone, Debug)]
pub struct TokenBody {
    /// `sub` and `kind`.
    pub principal: PrincipalName,
    /// `aud`.
    pub audience: String,
    /// `client_id`.
    pub client_id: String,
    /// `tenant`: the seller or partner the principal acts for.
    pub tenant: Option<String>,
    /// `scope`, space-separated.
    pub scope: Option<String>,
    /// `cnf` (RFC 7800 §3.1): whoever presents it must prove this.
    pub confirmation: Option<Confirmation>,
    /// `login`: the login that stands behind it.
    pub login: Option<String>,
    /// `act` (RFC 8693 §4.1): who acts for the principal, the latest first; empty: he himself.
    pub actors: Vec<PrincipalName>,
    /// `exp`.
    pub expires_at: UnixMillis,
}

/// The header part of every token under a key, encoded and with its dot.
#[must_use]
pub fn header(algorithm: Algorithm, kid: &str) -> String {
    let mut json = String::from("{\"alg\":");
    text(&mut json, algorithm.as_str());
    json.push_str(",\"kid\":");
    text(&mut json, kid);
    json.push_str(",\"typ\":\"at+jwt\"}");
    let mut out = base64::encode(json.as_bytes());
    out.push('.');
    out
}

/// The signing input: header part, dot, claims part.
#[must_use]
pub fn signing_input(
    header: &str,
    jti: &str,
    issuer: &str,
    body: &TokenBody,
    now: UnixMillis,
) -> String {
    signing_input_with(header, jti, issuer, body, now, None)
}

/// As [`signing_input`], with the token's place in a status list.
#[must_use]
pub fn signing_input_with(
    header: &str,
    jti: &str,
    issuer: &str,
    body: &TokenBody,
    now: UnixMillis,
    status: Option<&StatusPlace>,
) -> String {
    let mut json = String::with_capacity(384);
    json.push_str("{\"jti\":");
    text(&mut json, jti);
    member(&mut json, "iss", issuer);
    member(&mut json, "sub", body.principal.id());
    member(&mut json, "aud", &body.audience);
    let (iat, exp) = (now.seconds(), body.expires_at.seconds());
    // Writing into a String does not fail.
    let _ = write!(json, ",\"iat\":{iat},\"exp\":{exp}");
    member(&mut json, "client_id", &body.client_id);
    member(&mut json, "kind", body.principal.kind.as_str());
    let optional = |json: &mut String, name, value: &Option<String>| {
        if let Some(value) = value {
            member(json, name, value);
        }
    };
    optional(&mut json, "tenant", &body.tenant);
    optional(&mut json, "scope", &body.scope);
    if let Some(it) = body.confirmation {
        let _ = write!(json, ",\"cnf\":{{\"{}\":\"{}\"}}", it.member(), it.thumbprint());
    }
    optional(&mut json, "login", &body.login);
    for actor in &body.actors {
        json.push_str(",\"act\":{\"sub\":");
        text(&mut json, actor.id());
        member(&mut json, "kind", actor.kind.as_str());
    }
    body.actors.iter().for_each(|_| json.push('}'));
    if let Some(StatusPlace { uri, index }) = status {
        let _ = write!(json, ",\"status\":{{\"status_list\":{{\"idx\":{index},\"uri\":");
        text(&mut json, uri);
        json.push_str("}}");
    }
    json.push('}');
    let mut out = String::with_capacity(header.len() + json.len() * 4 / 3 + 2);
    out.push_str(header);
    base64_simd::URL_SAFE_NO_PAD.encode_append(json.as_bytes(), &mut out);
    out
}

/// The compact JWS of a signing input and its signature.
#[must_use]
pub fn compact(signing_input: &str, signature: &[u8; 64]) -> String {
    let mut out = String::with_capacity(signing_input.len() + 1 + 86);
    out.push_str(signing_input);
    out.push('.');
    base64_simd::URL_SAFE_NO_PAD.encode_append(signature, &mut out);
    out
}

fn member(json: &mut String, name: &str, value: &str) {
    json.push(',');
    text(json, name);
    json.push(':');
    text(json, value);
}

/// A JSON string (RFC 8259 §7).
fn text(json: &mut String, value: &str) {
    json.push('"');
    for character in value.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            control if control < ' ' => {
                let _ = write!(json, "\\u{:04x}", u32::from(control));
            }
            plain => json.push(plain),
        }
    }
    json.push('"');
}

/// The `jti` of an encoded claims part in Ward's layout; `None` if it does not begin with one.
/// Nothing behind it is decoded or looked at.
pub(crate) fn jti(claims_part: &[u8]) -> Option<[u8; JTI_CHARS]> {
    with_jti(claims_part, &mut [0; HEAD_BYTES], |jti| Some(*jti))
}

/// The place that an encoded claims part in Ward's layout names, if `secret` sealed it.
#[inline]
pub(crate) fn place(claims_part: &[u8], secret: &LedgerSecret) -> Option<Locator> {
    // WHY more than the head: the decoder does 32 characters at once while 38 are left, and one
    // after the other from there on. What it says of the few behind is said again when all is read.
    const WIDE: usize = HEAD_BYTES + 6;
    let open = |jti: &[u8; JTI_CHARS]| secret.open_locator(jti);
    if claims_part.len() < WIDE / 3 * 4 {
        return with_jti(claims_part, &mut [0; HEAD_BYTES], open);
    }
    with_jti(claims_part, &mut [0; WIDE], open)
}

/// Hands over the `jti` of an encoded claims part in Ward's layout, decoded into `head`.
#[inline]
fn with_jti<T, const N: usize>(
    claims_part: &[u8],
    head: &mut [u8; N],
    then: impl FnOnce(&[u8; JTI_CHARS]) -> Option<T>,
) -> Option<T> {
    let chars = claims_part.get(..N / 3 * 4)?;
    if !base64::decode_into(chars, head) {
        return None;
    }
    then(head.strip_prefix(JTI_PREFIX)?.first_chunk()?)
}

/// What is encoded behind the `jti`: its own canonical base64url, because the head is whole groups.
pub(crate) fn behind_jti(claims_part: &[u8]) -> &[u8] {
    claims_part.get(HEAD_CHARS..).unwrap_or_default()
}

/// A JSON string as it is written, without its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'a> {
    text: &'a str,
    escaped: bool,
}

/// Claims read by their places, still as written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Positional<'a> {
    pub(crate) sub: Written<'a>,
    pub(crate) aud: Written<'a>,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    pub(crate) client_id: Written<'a>,
    pub(crate) kind: Written<'a>,
    pub(crate) tenant: Option<Written<'a>>,
    pub(crate) scope: Option<Written<'a>>,
    pub(crate) confirmation: Option<Confirmation>,
    /// Whether a `login` stands there: Ward wrote it, so one was named when it was issued.
    pub(crate) login: bool,
}

/// Reads claims that the ledger knows, from behind their `jti` on. `None` only if they were written
/// by another layout.
pub(crate) fn read(behind_jti: &str) -> Option<Positional<'_>> {
    let rest = &mut behind_jti.strip_prefix('"')?;
    Written::take(rest, b",\"iss\":\"")?;
    let sub = Written::take(rest, b",\"sub\":\"")?;
    let aud = Written::take(rest, b",\"aud\":\"")?;
    let iat = number(rest, b",\"iat\":")?;
    let exp = number(rest, b",\"exp\":")?;
    let client_id = Written::take(rest, b",\"client_id\":\"")?;
    let kind = Written::take(rest, b",\"kind\":\"")?;
    let tenant = Written::take(rest, b",\"tenant\":\"");
    let scope = Written::take(rest, b",\"scope\":\"");
    let bound = rest.as_bytes().first_chunk() == Some(b",\"cnf\":{");
    let confirmation = if bound { Some(confirmation(rest)?) } else { None };
    let login = rest.as_bytes().first_chunk() == Some(b",\"login\":\"");
    Some(Positional { sub, aud, iat, exp, client_id, kind, tenant, scope, confirmation, login })
}

/// WHY cold: most tokens are not bound, and pay one comparison of a word.
#[cold]
fn confirmation(rest: &mut &str) -> Option<Confirmation> {
    let key = Written::take(rest, b",\"cnf\":{\"jkt\":\"")
        .map(|it| (it, Confirmation::Key as fn(_) -> _));
    let certificate = || {
        let written = Written::take(rest, b",\"cnf\":{\"x5t#S256\":\"")?;
        Some((written, Confirmation::Certificate as fn(_) -> _))
    };
    let (written, method) = key.or_else(certificate)?;
    *rest = rest.strip_prefix('}')?;
    Thumbprint::from_ascii(written.text.as_bytes()).map(method)
}

impl<'a> Written<'a> {
    /// Takes the string after `prefix`; leaves `rest` as it was if the prefix is not there.
    ///
    /// WHY inlined: the prefix is a constant, and comparing it then costs a word or two. WHY by
    /// words: these strings are short, and most end in the first or second.
    #[inline(always)]
    fn take<const N: usize>(rest: &mut &'a str, prefix: &[u8; N]) -> Option<Self> {
        let (head, tail) = rest.as_bytes().split_first_chunk::<N>()?;
        if head != prefix {
            return None;
        }
        let mut left = tail;
        while let Some((word, after)) = left.split_first_chunk::<8>() {
            let marks = marks(u64::from_le_bytes(*word));
            if marks != 0 {
                left = left.get(usize::try_from(marks.trailing_zeros() / 8).unwrap_or(0)..)?;
                break;
            }
            left = after;
        }
        if left.first() != Some(&b'"') {
            return Self::take_slowly(rest, N);
        }
        let end = rest.len() - left.len();
        let text = rest.get(N..end)?;
        *rest = rest.get(end + 1..)?;
        Some(Self { text, escaped: false })
    }

    /// Takes the string that begins at `from`, whatever is in it.
    #[cold]
    fn take_slowly(rest: &mut &'a str, from: usize) -> Option<Self> {
        let (mut at, mut escaped) = (from, false);
        loop {
            match rest.as_bytes().get(at)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    at += 2;
                }
                _ => at += 1,
            }
        }
        let text = rest.get(from..at)?;
        *rest = rest.get(at + 1..)?;
        Some(Self { text, escaped })
    }

    /// The text it stands for. `None` for what is no JSON string.
    #[inline]
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        if self.escaped { self.unescaped().map(Cow::Owned) } else { Some(Cow::Borrowed(self.text)) }
    }

    #[cold]
    fn unescaped(self) -> Option<String> {
        let mut quoted = String::with_capacity(self.text.len() + 2);
        quoted.push('"');
        quoted.push_str(self.text);
        quoted.push('"');
        serde_json::from_str(&quoted).ok()
    }

    /// Whether it stands for `text`.
    pub(crate) fn equals(self, text: &str) -> bool {
        if self.escaped { self.text().is_some_and(|it| it == text) } else { self.text == text }
    }
}

/// The first set bit lies in the first byte of `word` that is a quote or a backslash; none: there is
/// none. (Bits after the first may lie.)
#[inline(always)]
const fn marks(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const fn zeros(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & (ONES << 7)
    }
    zeros(word ^ (ONES * b'"' as u64)) | zeros(word ^ (ONES * b'\\' as u64))
}

/// The number that eight digits write; `None` if one is no digit.
#[inline(always)]
fn eight_digits(text: &[u8; 8]) -> Option<i64> {
    let word = u64::from_le_bytes(*text);
    let digits = word ^ 0x3030_3030_3030_3030;
    // A byte over 9 carries into its high nibble when 0x76 is added, or has one already.
    let over = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
    if over != 0 {
        return None;
    }
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    let eight = fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff;
    i64::try_from(eight).ok()
}

/// Takes the digits after `prefix`. INVARIANT: dates are at most 15 digits, so nothing overflows.
#[inline(always)]
fn number<const N: usize>(rest: &mut &str, prefix: &[u8; N]) -> Option<i64> {
    let (head, tail) = rest.as_bytes().split_first_chunk::<N>()?;
    if head != prefix {
        return None;
    }
    let (mut number, mut digits) = (0i64, 0);
    // WHY: a date of this century has ten digits, and eight are read at once.
    if let Some(eight) = tail.first_chunk().and_then(eight_digits) {
        (number, digits) = (eight, 8);
    }
    let more = tail.iter().skip(digits).take_while(|byte| byte.is_ascii_digit());
    for byte in more.take(15 - digits) {
        number = number.wrapping_mul(10).wrapping_add(i64::from(byte - b'0'));
        digits += 1;
    }
    *rest = rest.get(N + digits..)?;
    (digits > 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ward_model::PrincipalKind;

    const JTI: &str = "0123456789012345678901234567890123456789";

    fn claims(input: &str) -> Vec<u8> {
        let part = input.split('.').nth(1).unwrap();
        base64_simd::URL_SAFE_NO_PAD.decode_to_vec(part).unwrap()
    }

    #[test]
    fn the_bytes_of_a_token_never_change() {
        let body = TokenBody {
            principal: PrincipalName::new(PrincipalKind::Seller, "77").unwrap(),
            audience: "shop".into(),
            client_id: "web".into(),
            tenant: Some("77".into()),
            scope: Some("orders read".into()),
            confirmation: None,
            login: Some("L-1".into()),
            actors: Vec::new(),
            expires_at: UnixMillis::from_seconds(2000),
        };
        let header = header(Algorithm::Es256, "k1");
        let json = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(header.trim_end_matches('.'));
        assert_eq!(json.unwrap(), br#"{"alg":"ES256","kid":"k1","typ":"at+jwt"}"#);
        let input = signing_input(&header, JTI, "ward", &body, UnixMillis::from_seconds(1000));
        let want = concat!(
            r#"{"jti":"0123456789012345678901234567890123456789","iss":"ward","sub":"77","#,
            r#""aud":"shop","iat":1000,"exp":2000,"client_id":"web","kind":"seller","#,
            r#""tenant":"77","scope":"orders read","login":"L-1"}"#
        );
        assert_eq!(String::from_utf8(claims(&input)).unwrap(), want);
        let actor = |kind, id: &str| PrincipalName::new(kind, id).unwrap();
        let body = TokenBody {
            confirmation: Some(Confirmation::Key(Thumbprint([0; 32]))),
            actors: vec![actor(PrincipalKind::Service, "b"), actor(PrincipalKind::Person, "a")],
            ..body
        };
        let input = signing_input(&header, JTI, "ward", &body, UnixMillis::from_seconds(1000));
        let bound = want.replace(
            r#","login":"L-1""#,
            concat!(
                r#","cnf":{"jkt":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},"login":"L-1","#,
                r#""act":{"sub":"b","kind":"service","act":{"sub":"a","kind":"person"}}"#
            ),
        );
        assert_eq!(String::from_utf8(claims(&input)).unwrap(), bound);
    }

    #[test]
    fn a_confirmation_that_cannot_be_read_is_no_token() {
        let claims = |cnf: &str| {
            format!(
                r#"","iss":"w","sub":"1","aud":"s","iat":1,"exp":2,"client_id":"c","kind":"seller"{cnf}}}"#
            )
        };
        let print = Thumbprint([7; 32]).to_string();
        let none = read(&claims("")).map(|it| it.confirmation);
        assert_eq!(none, Some(None));
        for (cnf, known) in [
            (format!(r#","cnf":{{"jkt":"{print}"}}"#), true),
            (format!(r#","cnf":{{"x5t#S256":"{print}"}}"#), true),
            (format!(r#","cnf":{{"jkt":"{print}","kid":"1"}}"#), false),
            (format!(r#","cnf":{{"kid":"{print}"}}"#), false),
            (r#","cnf":{"jkt":"AA"}"#.into(), false),
            (r#","cnf":{}"#.into(), false),
        ] {
            let claims = claims(&cnf);
            let read = read(&claims);
            assert_eq!(read.is_some_and(|it| it.confirmation.is_some()), known, "{cnf}");
            assert_eq!(read.is_some(), known, "{cnf}");
        }
    }

    #[test]
    fn a_date_is_read_as_far_as_its_digits_go() {
        for (text, want) in [
            ("n:7,", Some((7, ","))),
            ("n:12345678,", Some((12_345_678, ","))),
            ("n:1800000000,", Some((1_800_000_000, ","))),
            ("n:253402300799}", Some((253_402_300_799, "}"))),
            ("n:1234567", Some((1_234_567, ""))),
            ("n:1234567:99", Some((1_234_567, ":99"))),
            ("n:123/4567", Some((123, "/4567"))),
            ("n:1234567\u{80}9", Some((1_234_567, "\u{80}9"))),
            ("n:,", None),
            ("m:7,", None),
        ] {
            let rest = &mut &*text;
            let read = number(rest, b"n:");
            assert_eq!(read.map(|number| (number, *rest)), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn marks_are_found_where_they_are(bytes in proptest::array::uniform8(any::<u8>())) {
            for byte in [b'"', b'\\', 0, 0x21, 0x23, 0x5b, 0x5d, 0xa2, 0xdc] {
                for at in 0..8 {
                    let mut bytes = bytes;
                    bytes[at] = byte;
                    let first = bytes.iter().position(|it| matches!(it, b'"' | b'\\'));
                    let marks = marks(u64::from_le_bytes(bytes));
                    let found = (marks != 0).then(|| marks.trailing_zeros() as usize / 8);
                    prop_assert_eq!(found, first);
                }
            }
        }

        #[test]
        fn what_is_written_is_read_back(
            sub in "[^\\p{Cc}]{1,20}", aud in ".{0,20}", client_id in ".{0,9}",
            tenant in proptest::option::of(".{0,9}"), scope in proptest::option::of(".{0,9}"),
            login in proptest::option::of(".{0,9}"), exp in 0i64..253_402_300_799,
            bound in proptest::option::of((proptest::bool::ANY, proptest::array::uniform32(0u8..))),
            acting in proptest::collection::vec("[^\\p{Cc}]{1,9}", 0..=crate::limits::ACTORS_MAX),
        ) {
            let confirmation = bound.map(|(key, print)| match key {
                true => Confirmation::Key(Thumbprint(print)),
                false => Confirmation::Certificate(Thumbprint(print)),
            });
            let actor = |id| PrincipalName::new(PrincipalKind::Service, id).unwrap();
            let actors: Vec<_> = acting.into_iter().map(actor).collect();
            let body = TokenBody {
                principal: PrincipalName::new(PrincipalKind::Rider, sub.clone()).unwrap(),
                audience: aud.clone(), client_id: client_id.clone(),
                tenant: tenant.clone(), scope: scope.clone(), login: login.clone(),
                confirmation, actors: actors.clone(),
                expires_at: UnixMillis::from_seconds(exp),
            };
            let input = signing_input("h.", JTI, "i\"ss\\", &body, UnixMillis::from_seconds(5));
            let bytes = claims(&input);
            prop_assert!(crate::json::object(&bytes).is_some());
            let part = input.split('.').nth(1).unwrap().as_bytes();
            prop_assert_eq!(jti(part).unwrap(), JTI.as_bytes());
            let mut room = base64::Room::new();
            let behind = room.decode_text(behind_jti(part)).unwrap();
            let read = read(behind).unwrap();
            prop_assert_eq!(read.sub.text().unwrap(), sub);
            prop_assert!(read.aud.equals(&aud));
            prop_assert_eq!(read.exp, exp);
            prop_assert_eq!(read.client_id.text().unwrap(), client_id.as_str());
            prop_assert!(read.kind.equals("rider"));
            prop_assert_eq!(read.tenant.map(|it| it.text().unwrap().into_owned()), tenant);
            let read_scope = read.scope.map(|it| it.text().unwrap().into_owned());
            prop_assert_eq!(&read_scope, &scope);
            prop_assert_eq!(read.confirmation, confirmation);
            prop_assert_eq!(read.login, login.is_some());
            let told = crate::Told::read(&compact(&input, &[0; 64])).unwrap();
            prop_assert_eq!(told.jti, JTI);
            prop_assert_eq!(told.principal, body.principal);
            prop_assert_eq!((told.audience, told.client_id), (aud, client_id));
            prop_assert_eq!(told.expires_at, body.expires_at);
            prop_assert_eq!((told.scope, told.login), (scope, login));
            prop_assert_eq!((told.confirmation, told.actors), (confirmation, actors));
        }
    }
}
