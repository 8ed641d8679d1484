//! Which proxies are believed, and who the client behind them is. Pure: it reads an address and headers.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The value of `--trusted-proxies`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proxies(Vec<IpNet>);

/// Reads `--trusted-proxies`. The error says what is allowed.
pub(crate) fn list(text: &str) -> Result<Proxies, &'static str> {
    let network = |text: &str| match text.parse::<IpAddr>() {
        Ok(address) => Some(IpNet::from(address.to_canonical())),
        // Bits behind the prefix are a slip of the pen: it is not clear which network was meant.
        Err(_) => text.parse::<IpNet>().ok().filter(|network| network.addr() == network.network()),
    };
    let networks: Option<Vec<_>> = text.split(',').map(|part| network(part.trim())).collect();
    networks.map(Proxies).ok_or("addresses and networks with commas between, such as 10.0.0.7, 10.1.0.0/16, fd00::/8")
}

impl Proxies {
    pub(crate) fn networks(&self) -> &[IpNet] {
        &self.0
    }

    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Who sent a request: the peer, or if that is a proxy of ours the last one in `X-Forwarded-For` that is not.
    /// A list that cannot be read is nobody's word, and the peer it is.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        let mut client = peer;
        for line in headers.get_all(FORWARDED_FOR).iter().rev() {
            let Ok(line) = line.to_str() else { return peer };
            for hop in line.rsplit(',') {
                let Some(address) = hop_address(hop.trim()) else { return peer };
                client = address;
                if !self.trusts(address) {
                    return client;
                }
            }
        }
        client
    }

    /// Whether a proxy of ours says that the client came by TLS.
    pub(crate) fn came_by_tls(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let mut said = headers.get_all(FORWARDED_PROTO).iter();
        let last = said.next_back().and_then(|line| line.to_str().ok()).and_then(|line| line.rsplit(',').next());
        self.trusts(peer) && last.is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"))
    }
}

/// One entry: an address, which some proxies give a port.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let bracketed = || hop.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok().filter(IpAddr::is_ipv6);
    let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    hop.parse().ok().or_else(with_port).or_else(bracketed).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        headers
    }

    #[test]
    fn edge5_the_last_address_that_is_no_proxy_of_ours_is_the_client() {
        let proxies = list("10.0.0.1, 10.1.0.0/16, fd00::/8").unwrap();
        let peer = "10.0.0.1".parse().unwrap();
        let client = |lines: &[&str]| proxies.client(peer, &headers(lines)).to_string();
        assert_eq!(client(&[]), "10.0.0.1");
        assert_eq!(client(&["203.0.113.9"]), "203.0.113.9");
        assert_eq!(
            client(&["198.51.100.1, 203.0.113.9, 10.1.2.3"]),
            "203.0.113.9",
            "what it says itself is not believed"
        );
        assert_eq!(client(&["198.51.100.1", "203.0.113.9", "10.1.2.3"]), "203.0.113.9", "lines are one list");
        assert_eq!(client(&["10.1.0.9, 10.1.2.3"]), "10.1.0.9", "all are ours");
        assert_eq!(client(&["203.0.113.9:4711"]), "203.0.113.9");
        assert_eq!(client(&["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(client(&["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(client(&["::ffff:203.0.113.9"]), "203.0.113.9");
        for malformed in
            ["", "unknown", "_hidden", "203.0.113.9, ", "203.0.113.999", "203.0.113.9;", "localhost", "a, b"]
        {
            assert_eq!(client(&[malformed]), "10.0.0.1", "{malformed}");
        }
        assert_eq!(client(&["nonsense, 203.0.113.9"]), "203.0.113.9", "what is left of the client is not read");
        let stranger = "203.0.113.1".parse().unwrap();
        assert_eq!(proxies.client(stranger, &headers(&["198.51.100.1"])), stranger, "a stranger's word counts nothing");
    }

    #[test]
    fn edge5_only_a_proxy_of_ours_says_what_scheme_the_client_came_by() {
        let proxies = list("10.0.0.1").unwrap();
        let (ours, stranger) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let said = |value: &str| HeaderMap::from_iter([(FORWARDED_PROTO, value.parse().unwrap())]);
        assert!(proxies.came_by_tls(ours, &said("https")));
        assert!(proxies.came_by_tls(ours, &said("http, HTTPS")));
        assert!(!proxies.came_by_tls(ours, &said("https, http")));
        assert!(!proxies.came_by_tls(ours, &HeaderMap::new()));
        assert!(!proxies.came_by_tls(stranger, &said("https")));
    }

    #[test]
    fn edge5_a_list_of_proxies_is_read_whole_or_not_at_all() {
        for wrong in ["", ",", "10.0.0.1,", "10.0.0.0/33", "10.0.0.1/8", "proxy.example.com", "*", "10.0.0.1:80"] {
            assert!(list(wrong).is_err(), "{wrong}");
        }
        assert!(list("::ffff:10.0.0.1").unwrap().trusts("10.0.0.1".parse().unwrap()));
    }
}
