use ward_gate::Gate;
use ward_gate::steps::*;

pub async fn life(gate: &Gate, ask: &Ask, permit: Permit) {
    let _ = intend(gate, permit, ask).await;
    let _ = intend(gate, permit, ask).await;
}

fn main() {}
