//! What programs in use send to DingTalk's robots, with everything that is odd about it; and if
//! `CARILLON_CAPTURES` names a file of recorded requests, or one stands where such files are kept
//! beside the repository, those too.

use std::{env, fs, path::PathBuf};

use carillon_protocol::{bot::Rules, limits::FRAME_LEN_MAX, msg::Body};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{Shop, often, sign};

/// Names a file with a JSON object a line: `path`, `raw_query` and `body`.
const CAPTURES_VARIABLE: &str = "CARILLON_CAPTURES";
/// Where it stands otherwise, seen from this crate.
const CAPTURES: &str = "../../shared/reference/dingtalk-captures.jsonl";

/// How a sign is written into an address.
#[derive(Debug, Clone, Copy)]
enum Written {
    Encoded,
    Twice,
    SlashesRaw,
    AllRaw,
}

impl Written {
    /// As the raw value in a recorded address is written.
    fn like(raw: &str) -> Written {
        match raw {
            _ if raw.contains("%25") => Written::Twice,
            _ if raw.contains('+') => Written::AllRaw,
            _ if raw.contains('/') => Written::SlashesRaw,
            _ => Written::Encoded,
        }
    }

    fn write(self, sign: &str) -> String {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        match self {
            Written::Encoded => encode(sign),
            Written::Twice => encode(&encode(sign)),
            Written::SlashesRaw => encode(sign).replace("%2F", "/"),
            Written::AllRaw => sign.to_owned(),
        }
    }
}

/// A request: what it is, how its signs are written, and its body.
struct Sent {
    name: String,
    signs: Vec<Written>,
    body: Value,
}

const WRAPPED: &str =
    "dingtalk://dingtalkclient/page/link?url=http%3A%2F%2Fa.example%2F&pc_slide=false";

fn own() -> Vec<Sent> {
    let text = || json!({"msgtype": "text", "text": {"content": "disk 磁盘 95%"}, "at": {}});
    let one = |name: &str, sign, body| Sent { name: name.into(), signs: vec![sign], body };
    let mut all = vec![
        one("encoded twice", Written::Twice, text()),
        one("slashes raw", Written::SlashesRaw, text()),
        one("pluses raw", Written::AllRaw, text()),
    ];
    all.push(Sent {
        name: "an address that grows with every alert".into(),
        signs: vec![Written::Encoded; 60],
        body: text(),
    });
    let card = json!({"title": "t", "text": "x", "hideAvatar": 0, "btnOrientation": "1",
        "btns": [{"title": "a", "actionURL": WRAPPED}]});
    let single = json!({"title": "t", "text": "x", "singleTitle": "go", "singleURL": WRAPPED});
    for body in [
        json!({"msgtype": "text", "text": {"content": "a\n@13800000000"},
            "at": {"atMobiles": ["@13800000000"], "atUserIds": ["user1"], "isAtAll": false},
            "link": {}, "markdown": {}, "actionCard": {}, "feedCard": {}}),
        json!({"msgtype": "text", "text": {"content": "all"}, "at": {"isAtAll": true}}),
        json!({"msgtype": "text", "text": {"content": "x"}, "at": null}),
        json!({"msgtype": "link", "link": {"title": "T", "text": "x", "messageUrl": WRAPPED,
            "picUrl": ""}}),
        json!({"msgtype": "markdown", "markdown": {"title": "t", "text": format!("[l]({WRAPPED})")},
            "at": {"atMobiles": null}}),
        json!({"msgtype": "actionCard", "actionCard": card}),
        json!({"msgtype": "actionCard", "actionCard": single}),
        json!({"msgtype": "feedCard", "feedCard": {"links": [
            {"title": "1", "messageURL": WRAPPED, "picURL": "http://a.example/p.png"}]}}),
        json!({"msgtype": "image", "image": {"picURL": "http://a.example/p.png"}}),
    ] {
        all.push(one(&body["msgtype"].to_string(), Written::Encoded, body));
    }
    all
}

