//! One spelling per person: what is hashed and sealed is the normalised id.
//!
//! What it is: pure functions from an outside id as found to its one spelling in a namespace.
//! What it must never do: fail on odd input. A value that is no telephone number keeps its own
//! trimmed spelling: still one stable identity, never merged with another.
//! Spec: ITU-T E.164 (digits, at most 15); Korean trunk prefix 0 and country code 82.
//! Best test: the table below.

use std::borrow::Cow;

use ward_model::NamespaceNumber;

/// The namespace of telephone numbers.
pub const PHONE: NamespaceNumber = NamespaceNumber(16);
/// The namespace of e-mail addresses.
pub const EMAIL: NamespaceNumber = NamespaceNumber(17);

/// The one spelling of `id` in `namespace`.
#[must_use]
pub fn normalise(namespace: NamespaceNumber, id: &str) -> Cow<'_, str> {
    match namespace {
        PHONE => phone(id),
        EMAIL => Cow::Owned(id.trim().to_lowercase()),
        _ => Cow::Borrowed(id),
    }
}

/// `+<country><number>` for what reads as a telephone number; national numbers are Korean.
fn phone(id: &str) -> Cow<'_, str> {
    let Some((plus, digits)) = digits(id) else { return Cow::Owned(id.trim().to_lowercase()) };
    let international = match digits.strip_prefix("00") {
        Some(rest) if !plus => Some(rest),
        _ if plus => Some(digits.as_str()),
        // WHY: `8210...` without a plus is how Korean systems export mobile numbers.
        _ if digits.starts_with("8210") && digits.len() == 12 => Some(digits.as_str()),
        _ => None,
    };
    if let Some(full) = international {
        // WHY: `+82 (0)10` is written with the trunk zero that must not be dialled.
        return match full.strip_prefix("820") {
            Some(rest) => Cow::Owned(format!("+82{}", rest.trim_start_matches('0'))),
            None => Cow::Owned(format!("+{full}")),
        };
    }
    match digits.strip_prefix('0') {
        Some(rest) => Cow::Owned(format!("+82{rest}")),
        None => Cow::Owned(digits),
    }
}

/// Whether a plus stood first, and the digits; `None` when anything but separators is left.
fn digits(id: &str) -> Option<(bool, String)> {
    let trimmed = id.trim();
    let (plus, rest) = match trimmed.strip_prefix(['+', '\u{ff0b}']) {
        Some(rest) => (true, rest),
        None => (false, trimmed),
    };
    let mut digits = String::with_capacity(rest.len());
    for c in rest.chars() {
        match c {
            '0'..='9' => digits.push(c),
            // Full-width digits, as Korean input methods write them.
            '\u{ff10}'..='\u{ff19}' => {
                digits.push(char::from_digit(u32::from(c) - 0xff10, 10)?);
            }
            ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' | '\u{ff0d}' => {}
            '\u{2010}'..='\u{2015}' => {}
            _ => return None,
        }
    }
    (3..=18).contains(&digits.len()).then_some((plus, digits))
}

/// The number an id spells, if it is a canonical decimal from 0 that fits 63 bits.
#[must_use]
pub fn numeric(id: &str) -> Option<i64> {
    let canonical = id == "0" || !id.starts_with('0');
    let all_digits = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    if canonical && all_digits { id.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_each() {
        struct Case {
            name: &'static str,
            namespace: NamespaceNumber,
            given: &'static str,
            want: &'static str,
        }
        let phone = |name, given, want| Case { name, namespace: PHONE, given, want };
        let cases = [
            phone("national", "010-1234-5678", "+821012345678"),
            phone("plain", "01012345678", "+821012345678"),
            phone("plus", "+82 10 1234 5678", "+821012345678"),
            phone("trunk zero", "+82 (0)10-1234-5678", "+821012345678"),
            phone("double zero", "0082-10-1234-5678", "+821012345678"),
            phone("exported", "821012345678", "+821012345678"),
            phone("full width dash", "０１０－１２３４－５６７８", "+821012345678"),
            phone("full width digits", "０１０-１２３４-５６７８", "+821012345678"),
            phone("landline", "02-312-4567", "+8223124567"),
            phone("abroad", "+1 (415) 555-0100", "+14155550100"),
            phone("service number", "1588-1234", "15881234"),
            phone("masked stays itself", " 010-****-5678 ", "010-****-5678"),
            phone("words stay", "N/A", "n/a"),
            Case {
                name: "email",
                namespace: EMAIL,
                given: " Kim@Example.COM ",
                want: "kim@example.com",
            },
            Case {
                name: "others as they are",
                namespace: NamespaceNumber(1),
                given: " A1 ",
                want: " A1 ",
            },
        ];
        for case in cases {
            assert_eq!(normalise(case.namespace, case.given), case.want, "{}", case.name);
            let again = normalise(case.namespace, case.want).into_owned();
            assert_eq!(again, case.want, "{}: normalising twice", case.name);
        }
    }

    #[test]
    fn only_canonical_decimals_are_numbers() {
        assert_eq!(numeric("100001"), Some(100_001));
        assert_eq!(numeric("0"), Some(0));
        for odd in ["", "007", "-1", "+1", "1 ", "１", "9223372036854775808", "abc"] {
            assert_eq!(numeric(odd), None, "{odd}");
        }
    }
}
