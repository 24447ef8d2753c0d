//! The picture and the code name the same steps.

const FLOW: &str = include_str!("../flow.rs");
const ARCHITECTURE: &str = include_str!("../../../../ARCHITECTURE.md");
const STEPS: [&str; 7] = ["present", "check", "decide", "intend", "send", "measure", "append"];

/// What `life` calls, one call a line, in order.
fn called() -> Vec<&'static str> {
    let (_, life) = FLOW.split_once("async fn life(").unwrap();
    let (_, body) = life.split_once(" {\n").unwrap();
    let (body, _) = body.split_once("\n}").unwrap();
    let call = |line: &'static str| {
        let line = line.split_once(" = ").map_or(line, |(_, call)| call).trim();
        line.strip_prefix("gate.").unwrap_or(line).split_once('(').unwrap().0
    };
    body.lines().map(call).collect()
}

#[test]
fn the_picture_in_architecture_shows_the_steps_that_are_called() {
    assert_eq!(called(), STEPS);
    let line = ARCHITECTURE.lines().find(|line| line.trim().starts_with("present -->")).unwrap();
    let drawn: Vec<&str> = line.trim().split(" --> ").collect();
    assert_eq!(drawn.split_last(), Some((&"respond", STEPS.as_slice())));
}
