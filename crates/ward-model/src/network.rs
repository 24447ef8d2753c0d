//! Networks: where a credential may be used from. Pure.
//!
//! FORMAT: a count (u8), then 17 bytes each: an IPv6 or v4-mapped address with zeros past its
//! prefix, and the prefix's length in the 128 bits; strictly ascending. RFC 4632, RFC 4291 §2.3.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr};

use crate::column::{Column, DecodeError};
use crate::limits::NETWORKS_MAX;

/// One network: addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    bits: u128,
    /// Of the 128 bits of the v4-mapped form.
    prefix: u8,
}

/// Why a text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// It is not `address` or `address/length`.
    #[error("a network is written 192.0.2.0/24, 2001:db8::/32, or as one address")]
    Syntax,
    /// The length is longer than the address.
    #[error("the length of a network is at most 32 (IPv4) or 128 (IPv6)")]
    Length,
    /// Bits past the length are set.
    #[error("a network has no bits past its length: write its first address")]
    HostBits,
    /// It is everything.
    #[error("a network of every address limits nothing: leave it out")]
    Everything,
    /// More than [`NETWORKS_MAX`].
    #[error("at most 16 networks can be named")]
    TooMany,
}

/// Bits in front of an IPv4 address in its mapped form.
const MAPPED: u8 = 96;

impl Network {
    /// Reads `192.0.2.0/24`, `2001:db8::/32`, or one address.
    ///
    /// # Errors
    /// [`NetworkError`].
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Syntax)?;
        let (before, most) = if address.is_ipv4() { (MAPPED, 32) } else { (0, 128) };
        let length = match length {
            None => most,
            Some(digits) => {
                let plain = !digits.is_empty()
                    && digits.bytes().all(|byte| byte.is_ascii_digit())
                    && (digits == "0" || !digits.starts_with('0'));
                if !plain {
                    return Err(NetworkError::Syntax);
                }
                digits.parse::<u8>().map_err(|_| NetworkError::Length)?
            }
        };
        if length > most {
            return Err(NetworkError::Length);
        }
        if length == 0 {
            return Err(NetworkError::Everything);
        }
        Self::of(mapped(address), before + length).ok_or(NetworkError::HostBits)
    }

    fn of(bits: u128, prefix: u8) -> Option<Self> {
        (prefix <= 128 && prefix > 0 && bits & !mask(prefix) == 0).then_some(Self { bits, prefix })
    }

    /// Whether an address lies in it. IPv4 and its v4-mapped form are one address.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        mapped(address) & mask(self.prefix) == self.bits
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = Ipv6Addr::from_bits(self.bits);
        match (whole.to_ipv4_mapped(), self.prefix.checked_sub(MAPPED)) {
            (Some(v4), Some(prefix)) => write!(f, "{v4}/{prefix}"),
            _ => write!(f, "{whole}/{}", self.prefix),
        }
    }
}

impl serde::Serialize for Network {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn mask(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

/// Networks, ascending, each once, at most [`NETWORKS_MAX`]. None: everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// Reads each text.
    ///
    /// # Errors
    /// [`NetworkError`].
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, NetworkError> {
        let mut all = texts.into_iter().map(Network::parse).collect::<Result<Vec<_>, _>>()?;
        all.sort_unstable();
        all.dedup();
        if all.len() > NETWORKS_MAX {
            return Err(NetworkError::TooMany);
        }
        Ok(Self(all))
    }

    /// Whether none is named: everywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address is in one of them, or none is named.
    #[must_use]
    pub fn admit(&self, address: IpAddr) -> bool {
        self.0.is_empty() || self.contain(address)
    }

    /// Whether an address is in one of them.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|one| one.contains(address))
    }

    /// Each of them, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Network> {
        self.0.iter().copied()
    }
}

/// Most addresses of one forwarding chain that are looked at.
const HOPS_MAX: usize = 32;

/// Where a request really comes from: the peer, unless it is a door, whose last word is believed
/// (`X-Forwarded-For`, header values in their order); a door behind a door likewise. What a client
/// wrote itself stands further left and is never reached. A door that says nothing readable is
/// itself the source.
#[must_use]
pub fn source<'h>(
    peer: IpAddr,
    doors: &Networks,
    forwarded: impl DoubleEndedIterator<Item = &'h str>,
) -> IpAddr {
    let mut believed = peer;
    let said = forwarded.rev().flat_map(|value| value.rsplit(',')).take(HOPS_MAX);
    for one in said {
        if !doors.contain(believed) {
            break;
        }
        match hop(one.trim()) {
            Some(address) => believed = address,
            None => break,
        }
    }
    believed
}

/// One hop: an address, or an address with a port.
fn hop(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<core::net::SocketAddr>().ok().map(|it| it.ip());
    bare.parse().ok().or_else(with_port)
}

