//! The steps of the tour and the table they end in.

/// One step: what had to come out, what came out, how long it took.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Step {
    /// What was tried.
    pub name: &'static str,
    /// What had to come out.
    pub want: String,
    /// What came out.
    pub got: String,
    /// Whether they agree.
    pub ok: bool,
    /// Milliseconds the step took.
    pub ms: u64,
}

/// The table a person reads.
#[must_use]
pub fn render(steps: &[Step]) -> String {
    let name = steps.iter().map(|step| step.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (number, step) in (1..).zip(steps) {
        let mark = if step.ok { "ok  " } else { "FAIL" };
        text.push_str(&format!(
            "{mark} {number:>2}  {:name$}  {:>6} ms  {}",
            step.name, step.ms, step.got
        ));
        if !step.ok {
            text.push_str(&format!("\n          wanted: {}", step.want));
        }
        text.push('\n');
    }
    let failed = steps.iter().filter(|step| !step.ok).count();
    text.push_str(&format!(
        "\n{} steps, {} as they must be, {failed} not\n",
        steps.len(),
        steps.len() - failed
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_says_what_was_wanted() {
        let step = |ok| Step { name: "a step", want: "401".into(), got: "200".into(), ok, ms: 3 };
        insta::assert_snapshot!(render(&[step(true), step(false)]));
    }
}
