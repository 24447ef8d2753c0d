//! Issuance: OAuth client credentials, typed signing, API keys.
