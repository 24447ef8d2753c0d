//! The catalogue: what a company's services answer, and who may see it how.
//!
//! What it is: `catalogue.toml` compiled, with every mistake reported at once; the matcher of
//! requests to routes; and the reading of OpenAPI files to begin a catalogue from.
//! What it must never do: read a file, a clock or a socket (texts come in, values go out), or
//! take a request for another route than the upstream does.
//! Where it sits: floor 0; the program loads it, the gate asks it for every request, the scanner
//! walks the plans it compiles.
//! Best tests: `path/tests.rs` (tricks), `read/tests.rs` (mistakes), `openapi/tests.rs`.

mod catalogue;
pub mod limits;
mod mistake;
mod openapi;
mod path;
mod read;

pub use catalogue::{
    Body, Budget, Catalogue, DataClass, Field, Holder, Host, Method, Mode, Namespace, Purpose,
    Route, RouteSubject, Undeclared,
};
pub use mistake::Mistake;
pub use openapi::{Begun, OpenapiError, from_openapi};
pub use path::{Lookup, Match, Trick};
