//! The one registry of ids and numbers: alphabetical, append-only.
//!
//! Dense numbers (`..Number`) come from the register of data subjects or from a checked-in file;
//! 0 means none. Ids (`..Id`) are random and mean nothing outside.

use crate::column::{Column, DecodeError};

macro_rules! numbers {
    ($($(#[$meta:meta])* $name:ident($int:ty);)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash,
                 serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $int);

        impl $name {
            /// No such thing.
            pub const NONE: Self = Self(0);

            /// Whether it is [`Self::NONE`].
            #[must_use]
            pub const fn is_none(self) -> bool { self.0 == 0 }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl Column for $name {
            fn put(&self, out: &mut Vec<u8>) { self.0.put(out); }
            fn take(input: &mut &[u8]) -> Result<Self, DecodeError> { Column::take(input).map(Self) }
        }
    )+};
}

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident;)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// The id written as 32 lower-case hex digits.
            ///
            /// # Errors
            /// [`DecodeError::Bounds`]: not 32 lower-case hex digits.
            pub fn parse(text: &str) -> Result<Self, DecodeError> {
                let bytes = data_encoding::HEXLOWER
                    .decode(text.as_bytes())
                    .map_err(|_| DecodeError::Bounds { what: stringify!($name) })?;
                let bytes = bytes.try_into()
                    .map_err(|_| DecodeError::Bounds { what: stringify!($name) })?;
                Ok(Self(bytes))
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(self, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl Column for $name {
            fn put(&self, out: &mut Vec<u8>) { self.0.put(out); }
            fn take(input: &mut &[u8]) -> Result<Self, DecodeError> { Column::take(input).map(Self) }
        }
    )+};
}

ids! {
    /// One request through the gate; outside it is `Ward-Request-Id`.
    AccessId;
    /// A person who works here; outside it is the SCIM id.
    PersonId;
}

impl PersonId {
    /// As SCIM and the API write it: `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, lower case.
    #[must_use]
    pub fn uuid(self) -> String {
        let mut text = String::with_capacity(36);
        for (at, digit) in self.to_string().chars().enumerate() {
            if matches!(at, 8 | 12 | 16 | 20) {
                text.push('-');
            }
            text.push(digit);
        }
        text
    }
}

numbers! {
    /// An alert.
    AlertId(i64);
    /// An API key; random, positive.
    ApiKeyId(i64);
    /// A proposal and what became of it.
    ApprovalId(i64);
    /// An emergency opening of a route; random, positive.
    BypassId(i64);
    /// One run of the cascade.
    CascadeId(i64);
    /// A data subject's dense number from the register.
    DataSubjectNumber(i64);
    /// A one-time link with which an operator registers a passkey; random, positive.
    EnrolmentId(i64);
    /// An incident.
    IncidentId(i64);
    /// A foreign issuer that was declared; never reused.
    IssuerNumber(i32);
    /// A signing key's dense number.
    KeyNumber(i32);
    /// A namespace of the register: 1 to 5 are the principal kinds.
    NamespaceNumber(i32);
    /// Who hands out sequences: a node's one life (an epoch).
    Origin(i32);
    /// An operator's passkey; random, positive.
    PasskeyId(i64);
    /// A principal's dense number from the register.
    PrincipalNumber(i64);
    /// A declared route; never reused.
    RouteNumber(i32);
    /// The place of a token in its origin.
    Sequence(i64);
    /// A session of an operator; random, positive. Not the cookie's secret.
    SessionId(i64);
    /// A tenant: the dense number of the seller or partner.
    TenantNumber(i64);
}

/// The index of a leaf of the journal, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct LeafIndex(pub i64);

/// How many leaves a tree has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct TreeSize(pub i64);

impl LeafIndex {
    /// Past every leaf.
    pub const NEVER: Self = Self(i64::MAX);
}

impl Column for LeafIndex {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        i64::take(input).map(Self)
    }
}

impl From<PrincipalNumber> for DataSubjectNumber {
    /// WHY: principals and data subjects are numbered by one register, so a customer who reads
    /// his own page has one number.
    fn from(number: PrincipalNumber) -> Self {
        Self(number.0)
    }
}
