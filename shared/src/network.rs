//! [`Network`]: addresses that belong together.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Serialize, Serializer};

/// A network, as a setting: `10.0.0.0/8`, or one address. Behind a gateway whose pods come and go nobody knows their
/// addresses, but the network that they get them from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

/// The text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no address, and no network such as 10.0.0.0/8")]
pub struct NotANetwork;

impl Network {
    /// Whether the address is in it. One of IPv4 that is written as one of IPv6 is what it stands for.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical().into())
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let address = text.parse::<IpAddr>().map(Self::from);
        address.or_else(|_| text.parse().map(Self)).map_err(|_| NotANetwork)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_a_network_by_its_first_bits() -> Result<(), Box<dyn std::error::Error>> {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"),
            ("fd00::/8", "fd12::1", "fe80::1"),
            ("2001:db8::7", "2001:db8::7", "2001:db8::8"),
        ] {
            let network: Network = network.parse()?;
            assert!(network.contains(inside.parse()?), "{network} has {inside}");
            assert!(!network.contains(outside.parse()?), "{network} has not {outside}");
        }
        Ok(())
    }

    #[test]
    fn what_is_neither_an_address_nor_a_network_is_refused() {
        for text in ["", "gateway", "10.0.0.0/33", "10.0.0/8", "10.0.0.1:80"] {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text}");
        }
    }
}
