//! Push scanner over JSON bytes: find, count, mask.
//!
//! What it is: a [`Plan`] says which leaves of a document are declared, which name a data subject
//! or a tenant and which are masked; a [`Scanner`] takes the bytes of a body as they come, writes
//! what may leave and ends with [`Measured`]: whose data was in it, which fields, which tenants,
//! how much was undeclared.
//! What it must never do: read a clock, a file, a socket or a random source; know anything of
//! Ward; take what it does not understand for harmless. Every doubt is a [`ScanError`].
//! Where it sits: floor 0; the gate's `measure` step drives it, the catalogue compiles its plans.
//! Specifications: RFC 8259, RFC 3629. Accepts exactly what serde_json accepts, within [`Limits`].
//! Best test: `tests/differential.rs`.
//!
//! ```
//! use ward_scan::{Action, Field, Framing, Limits, Mask, Mode, Plan, Role, Scanner};
//! let field = |path: &str, slot, action, role| Field { path: path.into(), slot, action, role };
//! let plan = Plan::new(&[
//!     field("orders[].customer", 0, Action::Keep, Role::DataSubject { namespace: 1 }),
//!     field("orders[].phone", 1, Action::Mask(Mask::KeepLast(4)), Role::Plain),
//! ])
//! .unwrap();
//! let mut scanner = Scanner::new(&plan, Mode::Enforce, Framing::Single, Limits::DEFAULT);
//! let mut out = Vec::new();
//! scanner.push(br#"{"orders":[{"customer":7,"note":"x","pho"#, &mut out).unwrap();
//! scanner.push(br#"ne":"010-1234-5678"}]}"#, &mut out).unwrap();
//! let measured = scanner.finish(&mut out).unwrap();
//! assert_eq!(out, br#"{"orders":[{"customer":7,"phone":"*********5678"}]}"#);
//! assert_eq!(measured.subjects[0].id, "7");
//! assert_eq!(measured.undeclared_samples, ["orders[].note"]);
//! ```

mod collect;
mod embedded;
mod error;
mod limits;
mod mask;
mod plan;
mod scanner;
pub mod testing;
mod text;
mod write;

pub use collect::{Measured, Subject, Tenant};
pub use error::ScanError;
pub use limits::{ID_BYTES_MAX, Limits, SAMPLES_MAX, SLOT_MAX};
pub use mask::Mask;
pub use plan::{Action, Field, Plan, PlanError, PlanErrorKind, Role};
pub use scanner::{Framing, Mode, Scanner};
