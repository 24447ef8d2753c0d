//! Numbers, times and ids as pages spell them. Pure. Best test: at the end of this file.

use ward_model::{AccessId, UnixMillis};

/// A number with its thousands apart.
pub trait Grouped {
    /// For example `33,700,000`.
    fn grouped(&self) -> String;
    /// The ending of the noun it counts: `s` unless there is one.
    fn ending(&self) -> &'static str {
        if self.grouped() == "1" { "" } else { "s" }
    }
}

impl Grouped for u64 {
    fn grouped(&self) -> String {
        let digits = self.to_string();
        let mut out = String::with_capacity(digits.len() + digits.len() / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                out.push(',');
            }
            out.push(digit);
        }
        out
    }
}

impl Grouped for i64 {
    fn grouped(&self) -> String {
        let sign = if *self < 0 { "−" } else { "" };
        format!("{sign}{}", self.unsigned_abs().grouped())
    }
}

impl Grouped for usize {
    fn grouped(&self) -> String {
        u64::try_from(*self).unwrap_or(u64::MAX).grouped()
    }
}

/// A moment as pages and machines read it. The browser rewrites it in its own time zone.
pub trait Moment {
    /// RFC 3339, for the `datetime` attribute.
    fn iso(&self) -> String;
    /// For people, to the second: `2026-02-28 23:59:59 UTC`.
    fn utc(&self) -> String;
}

impl Moment for UnixMillis {
    fn iso(&self) -> String {
        jiff::Timestamp::from_millisecond(self.ms()).map(|it| it.to_string()).unwrap_or_default()
    }

    fn utc(&self) -> String {
        jiff::Timestamp::from_millisecond(self.ms())
            .map(|it| it.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
            .unwrap_or_else(|_| String::from("unknown time"))
    }
}

/// Parts of a request's id.
pub trait Short {
    /// Its last eight digits. WHY not the first: they are the time, alike in neighbours.
    fn short(&self) -> String;
    /// Whether it names no request.
    fn is_none(&self) -> bool;
}

impl Short for AccessId {
    fn short(&self) -> String {
        let all = self.to_string();
        all.get(all.len().saturating_sub(8)..).unwrap_or_default().to_owned()
    }

    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (given, want) in
            [(0u64, "0"), (999, "999"), (1_000, "1,000"), (33_700_000, "33,700,000")]
        {
            assert_eq!(given.grouped(), want);
        }
        assert_eq!((-1_234_i64).grouped(), "−1,234");
        assert_eq!(i64::MIN.grouped(), "−9,223,372,036,854,775,808");
    }

    #[test]
    fn moments_are_utc() {
        let leap = UnixMillis::new(1_709_251_199_999);
        assert_eq!(leap.utc(), "2024-02-29 23:59:59 UTC");
        assert_eq!(leap.iso(), "2024-02-29T23:59:59.999Z");
        assert_eq!(UnixMillis::new(i64::MAX).utc(), "unknown time");
        assert_eq!(UnixMillis::new(-1).utc(), "1969-12-31 23:59:59 UTC");
    }
}
