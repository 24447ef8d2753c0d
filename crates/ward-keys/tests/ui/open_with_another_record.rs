use ward_journal::Recorded;
use ward_keys::{Token, Withheld};
use ward_ledger::Ledger;
use ward_model::record::TokenRevoked;

fn release(withheld: Withheld<Token>, recorded: Recorded<TokenRevoked>, ledger: &Ledger) {
    let _ = withheld.open(recorded, ledger);
}

fn main() {}
