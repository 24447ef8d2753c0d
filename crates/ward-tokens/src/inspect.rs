//! What a text looks like, without a server and without believing it: an API key with its checksum,
//! or a compact JWS with its header and claims; and every API key inside a longer text.
//!
//! Pure, of untrusted text. Nothing here says that a credential is good: only the ledger can.
//! What it must never do: repeat a credential. Specifications: `docs/api-keys.md`, RFC 7515 §7.1.
//! Best tests: at the end of this file; `fuzz/fuzz_targets/inspect.rs`.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Map, Value};
use sha2::Digest as _;
use ward_ledger::{API_KEY_TAIL_CHARS, is_api_key};
use ward_model::word::ApiKeyKind;

/// What every API key begins with.
const PREFIX: &str = "ward_";
/// Longest text looked at, bytes: a source file, or a dump of a chat.
pub const INSPECT_BYTES_MAX: usize = 16 << 20;
/// The most API keys named in one text.
pub const FOUND_MAX: usize = 10_000;
/// How far a run is followed, bytes: longer than any API key, so that a text full of prefixes costs
/// no more than its length.
const RUN_BYTES_MAX: usize = 64;
/// Longest word for what a key is for, bytes.
const KIND_BYTES_MAX: usize = 16;
const _: () = assert!(RUN_BYTES_MAX > PREFIX.len() + KIND_BYTES_MAX + 1 + API_KEY_TAIL_CHARS);
/// Longest header or claims that are decoded, base64url bytes.
const PART_BYTES_MAX: usize = 64 * 1024;

/// What one text looks like.
#[derive(Clone, Debug, PartialEq)]
pub enum Looks {
    /// It is laid out as an API key.
    ApiKey(KeyLike),
    /// It is laid out as a compact JWS; nothing in it was verified.
    Token(TokenLike),
    /// Neither.
    Neither,
}

/// A text laid out as an API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLike {
    /// What it says it is for; `None` for a word that is no kind.
    pub kind: Option<ApiKeyKind>,
    /// Its checksum is right: it was made by Ward, or by someone who knows the format.
    pub checksum: bool,
    /// First 16 hex digits of its SHA-256: tells copies from one another, opens nothing.
    pub fingerprint: String,
}

/// A text laid out as a compact JWS.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenLike {
    /// Its header, as it claims.
    pub header: Map<String, Value>,
    /// Its claims, as it claims; `None` when they are no JSON object.
    pub claims: Option<Map<String, Value>>,
    /// Bytes of its signature.
    pub signature_bytes: usize,
    /// First 16 hex digits of its SHA-256.
    pub fingerprint: String,
}

/// An API key inside a longer text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The line it begins in, from 1.
    pub line: usize,
    /// The column of its first byte, from 1.
    pub column: usize,
    /// What it is.
    pub key: KeyLike,
}

/// What `text` looks like; white space around it does not count.
#[must_use]
pub fn inspect(text: &str) -> Looks {
    let text = text.trim();
    if let Some(key) = key_like(text) {
        return Looks::ApiKey(key);
    }
    token_like(text).map_or(Looks::Neither, Looks::Token)
}

/// Every text inside `text` that is laid out as an API key, in order, at most [`FOUND_MAX`].
#[must_use]
pub fn scan(text: &str) -> Vec<Found> {
    let lines = text.lines().enumerate();
    lines.flat_map(|(at, line)| in_line(at + 1, line)).take(FOUND_MAX).collect()
}

/// The API keys themselves, for whoever takes them back; never print one.
pub fn keys_in(text: &str) -> impl Iterator<Item = &str> {
    words(text).map(|(_, word)| word).filter(|word| is_api_key(word))
}

fn in_line(line: usize, text: &str) -> impl Iterator<Item = Found> {
    words(text)
        .filter_map(move |(at, word)| Some(Found { line, column: at + 1, key: key_like(word)? }))
}

/// Runs of `A-Z a-z 0-9 _` that begin with the prefix, with where they begin; what stands in front
/// of a prefix in the same run (`KEYward_...`) is passed over.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut from = 0;
    core::iter::from_fn(move || {
        let rest = text.get(from..)?;
        let at = from + rest.find(PREFIX)?;
        let word = text.get(at..)?;
        let run = word.bytes().take(RUN_BYTES_MAX);
        let run = run.take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let word = word.get(..run.count())?;
        // WHY only the prefix is passed over: a broken key may have a whole one in the same run.
        from = at + if key_like(word).is_some() { word.len() } else { PREFIX.len() };
        Some((at, word))
    })
}

fn key_like(text: &str) -> Option<KeyLike> {
    let (kind, tail) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let laid_out = tail.len() == API_KEY_TAIL_CHARS
        && tail.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && (1..=KIND_BYTES_MAX).contains(&kind.len())
        && kind.bytes().all(|byte| byte.is_ascii_lowercase());
    laid_out.then(|| KeyLike {
        kind: ApiKeyKind::from_name(kind),
        checksum: is_api_key(text),
        fingerprint: fingerprint(text),
    })
}

fn token_like(text: &str) -> Option<TokenLike> {
    let mut parts = text.split('.');
    let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some(TokenLike {
        header: object(header)?,
        claims: object(claims),
        signature_bytes: BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?.len(),
        fingerprint: fingerprint(text),
    })
}

