//! What must not compile: each way around the record of an issuance.

#[test]
fn a_withheld_token_has_one_way_out() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
