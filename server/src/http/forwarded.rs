//! Whose call it is, where a proxy stands between.

use std::net::IpAddr;

use axum::http::HeaderMap;

/// Every proxy appends the address that it was called from.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address that a call counts for: the last one that no trusted proxy has. What stands before
/// it was written by the client itself, and what is no address ends the search.
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let is_proxy = |address: &IpAddr| trusted.iter().any(|proxy| proxy.to_canonical() == *address);
    if !is_proxy(&peer) {
        return peer;
    }
    let lines = headers.get_all(FORWARDED_FOR).into_iter().rev();
    let hops = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    let addresses = hops.map_while(|hop| hop.trim().parse().ok());
    addresses.map(|address: IpAddr| address.to_canonical()).find(|a| !is_proxy(a)).unwrap_or(peer)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client_of(peer: &str, lines: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(line));
        }
        let trusted = ["10.0.0.1", "10.0.0.2"].map(|proxy| proxy.parse().expect("an address"));
        client(peer.parse().expect("an address"), &headers, &trusted).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_what_it_saw_itself() {
        for (peer, lines, client) in [
            ("192.0.2.7", &["198.51.100.1"][..], "192.0.2.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["made.up, 203.0.113.9, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["203.0.113.9", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["203.0.113.9, unknown, 10.0.0.2"], "10.0.0.1"),
            ("10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
        ] {
            assert_eq!(client_of(peer, lines), client, "{peer} says {lines:?}");
        }
    }
}
