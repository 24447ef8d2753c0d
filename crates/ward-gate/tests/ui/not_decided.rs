use ward_gate::Gate;
use ward_gate::steps::*;

pub async fn life(gate: &Gate, ask: &Ask, issued: Issued) {
    let _ = intend(gate, issued, ask).await;
}

fn main() {}
