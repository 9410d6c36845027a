//! Tencent Cloud: what is sent, and what its answers and callbacks mean.

use carillon_notify::provider::{Answer, Channel, Fact, Forged, Message, Refused};
use serde_json::{Value, json};

use super::{KEY, NOW, message, number, only, open, posted, recover_from, sent};
use crate::vendors::tencent::{PATH, refuse, settings, stub};

#[tokio::test]
async fn a_text_message_is_taken_and_a_call_is_not_asked_for() {
    let to = number("+85291234567");
    let long = Message {
        text: "大廈停電,請即回覆並到地下集合", ..message(Channel::Sms, &to)
    };
    let (accepted, seen) = sent(stub, &settings(), &long).await;
    assert_eq!(accepted.unwrap().reference, "5000:1");
    let body: Value = serde_json::from_slice(seen.unwrap().body()).unwrap();
    assert_eq!(body["SessionContext"], KEY);
    assert_eq!(body["TemplateParamSet"][0], "大廈停電,請即回覆並到…");
    let mut abroad = settings();
    abroad["sign_name"] = json!("");
    assert!(sent(stub, &abroad, &message(Channel::Sms, &to)).await.0.is_ok());
    // It cannot be asked what it has.
    let (refused, seen) = recover_from(stub, &settings(), &message(Channel::Sms, &to)).await;
    assert!(matches!(refused, Err(Refused::Unclear(_))) && seen == 0);
    let (refused, seen) = sent(stub, &settings(), &message(Channel::Call, &to)).await;
    assert!(matches!(refused, Err(Refused::Unfit(_))) && seen.is_none());
}

#[tokio::test]
async fn what_the_vendor_refuses_says_what_to_do() {
    let (good, nobody) = (number("+85291234567"), number("+85291230000"));
    let (refused, _) = sent(stub, &settings(), &message(Channel::Sms, &nobody)).await;
    assert!(matches!(refused, Err(Refused::Unreachable(_))), "{refused:?}");
    let mut wrong = settings();
    wrong["secret_key"] = json!("another");
    let (refused, _) = sent(stub, &wrong, &message(Channel::Sms, &good)).await;
    assert!(matches!(refused, Err(Refused::Settings(why)) if why.contains("AuthFailure")));
    for (code, wanted) in [
        ("LimitExceeded.PhoneNumberDailyLimit", Refused::Later(None)),
        ("RequestLimitExceeded", Refused::Later(None)),
        (
            "InternalError.Timeout",
            Refused::Unclear("InternalError.Timeout InternalError.Timeout".into()),
        ),
    ] {
        let refused = open(&settings()).read(200.try_into().unwrap(), refuse(code).body());
        assert_eq!(refused, Err(wanted));
    }
}

#[test]
fn callbacks_say_what_became_of_it_and_what_was_replied() {
    let provider = open(&settings());
    let receipts = json!([
        {"user_receive_time": "2026-09-21 22:13:22", "nationcode": "852", "mobile": "91234567",
         "report_status": "SUCCESS", "errmsg": "DELIVRD", "description": "ok", "sid": "5000:1"},
        {"user_receive_time": "2026-09-21 22:13:22", "nationcode": "86", "mobile": "13812345678",
         "report_status": "FAIL", "errmsg": "UNDELIV", "description": "no", "sid": "5000:2"},
    ]);
    let callback = provider.callback(&posted(PATH, &[], &receipts.to_string()), NOW).unwrap();
    let heard: Value = serde_json::from_slice(callback.answer.body()).unwrap();
    assert_eq!(heard, json!({"result": 0, "errmsg": "OK"}));
    let [arrived, lost] = callback.reports.try_into().unwrap();
    assert_eq!((arrived.reference.as_deref(), arrived.fact), (Some("5000:1"), Fact::Delivered));
    assert_eq!(
        (lost.number, lost.fact),
        (Some(number("+8613812345678")), Fact::Failed("UNDELIV no".into()))
    );
    let reply = json!({
        "extend": "", "mobile": "13812345678", "nationcode": "86", "sign": "钟楼", "text": "收到",
        "time": 1_790_000_100,
    });
    let report = only(provider.callback(&posted(PATH, &[], &reply.to_string()), NOW));
    assert_eq!(
        (report.number, report.fact),
        (Some(number("+8613812345678")), Fact::Answered(Answer::Confirm))
    );
}

#[test]
fn forged_callbacks_are_refused() {
    let provider = open(&settings());
    let body = json!([{"report_status": "SUCCESS", "sid": "5000:1"}]).to_string();
    let refused =
        provider.callback(&posted("/v1/notify/tencent/fedcba9876543210", &[], &body), NOW);
    assert_eq!(refused.unwrap_err(), Forged::Signature);
    for junk in ["", "{}", "[1]", r#"[{"x":1}]"#] {
        let refused = provider.callback(&posted(PATH, &[], junk), NOW).unwrap_err();
        assert_eq!(refused, Forged::Form, "{junk}");
    }
}
