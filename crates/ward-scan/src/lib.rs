//! Push scanner over JSON bytes: find, count, mask; pure.
