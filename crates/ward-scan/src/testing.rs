//! For tests, benches and fuzzing: the page that speed is measured on, and the fuzz body.

use std::fmt::Write as _;

use crate::{Action, Field, Framing, Limits, Mask, Measured, Mode, Plan, Role, ScanError, Scanner};

/// The fields of [`order_page`]: everything declared, phone, e-mail and second address line
/// masked, one data subject an order.
#[must_use]
pub fn order_fields() -> Vec<Field> {
    let plain = Role::Plain;
    let last4 = Action::Mask(Mask::KeepLast(4));
    let rows: [(&str, Action, Role); 17] = [
        ("page", Action::Keep, plain),
        ("total", Action::Keep, plain),
        ("orders[].order_id", Action::Keep, plain),
        ("orders[].customer_id", Action::Keep, Role::DataSubject { namespace: 1 }),
        ("orders[].seller_id", Action::Keep, Role::Tenant),
        ("orders[].status", Action::Keep, plain),
        ("orders[].name", Action::Keep, plain),
        ("orders[].phone", last4, plain),
        ("orders[].email", Action::Mask(Mask::Email), plain),
        ("orders[].address.zip", Action::Keep, plain),
        ("orders[].address.line1", Action::Keep, plain),
        ("orders[].address.line2", Action::Mask(Mask::All), plain),
        ("orders[].items[].sku", Action::Keep, plain),
        ("orders[].items[].title", Action::Keep, plain),
        ("orders[].items[].quantity", Action::Keep, plain),
        ("orders[].total_krw", Action::Keep, plain),
        ("orders[].ordered_at", Action::Keep, plain),
    ];
    (rows.into_iter().zip(0..))
        .map(|((path, action, role), slot)| Field { path: path.to_owned(), slot, action, role })
        .collect()
}

/// A list of orders as a Korean shop serves it, about 390 bytes an order: 51 make 20 kB.
#[must_use]
pub fn order_page(orders: usize) -> Vec<u8> {
    const NAMES: [&str; 5] = ["김민준", "이서연", "박도윤", "최지우", "정하은"];
    const TITLES: [&str; 3] = ["유기농 방울토마토 2kg", "USB-C 충전 케이블", "아기 물티슈 10팩"];
    let mut page = format!("{{\"page\":1,\"total\":{orders},\"orders\":[");
    for n in 0..orders {
        let name = NAMES.get(n % NAMES.len()).unwrap_or(&"");
        let title = TITLES.get(n % TITLES.len()).unwrap_or(&"");
        let comma = if n == 0 { "" } else { "," };
        let customer = 100_000 + n * 7_919 % 90_000;
        let _infallible = write!(
            page,
            "{comma}{{\"order_id\":{},\"customer_id\":\"{customer}\",\"seller_id\":\"s-204\",\
             \"status\":\"shipped\",\"name\":\"{name}\",\"phone\":\"010-{:04}-{:04}\",\
             \"email\":\"user{customer}@example.com\",\"address\":{{\"zip\":\"{:05}\",\
             \"line1\":\"서울특별시 송파구 송파대로 {}\",\"line2\":\"{}동 {}호\"}},\
             \"items\":[{{\"sku\":\"K{:06}\",\"title\":\"{title}\",\"quantity\":{}}}],\
             \"total_krw\":{},\"ordered_at\":\"2025-11-0{}T09:{:02}:11+09:00\"}}",
            9_000_000 + n,
            n * 37 % 10_000,
            n * 7_331 % 10_000,
            n * 113 % 100_000,
            n % 600,
            n % 120,
            n * 31 % 2_000,
            n * 991 % 1_000_000,
            n % 5 + 1,
            n * 1_700 + 3_900,
            n % 9 + 1,
            n % 60,
        );
    }
    page.push_str("]}");
    page.into_bytes()
}

/// Scans a whole body in chunks of one size.
///
/// # Errors
/// As [`Scanner::push`].
pub fn scan(
    plan: &Plan,
    mode: Mode,
    framing: Framing,
    body: &[u8],
    chunk_bytes: usize,
) -> Result<(Vec<u8>, Measured), ScanError> {
    let mut out = Vec::with_capacity(body.len());
    let mut scanner = Scanner::new(plan, mode, framing, Limits::DEFAULT);
    for chunk in body.chunks(chunk_bytes.max(1)) {
        scanner.push(chunk, &mut out)?;
    }
    let measured = scanner.finish(&mut out)?;
    Ok((out, measured))
}

/// The body of the fuzz target `scan`: the first byte chooses the chunk size, the rest is the
/// document. No panic; every chunking, both modes and a second scan of the output agree.
///
/// # Panics
/// When they do not: that is the finding.
pub fn fuzz_scan(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let Ok(plan) = Plan::new(&order_fields()) else { return };
    for framing in [Framing::Single, Framing::Lines] {
        let whole = scan(&plan, Mode::Enforce, framing, body, usize::MAX);
        let parts = scan(&plan, Mode::Enforce, framing, body, usize::from(*first % 17) + 1);
        assert_eq!(whole, parts, "chunks change nothing");
        let seen = scan(&plan, Mode::Observe, framing, body, usize::from(*first % 5) + 1);
        match (&whole, &seen) {
            (Ok((out, enforced)), Ok((nothing, observed))) => {
                assert!(nothing.is_empty(), "observe writes nothing");
                assert_eq!(enforced, observed, "observe finds the same");
                assert!(enforced.changed || out == body, "unchanged means every byte");
                let again = scan(&plan, Mode::Enforce, framing, out, usize::MAX);
                let clean = again.map(|(_, found)| (found.undeclared, found.embedded));
                assert_eq!(clean, Ok((0, 0)), "what left is declared");
            }
            (Err(ScanError::UncountableSubject), Ok(_)) => {}
            (Err(error), Err(other)) => assert!(
                error == other || *error == ScanError::UncountableSubject,
                "observe refuses the same"
            ),
            (enforced, observed) => {
                assert_eq!(enforced.is_ok(), observed.is_ok(), "observe refuses the same");
            }
        }
    }
}
