//! Table tests: one row an evasion, a malformed document or a rule; each row for every chunk size
//! and in both modes.

use super::{Framing, Mode, Scanner};
use crate::collect::Measured;
use crate::error::ScanError;
use crate::limits::Limits;
use crate::mask::Mask;
use crate::plan::{Action, Field, Plan, Role};

const SUBJECT: Role = Role::DataSubject { namespace: 1 };

fn plan() -> Plan {
    let rows = [
        ("id", 0, Action::Keep, SUBJECT),
        ("name", 1, Action::Mask(Mask::KeepFirst(1)), Role::Plain),
        ("phone", 2, Action::Mask(Mask::KeepLast(4)), Role::Plain),
        ("memo", 3, Action::Keep, Role::Plain),
        ("tags[]", 4, Action::Keep, Role::Plain),
        ("items[].id", 5, Action::Keep, SUBJECT),
        ("items[].tenant", 6, Action::Keep, Role::Tenant),
        ("items[].phone", 7, Action::Mask(Mask::All), Role::Plain),
        ("items[].box.email", 8, Action::Mask(Mask::Email), Role::Plain),
        ("map.*.id", 9, Action::Keep, Role::DataSubject { namespace: 2 }),
        ("secret", 10, Action::Mask(Mask::Null), Role::Plain),
        ("n", 11, Action::Keep, Role::Plain),
    ];
    let field = |(path, slot, action, role): (&str, _, _, _)| Field {
        path: path.to_owned(),
        slot,
        action,
        role,
    };
    Plan::new(&rows.map(field)).unwrap()
}

fn scan(
    body: &[u8],
    mode: Mode,
    framing: Framing,
    limits: Limits,
    chunk: usize,
) -> Result<(Vec<u8>, Measured), ScanError> {
    let plan = plan();
    let mut out = Vec::new();
    let mut scanner = Scanner::new(&plan, mode, framing, limits);
    for part in body.chunks(chunk) {
        let done = scanner.push(part, &mut out);
        if done.is_err() {
            assert_eq!(scanner.push(b"", &mut out), done, "an error stays");
        }
        done?;
    }
    let measured = scanner.finish(&mut out)?;
    Ok((out, measured))
}

/// Enforce in one chunk, after every chunk size and observe have agreed with it.
fn agreed(
    name: &str,
    body: &[u8],
    framing: Framing,
    limits: Limits,
) -> Result<(Vec<u8>, Measured), ScanError> {
    let whole = scan(body, Mode::Enforce, framing, limits, usize::MAX);
    let seen = scan(body, Mode::Observe, framing, limits, usize::MAX);
    for chunk in 1..=body.len().min(40) {
        assert_eq!(scan(body, Mode::Enforce, framing, limits, chunk), whole, "{name}: {chunk}");
        assert_eq!(scan(body, Mode::Observe, framing, limits, chunk), seen, "{name}: {chunk}");
    }
    match (&whole, &seen) {
        (Ok((out, enforced)), Ok((nothing, observed))) => {
            assert!(nothing.is_empty(), "{name}: observe writes nothing");
            assert_eq!(enforced, observed, "{name}: observe finds the same");
            assert_eq!(out != body, enforced.changed, "{name}: changed");
            serde_json::from_slice::<serde_json::Value>(out)
                .map_or_else(|_| assert_eq!(framing, Framing::Lines, "{name}: json"), drop);
        }
        (Err(ScanError::UncountableSubject), Ok((_, observed))) => {
            assert!(observed.missed > 0, "{name}: observe counts what it missed");
        }
        (one, other) => assert_eq!(one.as_ref().err(), other.as_ref().err(), "{name}"),
    }
    whole
}

struct Case {
    name: &'static str,
    given: &'static str,
    want: &'static str,
}

