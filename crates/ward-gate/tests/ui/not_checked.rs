use ward_gate::Gate;
use ward_gate::steps::*;

pub async fn life(gate: &Gate, ask: &Ask, presented: Presented) {
    let _ = decide(gate, presented, ask).await;
}

fn main() {}
