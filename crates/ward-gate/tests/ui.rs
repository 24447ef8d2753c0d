//! What must not compile: each way to let a read out that was not checked, decided, intended, sent,
//! measured and recorded, in this order and once each. The passing case is the flow itself.

#[test]
fn every_step_needs_the_proof_of_the_one_before() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/flow.rs");
    cases.compile_fail("tests/ui/not_*.rs");
}
