//! What pages have done at the API, in the session of who presses: the same requests, held for the
//! same second person, recorded as the same acts. WHY not a second way: there is one list of what is
//! held, and a page must not go around it.

use serde_json::Value;
use ward_operators::Session;

use crate::deeds::Later;

/// A request to the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its method.
    pub method: &'static str,
    /// Its path.
    pub path: String,
    /// Its body; empty for none.
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct Called {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

/// The API, for who is signed in.
pub trait Calls: Send + Sync {
    /// Makes a call in a session that may act. What hands out a credential also needs a proof of who
    /// he is that is fresh.
    fn call<'a>(&'a self, session: &'a Session, call: Call) -> Later<'a, Called>;
}

/// No API: everything is not found. For pages that are only looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCalls;

impl Calls for NoCalls {
    fn call<'a>(&'a self, _: &'a Session, _: Call) -> Later<'a, Called> {
        Box::pin(async { Called { status: 404, body: Value::Null } })
    }
}
