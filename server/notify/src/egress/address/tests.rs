use proptest::prelude::*;

use super::*;

fn guard(networks: &[&str]) -> Guard {
    Guard::read(networks, Vec::new()).unwrap()
}

fn verdict(guard: &Guard, address: &str) -> Result<(), &'static str> {
    guard.allowed(address.parse().unwrap()).map_err(|denied| denied.range)
}

#[test]
fn the_public_internet_may_be_talked_to() {
    for address in
        ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.32.0.1", "2606:4700::1111"]
    {
        assert_eq!(verdict(&Guard::default(), address), Ok(()), "{address}");
    }
}

#[test]
fn a_listed_network_may_be_talked_to_and_its_neighbours_may_not() {
    let guard = guard(&["10.1.0.0/16", "fd12::/16"]);
    assert_eq!(verdict(&guard, "10.1.255.255"), Ok(()));
    assert_eq!(verdict(&guard, "10.2.0.0"), Err("a private address"));
    assert_eq!(verdict(&guard, "fd12::1"), Ok(()));
    assert_eq!(verdict(&guard, "fd13::1"), Err("a private address"));
    // Another way to write an address is not listed with it.
    assert!(verdict(&guard, "::ffff:10.1.0.1").is_err());
}

#[test]
fn a_list_has_networks_and_addresses_and_says_which_entry_is_neither() {
    let guard = guard(&["192.168.7.7", "fd00::1", " 10.0.0.0/8 "]);
    assert_eq!(verdict(&guard, "192.168.7.7"), Ok(()));
    assert!(verdict(&guard, "192.168.7.8").is_err() && verdict(&guard, "fd00::2").is_err());
    for bad in ["", "10.0.0.0/33", "10.0.0", "intranet", "10.0.0.1-10.0.0.9"] {
        let refused = Guard::read(&["10.0.0.0/8", bad], Vec::new());
        assert_eq!(refused.unwrap_err(), BadNetwork(bad.to_owned()));
    }
}

#[test]
fn the_secrets_of_a_cloud_must_be_listed_by_themselves() {
    for address in METADATA {
        let everything = guard(&["0.0.0.0/0", "::/0"]);
        assert_eq!(everything.allowed(address).unwrap_err().range, METADATA_NAME, "{address}");
        assert_eq!(Guard::new(vec![address.into()], Vec::new()).allowed(address), Ok(()));
    }
}

#[test]
fn behind_nat64_the_address_inside_counts_too() {
    let nat64 = guard(&["64:ff9b::/96"]);
    assert_eq!(verdict(&Guard::default(), "64:ff9b::808:808"), Err("an address behind NAT64"));
    assert_eq!(verdict(&nat64, "64:ff9b::808:808"), Ok(()));
    assert_eq!(verdict(&nat64, "64:ff9b::7f00:1"), Err("a loopback address"));
    assert_eq!(verdict(&nat64, "64:ff9b::a9fe:a9fe"), Err(METADATA_NAME));
    let inside = guard(&["64:ff9b::/96", "10.0.0.0/8"]);
    assert_eq!(verdict(&inside, "64:ff9b::a00:1"), Ok(()));
}

#[test]
fn ports_are_those_of_the_web_and_the_listed_ones() {
    let guard = Guard::new(Vec::new(), vec![8443]);
    let open: Vec<u16> = (0..=u16::MAX).filter(|port| guard.allows_port(*port)).collect();
    assert_eq!(open, [80, 443, 8443]);
}

/// What the standard library says of an address: the oracle. It knows fewer ranges, so it can only
/// say that one must be denied.
fn inside(address: IpAddr) -> bool {
    let v4 = |address: Ipv4Addr| {
        address.is_private()
            || address.is_loopback()
            || address.is_link_local()
            || address.is_broadcast()
            || address.is_documentation()
            || address.is_unspecified()
            || address.is_multicast()
    };
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.to_ipv4().is_some()
        }
    }
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    // Of 2^128 addresses nearly none are interesting, so prefixes are drawn too.
    let prefixes = [
        0u128,
        0xffff << 32,
        0x0064_ff9b << 96,
        0x2001 << 112,
        0x2001_0db8 << 96,
        0x2002 << 112,
        0xfd00_0ec2 << 96,
        0xfe80 << 112,
        0xff02 << 112,
        0x2606_4700 << 96,
    ];
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
        any::<u128>().prop_map(|bits| IpAddr::V6(bits.into())),
        (proptest::sample::select(prefixes.to_vec()), any::<u32>())
            .prop_map(|(prefix, low)| IpAddr::V6((prefix | u128::from(low)).into())),
    ]
}

proptest! {
    #[test]
    fn nothing_inside_is_ever_allowed_without_a_setting(address in any_address()) {
        if inside(address) {
            prop_assert!(Guard::default().allowed(address).is_err());
        }
    }

    #[test]
    fn an_ipv4_address_cannot_hide_in_an_ipv6_address(bits in any::<u32>()) {
        let v4 = Ipv4Addr::from(bits);
        let [a, b, c, d] = v4.octets().map(u16::from);
        let (high, low) = (a << 8 | b, c << 8 | d);
        for hidden in [
            v4.to_ipv6_mapped(),
            v4.to_ipv6_compatible(),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            Ipv6Addr::new(0x2001, 0, high, low, 0, 0, !high, !low),
        ] {
            prop_assert!(Guard::default().allowed(hidden.into()).is_err(), "{hidden}");
        }
    }

    #[test]
    fn listing_a_network_allows_no_more_than_that_network(
        address in any_address(),
        other in any_address(),
        length in 0u8..=32,
    ) {
        let network = IpNet::new(other, length).unwrap().trunc();
        let listed = Guard::new(vec![network], Vec::new());
        let before = Guard::default().allowed(address);
        let after = listed.allowed(address);
        if network.contains(&address) {
            let both = special(address).is_some_and(|range| range.contains("NAT64"));
            prop_assert!(after.is_ok() || METADATA.contains(&address) || both);
        } else {
            prop_assert_eq!(before, after);
        }
    }
}
