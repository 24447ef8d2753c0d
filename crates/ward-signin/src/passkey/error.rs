//! Why a passkey's answer is refused.

/// Why a registration or an assertion does not count. Outside, all of them are one refusal; inside
/// they are told apart by [`PasskeyError::kind`]. None holds a byte of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// Not what a browser sends, or larger; the part is named. Input: nothing can be done with it.
    #[error("the {0} is malformed")]
    Malformed(&'static str),
    /// Answered too late, or before it was asked: begin again.
    #[error("the challenge is no longer open")]
    Expired,
    /// An answer to another kind of question: a registration where an assertion is due.
    #[error("the answer is for another ceremony")]
    WrongCeremony,
    /// Not an answer to this challenge: a replay, or a consent to another act.
    #[error("the answer is for another challenge")]
    WrongChallenge,
    /// Made on a page of another origin: somebody is between the operator and Ward.
    #[error("the answer was made on another origin")]
    WrongOrigin,
    /// Made inside a frame of another site's page.
    #[error("the answer was made in another site's frame")]
    CrossOrigin,
    /// Made for another relying party.
    #[error("the answer is for another relying party")]
    WrongRelyingParty,
    /// Nobody touched the authenticator.
    #[error("nobody was present")]
    UserAbsent,
    /// The authenticator did not verify its owner (PIN, finger, face).
    #[error("the owner was not verified")]
    UserUnverified,
    /// A key of a kind that was not offered, or too weak: register another authenticator.
    #[error("the key is of a kind that was not offered")]
    KeyNotOffered,
    /// The credential id is registered already.
    #[error("the credential is registered already")]
    AlreadyRegistered,
    /// Nobody's credential, or none of those that were asked for.
    #[error("the credential is not known here")]
    UnknownCredential,
    /// The credential belongs to another person than the answer says, or the answer says none.
    #[error("the credential is another person's")]
    WrongUser,
    /// The signature is not the credential's.
    #[error("the signature is not the credential's")]
    BadSignature,
    /// The counter went back: there are two of this authenticator. Suspend the passkey.
    #[error("the authenticator counted {seen} after {stored}: there are two of it")]
    Cloned {
        /// The last count that was accepted.
        stored: u32,
        /// The count now.
        seen: u32,
    },
    /// The kept public key cannot be read: stop and page.
    #[error("the kept public key cannot be read")]
    CorruptKey,
}

impl PasskeyError {
    /// A short word for records, metrics and alerts; never changes.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Expired => "expired",
            Self::WrongCeremony => "wrong_ceremony",
            Self::WrongChallenge => "wrong_challenge",
            Self::WrongOrigin => "wrong_origin",
            Self::CrossOrigin => "cross_origin",
            Self::WrongRelyingParty => "wrong_relying_party",
            Self::UserAbsent => "user_absent",
            Self::UserUnverified => "user_unverified",
            Self::KeyNotOffered => "key_not_offered",
            Self::AlreadyRegistered => "already_registered",
            Self::UnknownCredential => "unknown_credential",
            Self::WrongUser => "wrong_user",
            Self::BadSignature => "bad_signature",
            Self::Cloned { .. } => "cloned",
            Self::CorruptKey => "corrupt_key",
        }
    }
}
