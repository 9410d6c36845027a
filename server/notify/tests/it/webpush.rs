//! Messages to browsers, through a push service that cannot read them.

use std::sync::Arc;

use aws_lc_rs::{
    agreement::{ECDH_P256, PrivateKey},
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use bytes::Bytes;
use carillon_notify::{
    egress::{BadUrl, Egress, Guard, tls},
    webpush::{
        BadSubscription, Keys, Message, Outcome, Subscription, TEXT_LEN_MAX, TooLong, Urgency,
        read, request, send,
    },
};
use http::{HeaderMap, Request, Response, StatusCode};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::{
    listener::{Identity, Listener, Script, answer, local},
    receiver::{Receiver, bytes, decode, text},
};

const NOW: i64 = 1_790_000_000_000;
const ALERT: Message<'_> =
    Message { text: b"come", ttl_s: 60, urgency: Urgency::High, tag: Some("ding:1") };

fn keys() -> Keys {
    Keys::read(&Keys::generate(), "mailto:ops@example.com").unwrap()
}

fn public() -> Egress {
    Egress::new(Guard::default(), tls(None).unwrap(), Script::says(&[&["1.1.1.1"]]))
}

fn subscribe(egress: &Egress, url: &str, receiver: &Receiver) -> Subscription {
    let (key, secret) = receiver.keys();
    Subscription::read(egress, url, &key, &secret).unwrap()
}

/// RFC 8188 3.1 and 3.2, RFC 8291 5: the browser of these tests reads what others wrote.
#[test]
fn the_receiver_of_these_tests_reads_the_examples_of_the_rfcs() {
    let one = bytes("I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg");
    let two = bytes(
        "uNCkWiNYzKTnBN9ji3-qWAAAABkCYTHOG8chz_gnvgOqdGYovxyjuqRyJFjEDyoF1Fvkj6hQPdPHI51OEUKEpgz3\
         SsLWIqS_uA",
    );
    let walrus = Some(b"I am the walrus".to_vec());
    assert_eq!(decode(&bytes("yqdlZ-tYemfogSmv7Ws5PQ"), &one), walrus);
    assert_eq!(decode(&bytes("BO3ZVPxUlnLORbVGMpbT1Q"), &two), walrus);
    let private = bytes("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94");
    let private = PrivateKey::from_private_key(&ECDH_P256, &private).unwrap();
    let secret = bytes("BTBZMqHH6r4Tts7J_aSIgg").try_into().unwrap();
    let melon = bytes(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmY\
         WAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexS\
         gSxsj_Qulcy4a-fN",
    );
    let read = Receiver::with(private, secret).decrypt(&melon).unwrap();
    assert_eq!(read, b"When I grow up, I want to be a watermelon");
}

#[test]
fn a_request_says_how_long_how_soon_and_what_it_replaces() {
    let egress = public();
    let receiver = Receiver::new();
    let to = subscribe(&egress, "https://push.example/v2/abc?d=e", &receiver);
    let made = request(&to, &ALERT, &keys(), NOW).unwrap();
    assert_eq!(
        (made.method().as_str(), made.uri()),
        ("POST", &"https://push.example/v2/abc?d=e".parse().unwrap())
    );
    let header = |name: &str| made.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((header("ttl"), header("urgency")), ("60".into(), "high".into()));
    assert_eq!(header("content-encoding"), "aes128gcm");
    let topic = header("topic");
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    assert!(topic.len() == 32 && topic.chars().all(plain) && !topic.contains("ding"), "{topic}");
    let again = request(&to, &Message { text: b"gone", ..ALERT }, &keys(), NOW).unwrap();
    assert_eq!(again.headers()["topic"], topic.as_str());
    assert_eq!(receiver.decrypt(made.body()).unwrap(), b"come");
    // The same text never looks the same, and is nobody else's.
    let twice = request(&to, &ALERT, &keys(), NOW).unwrap();
    assert_ne!(made.body(), twice.body());
    assert_eq!(Receiver::new().decrypt(made.body()), None);
    let quiet = Message { ttl_s: u32::MAX, urgency: Urgency::VeryLow, tag: None, ..ALERT };
    let quiet = request(&to, &quiet, &keys(), NOW).unwrap();
    assert_eq!(quiet.headers()["ttl"], "2419200");
    assert_eq!(quiet.headers()["urgency"], "very-low");
    assert!(!quiet.headers().contains_key("topic"));
}

#[test]
fn a_text_is_at_most_what_push_services_take() {
    let egress = public();
    let receiver = Receiver::new();
    let to = subscribe(&egress, "https://push.example/1", &receiver);
    for length in [0, 1, TEXT_LEN_MAX] {
        let long = vec![b'x'; length];
        let made = request(&to, &Message { text: &long, ..ALERT }, &keys(), NOW).unwrap();
        assert!(made.body().len() <= 4096);
        assert_eq!(receiver.decrypt(made.body()).unwrap(), long);
    }
    let long = vec![b'x'; TEXT_LEN_MAX + 1];
    let refused = request(&to, &Message { text: &long, ..ALERT }, &keys(), NOW);
    assert_eq!(refused.unwrap_err(), TooLong(TEXT_LEN_MAX + 1));
}

#[test]
fn what_is_no_subscription_is_refused() {
    let egress = public();
    let (key, secret) = Receiver::new().keys();
    let read = |url: &str, key: &str, secret: &str| Subscription::read(&egress, url, key, secret);
    let good = "https://push.example/1";
    assert!(read(good, &key, &secret).is_ok());
    // Some libraries pad.
    assert!(read(good, &format!("{key}="), &format!("{secret}==")).is_ok());
    assert_eq!(read("http://push.example/1", &key, &secret), Err(BadSubscription::Plain));
    for inner in ["https://127.0.0.1/", "https://[fd00:ec2::254]/", "https://0xa9fea9fe/"] {
        let refused = read(inner, &key, &secret);
        assert!(matches!(refused, Err(BadSubscription::Endpoint(BadUrl::Denied(_)))), "{inner}");
    }
    let mut outside = bytes(&key);
    outside[40] ^= 1;
    let compressed = text(&[&[2], &bytes(&key)[1..33]].concat());
    let hybrid = [6, 7].map(|form| text(&[&[form], &bytes(&key)[1..]].concat()));
    let infinity = text(&[0; 65]);
    for bad in [
        "",
        "AAAA",
        "%%%",
        &secret,
        &text(&outside),
        &text(&[4; 65]),
        &compressed,
        &hybrid[0],
        &hybrid[1],
        &infinity,
    ] {
        assert_eq!(read(good, bad, &secret), Err(BadSubscription::Key), "{bad}");
    }
    for bad in ["", "AAAA", &key, &text(&[1; 15]), &text(&[1; 17])] {
        assert_eq!(read(good, &key, bad), Err(BadSubscription::Secret), "{bad}");
    }
}

#[test]
fn every_answer_of_a_push_service_means_one_thing() {
    let means = |status: u16, headers: &HeaderMap| {
        read(StatusCode::from_u16(status).unwrap(), headers, b"{\"reason\":\"x\"}\r\n", NOW)
    };
    let none = HeaderMap::new();
    for status in [200, 201, 202, 204] {
        assert_eq!(means(status, &none), Outcome::Accepted);
    }
    for status in [404, 410] {
        assert_eq!(means(status, &none), Outcome::Gone);
    }
    assert_eq!(means(413, &none), Outcome::TooLarge);
    for status in [408, 425, 429] {
        assert_eq!(means(status, &none), Outcome::Later(None));
    }
    for status in [500, 502, 503] {
        assert_eq!(means(status, &none), Outcome::Away(None));
    }
    let wait = HeaderMap::from_iter([(http::header::RETRY_AFTER, "30".parse().unwrap())]);
    assert_eq!(means(429, &wait), Outcome::Later(Some(NOW + 30_000)));
    assert_eq!(means(503, &wait), Outcome::Away(Some(NOW + 30_000)));
    for status in [400, 401, 403] {
        let why = "{\"reason\":\"x\"}".to_owned();
        assert_eq!(means(status, &none), Outcome::Refused { status, why });
    }
}

/// Whether this request was signed by the holder of the key that it names, for this service.
fn is_signed(request: &Request<Bytes>, origin: &str) -> bool {
    let header = request.headers()["authorization"].to_str().unwrap();
    let (token, key) = header.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let claims: Value = serde_json::from_slice(&bytes(signed.split('.').nth(1).unwrap())).unwrap();
    let until = claims["exp"].as_i64().unwrap() * 1000;
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes(key));
    claims["aud"] == origin
        && until > NOW
        && until <= NOW + 24 * 60 * 60 * 1000
        && public.verify(signed.as_bytes(), &bytes(signature)).is_ok()
}

