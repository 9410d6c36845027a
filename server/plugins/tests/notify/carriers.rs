//! Vonage, Alibaba Cloud and Tencent Cloud, each with a vendor on this machine that takes only what
//! the real one documents: from what an alert asks for to what its vendor reports.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use carillon_plugin::{
    Caller,
    protocol::{
        Channel,
        notify::{Answer, Heard, Outcome, Provider, Report, SetSettings, Vendor},
    },
};
use http::{Request, Response};
use serde_json::{Value, json};

use crate::{
    listener::{Listener, answer},
    vendors::{alibaba, tencent, vonage},
    world::{PUBLIC, World, ways},
};

type Stub = fn(&Request<Bytes>) -> Response<Bytes>;

/// An organisation whose messages a vendor carries, and where that reports to.
async fn carried(
    listener: &Listener,
    mut settings: Value,
    vendor: Vendor,
    calls: bool,
) -> (World, String) {
    let base = json!(format!("http://api.example:{}", listener.port()));
    settings["base"] = base.clone();
    if settings["voice"].is_object() {
        settings["voice"]["base"] = base;
    }
    settings.as_object_mut().unwrap().remove("callback");
    let provider: Provider = serde_json::from_value(settings).unwrap();
    let world = World::new(ways(&[listener.port()], None)).await;
    let set = SetSettings {
        providers: vec![provider],
        sms: Some(vendor),
        call: calls.then_some(vendor),
        ..SetSettings::default()
    };
    let callback = world.set(set).await.unwrap().callbacks[0].url.clone();
    world.phone(world.bob.user, "+8613812345678").await;
    (world, callback)
}

impl World {
    /// What a vendor hears that posts this to an address.
    async fn posted(&self, url: &str, headers: &[(&str, &str)], body: &str) -> Heard {
        let uri = url.strip_prefix(PUBLIC).unwrap().to_owned();
        let path = uri.split('?').next().unwrap().to_owned();
        let mut parts = path.rsplit('/');
        let secret = parts.next().unwrap().to_owned();
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let report = Report {
            provider: parts.next().unwrap().to_owned(),
            secret,
            method: "POST".into(),
            uri,
            headers: headers.collect(),
            body: BASE64_STANDARD.encode(body),
        };
        self.call(Caller::SYSTEM, report).await.unwrap()
    }
}

fn went(key: &str, outcome: Outcome) -> (String, Outcome) {
    (key.to_owned(), outcome)
}

#[tokio::test]
async fn alibaba_carries_messages_and_calls_and_its_reports_count_once() {
    let listener = Listener::plain(alibaba::stub as Stub).await;
    let (world, url) = carried(&listener, alibaba::settings(), Vendor::Alibaba, true).await;
    world.send(Channel::Sms, &[("s", world.bob.user)]).await.unwrap();
    world.kit.settle().await;
    world.send(Channel::Call, &[("c", world.bob.user)]).await.unwrap();
    world.kit.settle().await;
    let accepted = [went("s", Outcome::Accepted), went("c", Outcome::Accepted)];
    assert_eq!(world.outcomes(), accepted, "{:?}", world.told());

    let arrived = json!([{
        "phone_number": "13812345678", "success": true, "err_code": "DELIVERED", "biz_id": "id-1",
        "out_id": "s",
    }]);
    let pressed = json!([{
        "call_id": "id-1", "out_id": "c", "status_code": "200000", "dtmf": "1", "duration": "9",
    }]);
    let forged = url.replace(url.rsplit('/').next().unwrap(), &"0".repeat(32));
    for event in [&arrived, &pressed] {
        assert_eq!(world.posted(&forged, &[], &event.to_string()).await.status, 403);
    }
    assert_eq!(world.outcomes().len(), 2);
    for event in [&arrived, &pressed, &arrived, &pressed] {
        let heard = world.posted(&url, &[], &event.to_string()).await;
        assert_eq!((heard.status, heard.body.contains("\"code\":0")), (200, true));
    }
    let delivered = [went("s", Outcome::Delivered), went("c", Outcome::Delivered)];
    assert_eq!(world.outcomes()[2..], delivered);
    let answers = world.answers();
    assert_eq!(answers.len(), 1);
    assert_eq!((answers[0].key.as_str(), answers[0].answer), ("c", Some(Answer::Confirm)));
}