fn recorded() -> Vec<Sent> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(CAPTURES);
    let path = match env::var_os(CAPTURES_VARIABLE) {
        Some(named) => PathBuf::from(named),
        None if beside.exists() => beside,
        None => return Vec::new(),
    };
    let lines = fs::read_to_string(path).expect("the recorded requests can be read");
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let sent = |line: Value| {
        let query = line["raw_query"].as_str().unwrap();
        let signs = query.split('&').filter_map(|pair| pair.strip_prefix("sign="));
        Sent {
            name: line["client"].to_string(),
            signs: signs.map(Written::like).collect(),
            body: line["body"].clone(),
        }
    };
    let found: Vec<_> = lines.filter(|line| line["path"] == "/robot/send").map(sent).collect();
    assert!(!found.is_empty(), "the file has requests");
    found
}

/// The pairs of a query, each for a millisecond of its own.
fn query(signs: &[Written], secret: &str) -> String {
    let now = Shop::now();
    let pair = |(written, at): (&Written, i64)| {
        let at = at.to_string();
        format!("&timestamp={at}&sign={}", written.write(&sign(secret, &at)))
    };
    signs.iter().zip(now..).map(pair).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_programs_in_use_send_is_posted_and_a_forgery_is_not() {
    let mut shop = Shop::open(Rules { signed: true, ..often() }).await;
    let secret = shop.robot.secret.clone().unwrap();
    let all: Vec<Sent> = own().into_iter().chain(recorded()).collect();
    for Sent { name, signs, body } in &all {
        let answer = shop.send_as(&query(signs, &secret), body).await;
        assert_eq!(answer, json!({"errcode": 0, "errmsg": "ok"}), "{name}: {body}");
        shop.said().await;
        let forged = shop.send_as(&query(signs, &format!("{secret}0")), body).await;
        assert_eq!(forged["errcode"], 310_000, "{name}");
        assert!(forged["errmsg"].as_str().unwrap().starts_with("sign not match"), "{name}");
    }
    let deliveries = shop.deliveries().await;
    assert_eq!(deliveries.len(), 50.min(2 * all.len()));
    assert!(deliveries[0].refused.is_some() && deliveries[1].refused.is_none());
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_as_long_as_a_day_of_alerts_makes_it_is_read() {
    let mut shop = Shop::open(Rules { signed: true, ..often() }).await;
    let query = query(&[Written::Twice; 400], shop.robot.secret.as_deref().unwrap());
    assert!(query.len() > 16 * 1024);
    let body = json!({"msgtype": "text", "text": {"content": "still here"}});
    assert_eq!(shop.send_as(&query, &body).await["errcode"], 0);
    let text = "still here".to_owned();
    assert_eq!(shop.said().await, Body::Text { text, mentions: Vec::new() });
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_is_posted_however_large_it_is() {
    let mut shop = Shop::open(often()).await;
    let alert = json!({"labels": {"alertname": "Disk", "severity": "critical"},
        "annotations": {"description": "x".repeat(2_000)}});
    let alarm = json!({"status": "firing", "alerts": vec![alert; 100]}).to_string();
    assert!(alarm.len() > 3 * FRAME_LEN_MAX);
    let fields = json!([{"title": "x", "value": ""}]);
    let empty = json!({"text": "y", "attachments": [{"title": "t", "fields": fields}]});
    let long = json!({"text": "x".repeat(20_000)});
    for body in [alarm.clone(), empty.to_string(), long.to_string()] {
        assert_eq!(shop.hook("/hook", &body).await, (200, "ok".into()));
        match shop.said().await {
            Body::Card { card, .. } if body == alarm => {
                assert_eq!((card.items.len(), card.text.as_deref()), (20, Some("+ 80")));
            }
            Body::Card { card, .. } => assert!(card.fields.is_empty()),
            Body::Markdown { text, .. } => assert!(text.ends_with("x…")),
            Body::Text { .. } => panic!("hooks write Markdown"),
        }
    }
    let too_long = json!({"text": "x".repeat(1024 * 1024)}).to_string();
    assert_eq!(shop.hook("/hook", &too_long).await, (413, "msg_too_long".into()));
    shop.robot.token = "0".repeat(64);
    assert_eq!(shop.hook("/hook", &too_long).await, (404, "no_service".into()), "nothing is read");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_without_a_secret_looks_at_no_signature() {
    let mut shop = Shop::open(often()).await;
    let body = json!({"msgtype": "markdown", "markdown": {"title": "up", "text": "# up"}});
    assert_eq!(shop.send_as("&timestamp=1&sign=x", &body).await["errcode"], 0);
    assert!(matches!(shop.said().await, Body::Markdown { title: Some(_), .. }));
    shop.close().await;
}
