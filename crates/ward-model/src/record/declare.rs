//! The macros that turn declared rows into structs with their encoding, and all of them into one
//! enum.

/// Declares rows: `kind Name Lane { column: Type, .. }` in the order of their bytes.
macro_rules! rows {
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
                pub(super) fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
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
    };
}

/// Makes one enum of all rows. A kind number that is there twice does not compile.
macro_rules! records {
    ($($name:ident),+ $(,)?) => {
        /// Any record.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Record {
            $(
                #[doc = concat!("[`", stringify!($name), "`]")]
                $name($name),
            )+
        }

        impl Record {
            /// Kind numbers and names of every record this version knows.
            pub const KINDS: &'static [(u16, &'static str)] =
                &[$((<$name as Row>::KIND, stringify!($name)),)+];

            /// Reads a payload: `kind u16 LE | columns`, with nothing after them.
            ///
            /// # Errors
            /// [`DecodeError`] for anything that [`Row::put`] would not have written.
            pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
                let input = &mut &payload[..];
                let record = match u16::take(input)? {
                    $(<$name as Row>::KIND => Self::$name($name::take(input)?),)+
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

pub(super) use {records, rows};
