//! Vonage: what is sent, and what its answers and callbacks mean.

use bytes::Bytes;
use carillon_notify::provider::{Answer, Channel, Fact, Forged, Refused};
use http::Request;
use serde_json::{Value, json};

use super::{KEY, NOW, fact, message, number, only, open, posted, sent};
use crate::{
    receiver::text,
    vendors::vonage::{CALLBACK, PATH, SIGNATURE, claims, hash, head, settings, stub, token},
};

const OWN: &str = "?key=01JABCDEF%3A01JXYZ%3A2%3A1";

#[tokio::test]
async fn a_text_message_and_a_call_are_taken() {
    let to = number("+85291234567");
    let (accepted, seen) = sent(stub, &settings(), &message(Channel::Sms, &to)).await;
    assert_eq!(accepted.unwrap().reference, "m-1");
    let body: Value = serde_json::from_slice(seen.unwrap().body()).unwrap();
    assert_eq!((&body["client_ref"], &body["to"]), (&json!(KEY), &json!("85291234567")));
    let (accepted, seen) = sent(stub, &settings(), &message(Channel::Call, &to)).await;
    assert_eq!(accepted.unwrap().reference, "c-1");
    let body: Value = serde_json::from_slice(seen.unwrap().body()).unwrap();
    assert_eq!(body["event_url"], json!([format!("{CALLBACK}{OWN}")]));
    let actions: Vec<&str> = body["ncco"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["talk", "talk", "input", "talk", "input"]);
    assert_eq!(body["ncco"][0]["language"], "yue-CN");
    assert_eq!(body["ncco"][0]["text"], "大廈停電 & 請回覆");
}

#[tokio::test]
async fn what_the_vendor_refuses_says_what_to_do() {
    let to = number("+85291234567");
    let mut wrong = settings();
    wrong["application"] = json!("another");
    let (refused, _) = sent(stub, &wrong, &message(Channel::Sms, &to)).await;
    assert!(matches!(refused, Err(Refused::Settings(_))), "{refused:?}");
    let mut empty = message(Channel::Sms, &to);
    empty.text = "";
    let (refused, _) = sent(stub, &settings(), &empty).await;
    assert!(matches!(refused, Err(Refused::Unfit(_))), "{refused:?}");
    let mut broken = settings();
    broken["key"] = json!("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----");
    let broken = serde_json::from_value::<carillon_notify::provider::Settings>(broken).unwrap();
    assert_eq!(broken.open().err().unwrap().field, "key");
}

fn event(query: &str, event: &Value) -> Request<Bytes> {
    let body = event.to_string();
    let token = token(&head(), &claims(&body), SIGNATURE);
    posted(&format!("{PATH}{query}"), &[("authorization", &token)], &body)
}

#[test]
fn callbacks_say_what_became_of_it() {
    let provider = open(&settings());
    let status = |status: &str| {
        json!({
            "message_uuid": "m-1", "to": "85291234567", "from": "447700900001", "channel": "sms",
            "timestamp": "2026-09-21T14:13:20.000Z", "status": status, "client_ref": KEY,
        })
    };
    let of = |value: &Value| provider.callback(&event("", value), NOW);
    let report = only(of(&status("delivered")));
    assert_eq!((report.key.as_deref(), report.reference.as_deref()), (Some(KEY), Some("m-1")));
    assert_eq!((report.number, report.fact), (Some(number("+85291234567")), Fact::Delivered));
    assert_eq!(fact(of(&status("submitted"))), Fact::Underway);
    assert_eq!(fact(of(&status("undeliverable"))), Fact::Missed("undeliverable".into()));
    let mut rejected = status("rejected");
    rejected["error"] = json!({"title": "1120", "detail": "Illegal Sender Address"});
    assert_eq!(fact(of(&rejected)), Fact::Failed("1120".into()));
    let call = |status: &str| {
        let value =
            json!({"uuid": "c-1", "to": "85291234567", "from": "447700900001", "status": status});
        fact(provider.callback(&event(OWN, &value), NOW))
    };
    assert_eq!(call("ringing"), Fact::Underway);
    assert_eq!(call("completed"), Fact::Delivered);
    for missed in ["busy", "timeout", "unanswered", "rejected"] {
        assert_eq!(call(missed), Fact::Missed(missed.into()));
    }
    assert_eq!(call("failed"), Fact::Failed("failed".into()));
}

