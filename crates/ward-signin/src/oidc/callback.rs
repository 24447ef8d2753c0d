//! What the browser brings back from the provider: a stranger's text until it is checked. Pure.
//! RFC 6749 §4.1.2, RFC 9207 §2.

use percent_encoding::percent_decode_str;
use ward_model::Secret;

use super::error::SignInError;
use super::limits::CALLBACK_BYTES_MAX;

/// The parameters of the redirect back. Everything else in the query is dropped unread: nothing
/// about a person is ever taken from here.
pub struct Callback {
    pub(super) state: Secret<String>,
    pub(super) issuer: Option<String>,
    pub(super) answer: Answer,
}

/// A code or an error.
pub(super) enum Answer {
    Code(Secret<String>),
    Error(&'static str),
}

/// Codes of errors that specifications name: RFC 6749 §4.1.2.1, Core §3.1.2.6.
const CODES: [&str; 16] = [
    "access_denied",
    "account_selection_required",
    "consent_required",
    "interaction_required",
    "invalid_request",
    "invalid_request_object",
    "invalid_request_uri",
    "invalid_scope",
    "login_required",
    "registration_not_supported",
    "request_not_supported",
    "request_uri_not_supported",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_response_type",
];

impl Callback {
    /// Reads a query string (without its question mark): at most 8 KiB.
    ///
    /// # Errors
    /// [`SignInError::BadCallback`]: too long, a parameter twice, not UTF-8, no state, or not
    /// exactly one of code and error.
    pub fn parse(query: &str) -> Result<Self, SignInError> {
        if query.len() > CALLBACK_BYTES_MAX {
            return Err(SignInError::BadCallback);
        }
        let [mut code, mut state, mut iss, mut error] = [const { None }; 4];
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let slot = match decoded(name)?.as_str() {
                "code" => &mut code,
                "state" => &mut state,
                "iss" => &mut iss,
                "error" => &mut error,
                _ => continue,
            };
            // WHY: two readers could take different ones (RFC 6749 §3.1).
            if slot.replace(decoded(value)?).is_some() {
                return Err(SignInError::BadCallback);
            }
        }
        let answer = match (code, error) {
            (Some(code), None) if !code.is_empty() => Answer::Code(Secret::new(code)),
            (None, Some(error)) => {
                Answer::Error(CODES.into_iter().find(|it| *it == error).unwrap_or("other"))
            }
            _ => return Err(SignInError::BadCallback),
        };
        let state = Secret::new(state.ok_or(SignInError::BadCallback)?);
        Ok(Self { state, issuer: iss, answer })
    }
}

/// A form's encoding taken off: a plus is a space.
fn decoded(text: &str) -> Result<String, SignInError> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(Into::into).map_err(|_| SignInError::BadCallback)
}

#[cfg(test)]
mod tests {
    //! Queries that no provider sends are not read.

    use super::*;

    #[test]
    fn one_of_each_and_nothing_else() {
        let good = Callback::parse("groups=admins&code=a%2Bb+c&state=s&iss=https%3A%2F%2Fid&sub=x");
        let good = good.ok().unwrap();
        assert!(matches!(&good.answer, Answer::Code(code) if code.expose() == "a+b c"));
        assert!(good.state.matches(b"s"));
        assert_eq!(good.issuer.as_deref(), Some("https://id"));

        let denied = Callback::parse("error=access_denied&state=s").ok().unwrap();
        assert!(matches!(denied.answer, Answer::Error("access_denied")));
        let odd = Callback::parse("error=%3Cscript%3E&state=s").ok().unwrap();
        assert!(matches!(odd.answer, Answer::Error("other")));

        let bad = [
            "",
            "code=a",
            "state=s",
            "code=&state=s",
            "code=a&code=a&state=s",
            "code=a&%63ode=b&state=s",
            "code=a&state=s&state=s",
            "code=a&state=s&iss=a&iss=b",
            "code=a&state=s&error=access_denied",
            "code=a&state=%ff",
        ];
        for query in bad {
            assert!(matches!(Callback::parse(query), Err(SignInError::BadCallback)), "{query}");
        }
        let long = format!("code={}&state=s", "a".repeat(CALLBACK_BYTES_MAX));
        assert!(matches!(Callback::parse(&long), Err(SignInError::BadCallback)));
    }
}
