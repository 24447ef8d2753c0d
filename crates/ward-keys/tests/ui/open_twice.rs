use ward_journal::Recorded;
use ward_keys::{Token, Withheld};
use ward_ledger::Ledger;
use ward_model::record::TokenIssued;

fn release(withheld: Withheld<Token>, one: Recorded<TokenIssued>, other: Recorded<TokenIssued>, ledger: &Ledger) {
    let _ = withheld.open(one, ledger);
    let _ = withheld.open(other, ledger);
}

fn main() {}
