//! What the measured page is declared to hold: the catalogue of `ward_scan::testing`'s order page.
//!
//! A seller reads its own orders: tenant checked, phone, e-mail and second address line masked,
//! every buyer counted against a budget.

use std::net::SocketAddr;

use anyhow::{Result, anyhow};
use ward_catalogue::Catalogue;

/// The seller whose orders the page holds.
pub const SELLER: &str = "s-204";
/// Customers that exist: ids from and to.
pub const CUSTOMERS: std::ops::Range<u32> = 100_000..190_000;

const TEXT: &str = r#"
version = 1

[hosts.shop]
names = ["shop.test"]
upstream = "http://ORIGIN"
undeclared = "refuse"
max_body_bytes = 1048576

[classes]
identifier = 1
name = 2
phone = 3
email = 4
address = 5
purchase = 6

[budgets.seller-day]
kinds = ["seller"]
subjects = 2000
window = "1d"

[[routes]]
number = 1
name = "seller-orders"
host = "shop"
method = "GET"
path = "/seller/orders"
mode = "enforce"
kinds = ["seller"]
purpose = "none"
tenant = "principal"
subjects_max = 60
body = "json"
fields = [
  { slot = 0, path = "page" },
  { slot = 1, path = "total" },
  { slot = 2, path = "orders[].order_id" },
  { slot = 3, path = "orders[].customer_id", class = "identifier", subject = "customer" },
  { slot = 4, path = "orders[].seller_id", tenant = true },
  { slot = 5, path = "orders[].status" },
  { slot = 6, path = "orders[].name", class = "name" },
  { slot = 7, path = "orders[].phone", class = "phone", mask = "last4" },
  { slot = 8, path = "orders[].email", class = "email", mask = "email" },
  { slot = 9, path = "orders[].address.zip", class = "address" },
  { slot = 10, path = "orders[].address.line1", class = "address" },
  { slot = 11, path = "orders[].address.line2", class = "address", mask = "all" },
  { slot = 12, path = "orders[].items[].sku", class = "purchase" },
  { slot = 13, path = "orders[].items[].title", class = "purchase" },
  { slot = 14, path = "orders[].items[].quantity", class = "purchase" },
  { slot = 15, path = "orders[].total_krw", class = "purchase" },
  { slot = 16, path = "orders[].ordered_at", class = "purchase" },
]
"#;

/// The catalogue, with its upstream.
///
/// # Errors
/// It has a mistake.
pub fn catalogue(origin: SocketAddr) -> Result<Catalogue> {
    let text = TEXT.replace("ORIGIN", &origin.to_string());
    Catalogue::parse("catalogue.toml", &text).map_err(|mistakes| anyhow!("{mistakes:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_has_no_mistake() {
        let catalogue = catalogue(SocketAddr::from(([127, 0, 0, 1], 9))).unwrap();
        assert_eq!((catalogue.routes().len(), catalogue.budgets().len()), (1, 1));
    }
}
