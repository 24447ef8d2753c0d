use ward_gate::steps::*;

pub fn made(permit: Permit) -> Intended {
    Intended { permit }
}

fn main() {}
