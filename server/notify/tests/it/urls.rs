//! Addresses that people may configure, and what becomes of them.

use carillon_notify::egress::{BadUrl, Denied, Egress, Error, Guard, Terms, tls};
use http::Uri;

use crate::listener::{Listener, Script, answer, get};

/// Hosts that are an inner address in one way of writing or another.
pub const INNER: [&str; 66] = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7F.0x00.0x00.0x01",
    "0x7f.1",
    "0177.0.0.1",
    "0177.0.0.01",
    "00000177.0.0.1",
    "017700000001",
    "127.0x0.0.1",
    "127.0.0.1.",
    "0x7f000001.",
    "2130706433.",
    "0",
    "0.0.0.0",
    "0.0.0.0.",
    "0x0",
    "%31%32%37.0.0.1",
    "127%2E0%2E0%2E1",
    "１２７.0.0.1",
    "127。0。0。1",
    "①②⑦.⓪.⓪.①",
    "10.0.0.1",
    "10.1",
    "012.0.0.1",
    "167772161",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.257",
    "3232235521",
    "0xc0a80001",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.169.254.",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b:1::a00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[2001:db8::1]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
];

/// Names that lead inside whatever they look like: their resolver is an attacker's.
const NAMES: [&str; 12] = [
    "localhost",
    "localhost.",
    "LOCALHOST",
    "localhost.localdomain",
    "metadata.google.internal",
    "127.0.0.1.nip.example",
    "169.254.169.254.example",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "lоcalhost.example",
    "xn--lcalhost-6fg.example",
    "printer.local",
    "good.example",
];

/// Texts that are not read, because not everybody reads them alike, or that say too much.
pub const UNREADABLE: [&str; 30] = [
    "",
    "good.example",
    "//good.example/",
    "http:good.example",
    "http:/good.example",
    "http:///127.0.0.1/",
    "http://",
    "http://:80/",
    "http:\\\\127.0.0.1\\",
    "http://good.example\\@127.0.0.1/",
    "http://good.example\t.evil.example/",
    " http://good.example/",
    "http://good.example/\r\nHost: inner",
    "http://good.example\n@127.0.0.1/",
    "http://[::1/",
    "http://[fe80::1%25eth0]/",
    "http://127.0.0.256/",
    "http://1.2.3.4.5/",
    "http://0x100000000/",
    "http://good.example:65536/",
    "http://good.example:-1/",
    "http://good.example:80x/",
    "http://exa mple/",
    "http://a<b>/",
    "ftp://good.example/",
    "file:///etc/passwd",
    "gopher://good.example/",
    "javascript://good.example/%0aalert(1)",
    "unix:///run/carillon.sock",
    "ws://good.example/",
];

/// Names and passwords, which are also a way to hide the host behind another.
pub const USERINFO: [&str; 7] = [
    "http://me@127.0.0.1/",
    "http://me:secret@good.example/",
    "http://good.example@127.0.0.1/",
    "http://good.example:80@127.0.0.1/",
    "http://127.0.0.1@good.example/",
    "http://@good.example/",
    "http://good.example%2f@127.0.0.1/",
];

/// Nothing inside is allowed, every port is, and every name is this machine.
async fn trap() -> (Listener, Egress) {
    let listener = Listener::plain(|_| answer(200, "inside")).await;
    let guard = Guard::new(Vec::new(), vec![listener.port()]);
    (listener, Egress::new(guard, tls(None).unwrap(), Script::says(&[&["127.0.0.1"]])))
}

#[tokio::test]
async fn no_way_to_write_an_inner_address_leads_inside() {
    let (listener, egress) = trap().await;
    for host in INNER {
        let url = format!("http://{host}:{}/", listener.port());
        let refused = egress.check(&url);
        assert!(matches!(refused, Err(BadUrl::Denied(_))), "{url}: {refused:?}");
        // And when it is asked without having been looked at before.
        if url.parse::<Uri>().is_ok() {
            let refused = egress.send(get(&url), &Terms::default()).await.unwrap_err();
            assert!(matches!(refused, Error::BadUrl(BadUrl::Denied(_))), "{url}: {refused}");
        }
    }
    assert_eq!(listener.connections(), 0);
}

#[tokio::test]
async fn no_name_leads_inside() {
    let (listener, egress) = trap().await;
    for host in NAMES {
        let url = format!("http://{host}:{}/", listener.port());
        let target = egress.check(&url).unwrap();
        let url = format!("http://{}:{}/", target.host(), target.port());
        let refused = egress.send(get(&url), &Terms::default()).await.unwrap_err();
        let inside = matches!(
            &refused,
            Error::Denied(Denied { address, .. }) if address.is_loopback()
        );
        assert!(inside, "{url}: {refused}");
    }
    assert_eq!(listener.connections(), 0);
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_is_not_read() {
    let (_, egress) = trap().await;
    for url in UNREADABLE {
        let refused = egress.check(url).unwrap_err();
        assert!(matches!(refused, BadUrl::Form(_) | BadUrl::Scheme), "{url:?}: {refused}");
    }
    for url in USERINFO {
        assert_eq!(egress.check(url), Err(BadUrl::Credentials), "{url}");
    }
    assert_eq!(egress.check(&format!("http://a/{}", "x".repeat(2048))), Err(BadUrl::TooLong));
    for port in [0, 22, 25, 3306, 6379, 8080] {
        let refused = egress.check(&format!("http://good.example:{port}/"));
        assert_eq!(refused, Err(BadUrl::Port(port)));
    }
}

#[tokio::test]
async fn a_plain_address_on_the_internet_is_read() {
    let (_, egress) = trap().await;
    for (url, host, origin) in [
        ("https://push.example/v2/abc?x=%2F#y", "push.example", "https://push.example"),
        ("HTTPS://Push.Example:443", "push.example", "https://push.example"),
        ("http://push.example.:80/", "push.example.", "http://push.example."),
        ("https://bücher.example/", "xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://8.8.8.8/", "8.8.8.8", "https://8.8.8.8"),
        ("http://0x8080808/", "8.8.8.8", "http://8.8.8.8"),
        ("https://[2606:4700::1111]/", "2606:4700::1111", "https://[2606:4700::1111]"),
    ] {
        let target = egress.check(url).unwrap();
        assert_eq!((target.host().as_str(), target.origin().as_str()), (host, origin), "{url}");
    }
}
