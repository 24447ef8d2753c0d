//! The bounds of issuance.

/// Longest request body, bytes.
pub const BODY_BYTES_MAX: usize = 16 * 1024;
/// Longest life of an API key or a client's registration, days. Every credential ends.
pub const CREDENTIAL_DAYS_MAX: i64 = 366;
/// Longest client id, bytes.
pub const CLIENT_ID_BYTES_MAX: usize = 64;
/// Most parameters of a token request.
pub const PARAMETERS_MAX: usize = 32;
/// Random bytes of a client's secret (256 bits).
pub const CLIENT_SECRET_BYTES: usize = 32;
/// How often an API key is composed anew when its random bytes did not suffice.
pub const COMPOSE_TRIES_MAX: usize = 4;
