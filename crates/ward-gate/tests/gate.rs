//! The gate over real sockets: every refusal, what leaves, what the upstream is asked, and what an
//! observed route must not change. One house per test: a real journal, ledger, register, key store,
//! policies and catalogue, and an upstream that answers exactly the bytes it is told to.

#[cfg(test)]
mod gate {
    mod asked;
    mod budget;
    mod bypass;
    mod holder;
    mod house;
    mod journal;
    mod leaves;
    mod observe;
    mod origin;
    mod refusals;
    mod uninspectable;
    mod wire;
}
