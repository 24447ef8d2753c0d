//! How many tests passed and failed, read from the closing lines of the runners.
//!
//! It must never count what it did not read: a runner that closes without a line counts nothing.

use std::fmt;

/// Tests that ran.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Count {
    pub passed: u64,
    pub failed: u64,
}

impl Count {
    /// Adds another count.
    pub fn add(&mut self, more: Self) {
        self.passed = self.passed.saturating_add(more.passed);
        self.failed = self.failed.saturating_add(more.failed);
    }

    /// Whether anything ran.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Reads nextest's summary: `Summary [ 0.1s] 3 tests run: 2 passed (1 slow), 1 failed`.
    pub fn of_nextest(line: &str) -> Option<Self> {
        let rest = line.trim_start().strip_prefix("Summary [")?;
        let (_, counts) = rest.split_once(" run: ")?;
        Some(Self::of_words(counts))
    }

    /// Reads the closing line of rustdoc's tests: `test result: ok. 3 passed; 0 failed; ...`.
    pub fn of_doctest(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        Some(Self::of_words(counts))
    }

    /// Reads a suite's closing line: `N passed, M failed` alone.
    pub fn of_suite(line: &str) -> Option<Self> {
        let (passed, failed) = line.split_once(" passed, ")?;
        let failed = failed.strip_suffix(" failed")?;
        Some(Self { passed: passed.parse().ok()?, failed: failed.parse().ok()? })
    }

    /// Adds up parts such as `2 passed (1 slow)`, `1 timed out`.
    fn of_words(counts: &str) -> Self {
        let mut sum = Self::default();
        for part in counts.split([',', ';']) {
            let Some((number, what)) = part.trim().split_once(' ') else { continue };
            let number = number.parse().unwrap_or(0);
            if what.starts_with("passed") {
                sum.add(Self { passed: number, failed: 0 });
            } else if ["failed", "timed out", "exec failed"].iter().any(|it| what.starts_with(it)) {
                sum.add(Self { passed: 0, failed: number });
            }
        }
        sum
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    //! Closing lines as the runners print them.

    use super::*;

    type Reader = fn(&str) -> Option<Count>;
    type Case = (Reader, &'static str, Option<(u64, u64)>);

    #[test]
    fn closing_lines_are_read() {
        let nextest: Reader = Count::of_nextest;
        let cases: &[Case] = &[
            (nextest, "     Summary [   0.010s] 3 tests run: 3 passed, 0 skipped", Some((3, 0))),
            (
                nextest,
                "     Summary [  31.010s] 1 test run: 1 passed (1 slow), 0 skipped",
                Some((1, 0)),
            ),
            (
                nextest,
                "Summary [ 1.0s] 4/9 tests run: 1 passed, 1 failed, 1 timed out, 1 exec failed",
                Some((1, 3)),
            ),
            (nextest, "a test that says: 3 tests run: 3 passed", None),
            (Count::of_doctest, "test result: ok. 2 passed; 0 failed; 1 ignored;", Some((2, 0))),
            (
                Count::of_doctest,
                "test result: FAILED. 2 passed; 1 failed; 0 ignored;",
                Some((2, 1)),
            ),
            (Count::of_suite, "12 passed, 0 failed", Some((12, 0))),
            (Count::of_suite, "all 12 passed, 0 failed", None),
            (Count::of_suite, "12 passed", None),
        ];
        for (read, line, want) in cases {
            let want = want.map(|(passed, failed)| Count { passed, failed });
            assert_eq!(read(line), want, "{line}");
        }
    }
}
