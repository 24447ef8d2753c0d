//! The part of `ward.toml` about the OAuth server: audiences beside the gate's, and nonces of DPoP
//! proofs. Pure. Best test: `config/tests.rs`.

use super::Walk;

/// The OAuth server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Oauth {
    /// Audiences tokens may be meant for, beside the gate's.
    pub audiences: Vec<String>,
    /// Whether every DPoP proof needs a nonce; otherwise only one made before Ward started.
    pub nonce_always: bool,
}

impl Oauth {
    /// Reads `[oauth]`.
    pub fn read(walk: &mut Walk<'_>) -> Self {
        let audiences = walk.texts_or("oauth.audiences", &[]);
        if audiences.iter().any(|it| it.is_empty() || it.chars().any(char::is_control)) {
            walk.mistake("oauth.audiences", "holds no audience", "name it in visible characters");
        }
        let nonce = walk.text("oauth.dpop_nonce", Some("restart")).unwrap_or_default();
        if !matches!(nonce.as_str(), "always" | "restart") {
            walk.mistake("oauth.dpop_nonce", "is no rule", "write \"always\" or \"restart\"");
        }
        Self { audiences, nonce_always: nonce == "always" }
    }

    /// The rule as it is written.
    #[must_use]
    pub const fn nonce(&self) -> &'static str {
        if self.nonce_always { "always" } else { "restart" }
    }
}
