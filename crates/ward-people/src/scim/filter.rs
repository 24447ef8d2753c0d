//! Filters (RFC 7644 §3.4.2.2): `attribute eq "value"` for `userName`, `externalId` and `id`.
//!
//! Pure. Anything else is refused as `invalidFilter`: an identity provider that gets an empty list
//! for a filter nobody understood would create the person again.

use crate::limits::FILTER_BYTES_MAX;
use crate::outside::Find;
use crate::person::{fold, parse_id};
use crate::scim::error::ScimError;
use crate::scim::wire::bare_name;

/// What a filter asks for; `None` inside when it is well formed and can match nobody.
pub fn parse(filter: &str) -> Result<Option<Find>, ScimError> {
    if filter.len() > FILTER_BYTES_MAX {
        return Err(ScimError::filter("the filter is too long"));
    }
    let (attribute, rest) = word(filter)?;
    let (operator, rest) = word(rest)?;
    if !operator.eq_ignore_ascii_case("eq") {
        return Err(unsupported());
    }
    let value: String = serde_json::from_str(rest.trim())
        .map_err(|_| ScimError::filter("the value must be one JSON string"))?;
    match bare_name(attribute).to_ascii_lowercase().as_str() {
        "username" => Ok(Some(Find::UserName(fold(&value)))),
        "externalid" => Ok(Some(Find::ExternalId(value))),
        "id" => Ok(parse_id(&value).map(Find::Id)),
        _ => Err(unsupported()),
    }
}

fn word(text: &str) -> Result<(&str, &str), ScimError> {
    text.trim_start().split_once(' ').ok_or_else(unsupported)
}

fn unsupported() -> ScimError {
    ScimError::filter("supported: userName eq, externalId eq, id eq, with one string")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        struct Case {
            given: &'static str,
            want: Option<Option<Find>>,
        }
        let name = |text: &str| Some(Some(Find::UserName(text.into())));
        let cases = [
            Case { given: r#"userName eq "Kim@Example.com""#, want: name("kim@example.com") },
            Case { given: r#"USERNAME EQ "KIM""#, want: name("kim") },
            Case { given: r#"  userName   eq   "a b" "#, want: name("a b") },
            Case { given: r#"userName eq "a b" "#, want: name("a b") },
            Case { given: r#"userName eq "\u006bim""#, want: name("kim") },
            Case {
                given: r#"urn:ietf:params:scim:schemas:core:2.0:User:userName eq "k""#,
                want: name("k"),
            },
            Case {
                given: r#"externalId eq "E-1""#,
                want: Some(Some(Find::ExternalId("E-1".into()))),
            },
            Case { given: r#"id eq "nobody""#, want: Some(None) },
            Case { given: r#"userName eq "a" or userName eq "b""#, want: None },
            Case { given: r#"userName co "a""#, want: None },
            Case { given: r#"userName eq a"#, want: None },
            Case { given: r#"userName eq 'a'"#, want: None },
            Case { given: r#"userName eq "a"#, want: None },
            Case { given: r#"emails.value eq "a""#, want: None },
            Case { given: r#"not (userName eq "a")"#, want: None },
            Case { given: "", want: None },
            Case { given: "userName pr", want: None },
        ];
        for case in cases {
            let got = parse(case.given);
            assert_eq!(got.clone().ok(), case.want, "{}", case.given);
            if let Err(error) = got {
                assert_eq!(error.scim_type, Some("invalidFilter"), "{}", case.given);
            }
        }
    }
}
