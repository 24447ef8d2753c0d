//! The rows of BENCHMARKS.md.

/// One measured row.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// The thing's figure, with its unit.
    pub ours: String,
    /// The floor or peer, and its figure in the same run.
    pub peer: String,
    /// The ratio, in words a person reads.
    pub ratio: String,
    /// The goal.
    pub goal: String,
    /// Whether the goal is met.
    pub met: bool,
    /// Whether the program fails when it is not.
    pub hard: bool,
}

/// The table as Markdown.
#[must_use]
pub fn render(rows: &[Row], machine: &str) -> String {
    let mut text = String::from(
        "# Benchmarks\n\nMade by `cargo run --release -p bench -- --write`. Every row is a ratio \
         against a floor or a peer\nmeasured in the same run: medians of rounds that take turns. \
         Machines are noisy, so quote ratios, not figures.\nA goal marked *hard* fails the program \
         when it is not met.\n\n",
    );
    text.push_str(&format!("Machine: {machine}.\n\n"));
    text.push_str("| what | Ward | floor or peer, same run | ratio | goal | met |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for row in rows {
        let met = if row.met { "yes" } else { "**not yet**" };
        let Row { what, ours, peer, ratio, goal, .. } = row;
        let goal = if row.hard { format!("{goal} (*hard*)") } else { goal.clone() };
        text.push_str(&format!("| {what} | {ours} | {peer} | {ratio} | {goal} | {met} |\n"));
    }
    text
}

/// What a hard goal that was not met says; none: all were.
#[must_use]
pub fn failures(rows: &[Row]) -> Vec<String> {
    let failed = rows.iter().filter(|row| row.hard && !row.met);
    failed.map(|row| format!("{}: {} is not {}", row.what, row.ratio, row.goal)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(hard: bool, met: bool) -> Row {
        let word = |text: &str| text.to_owned();
        let (what, ours, peer) = (word("check"), word("0.3 µs"), word("50 µs"));
        Row { what, ours, peer, ratio: word("166x"), goal: word(">= 100x"), met, hard }
    }

    #[test]
    fn only_a_hard_goal_fails() {
        for (hard, met, want) in [(true, true, 0), (true, false, 1), (false, false, 0)] {
            assert_eq!(failures(&[row(hard, met)]).len(), want);
        }
        let text = render(&[row(true, false)], "2 cores");
        let line = "| check | 0.3 µs | 50 µs | 166x | >= 100x (*hard*) | **not yet** |";
        assert!(text.contains(line), "{text}");
    }
}
