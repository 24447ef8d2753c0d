use ward_gate::steps::*;

pub async fn life(measured: Measured) {
    let _ = respond(measured);
}

fn main() {}
