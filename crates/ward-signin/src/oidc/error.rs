//! Why somebody is not signed in, or not signed out: one enum per operation, and what to do.

use super::discovery::MetadataFault;
use super::fetch::FetchError;

/// What the caller does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The person starts again from the sign-in page; nobody is to blame.
    StartAgain,
    /// As above, and it is written down: it happens by attack, or by a broken provider.
    Report,
    /// The provider did not answer; later it may.
    TryLater,
    /// The provider or Ward is set up wrongly; its operator repairs it.
    Repair,
}

/// Why a sign-in did not succeed. No variant holds data of a person or a secret.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The browser came back more than five minutes after it was sent, or before.
    #[error("the sign-in took too long")]
    TooLate,
    /// The state is not the one this browser was sent with (RFC 9700 §4.7).
    #[error("the answer belongs to another sign-in")]
    WrongState,
    /// The answer comes from another provider than the one asked (RFC 9207 §2.4), or does not say.
    #[error("the answer comes from another provider")]
    WrongIssuer,
    /// A query that no provider sends: too long, a parameter twice, neither code nor error.
    #[error("the answer cannot be read")]
    BadCallback,
    /// The provider itself said no (RFC 6749 §4.1.2.1, Core §3.1.2.6).
    #[error("the provider refused: {said}")]
    ProviderRefused {
        /// The code it gave, or `other` if no specification names it.
        said: &'static str,
    },
    /// The code is not one the provider issued for this sign-in, or was used before.
    #[error("the provider does not know the code")]
    CodeRefused,
    /// The `id_token` does not hold.
    #[error("the id_token does not hold")]
    Untrusted(#[source] TokenFault),
    /// A step-up was asked for, and the provider did not ask the person again.
    #[error("the person was not asked to authenticate again")]
    NotFresh,
    /// A step-up came back with somebody else.
    #[error("another person signed in")]
    AnotherPerson,
    /// The provider gave no usable answer.
    #[error("the provider did not answer")]
    Unavailable(#[source] Unanswered),
    /// What the provider publishes, or how we are known to it, is wrong.
    #[error("the provider cannot be used as it is set up")]
    Misconfigured(#[source] MetadataFault),
}

/// The provider gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// No answer at all.
    #[error("no whole answer")]
    Fetch(#[source] FetchError),
    /// An answer with this status.
    #[error("status {0}")]
    Status(u16),
    /// It failed a moment ago, and is left alone for two seconds.
    #[error("it failed a moment ago")]
    Resting,
}

/// What is wrong with a signed token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Not a JWS in compact form, claims missing or of a wrong type, or something too long.
    #[error("malformed")]
    Malformed,
    /// Signed with nothing, a shared secret, or an algorithm the provider does not announce.
    #[error("algorithm not allowed")]
    Algorithm,
    /// A token of another type (RFC 8725 §3.11).
    #[error("another type of token")]
    Type,
    /// No published key fits.
    #[error("unknown key")]
    UnknownKey,
    /// The signature is wrong.
    #[error("wrong signature")]
    Signature,
    /// Issued by somebody else.
    #[error("wrong issuer")]
    Issuer,
    /// Meant for somebody else (`aud`, `azp`).
    #[error("wrong audience")]
    Audience,
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// `iat` lies in the future, or before this token can have been asked for.
    #[error("issued at a wrong time")]
    IssuedAt,
    /// Made for another sign-in.
    #[error("wrong nonce")]
    Nonce,
    /// Its access token was exchanged.
    #[error("belongs to another access token")]
    AccessTokenHash,
    /// More groups than 500, or one longer than 256 bytes.
    #[error("too many groups")]
    Groups,
    /// The person was not asked again; see [`SignInError::NotFresh`].
    #[error("not a fresh authentication")]
    AuthTime,
    /// Somebody else; see [`SignInError::AnotherPerson`].
    #[error("another person")]
    AnotherPerson,
}

/// Why a logout token ends no session.
#[derive(Debug, thiserror::Error)]
pub enum LogoutError {
    /// Answer 400: Back-Channel Logout 1.0 §2.8.
    #[error("the logout token does not hold")]
    Refused(#[source] LogoutFault),
    /// The provider's keys cannot be read; answer 503 and it may send the token again.
    #[error("the provider did not answer")]
    Unavailable(#[source] Unanswered),
    /// What the provider publishes is wrong; answer 503.
    #[error("the provider cannot be used as it is set up")]
    Misconfigured(#[source] MetadataFault),
    /// Too many logouts in eight minutes; answer 503.
    #[error("too many logouts at once")]
    Overloaded,
}

/// What is wrong with a logout token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogoutFault {
    /// A fault any signed token can have.
    #[error("{0}")]
    Token(TokenFault),
    /// Not said to be a logout (`events`).
    #[error("no logout event")]
    Event,
    /// It has a nonce, so it is an `id_token`.
    #[error("it has a nonce")]
    Nonce,
    /// It names neither a person nor a session.
    #[error("nobody is named")]
    Nobody,
    /// Seen before.
    #[error("replayed")]
    Replayed,
}

impl SignInError {
    /// What the person sees: the same for every error, so that nobody learns from it.
    #[must_use]
    pub const fn external(&self) -> &'static str {
        "The sign-in did not succeed. Please start again."
    }

    /// The short name in metrics, alerts and records.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::TooLate => "too_late",
            Self::WrongState => "wrong_state",
            Self::WrongIssuer => "wrong_issuer",
            Self::BadCallback => "bad_callback",
            Self::ProviderRefused { .. } => "provider_refused",
            Self::CodeRefused => "code_refused",
            Self::Untrusted(_) => "untrusted",
            Self::NotFresh => "not_fresh",
            Self::AnotherPerson => "another_person",
            Self::Unavailable(_) => "unavailable",
            Self::Misconfigured(_) => "misconfigured",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::TooLate | Self::ProviderRefused { .. } | Self::NotFresh => Remedy::StartAgain,
            Self::WrongState
            | Self::WrongIssuer
            | Self::BadCallback
            | Self::CodeRefused
            | Self::AnotherPerson
            | Self::Untrusted(_) => Remedy::Report,
            Self::Unavailable(_) => Remedy::TryLater,
            Self::Misconfigured(_) => Remedy::Repair,
        }
    }
}

impl From<TokenFault> for SignInError {
    fn from(fault: TokenFault) -> Self {
        match fault {
            TokenFault::AuthTime => Self::NotFresh,
            TokenFault::AnotherPerson => Self::AnotherPerson,
            other => Self::Untrusted(other),
        }
    }
}

impl LogoutError {
    /// The short name in metrics, alerts and records.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Refused(LogoutFault::Replayed) => "replayed",
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "unavailable",
            Self::Misconfigured(_) => "misconfigured",
            Self::Overloaded => "overloaded",
        }
    }

    /// The HTTP status to answer with; the answer has no body and `Cache-Control: no-store`.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Refused(_) => 400,
            Self::Unavailable(_) | Self::Misconfigured(_) | Self::Overloaded => 503,
        }
    }
}
