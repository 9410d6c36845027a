//! Alibaba Cloud: what is sent, and what its answers and callbacks mean.

use bytes::Bytes;
use carillon_notify::provider::{Answer, Channel, Fact, Forged, Number, Refused};
use http::Request;
use serde_json::{Value, json};

use super::{KEY, NOW, message, number, open, posted, recover_from, sent};
use crate::vendors::alibaba::{PATH, refuse, settings, stub};

#[tokio::test]
async fn a_text_message_and_a_call_are_taken() {
    let (here, elsewhere) = (number("+8613812345678"), number("+85291234567"));
    for (to, written) in [(&here, "13812345678"), (&elsewhere, "85291234567")] {
        let (accepted, seen) = sent(stub, &settings(), &message(Channel::Sms, to)).await;
        assert_eq!(accepted.unwrap().reference, "id-1");
        let query = seen.unwrap().uri().query().unwrap().to_owned();
        assert!(query.contains(&format!("PhoneNumbers={written}&")), "{query}");
        assert!(query.contains("OutId=01JABCDEF%3A01JXYZ%3A2%3A1"), "{query}");
    }
    let (accepted, _) = sent(stub, &settings(), &message(Channel::Call, &here)).await;
    assert_eq!(accepted.unwrap().reference, "id-1");
    let (refused, seen) = sent(stub, &settings(), &message(Channel::Call, &elsewhere)).await;
    assert!(matches!(refused, Err(Refused::Unfit(_))) && seen.is_none());
    let long = "字".repeat(500);
    let mut much = message(Channel::Sms, &here);
    much.text = &long;
    assert!(sent(stub, &settings(), &much).await.0.is_ok(), "a long text is cut");
}

#[tokio::test]
async fn the_same_request_is_recognised_and_the_next_turn_is_not_the_same() {
    let to = number("+8613812345678");
    let provider = open(&settings());
    let nonce = |key: &str, turn: u32| {
        let mut message = message(Channel::Sms, &to);
        (message.key, message.turn) = (key, turn);
        // The clock goes on between a crash and the second try.
        let request = provider.request(&message, NOW + i64::from(turn) * 1000).unwrap();
        request.headers()["x-acs-signature-nonce"].to_str().unwrap().to_owned()
    };
    assert_eq!(nonce("a", 0), nonce("a", 0));
    assert_ne!(nonce("a", 0), nonce("a", 1));
    assert_ne!(nonce("a", 0), nonce("b", 0));
    let again = |_: &Request<Bytes>| refuse(400, "SignatureNonceUsed");
    let (refused, _) = sent(again, &settings(), &message(Channel::Sms, &to)).await;
    assert_eq!(refused, Err(Refused::Repeated));
    // So after a crash it is just sent again: the vendor knows whether it had it.
    let (refused, seen) = recover_from(again, &settings(), &message(Channel::Sms, &to)).await;
    assert_eq!((refused, seen), (Err(Refused::Repeated), 1));
}

#[tokio::test]
async fn what_the_vendor_refuses_says_what_to_do() {
    let to = number("+8613812345678");
    let mut wrong = settings();
    wrong["key_secret"] = json!("another");
    let (refused, _) = sent(stub, &wrong, &message(Channel::Sms, &to)).await;
    assert!(matches!(refused, Err(Refused::Settings(why)) if why.contains("Signature")));
    let busy = |_: &Request<Bytes>| refuse(200, "isv.BUSINESS_LIMIT_CONTROL");
    let (refused, _) = sent(busy, &settings(), &message(Channel::Sms, &to)).await;
    assert_eq!(refused, Err(Refused::Later(None)));
    let nobody = |_: &Request<Bytes>| refuse(200, "isv.MOBILE_NUMBER_ILLEGAL");
    let (refused, _) = sent(nobody, &settings(), &message(Channel::Sms, &to)).await;
    assert!(matches!(refused, Err(Refused::Unreachable(_))));
}

#[test]
fn callbacks_say_what_became_of_it_several_at_a_time() {
    let provider = open(&settings());
    let events = json!([
        {"phone_number": "13812345678", "send_time": "2026-09-21 22:13:20", "success": true,
         "report_time": "2026-09-21 22:13:22", "err_code": "DELIVERED", "err_msg": "用户接收成功",
         "sms_size": "1", "biz_id": "id-1", "out_id": KEY},
        {"phone_number": "85291234567", "success": false, "err_code": "MK:0001", "err_msg": "空号",
         "biz_id": "id-2", "out_id": "other"},
        {"phone_number": "13812345678", "content": "确认", "sign_name": "钟楼", "dest_code": "1",
         "sequence_id": 1_234_567_890, "send_time": "2026-09-21 22:14:00"},
    ]);
    let callback = provider.callback(&posted(PATH, &[], &events.to_string()), NOW).unwrap();
    let heard: Value = serde_json::from_slice(callback.answer.body()).unwrap();
    assert_eq!(heard, json!({"code": 0, "msg": "OK"}));
    let [delivered, lost, reply] = callback.reports.try_into().unwrap();
    assert_eq!((delivered.key.as_deref(), delivered.fact), (Some(KEY), Fact::Delivered));
    assert_eq!(delivered.number, Number::read("+8613812345678").ok());
    assert_eq!(
        (lost.number, lost.fact),
        (Number::read("+85291234567").ok(), Fact::Failed("MK:0001 空号".into()))
    );
    assert_eq!((reply.key, reply.fact), (None, Fact::Answered(Answer::Confirm)));
}

#[test]
fn a_call_that_has_ended_says_whether_a_key_was_pressed() {
    let provider = open(&settings());
    let ended = |status: &str, keys: &str| {
        let events = json!([{
            "call_id": "id-1", "out_id": KEY, "status_code": status, "dtmf": keys, "duration": "9",
            "start_time": "2026-09-21 22:13:20", "end_time": "2026-09-21 22:13:40",
        }]);
        let callback = provider.callback(&posted(PATH, &[], &events.to_string()), NOW).unwrap();
        assert!(callback.reports.iter().all(|report| report.key.as_deref() == Some(KEY)));
        callback.reports.into_iter().map(|report| report.fact).collect::<Vec<_>>()
    };
    assert_eq!(ended("200000", ""), [Fact::Delivered]);
    assert_eq!(ended("200000", "1"), [Fact::Delivered, Fact::Answered(Answer::Confirm)]);
    assert_eq!(ended("200002", ""), [Fact::Missed("200002".into())]);
    assert_eq!(ended("299999", ""), [Fact::Failed("299999".into())]);
}

#[test]
fn forged_callbacks_are_refused() {
    let provider = open(&settings());
    let body = json!([{"success": true, "out_id": KEY}]).to_string();
    for path in [
        "/v1/notify/alibaba/fedcba9876543210",
        "/v1/notify/alibaba/",
        "/",
        "/v1/notify/alibaba/0123456789abcde",
    ] {
        let refused = provider.callback(&posted(path, &[], &body), NOW).unwrap_err();
        assert_eq!(refused, Forged::Signature, "{path}");
    }
    for junk in ["", "{}", "[1]", r#"[{"x":1}]"#, "<xml/>"] {
        let refused = provider.callback(&posted(PATH, &[], junk), NOW).unwrap_err();
        assert_eq!(refused, Forged::Form, "{junk}");
    }
}
