//! Why a scan stopped. The gate answers every one with `upstream_uninspectable`.

/// Why a document cannot be vouched for. What was written so far must not be released.
///
/// WHY: as wide as a place in a chunk, so that a step's result travels in two registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(usize)]
pub enum ScanError {
    /// RFC 8259 §2: a token that cannot stand there.
    #[error("not json")]
    Syntax,
    /// RFC 8259 §2: something after the document.
    #[error("data after the document")]
    TrailingData,
    /// The input ended inside a document, or there was none.
    #[error("the document is cut short")]
    UnexpectedEnd,
    /// A line ended inside a document of a line stream.
    #[error("line break inside a document of a line stream")]
    LineBreak,
    /// RFC 8259 §8.1: a byte order mark.
    #[error("byte order mark")]
    ByteOrderMark,
    /// RFC 3629: not UTF-8.
    #[error("not utf-8")]
    InvalidUtf8,
    /// RFC 8259 §7: an unescaped control character in a string.
    #[error("control character in a string")]
    ControlCharacter,
    /// RFC 8259 §7: an escape that does not exist.
    #[error("unknown escape in a string")]
    BadEscape,
    /// RFC 8259 §8.2: half of a surrogate pair.
    #[error("lone surrogate in a string")]
    LoneSurrogate,
    /// RFC 8259 §6: not a number.
    #[error("malformed number")]
    BadNumber,
    /// Deeper than the limit.
    #[error("nested too deeply")]
    TooDeep,
    /// A string longer than the limit.
    #[error("string too long")]
    StringTooLong,
    /// A key longer than the limit.
    #[error("key too long")]
    KeyTooLong,
    /// A number longer than the limit.
    #[error("number too long")]
    NumberTooLong,
    /// More bytes than the limit.
    #[error("document too long")]
    TooLong,
    /// A data subject or tenant whose id is no string and no plain integer (enforce only).
    #[error("data subject or tenant that cannot be counted")]
    UncountableSubject,
    /// More distinct data subjects than the limit.
    #[error("too many data subjects")]
    TooManySubjects,
    /// More distinct tenants than the limit.
    #[error("too many tenants")]
    TooManyTenants,
}

impl ScanError {
    /// The short kind: metric label and alert name.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::TrailingData => "trailing_data",
            Self::UnexpectedEnd => "unexpected_end",
            Self::LineBreak => "line_break",
            Self::ByteOrderMark => "byte_order_mark",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::ControlCharacter => "control_character",
            Self::BadEscape => "bad_escape",
            Self::LoneSurrogate => "lone_surrogate",
            Self::BadNumber => "bad_number",
            Self::TooDeep => "too_deep",
            Self::StringTooLong => "string_too_long",
            Self::KeyTooLong => "key_too_long",
            Self::NumberTooLong => "number_too_long",
            Self::TooLong => "too_long",
            Self::UncountableSubject => "uncountable_subject",
            Self::TooManySubjects => "too_many_subjects",
            Self::TooManyTenants => "too_many_tenants",
        }
    }
}
