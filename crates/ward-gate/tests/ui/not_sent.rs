use ward_gate::Gate;
use ward_gate::steps::*;

pub async fn life(gate: &Gate, ask: &Ask, intended: Intended) {
    let _ = measure(gate, intended, ask).await;
}

fn main() {}
