//! Every mask on every kind of text.

use super::{Mask, Masked, write_string};

struct Case {
    name: &'static str,
    mask: Mask,
    given: &'static str,
    want: &'static str,
}

const CASES: &[Case] = &[
    Case { name: "all", mask: Mask::All, given: "anything", want: "***" },
    Case { name: "all, empty", mask: Mask::All, given: "", want: "***" },
    Case { name: "last4", mask: Mask::KeepLast(4), given: "010-1234-5678", want: "*********5678" },
    Case { name: "last4 of four", mask: Mask::KeepLast(4), given: "5678", want: "****" },
    Case { name: "last4 of five", mask: Mask::KeepLast(4), given: "15678", want: "*5678" },
    Case { name: "last4 of none", mask: Mask::KeepLast(4), given: "", want: "" },
    Case { name: "first1", mask: Mask::KeepFirst(1), given: "김철수", want: "김**" },
    Case { name: "first1 of one", mask: Mask::KeepFirst(1), given: "김", want: "*" },
    Case {
        name: "first1, past the BMP", mask: Mask::KeepFirst(1), given: "😀ab", want: "😀**"
    },
    Case { name: "first0", mask: Mask::KeepFirst(0), given: "ab", want: "**" },
    Case {
        name: "email",
        mask: Mask::Email,
        given: "kim.cs@example.com",
        want: "k***@example.com",
    },
    Case { name: "email, one letter", mask: Mask::Email, given: "k@e.kr", want: "k***@e.kr" },
    Case { name: "email, two ats", mask: Mask::Email, given: "\"a@b\"@e.kr", want: "\"***@e.kr" },
    Case { name: "email, no at", mask: Mask::Email, given: "kim", want: "***" },
    Case { name: "email, no local part", mask: Mask::Email, given: "@e.kr", want: "***" },
    Case { name: "email, no domain", mask: Mask::Email, given: "kim@", want: "***" },
    Case { name: "free text", mask: Mask::Email, given: "call @ 010-1234-5678 now", want: "***" },
    Case {
        name: "idn domain", mask: Mask::Email, given: "김@예시.한국", want: "김***@예시.한국"
    },
];

#[test]
fn masks() {
    let mut out = String::from("old");
    for case in CASES {
        assert_eq!(case.mask.apply(case.given, &mut out), Masked::Text, "{}", case.name);
        assert_eq!(out, case.want, "{}", case.name);
    }
    assert_eq!(Mask::Null.apply("x", &mut out), Masked::Null);
}

#[test]
fn masks_are_bounded() {
    let long = "가".repeat(100_000);
    let mut out = String::new();
    for mask in [Mask::All, Mask::KeepFirst(255), Mask::KeepLast(255), Mask::Email] {
        mask.apply(&long, &mut out);
        assert!(out.chars().count() <= 255 + 64, "{mask:?}");
    }
}

#[test]
fn what_is_kept_is_escaped_again() {
    let text = "\"\\\u{0}\u{1f}\n가";
    let mut out = Vec::new();
    write_string(text, &mut out);
    assert_eq!(out, "\"\\\"\\\\\\u0000\\u001f\\u000a가\"".as_bytes());
    assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
}