impl Column for Networks {
    fn put(&self, out: &mut Vec<u8>) {
        // INVARIANT: never more than NETWORKS_MAX, which a byte holds.
        u8::try_from(self.0.len()).unwrap_or(u8::MAX).put(out);
        for one in &self.0 {
            one.bits.to_be_bytes().put(out);
            one.prefix.put(out);
        }
    }

    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let wrong = DecodeError::Bounds { what: "networks" };
        let count = usize::from(u8::take(input)?);
        if count > NETWORKS_MAX {
            return Err(wrong);
        }
        let mut all: Vec<Network> = Vec::with_capacity(count);
        for _ in 0..count {
            let bits = u128::from_be_bytes(<[u8; 16]>::take(input)?);
            let one = Network::of(bits, u8::take(input)?).ok_or(wrong)?;
            if all.last().is_some_and(|last| *last >= one) {
                return Err(wrong);
            }
            all.push(one);
        }
        Ok(Self(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_written_one_way() {
        let cases = [
            ("10.0.0.0/8", Ok("10.0.0.0/8")),
            ("192.0.2.7", Ok("192.0.2.7/32")),
            ("2001:db8::/32", Ok("2001:db8::/32")),
            ("::1", Ok("::1/128")),
            ("10.0.0.1/8", Err(NetworkError::HostBits)),
            ("2001:db8::1/32", Err(NetworkError::HostBits)),
            ("10.0.0.0/33", Err(NetworkError::Length)),
            ("::/129", Err(NetworkError::Length)),
            ("10.0.0.0/999", Err(NetworkError::Length)),
            ("0.0.0.0/0", Err(NetworkError::Everything)),
            ("::/0", Err(NetworkError::Everything)),
            ("10.0.0.0/08", Err(NetworkError::Syntax)),
            ("10.0.0.0/+8", Err(NetworkError::Syntax)),
            ("10.0.0.0/", Err(NetworkError::Syntax)),
            ("10.0.0.0/8/8", Err(NetworkError::Syntax)),
            ("example.com", Err(NetworkError::Syntax)),
            ("", Err(NetworkError::Syntax)),
        ];
        for (given, want) in cases {
            let got = Network::parse(given).map(|it| it.to_string());
            assert_eq!(got, want.map(str::to_owned), "{given}");
        }
    }

    #[test]
    fn addresses_are_in_or_out() {
        let networks = Networks::parse(["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"]).unwrap();
        for (address, want) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("::ffff:10.1.2.3", true),
            ("2001:db8:ffff::1", true),
            ("2001:db9::1", false),
            ("192.0.2.7", true),
            ("192.0.2.6", false),
            ("::", false),
        ] {
            assert_eq!(networks.admit(address.parse().unwrap()), want, "{address}");
        }
        let everywhere = Networks::default();
        let address = "192.0.2.6".parse().unwrap();
        assert!(everywhere.admit(address) && !everywhere.contain(address));
    }

    #[test]
    fn a_door_alone_is_believed_and_only_its_last_word() {
        struct Case {
            name: &'static str,
            peer: &'static str,
            forwarded: &'static [&'static str],
            want: &'static str,
        }
        let doors = Networks::parse(["127.0.0.1", "10.9.0.0/16"]).unwrap();
        let cases = [
            Case {
                name: "no door",
                peer: "192.0.2.1",
                forwarded: &["10.0.0.1"],
                want: "192.0.2.1",
            },
            Case { name: "silent", peer: "127.0.0.1", forwarded: &[], want: "127.0.0.1" },
            Case { name: "one", peer: "127.0.0.1", forwarded: &["192.0.2.7"], want: "192.0.2.7" },
            Case {
                name: "the client's own words",
                peer: "127.0.0.1",
                forwarded: &["10.0.0.1, 192.0.2.7"],
                want: "192.0.2.7",
            },
            Case {
                name: "a door behind a door",
                peer: "127.0.0.1",
                forwarded: &["10.0.0.1, 192.0.2.7, 10.9.1.1"],
                want: "192.0.2.7",
            },
            Case {
                name: "two headers",
                peer: "127.0.0.1",
                forwarded: &["10.0.0.1", "192.0.2.7"],
                want: "192.0.2.7",
            },
            Case {
                name: "junk",
                peer: "127.0.0.1",
                forwarded: &["10.0.0.1, x"],
                want: "127.0.0.1",
            },
            Case { name: "empty", peer: "127.0.0.1", forwarded: &["10.0.0.1,"], want: "127.0.0.1" },
            Case {
                name: "ports",
                peer: "127.0.0.1",
                forwarded: &["192.0.2.7:4711"],
                want: "192.0.2.7",
            },
            Case {
                name: "IPv6",
                peer: "127.0.0.1",
                forwarded: &["[2001:db8::1]:9"],
                want: "2001:db8::1",
            },
        ];
        for case in cases {
            let peer = case.peer.parse().unwrap();
            let got = source(peer, &doors, case.forwarded.iter().copied());
            assert_eq!(got.to_string(), case.want, "{}", case.name);
        }
        let nobody = Networks::default();
        let peer = "127.0.0.1".parse().unwrap();
        assert_eq!(source(peer, &nobody, ["192.0.2.7"].into_iter()), peer);
    }

    #[test]
    fn one_encoding_for_a_set() {
        let networks = Networks::parse(["10.0.0.0/8", "::1", "10.0.0.0/8", "9.0.0.0/8"]).unwrap();
        assert_eq!(networks.iter().count(), 3);
        let mut bytes = Vec::new();
        networks.put(&mut bytes);
        assert_eq!(Networks::take(&mut bytes.as_slice()).unwrap(), networks);
        let mut swapped = vec![2];
        swapped.extend_from_slice(&bytes[18..35]);
        swapped.extend_from_slice(&bytes[1..18]);
        assert!(Networks::take(&mut swapped.as_slice()).is_err());
        let mut twice = vec![2];
        twice.extend_from_slice(&bytes[1..18]);
        twice.extend_from_slice(&bytes[1..18]);
        assert!(Networks::take(&mut twice.as_slice()).is_err());
        let mut host_bits = bytes[..18].to_vec();
        host_bits[0] = 1;
        host_bits[17] = 8;
        assert!(Networks::take(&mut host_bits.as_slice()).is_err());
        let many: Vec<String> = (0..17).map(|n| format!("10.0.0.{n}")).collect();
        assert!(Networks::parse(many.iter().map(String::as_str)).is_err());
    }
}
