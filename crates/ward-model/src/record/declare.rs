//! The macro that turns the list of records into structs, their encoding and one enum.

/// Declares records: `kind Name Lane { column: Type, .. }` in the order of their bytes.
macro_rules! records {
    ($($(#[$meta:meta])* $kind:literal $name:ident $lane:ident {
        $($(#[$cmeta:meta])* $column:ident: $type:ty,)+
    })+) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $name { $($(#[$cmeta])* pub $column: $type,)+ }

            impl Row for $name {
                const KIND: u16 = $kind;
                fn put(&self, out: &mut Vec<u8>) { $(self.$column.put(out);)+ }
            }

            impl $name {
                fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
                    Ok(Self { $($column: <$type>::take(input)?,)+ })
                }
            }

            impl Entry for $name {
                fn lane(&self) -> Lane { Lane::$lane }
                fn rows(&self, rows: &mut Rows) { rows.push(self); }
            }

            impl From<$name> for Record {
                fn from(row: $name) -> Self { Self::$name(row) }
            }
        )+

        /// Any record.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Record { $($(#[$meta])* $name($name),)+ }

        impl Record {
            /// Kind numbers and names of every record this version knows.
            pub const KINDS: &'static [(u16, &'static str)] = &[$(($kind, stringify!($name)),)+];

            /// Reads a payload: `kind u16 LE | columns`, with nothing after them.
            ///
            /// # Errors
            /// [`DecodeError`] for anything that [`Row::put`] would not have written.
            pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
                let input = &mut &payload[..];
                let record = match u16::take(input)? {
                    $($kind => Self::$name($name::take(input)?),)+
                    kind => return Err(DecodeError::UnknownKind { kind }),
                };
                match input.len() {
                    0 => Ok(record),
                    extra => Err(DecodeError::Long { extra }),
                }
            }

            /// The name of its kind.
            #[must_use]
            pub const fn kind_name(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($name),)+ }
            }
        }

        impl Entry for Record {
            fn lane(&self) -> Lane { match self { $(Self::$name(row) => row.lane(),)+ } }
            fn rows(&self, rows: &mut Rows) {
                match self { $(Self::$name(row) => row.rows(rows),)+ }
            }
        }
    };
}

pub(super) use records;