const WRITTEN: &[Case] = &[
    Case {
        name: "unchanged",
        given: r#" {"n" : 1.5e3 , "memo":"가\n\u00e9" } "#,
        want: r#" {"n" : 1.5e3 , "memo":"가\n\u00e9" } "#,
    },
    Case {
        name: "masked",
        given: r#"{"phone":"010-1234-5678","name":"김철수"}"#,
        want: r#"{"phone":"*********5678","name":"김**"}"#,
    },
    Case {
        name: "escaped key",
        given: r#"{"\u0070hone":"010-1234-5678"}"#,
        want: r#"{"\u0070hone":"*********5678"}"#,
    },
    Case {
        name: "escaped key, undeclared",
        given: r#"{"ph\u006fne2":"x","n":1}"#,
        want: r#"{"n":1}"#,
    },
    Case {
        name: "key twice",
        given: r#"{"phone":"11112222","phone":"33334444"}"#,
        want: r#"{"phone":"****2222","phone":"****4444"}"#,
    },
    Case {
        name: "escaped value",
        given: r#"{"name":"\u0041b\ud83d\ude00\"","n":2}"#,
        want: r#"{"name":"A***","n":2}"#,
    },
    Case {
        name: "kept character needs escape",
        given: r#"{"name":"\"b","n":2}"#,
        want: r#"{"name":"\"*","n":2}"#,
    },
    Case {
        name: "first gone",
        given: r#"{"x":1,"n":2,"memo":"m"}"#,
        want: r#"{"n":2,"memo":"m"}"#,
    },
    Case {
        name: "middle gone",
        given: r#"{"n":2,"x":[{"y":1}],"memo":"m"}"#,
        want: r#"{"n":2,"memo":"m"}"#,
    },
    Case { name: "last gone", given: r#"{"n":2,"x":{}}"#, want: r#"{"n":2}"# },
    Case { name: "all gone", given: r#"{"x":2,"y":"z","w":null}"#, want: r#"{}"# },
    Case {
        name: "gone with spaces",
        given: "{ \"x\" : 1 ,\n \"n\" : 2 , \"y\" : 3 }",
        want: "{  \n \"n\" : 2  }",
    },
    Case {
        name: "numbers and booleans under a mask",
        given: r#"{"phone":1012345678,"name":true,"secret":"s","n":false}"#,
        want: r#"{"phone":null,"name":null,"secret":null,"n":false}"#,
    },
    Case {
        name: "null stays",
        given: r#"{"phone":null,"items":null,"id":null}"#,
        want: r#"{"phone":null,"items":null,"id":null}"#,
    },
    Case {
        name: "already masked",
        given: r#"{"items":[{"tenant":"t","phone":"***"}]}"#,
        want: r#"{"items":[{"tenant":"t","phone":"***"}]}"#,
    },
    Case {
        name: "value where an object is",
        given: r#"{"items":"x","n":1,"map":3}"#,
        want: r#"{"n":1}"#,
    },
    Case {
        name: "array where an object is",
        given: r#"{"map":[{"id":"1"}],"n":1}"#,
        want: r#"{"n":1}"#,
    },
    Case {
        name: "object where an array is",
        given: r#"{"items":{"id":"1"},"n":1}"#,
        want: r#"{"n":1}"#,
    },
    Case {
        name: "object where a value is",
        given: r#"{"phone":{"number":"1"},"memo":["x"],"n":1}"#,
        want: r#"{"n":1}"#,
    },
    Case {
        name: "elements of another kind",
        given: r#"{"tags":[1,{"x":1},"a",[2],null,true]}"#,
        want: r#"{"tags":[1,"a",null,true]}"#,
    },
    Case {
        name: "elements gone first",
        given: r#"{"items":["x",7,{"tenant":1,"q":2}]}"#,
        want: r#"{"items":[{"tenant":1}]}"#,
    },
    Case {
        name: "nested deeper than declared",
        given: r#"{"items":[{"tenant":1,"items":[{"phone":"1"}]}]}"#,
        want: r#"{"items":[{"tenant":1}]}"#,
    },
    Case {
        name: "json in a string",
        given: r#"{"memo":" {\"phone\":\"010\"} ","n":1}"#,
        want: r#"{"n":1}"#,
    },
    Case {
        name: "json in a string, escaped",
        given: r#"{"n":1,"memo":"\u007b\"a\":1\u007d"}"#,
        want: r#"{"n":1}"#,
    },
    Case {
        name: "json in json in a string",
        given: r#"{"memo":"\"[1,2]\"","tags":["[]","a"]}"#,
        want: r#"{"tags":["a"]}"#,
    },
    Case { name: "json in a masked string", given: r#"{"phone":"[\"01012345678\"]"}"#, want: "{}" },
    Case { name: "root of another kind", given: r#" [{"phone":"1"}] "#, want: " null " },
    Case { name: "root a string", given: r#""text""#, want: "null" },
    Case { name: "root a number", given: "12", want: "null" },
    Case { name: "root null", given: "null", want: "null" },
    Case {
        name: "any key",
        given: r#"{"map":{"a":{"id":"1","x":1},"b":{"id":2}}}"#,
        want: r#"{"map":{"a":{"id":"1"},"b":{"id":2}}}"#,
    },
    Case { name: "empty key", given: r#"{"":1,"n":1}"#, want: r#"{"n":1}"# },
    Case {
        name: "del and c1 pass",
        given: "{\"memo\":\"\u{7f}\u{80}\u{2028}\"}",
        want: "{\"memo\":\"\u{7f}\u{80}\u{2028}\"}",
    },
];

#[test]
fn what_leaves() {
    for Case { name, given, want } in WRITTEN {
        let (out, _) = agreed(name, given.as_bytes(), Framing::Single, Limits::DEFAULT).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), *want, "{name}");
    }
}

const REFUSED: &[(&str, &[u8], ScanError)] = &[
    ("nothing", b"", ScanError::UnexpectedEnd),
    ("only space", b" \n", ScanError::UnexpectedEnd),
    ("cut object", b"{\"n\":1", ScanError::UnexpectedEnd),
    ("cut string", b"{\"n\":\"a", ScanError::UnexpectedEnd),
    ("cut escape", b"{\"n\":\"a\\u00", ScanError::UnexpectedEnd),
    ("cut literal", b"tru", ScanError::UnexpectedEnd),
    ("cut number", b"-", ScanError::UnexpectedEnd),
    ("trailing", b"{} {}", ScanError::TrailingData),
    ("trailing brace", b"{}}", ScanError::TrailingData),
    ("trailing nul", b"{}\0", ScanError::TrailingData),
    ("byte order mark", b"\xef\xbb\xbf{}", ScanError::ByteOrderMark),
    ("utf-16", b"\xff\xfe{\0}\0", ScanError::InvalidUtf8),
    ("invalid byte", b"{\"n\":\"\xff\"}", ScanError::InvalidUtf8),
    ("overlong", b"{\"n\":\"\xc0\xaf\"}", ScanError::InvalidUtf8),
    ("surrogate in utf-8", b"{\"n\":\"\xed\xa0\x80\"}", ScanError::InvalidUtf8),
    ("past unicode", b"{\"n\":\"\xf4\x90\x80\x80\"}", ScanError::InvalidUtf8),
    ("cut character", b"{\"n\":\"\xea\xb0", ScanError::InvalidUtf8),
    ("broken character", b"{\"n\":\"\xea\xb0\"}", ScanError::InvalidUtf8),
    ("invalid byte outside", b"{\xff}", ScanError::InvalidUtf8),
    ("letter outside", "{가}".as_bytes(), ScanError::Syntax),
    ("bad escape", b"{\"n\":\"\\x\"}", ScanError::BadEscape),
    ("bad hex", b"{\"n\":\"\\u00g0\"}", ScanError::BadEscape),
    ("bad escape in a dropped value", b"{\"x\":\"\\q\"}", ScanError::BadEscape),
    ("bad escape in a dropped key", b"{\"x\":{\"\\q\":1}}", ScanError::BadEscape),
    ("lone high", b"{\"n\":\"\\ud800\"}", ScanError::LoneSurrogate),
    ("lone low", b"{\"n\":\"\\udc00\"}", ScanError::LoneSurrogate),
    ("high twice", b"{\"n\":\"\\ud800\\ud800\"}", ScanError::LoneSurrogate),
    ("high then letter", b"{\"n\":\"\\ud800\\n\"}", ScanError::LoneSurrogate),
    ("lone in a key", b"{\"\\ud800\":1}", ScanError::LoneSurrogate),
    ("control", b"{\"n\":\"a\nb\"}", ScanError::ControlCharacter),
    ("nul", b"{\"n\":\"\0\"}", ScanError::ControlCharacter),
    ("control in a dropped value", b"{\"x\":\"\t\"}", ScanError::ControlCharacter),
    ("leading zero", b"{\"n\":01}", ScanError::BadNumber),
    ("point first", b"{\"n\":.5}", ScanError::Syntax),
    ("point last", b"{\"n\":5.}", ScanError::BadNumber),
    ("plus", b"{\"n\":+5}", ScanError::Syntax),
    ("minus alone", b"{\"n\":-}", ScanError::BadNumber),
    ("empty exponent", b"{\"n\":1e}", ScanError::BadNumber),
    ("hex number", b"{\"n\":0x10}", ScanError::Syntax),
    ("nan", b"{\"n\":NaN}", ScanError::Syntax),
    ("bad literal", b"{\"n\":nulL}", ScanError::Syntax),
    ("long literal", b"{\"n\":nulll}", ScanError::Syntax),
    ("single quotes", b"{'n':1}", ScanError::Syntax),
    ("comment", b"{/**/\"n\":1}", ScanError::Syntax),
    ("trailing comma", b"{\"n\":1,}", ScanError::Syntax),
    ("trailing comma, array", b"[1,]", ScanError::Syntax),
    ("leading comma", b"[,1]", ScanError::Syntax),
    ("no comma", b"[1 2]", ScanError::Syntax),
    ("no colon", b"{\"n\" 1}", ScanError::Syntax),
    ("two colons", b"{\"n\"::1}", ScanError::Syntax),
    ("no value", b"{\"n\":}", ScanError::Syntax),
    ("key no string", b"{1:1}", ScanError::Syntax),
    ("wrong end", b"{\"tags\":[1}]", ScanError::Syntax),
    ("form feed", b"{\x0c}", ScanError::Syntax),
    ("no-break space", "{\u{a0}}".as_bytes(), ScanError::Syntax),
    ("subject a fraction", b"{\"id\":1.5}", ScanError::UncountableSubject),
    ("subject an exponent", b"{\"id\":1e3}", ScanError::UncountableSubject),
    ("subject minus zero", b"{\"id\":-0}", ScanError::UncountableSubject),
    ("subject a boolean", b"{\"id\":true}", ScanError::UncountableSubject),
    ("subject an object", b"{\"id\":{\"value\":1}}", ScanError::UncountableSubject),
    ("subject an array", b"{\"id\":[1]}", ScanError::UncountableSubject),
    ("subject empty", b"{\"id\":\"\"}", ScanError::UncountableSubject),
    ("subject json", b"{\"id\":\"[1]\"}", ScanError::UncountableSubject),
    ("tenant a boolean", b"{\"items\":[{\"tenant\":false}]}", ScanError::UncountableSubject),
];

#[test]
fn what_is_refused() {
    for (name, given, want) in REFUSED {
        let got = agreed(name, given, Framing::Single, Limits::DEFAULT);
        assert_eq!(got.err(), Some(*want), "{name}");
    }
}

#[test]
fn bounds() {
    let small = Limits {
        total_bytes: 60,
        depth: 3,
        string_bytes: 8,
        key_bytes: 5,
        number_bytes: 4,
        subjects: 2,
        tenants: 2,
    };
    let spaces = format!("{{{}}}", " ".repeat(58));
    let cases: [(&str, &str, Option<ScanError>); 17] = [
        ("total, just", &spaces, None),
        ("total", &format!("{spaces} "), Some(ScanError::TooLong)),
        ("depth, just", r#"{"x":[[]]}"#, None),
        ("depth", r#"{"x":[[[]]]}"#, Some(ScanError::TooDeep)),
        ("string, just", r#"{"memo":"\u00e9ab"}"#, None),
        ("string", r#"{"memo":"\u00e9abc"}"#, Some(ScanError::StringTooLong)),
        ("string, dropped", r#"{"x":"123456789"}"#, Some(ScanError::StringTooLong)),
        ("key, just", r#"{"12345":1}"#, None),
        ("key", r#"{"123456":1}"#, Some(ScanError::KeyTooLong)),
        ("key, dropped", r#"{"x":{"123456":1}}"#, Some(ScanError::KeyTooLong)),
        ("number, just", r#"{"n":-1.2}"#, None),
        ("number", r#"{"n":-1.23}"#, Some(ScanError::NumberTooLong)),
        ("subjects, just", r#"{"items":[{"id":1},{"id":2},{"id":2}]}"#, None),
        ("subjects", r#"{"items":[{"id":1},{"id":2},{"id":3}]}"#, Some(ScanError::TooManySubjects)),
        ("tenants, just", r#"{"items":[{"tenant":1},{"tenant":2}]}"#, Some(ScanError::KeyTooLong)),
        ("escaped key", r#"{"\u0041":1}"#, Some(ScanError::KeyTooLong)),
        ("surrogates", r#"{"memo":"\ud83d\ude00"}"#, Some(ScanError::StringTooLong)),
    ];
    for (name, given, want) in cases {
        let got = agreed(name, given.as_bytes(), Framing::Single, small);
        assert_eq!(got.err(), want, "{name}");
    }
    let few = Limits { tenants: 1, ..Limits::DEFAULT };
    let given = br#"{"items":[{"tenant":1},{"tenant":2}]}"#;
    assert_eq!(agreed("", given, Framing::Single, few).err(), Some(ScanError::TooManyTenants));
    let long = format!("{{\"id\":\"{}\"}}", "7".repeat(257));
    let got = agreed("long id", long.as_bytes(), Framing::Single, Limits::DEFAULT);
    assert_eq!(got.err(), Some(ScanError::UncountableSubject));
}

#[test]
fn a_flood_of_distinct_subjects_ends_early() {
    let limits = Limits { subjects: 1_000, ..Limits::DEFAULT };
    let plan = plan();
    let mut scanner = Scanner::new(&plan, Mode::Observe, Framing::Single, limits);
    let mut out = Vec::new();
    scanner.push(br#"{"items":[{"id":0}"#, &mut out).unwrap();
    let stopped = (1..10_000)
        .find(|n| scanner.push(format!(",{{\"id\":{n}}}").as_bytes(), &mut out).is_err());
    assert!(stopped.unwrap() < 3_000, "found out before the end");
}

fn found(name: &str, given: &str) -> Measured {
    agreed(name, given.as_bytes(), Framing::Single, Limits::DEFAULT).unwrap().1
}

fn subjects(measured: &Measured) -> Vec<(u16, &str, u64)> {
    measured.subjects.iter().map(|s| (s.namespace, s.id.as_str(), s.fields)).collect()
}

#[test]
fn fields_go_to_the_innermost_object_with_a_subject() {
    // The id after the fields; the box names nobody, so its e-mail is the item's.
    let got = found(
        "nested",
        r#"{"phone":"11112222","items":[
        {"phone":"1","box":{"email":"a@b.c"},"tenant":"t","id":"A"},
        {"tenant":"t","phone":"2"}],"memo":"m","id":7}"#,
    );
    assert_eq!(subjects(&got), [(1, "7", 0b1100_1101), (1, "A", 0b1_1110_0000)]);
    assert_eq!((got.fields, got.unattributed), (0b1_1110_1101, 0));
    assert_eq!((got.tenants.len(), got.tenants[0].count, got.tenant_missing), (1, 2, 0));
    // Nobody named at the top: what is left over belongs to the route's own data subject.
    let got = found("left over", r#"{"memo":"m","items":[{"tenant":1,"id":"A"}],"tags":["x"]}"#);
    assert_eq!((subjects(&got), got.unattributed), (vec![(1, "A", 0b110_0000)], 0b1_1000));
    // The same person twice, as text and as number; another namespace is another person.
    let got = found(
        "merged",
        r#"{"items":[{"tenant":1,"id":"5"},{"tenant":1,"id":5,"phone":"1"}],
        "map":{"x":{"id":"5"}}}"#,
    );
    assert_eq!(subjects(&got), [(1, "5", 0b1110_0000), (2, "5", 0b10_0000_0000)]);
    let got = found("twice", r#"{"id":1,"id":2,"memo":"x","\u0069d":3}"#);
    assert_eq!(subjects(&got), [(1, "1", 0b1001), (1, "2", 0b1001), (1, "3", 0b1001)]);
    let got = found("null", r#"{"id":null,"memo":"x","n":null}"#);
    assert_eq!((subjects(&got), got.unattributed), (vec![], 0b1000));
    let got = found("escaped id", r#"{"id":"\u0041\ud83d\ude00"}"#);
    assert_eq!(subjects(&got), [(1, "A😀", 1)]);
    let got = found("big", r#"{"id":-123456789012345678901234567890}"#);
    assert_eq!(subjects(&got), [(1, "-123456789012345678901234567890", 1)]);
}

#[test]
fn a_record_without_its_tenant_shows() {
    let missing = [
        (r#"{"items":[{"tenant":"a"},{"id":1},{"tenant":null},null,{}]}"#, 3),
        (r#"{"items":[{"tenant":"a","tenant":"b"}]}"#, 0),
        (r#"{"items":[]}"#, 0),
        (r#"{"items":[{"box":{"tenant":"a"}}]}"#, 1),
    ];
    for (given, want) in missing {
        assert_eq!(found(given, given).tenant_missing, want, "{given}");
    }
    let tenant = |path: &str, slot| Field {
        path: path.to_owned(),
        slot,
        action: Action::Keep,
        role: Role::Tenant,
    };
    // The tenant sits in an object of the record, or in an array of its own.
    let plan = Plan::new(&[tenant("rows[].shop.id", 0), tenant("rows[].also[]", 1)]).unwrap();
    let rows = [
        (r#"{"rows":[{"shop":{"id":1},"also":[1]},{"shop":{},"also":[1]},{"also":[1]}]}"#, 2),
        (r#"{"rows":[{"shop":{"id":1},"also":[1,null]},{"shop":{"id":1},"also":[]}]}"#, 2),
        (r#"{"rows":[{"shop":null,"also":null}]}"#, 1),
    ];
    for (given, want) in rows {
        let given = given.as_bytes();
        let got = crate::testing::scan(&plan, Mode::Enforce, Framing::Single, given, 3).unwrap();
        assert_eq!(got.1.tenant_missing, want);
    }
}

#[test]
fn undeclared_is_counted_and_shown_without_values() {
    let got = found(
        "samples",
        r#"{"x":{"y":1,"z":2},"items":[{"tenant":1,"ssn":"1"},
        {"tenant":1,"ssn":"2"},3],"010-1234-5678":{"a":1},"kim@example.com":1,"김철수":1,
        "phone":[],"map":{"q":{"w":1}},"memo":{}}"#,
    );
    assert_eq!(got.undeclared, 10);
    assert_eq!(
        got.undeclared_samples,
        ["<key>", "items[]", "items[].ssn", "map.*.w", "memo", "phone", "x"]
    );
    let many: Vec<String> = (0..100).map(|n: usize| format!("\"k{n}\":1")).collect();
    let got = found("many", &format!("{{{}}}", many.join(",")));
    assert_eq!((got.undeclared, got.undeclared_samples.len()), (100, 16));
    assert_eq!(found("root", "[1]").undeclared_samples, ["$"]);
    let got = found("embedded", r#"{"memo":"{}","tags":["[1]"],"phone":"\"{}\""}"#);
    assert_eq!((got.embedded, got.undeclared, got.fields), (3, 0, 0b1_1100));
}

#[test]
fn lines() {
    let given = "{\"id\":1,\"x\":2}\r\n\n{\"id\":2,\"phone\":\"11112222\"} \n[1]\n{\"id\":1}";
    let got = agreed("lines", given.as_bytes(), Framing::Lines, Limits::DEFAULT).unwrap();
    let want = "{\"id\":1}\r\n\n{\"id\":2,\"phone\":\"****2222\"} \nnull\n{\"id\":1}";
    assert_eq!(String::from_utf8(got.0).unwrap(), want);
    assert_eq!((got.1.documents, got.1.subjects.len(), got.1.undeclared), (4, 2, 2));
    let refused: [(&str, ScanError); 6] = [
        ("{\n}", ScanError::LineBreak),
        ("{}\n{\"n\":1,\n\"n\":2}", ScanError::LineBreak),
        ("{} {}", ScanError::TrailingData),
        ("{}\n{", ScanError::UnexpectedEnd),
        ("{}\n\u{feff}{}", ScanError::ByteOrderMark),
        ("1\n2\n-", ScanError::UnexpectedEnd),
    ];
    for (given, want) in refused {
        let got = agreed(given, given.as_bytes(), Framing::Lines, Limits::DEFAULT);
        assert_eq!(got.err(), Some(want), "{given}");
    }
    assert!(agreed("empty", b"", Framing::Lines, Limits::DEFAULT).is_ok());
    assert!(agreed("blank", b"\n \n", Framing::Lines, Limits::DEFAULT).is_ok());
}

#[test]
fn a_stream_is_taken_part_by_part() {
    let plan = std::sync::Arc::new(plan());
    let mut scanner = Scanner::new(plan, Mode::Enforce, Framing::Lines, Limits::DEFAULT);
    let mut out = Vec::new();
    scanner.push(b"{\"id\":1}\n{\"id\":", &mut out).unwrap();
    assert!(!scanner.between_documents());
    assert_eq!(subjects(&scanner.take().unwrap()), [(1, "1", 1)]);
    scanner.push(b"2}\n", &mut out).unwrap();
    assert!(scanner.between_documents());
    let last = scanner.finish(&mut out).unwrap();
    assert_eq!((subjects(&last), last.documents), (vec![(1, "2", 1)], 1));
}
