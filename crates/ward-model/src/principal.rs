//! Who acts: kinds of principals, their outside names, and the keyed key views hold them by.

use crate::column::{Column, DecodeError};
use crate::limits::OUTSIDE_ID_BYTES_MAX;
use crate::short::ShortText;
use crate::words;

words! {
    /// What kind of principal acts. The word is also its namespace in the register.
    PrincipalKind {
        /// Nobody known.
        Unknown = 0 "unknown",
        /// A customer.
        Customer = 1 "customer",
        /// A seller or partner: a tenant.
        Seller = 2 "seller",
        /// A courier.
        Rider = 3 "rider",
        /// A person who works here.
        Person = 4 "person",
        /// A service or machine.
        Service = 5 "service",
    }
}

/// A principal as the outside names it: kind and bare id, for example `customer` and `100001`.
///
/// WHY no `Debug` of the id: a customer's id is a data subject's value.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PrincipalName {
    /// Its kind.
    pub kind: PrincipalKind,
    id: ShortText,
}

impl PrincipalName {
    /// A name, if the id is 1 to [`OUTSIDE_ID_BYTES_MAX`] bytes long and holds no control character.
    ///
    /// # Errors
    /// [`DecodeError::Bounds`] otherwise.
    pub fn new(kind: PrincipalKind, id: impl Into<ShortText>) -> Result<Self, DecodeError> {
        let id = id.into();
        let text = id.as_str();
        let fits = !text.is_empty() && text.len() <= OUTSIDE_ID_BYTES_MAX;
        if !fits || has_control(text) {
            return Err(DecodeError::Bounds { what: "outside id" });
        }
        Ok(Self { kind, id })
    }

    /// The bare outside id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.id.as_str()
    }
}

fn has_control(text: &str) -> bool {
    // WHY first: a text of plain ASCII, as nearly all are, needs no decoding.
    let plain = text.bytes().fold(true, |all, byte| all & (b' '..=b'~').contains(&byte));
    !plain && text.chars().any(char::is_control)
}

impl core::fmt::Debug for PrincipalName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}:<{} bytes>", self.kind, self.id().len())
    }
}

/// A principal as views and records key it: a 128-bit keyed hash of `kind | 0 | id`.
/// Without the ledger's secret it names nobody.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct PrincipalKey(pub [u8; 16]);

impl core::fmt::Debug for PrincipalKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "principal-{a:02x}{b:02x}{c:02x}{d:02x}")
    }
}

impl Column for PrincipalKey {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        Column::take(input).map(Self)
    }
}
