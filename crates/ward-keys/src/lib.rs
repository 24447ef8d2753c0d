//! Custody of signing keys: make, seal, sign, rotate; no way out.
