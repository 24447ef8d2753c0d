use ward_keys::{Token, Withheld};

fn print(withheld: &Withheld<Token>) -> String {
    format!("{withheld:?}")
}

fn main() {}