/// A push service: each path is a subscription; those with an odd number are no more.
fn push_service(request: &Request<Bytes>) -> Response<Bytes> {
    let origin = format!("https://{}", request.headers()["host"].to_str().unwrap());
    let number: usize = request.uri().path()[1..].parse().unwrap();
    let whole =
        ["ttl", "urgency", "topic"].iter().all(|name| request.headers().contains_key(*name));
    match (is_signed(request, &origin), whole) {
        (false, _) => answer(403, "forbidden"),
        (_, false) => answer(400, "incomplete"),
        _ if request.body().len() > 4096 => answer(413, ""),
        _ if number % 10 == 1 => answer(410, ""),
        _ => answer(201, ""),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_receivers_each_read_what_was_sent_to_them() {
    const RECEIVERS: usize = 1000;
    let identity = Identity::of(&["push.example"]);
    let service = Listener::secure(&identity, push_service).await;
    let egress = Arc::new(local(service.port(), Some(&identity.authority)));
    let keys = keys();
    let receivers: Vec<Receiver> = (0..RECEIVERS).map(|_| Receiver::new()).collect();
    let mut sending = JoinSet::new();
    for (i, receiver) in receivers.iter().enumerate() {
        let url = format!("https://push.example:{}/{i}", service.port());
        let to = subscribe(&egress, &url, receiver);
        let words = format!("{{\"title\":\"for {i}\",\"body\":\"請確認\"}}");
        let message = Message { text: words.as_bytes(), ..ALERT };
        let request = request(&to, &message, &keys, NOW).unwrap();
        let egress = Arc::clone(&egress);
        sending.spawn(async move { (i, send(&egress, request, NOW).await.unwrap()) });
    }
    let mut gone = 0;
    for (i, outcome) in sending.join_all().await {
        let dead = i % 10 == 1;
        gone += usize::from(dead);
        assert_eq!(outcome, if dead { Outcome::Gone } else { Outcome::Accepted });
    }
    let seen = service.seen();
    assert_eq!((seen.len(), gone), (RECEIVERS, RECEIVERS / 10));
    for request in &seen {
        let i: usize = request.uri().path()[1..].parse().unwrap();
        let read = receivers[i].decrypt(request.body()).unwrap();
        assert_eq!(read, format!("{{\"title\":\"for {i}\",\"body\":\"請確認\"}}").into_bytes());
        let other = &receivers[(i + 1) % RECEIVERS];
        assert_eq!(other.decrypt(request.body()), None);
    }
    // A handshake each would cost more than all the rest.
    assert!(service.connections() <= 256, "{}", service.connections());
}
