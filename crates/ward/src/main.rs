//! The `ward` program.
fn main() {}
