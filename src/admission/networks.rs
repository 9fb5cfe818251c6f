//! Networks that people are let in from: an address, or all that begin with the same bits.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network, as `192.168.1.0/24` or `2001:db8::/32`; an address alone is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether that address is in it. An IPv4 address is one, however a socket shows it.
    pub fn has(&self, ip: IpAddr) -> bool {
        match (self.address, ip.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let left = 32_u32.saturating_sub(self.bits.into());
                (net.to_bits() ^ ip.to_bits()).checked_shr(left).unwrap_or(0) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let left = 128_u32.saturating_sub(self.bits.into());
                (net.to_bits() ^ ip.to_bits()).checked_shr(left).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Text that is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkError;

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "write it as an address or a network, such as 192.168.1.7, 192.168.1.0/24 or 2001:db8::/32",
        )
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(net, bits)| (net, Some(bits)));
        let address = address.trim_start_matches('[').trim_end_matches(']');
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let address = address.to_canonical();
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| NetworkError))?;
        if bits > most { Err(NetworkError) } else { Ok(Network { address, bits }) }
    }
}

/// Who may come in, by where he is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed(Vec<Network>);

impl Allowed {
    /// Those of these networks; everybody if there are none.
    pub fn new(networks: Vec<Network>) -> Self {
        Allowed(networks)
    }

    /// Whoever reaches us.
    pub fn is_everybody(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether he is one of them.
    pub fn has(&self, ip: IpAddr) -> bool {
        self.0.is_empty() || self.0.iter().any(|network| network.has(ip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(network: &str, ip: &str) -> bool {
        network.parse::<Network>().unwrap().has(ip.parse().unwrap())
    }

    #[test]
    fn a_network_has_those_that_begin_with_its_bits() {
        assert!(has("192.168.1.0/24", "192.168.1.255") && !has("192.168.1.0/24", "192.168.2.1"));
        assert!(has("192.168.1.77/24", "192.168.1.1"), "the rest of the address does not count");
        assert!(has("10.0.0.0/9", "10.127.0.1") && !has("10.0.0.0/9", "10.128.0.1"));
        assert!(has("10.0.0.1", "10.0.0.1") && !has("10.0.0.1", "10.0.0.2"));
        assert!(has("0.0.0.0/0", "203.0.113.9") && !has("0.0.0.0/0", "2001:db8::1"));
        assert!(has("::/0", "2001:db8::1") && has("2001:db8::/32", "2001:db8:1::1"));
        assert!(!has("2001:db8::/32", "2001:db9::1") && has("[2001:db8::1]", "2001:db8::1"));
        assert!(has("10.0.0.0/8", "::ffff:10.1.2.3"), "as a socket of both families shows it");
        assert!(has("::ffff:10.0.0.0/8", "10.1.2.3"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "camera",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/",
            "10.0.0",
            "::/129",
            "/8",
            "10.0.0.0/8/8",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text:?}");
        }
    }

    #[test]
    fn without_networks_everybody_may() {
        let all = Allowed::default();
        assert!(all.is_everybody() && all.has("203.0.113.9".parse().unwrap()));
        let two = Allowed::new(["10.0.0.0/8", "::1"].map(|text| text.parse().unwrap()).to_vec());
        assert!(!two.is_everybody() && two.has("::1".parse().unwrap()));
        assert!(two.has("10.9.8.7".parse().unwrap()) && !two.has("127.0.0.1".parse().unwrap()));
    }
}
