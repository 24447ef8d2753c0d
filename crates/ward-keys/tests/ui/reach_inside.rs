use ward_keys::{Token, Withheld};

fn reach(withheld: Withheld<Token>) -> Token {
    withheld.inner
}

fn main() {}