fn object(part: &str) -> Option<Map<String, Value>> {
    if part.len() > PART_BYTES_MAX {
        return None;
    }
    let bytes = BASE64URL_NOPAD.decode(part.as_bytes()).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn fingerprint(text: &str) -> String {
    let digest: [u8; 32] = sha2::Sha256::digest(text.as_bytes()).into();
    HEXLOWER.encode(digest.first_chunk::<8>().unwrap_or(&[0; 8]))
}

/// The body of the fuzz target `inspect`: no text may panic or hang, and whatever is found in a text
/// is found in itself.
///
/// # Panics
/// If a key that was found is not one.
pub fn fuzz_inspect(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    let _looks = inspect(text);
    let found = scan(text);
    let true_ones = found.iter().filter(|it| it.key.checksum).count();
    assert!(keys_in(text).all(is_api_key), "a key that is none");
    assert!(found.len() == FOUND_MAX || keys_in(text).count() == true_ones, "two counts");
    let doors = ward_model::Networks::parse(text.lines().take(4)).unwrap_or_default();
    let peer = core::net::IpAddr::V4(core::net::Ipv4Addr::LOCALHOST);
    let _source = ward_model::network::source(peer, &doors, text.lines());
}

#[cfg(test)]
mod tests {
    use ward_ledger::compose_api_key;

    use super::*;

    fn key(kind: ApiKeyKind, seed: u8) -> String {
        let entropy = core::array::from_fn(|at| u8::try_from(at * 3 % 248).unwrap() ^ seed);
        compose_api_key(kind, &entropy).unwrap().expose().clone()
    }

    #[test]
    fn keys_are_told_from_noise() {
        let true_key = key(ApiKeyKind::Service, 1);
        let mut wrong = true_key.clone();
        wrong.pop();
        wrong.push(if true_key.ends_with('0') { '1' } else { '0' });
        let unknown = format!("ward_robot_{}", "a".repeat(36));
        struct Case {
            given: String,
            want: Option<(Option<ApiKeyKind>, bool)>,
        }
        let service = Some(ApiKeyKind::Service);
        let cases = [
            Case { given: true_key.clone(), want: Some((service, true)) },
            Case { given: format!("  {true_key}\n"), want: Some((service, true)) },
            Case { given: wrong, want: Some((service, false)) },
            Case { given: unknown, want: Some((None, false)) },
            Case { given: format!("{true_key}0"), want: None },
            Case { given: "ward_service_".into(), want: None },
            Case { given: "ward_".into(), want: None },
            Case { given: String::new(), want: None },
            Case { given: "é".repeat(60), want: None },
        ];
        for case in cases {
            let got = match inspect(&case.given) {
                Looks::ApiKey(it) => Some((it.kind, it.checksum)),
                _ => None,
            };
            assert_eq!(got, case.want, "{}", case.given);
        }
    }

    #[test]
    fn keys_are_found_inside_other_text() {
        let (one, two) = (key(ApiKeyKind::Person, 2), key(ApiKeyKind::Operator, 3));
        let text =
            format!("é = 1\nexport KEY=\"{one}\" # ward_\n\nxxward_person_short ward_ward_{two};");
        let found = scan(&text);
        let places: Vec<_> =
            found.iter().map(|it| (it.line, it.column, it.key.kind, it.key.checksum)).collect();
        let want =
            [(2, 13, Some(ApiKeyKind::Person), true), (4, 31, Some(ApiKeyKind::Operator), true)];
        assert_eq!(places, want);
        assert_eq!(keys_in(&text).collect::<Vec<_>>(), [one.as_str(), two.as_str()]);
        let all = format!("{found:?}");
        assert!(!all.contains(&one) && !all.contains(&two));
    }

    #[test]
    fn tokens_are_decoded_and_not_believed() {
        let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let token =
            format!("{}.{}.{}", part(r#"{"alg":"none","kid":"k"}"#), part(r#"{"sub":"4711"}"#), "");
        let Looks::Token(it) = inspect(&token) else { panic!() };
        assert_eq!(it.header.get("kid").and_then(Value::as_str), Some("k"));
        let claims = it.claims.unwrap();
        assert_eq!(claims.get("sub").and_then(Value::as_str), Some("4711"));
        assert_eq!(it.signature_bytes, 0);
        let no_claims = format!("{}.{}.AAAA", part("{}"), part("[1]"));
        let Looks::Token(it) = inspect(&no_claims) else { panic!() };
        assert!(it.claims.is_none() && it.signature_bytes == 3);
        for junk in ["a.b.c", "..", "e30.e30", "e30.e30.AA.", "e30=.e30.AA"] {
            assert_eq!(inspect(junk), Looks::Neither, "{junk}");
        }
    }

    #[test]
    fn the_corpus_of_the_fuzzer_is_sound() {
        let corpus =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/inspect");
        let mut seen = 0;
        for file in std::fs::read_dir(corpus).expect("the corpus is in the tree") {
            fuzz_inspect(&std::fs::read(file.unwrap().path()).unwrap());
            seen += 1;
        }
        assert!(seen >= 4, "{seen}");
    }
}
