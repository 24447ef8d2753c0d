//! Attacks on the relying party, with tokens signed here: each defence has a case that fails
//! without it.

mod claims;
mod forge;
mod logout;
mod provider;
mod published;
mod signatures;