#[test]
fn a_key_or_a_reply_is_an_answer() {
    let provider = open(&settings());
    let pressed = |digits: &str| {
        let value = json!({
            "uuid": "c-1", "to": "85291234567", "from": "447700900001",
            "dtmf": {"digits": digits, "timed_out": digits.is_empty()},
        });
        provider.callback(&event(OWN, &value), NOW).unwrap()
    };
    let callback = pressed("1");
    assert_eq!(callback.reports[0].fact, Fact::Answered(Answer::Confirm));
    assert_eq!(callback.reports[0].key.as_deref(), Some(KEY));
    assert!(callback.answer.body().starts_with(b"["));
    // Nothing was pressed: the call goes on with its script.
    let nothing = pressed("");
    assert!(nothing.reports.is_empty() && nothing.answer.status() == 204);
    let reply = json!({
        "channel": "sms", "message_uuid": "m-2", "to": "447700900001", "from": "85291234567",
        "message_type": "text", "text": "OK",
    });
    let report = only(provider.callback(&event("", &reply), NOW));
    assert_eq!((report.key, report.number), (None, Some(number("+85291234567"))));
    assert_eq!(report.fact, Fact::Answered(Answer::Confirm));
}

#[test]
fn forged_callbacks_are_refused() {
    let provider = open(&settings());
    let value = json!({"message_uuid": "m-1", "status": "delivered", "to": "85291234567"});
    let body = value.to_string();
    let with = |head: &Value, claims: &Value, secret: &str| {
        posted(PATH, &[("authorization", &token(head, claims, secret))], &body)
    };
    assert!(provider.callback(&with(&head(), &claims(&body), SIGNATURE), NOW).is_ok());
    let changed = |name: &str, value: Value| {
        let mut claims = claims(&body);
        claims[name] = value;
        with(&head(), &claims, SIGNATURE)
    };
    let none = format!(
        "Bearer {}.{}.",
        text(br#"{"alg":"none"}"#),
        text(claims(&body).to_string().as_bytes())
    );
    for (why, forged) in [
        ("no token", posted(PATH, &[], &body)),
        ("no signature", posted(PATH, &[("authorization", &none)], &body)),
        ("junk", posted(PATH, &[("authorization", "Bearer a.b.c")], &body)),
        ("another secret", with(&head(), &claims(&body), "another-secret-of-somebody-else")),
        ("another method", with(&json!({"alg": "HS512"}), &claims(&body), SIGNATURE)),
        ("another account", changed("api_key", json!("zzzz9999"))),
        ("another application", changed("application_id", json!("zzzz"))),
        ("another body", changed("payload_hash", json!(hash("{}")))),
        ("any body", changed("payload_hash", Value::Null)),
        ("another address", {
            let token = token(&head(), &claims(&body), SIGNATURE);
            posted("/v1/notify/vonage/fedcba9876543210", &[("authorization", &token)], &body)
        }),
    ] {
        assert_eq!(provider.callback(&forged, NOW).unwrap_err(), Forged::Signature, "{why}");
    }
    for iat in [NOW / 1000 - 301, NOW / 1000 + 301] {
        let refused = provider.callback(&changed("iat", json!(iat)), NOW).unwrap_err();
        assert_eq!(refused, Forged::Stale);
    }
    let nothing = provider.callback(&event("", &json!({"x": 1})), NOW).unwrap_err();
    assert_eq!(nothing, Forged::Form);
}
