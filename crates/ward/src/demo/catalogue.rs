//! The demo's catalogue: the checked-in one, with addresses, and its routes again on two more
//! hosts: one that only observes, one whose upstream believes only the gate.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use super::STRICT;

const TEXT: &str = include_str!("../../../../examples/demo/catalogue.toml");

/// The catalogue's text for these upstreams.
///
/// # Errors
/// The checked-in catalogue is not what this expects.
pub fn text(shop: SocketAddr, strict: SocketAddr) -> Result<String> {
    let mut document: DocumentMut = TEXT.parse().context("the checked-in catalogue")?;
    let upstream = format!("http://{shop}");
    let hosts = document.get_mut("hosts").and_then(Item::as_table_mut).context("hosts")?;
    let own = hosts.get_mut("shop").and_then(Item::as_table_mut).context("hosts.shop")?;
    own.insert("upstream", value(&upstream));
    own.insert("names", value(toml_edit::Array::from_iter(["127.0.0.1", "localhost", "shop"])));
    for (name, upstream, undeclared) in
        [("observe", upstream.as_str(), "observe"), (STRICT, &format!("http://{strict}"), "refuse")]
    {
        let mut host = Table::new();
        host.insert("upstream", value(upstream));
        host.insert("names", value(toml_edit::Array::from_iter([name])));
        host.insert("undeclared", value(undeclared));
        host.insert("max_body_bytes", value(1_048_576));
        hosts.insert(name, Item::Table(host));
    }
    let routes = document.get("routes").and_then(Item::as_array_of_tables).context("routes")?;
    let routes = again(routes)?;
    document.insert("routes", Item::ArrayOfTables(routes));
    Ok(document.to_string())
}

fn again(routes: &ArrayOfTables) -> Result<ArrayOfTables> {
    let mut all = ArrayOfTables::new();
    for (host, offset, mode) in
        [("shop", 0, "enforce"), ("observe", 100, "observe"), (STRICT, 200, "enforce")]
    {
        for route in routes {
            let mut route = route.clone();
            let number = route.get("number").and_then(Item::as_integer).context("route number")?;
            let name = route.get("name").and_then(Item::as_str).context("route name")?.to_owned();
            route.insert("number", value(number + offset));
            route.insert("mode", value(mode));
            route.insert("host", value(host));
            if offset > 0 {
                route.insert("name", value(format!("{name}-{host}")));
            }
            // The clone carries its old place in the document; order is that of insertion.
            route.set_position(None);
            all.push(route);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_catalogue_has_no_mistake() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let text = text(at(1), at(2)).unwrap();
        let catalogue = ward_catalogue::Catalogue::parse("catalogue.toml", &text).unwrap();
        assert_eq!(catalogue.hosts().len(), 3);
        assert_eq!(catalogue.routes().len(), 33);
    }
}
