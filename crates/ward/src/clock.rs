//! The one place that reads the wall clock, and the one that asks for randomness.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use ward_model::{AccessId, UnixMillis};

/// The wall clock, milliseconds since the epoch.
#[must_use]
pub fn now() -> UnixMillis {
    #[expect(clippy::disallowed_methods, reason = "the one reader of the wall clock")]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixMillis::new(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Fills `bytes` from the operating system.
///
/// Without randomness nothing can be signed or named: the process ends rather than go on guessable.
pub fn fill(bytes: &mut [u8]) {
    assert!(SystemRandom::new().fill(bytes).is_ok(), "the operating system gives no randomness");
}

/// Random bytes.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// A new request id: 48 bits of milliseconds, so that it can be found by time, and 80 random bits.
#[must_use]
pub fn access_id(now: UnixMillis) -> AccessId {
    let mut id = random::<16>();
    let time = now.ms().to_be_bytes();
    for (to, from) in id.iter_mut().zip(time.iter().skip(2)) {
        *to = *from;
    }
    AccessId(id)
}

/// The millisecond a request id was made.
#[must_use]
pub fn access_time(id: AccessId) -> UnixMillis {
    let mut time = [0u8; 8];
    for (to, from) in time.iter_mut().skip(2).zip(id.0) {
        *to = from;
    }
    UnixMillis::new(i64::from_be_bytes(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_tells_its_time() {
        for ms in [0, 1_795_000_000_000] {
            assert_eq!(access_time(access_id(UnixMillis::new(ms))), UnixMillis::new(ms));
        }
    }
}
