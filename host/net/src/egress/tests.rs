use super::*;

fn class(address: &str) -> AddressClass {
    AddressClass::of(address.parse().unwrap())
}

#[test]
fn every_class_is_known_at_both_ends_of_its_ranges() {
    use AddressClass::*;
    for (expected, addresses) in [
        (
            Public,
            &[
                "1.1.1.1",
                "172.15.255.255",
                "172.32.0.0",
                "100.63.255.255",
                "100.128.0.0",
                "223.255.255.255",
                "2606:4700::1",
                "2001:200::1",
                "3fff:1000::1",
            ][..],
        ),
        (
            Loopback,
            &[
                "127.0.0.1",
                "127.255.255.255",
                "::1",
                "::ffff:127.0.0.1",
                "64:ff9b::7f00:1",
            ],
        ),
        (
            Private,
            &[
                "10.0.0.0",
                "10.255.255.255",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.0.1",
                "::ffff:10.1.2.3",
                "64:ff9b::c0a8:1",
            ],
        ),
        (UniqueLocal, &["fc00::1", "fdff::1", "fec0::1"]),
        (LinkLocal, &["169.254.0.1", "fe80::1", "febf::1"]),
        (CarrierGrade, &["100.64.0.0", "100.127.255.255"]),
        (
            Metadata,
            &[
                "169.254.169.254",
                "100.100.100.200",
                "192.0.0.192",
                "168.63.129.16",
                "fd00:ec2::254",
                "::ffff:169.254.169.254",
                "64:ff9b::a9fe:a9fe",
            ],
        ),
        (Unspecified, &["0.0.0.0", "0.1.2.3", "::"]),
        (Multicast, &["224.0.0.1", "239.255.255.255", "ff02::1"]),
        (Broadcast, &["255.255.255.255"]),
        (
            Reserved,
            &[
                "192.0.2.1",
                "198.51.100.1",
                "203.0.113.1",
                "198.18.0.1",
                "240.0.0.1",
                "2001:db8::1",
                "3fff::1",
                "100::1",
                "4000::1",
                "2001:10::1",
            ],
        ),
        (
            Tunnel,
            &[
                "::7f00:1",
                "2001::1",
                "2002:7f00:1::",
                "64:ff9b:1::1",
                "::ffff:0:127.0.0.1",
            ],
        ),
    ] {
        for address in addresses {
            assert_eq!(class(address), expected, "{address}");
        }
    }
    assert_eq!(class("64:ff9b::101:101"), Public);
}

fn guard(rules: EgressRules) -> EgressGuard {
    EgressGuard::new(rules)
}

fn network(text: &str) -> Vec<IpNet> {
    vec![parse_network(text).unwrap()]
}

#[test]
fn one_switch_opens_the_lan_but_not_the_metadata() {
    let open = EgressGuard::allowing_private();
    for address in [
        "127.0.0.1",
        "10.1.1.1",
        "fe80::1",
        "fd00::1",
        "100.64.0.1",
        "1.1.1.1",
    ] {
        assert_eq!(open.check_address(address.parse().unwrap()), Ok(()), "{address}");
    }
    for address in [
        "169.254.169.254",
        "fd00:ec2::254",
        "0.0.0.0",
        "224.0.0.1",
        "2002:7f00:1::",
    ] {
        assert!(open.check_address(address.parse().unwrap()).is_err(), "{address}");
    }
}

#[test]
fn networks_open_and_close_in_every_spelling() {
    let rules = guard(EgressRules {
        allow: [network("192.168.1.0/24"), network("169.254.0.0/16")].concat(),
        deny: network("8.8.8.8"),
        own: network("1.2.3.0/24"),
        ..EgressRules::default()
    });
    let check = |address: &str| rules.check_address(address.parse().unwrap());
    assert_eq!(check("192.168.1.7"), Ok(()));
    assert_eq!(check("::ffff:192.168.1.7"), Ok(()));
    assert!(check("192.168.2.7").is_err());
    assert!(
        check("169.254.169.254").is_err(),
        "a network does not name the metadata address"
    );
    assert_eq!(check("8.8.8.8"), Err(Refusal::Denied));
    assert_eq!(check("64:ff9b::808:808"), Err(Refusal::Denied));
    assert_eq!(
        check("1.2.3.4"),
        Err(Refusal::Address {
            class: AddressClass::Own
        })
    );
    let named = guard(EgressRules {
        allow: network("169.254.169.254"),
        ..EgressRules::default()
    });
    assert_eq!(named.check_address("169.254.169.254".parse().unwrap()), Ok(()));
    for bad in ["", "10.0.0.0/33", "lan", "10.0.0"] {
        assert!(parse_network(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_name_with_some_good_addresses_keeps_those() {
    let rules = EgressGuard::default();
    let (good, bad): (IpAddr, IpAddr) = ("1.1.1.1".parse().unwrap(), "127.0.0.1".parse().unwrap());
    assert_eq!(rules.permitted("x.test", vec![bad, good]), Ok(vec![good]));
    assert_eq!(rules.permitted("x.test", vec![]), Ok(vec![]));
    assert!(rules.permitted("x.test", vec![bad]).is_err());
    let trusting = guard(EgressRules {
        trusted_hosts: vec!["x.test".into()],
        ..EgressRules::default()
    });
    assert_eq!(trusting.permitted("x.test", vec![bad]), Ok(vec![bad]));
    assert!(trusting.permitted("y.test", vec![bad]).is_err());
}

#[test]
fn refusals_name_the_setting() {
    for (address, key) in [
        ("127.0.0.1", "egress.allow-private"),
        ("169.254.169.254", "by itself in lavalink.server.egress.allow"),
        ("224.0.0.1", "lavalink.server.egress.allow"),
    ] {
        let text = EgressGuard::default()
            .check_address(address.parse().unwrap())
            .unwrap_err()
            .to_string();
        assert!(text.contains(key), "{text}");
    }
}