#[tokio::test]
async fn vonage_carries_messages_and_calls_and_only_what_it_signed_counts() {
    let listener = Listener::plain(vonage::stub as Stub).await;
    let (world, url) = carried(&listener, vonage::settings(), Vendor::Vonage, true).await;
    world.send(Channel::Sms, &[("s", world.bob.user)]).await.unwrap();
    world.kit.settle().await;
    world.send(Channel::Call, &[("c", world.bob.user)]).await.unwrap();
    world.kit.settle().await;
    let accepted = [went("s", Outcome::Accepted), went("c", Outcome::Accepted)];
    assert_eq!(world.outcomes(), accepted, "{:?}", world.told());

    let arrived = json!({
        "message_uuid": "m-1", "to": "8613812345678", "status": "delivered", "client_ref": "s",
    })
    .to_string();
    let pressed = json!({
        "uuid": "c-1", "to": "8613812345678", "dtmf": {"digits": "1", "timed_out": false},
    })
    .to_string();
    let reply = json!({
        "message_uuid": "m-9", "from": "8613812345678", "text": "來不了", "channel": "sms",
    })
    .to_string();
    let own = format!("{url}?key=c");
    let all = [(&url, &arrived), (&own, &pressed), (&url, &reply)];
    let signed = async |secret: &str, url: &str, body: &str| {
        let token = vonage::token(&vonage::head(), &vonage::claims(body), secret);
        world.posted(url, &[("authorization", &token)], body).await.status
    };
    for (url, body) in all {
        assert_eq!(signed("another-secret-of-somebody-else", url, body).await, 403);
        assert_eq!(world.posted(url, &[], body).await.status, 403);
    }
    assert_eq!((world.outcomes().len(), world.answers().len()), (2, 0));
    for (url, body) in [all, all].concat() {
        assert!((200..300).contains(&signed(vonage::SIGNATURE, url, body).await), "{body}");
    }
    let delivered = [went("s", Outcome::Delivered), went("c", Outcome::Delivered)];
    assert_eq!(world.outcomes()[2..], delivered);
    let answers: Vec<_> = world.answers().into_iter().map(|it| (it.key, it.answer)).collect();
    let (pressed, replied) = (&answers[0], &answers[1]);
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert_eq!(*pressed, ("c".to_owned(), Some(Answer::Confirm)));
    assert_eq!(replied.1, Some(Answer::Decline));
}

#[tokio::test]
async fn tencent_carries_messages_and_a_reply_to_the_number_is_an_answer() {
    let listener = Listener::plain(tencent::stub as Stub).await;
    let (world, url) = carried(&listener, tencent::settings(), Vendor::Tencent, false).await;
    world.send(Channel::Sms, &[("s", world.bob.user)]).await.unwrap();
    world.kit.settle().await;
    assert_eq!(world.outcomes(), [went("s", Outcome::Accepted)], "{:?}", world.told());
    let arrived = json!([{
        "nationcode": "86", "mobile": "13812345678", "report_status": "SUCCESS",
        "errmsg": "DELIVRD", "description": "ok", "sid": "5000:1",
    }])
    .to_string();
    let reply = json!({
        "nationcode": "86", "mobile": "13812345678", "text": "收到", "time": 1_790_000_100,
    })
    .to_string();
    let forged = url.replace(url.rsplit('/').next().unwrap(), &"0".repeat(32));
    for body in [&arrived, &reply] {
        assert_eq!(world.posted(&forged, &[], body).await.status, 403);
    }
    for body in [&arrived, &reply, &arrived, &reply] {
        assert_eq!(world.posted(&url, &[], body).await.status, 200);
    }
    assert_eq!(world.outcomes()[1..], [went("s", Outcome::Delivered)]);
    let answers: Vec<_> = world.answers().into_iter().map(|it| it.answer).collect();
    assert_eq!(answers, [Some(Answer::Confirm)]);
}

#[tokio::test]
async fn what_may_have_been_taken_is_not_sent_anew_because_the_question_was_refused() {
    // It takes the first and says nothing of use, then takes no more for a while.
    let asked = std::sync::Mutex::new(std::collections::BTreeMap::<String, u32>::new());
    let listener = Listener::plain(move |request| {
        let nonce = request.headers()["x-acs-signature-nonce"].to_str().unwrap().to_owned();
        let mut asked = asked.lock().unwrap();
        let all: u32 = asked.values().sum();
        let times = asked.entry(nonce).or_default();
        *times += 1;
        let busy = json!({"Code": "isv.BUSINESS_LIMIT_CONTROL", "Message": "1 a minute"});
        let again = json!({"Code": "SignatureNonceUsed", "Message": "used"});
        match (all, *times) {
            (0, _) => answer(502, ""),
            (1..3, _) => answer(200, busy.to_string()),
            (_, 2..) => answer(400, again.to_string()),
            _ => alibaba::stub(request),
        }
    });
    let listener = listener.await;
    let (world, _) = carried(&listener, alibaba::settings(), Vendor::Alibaba, false).await;
    world.send(Channel::Sms, &[("s", world.bob.user)]).await.unwrap();
    for _ in 0..6 {
        world.kit.settle().await;
        world.kit.clock().advance(30_000);
    }
    let nonce = |it: &Request<Bytes>| it.headers()["x-acs-signature-nonce"].clone();
    let seen = listener.seen();
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|it| nonce(it) == nonce(&seen[0])), "it is the same request");
    assert_eq!(world.outcomes(), [went("s", Outcome::Accepted)]);
}
