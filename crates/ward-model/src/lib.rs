//! Vocabulary of Ward: ids, times, units, secrets, records, verdicts, problems.
