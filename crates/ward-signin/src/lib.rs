//! Proving who an operator is: OpenID Connect and passkeys; nothing of Ward's own.

pub mod oidc;
pub mod passkey;
pub mod soft;
