//! What vendors report over HTTP: believed with the right signature only, once, and as good as a
//! press in the app.

use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use axum::{Router, http::StatusCode, routing::post};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::kit::{Person, TestServer, cid, http};

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const TOKEN: &str = "a-token-of-thirty-two-characters";
const PUBLIC: &str = "https://chat.example.org";
const NUMBER: &str = "+85291234567";
/// The policies that send a text message, and call, at once: those of DingTalk's kinds of DING.
const TEXT: &str = "00000000000000000000000004";
const CALL: &str = "00000000000000000000000005";

/// Twilio, as far as it takes messages and calls.
struct Vendor {
    port: u16,
    /// Where it is to report on each.
    taken: Arc<Mutex<Vec<String>>>,
    count: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Vendor {
    async fn open() -> Vendor {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = Arc::<Mutex<Vec<String>>>::default();
        let (tell, count) = watch::channel(0);
        let kept = Arc::clone(&taken);
        let take = async move |body: String| {
            let mut form = form_urlencoded::parse(body.as_bytes());
            let report = form.find(|(name, _)| name == "StatusCallback").unwrap().1.into_owned();
            let mut taken = kept.lock().unwrap();
            taken.push(report);
            tell.send_replace(taken.len());
            let sid = format!("S{}", taken.len());
            (StatusCode::CREATED, json!({"sid": sid, "status": "queued"}).to_string())
        };
        let routes = Router::new().route("/2010-04-01/Accounts/{account}/{what}", post(take));
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Vendor { port, taken, count, task }
    }

    /// Waits until it has taken so many; where it is to report on the last.
    async fn has_taken(&self, count: usize) -> String {
        self.count.clone().wait_for(|taken| *taken >= count).await.unwrap();
        self.taken.lock().unwrap()[count - 1].clone()
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server whose organisation is carried by a vendor; `amy` sends to `bob`.
async fn world(vendor: &Vendor) -> (TestServer, [Person; 2], String) {
    let port = vendor.port;
    let server = TestServer::with(move |config| {
        config.public_url = Some(PUBLIC.to_owned().try_into().unwrap());
        config.egress.allow = vec!["127.0.0.1".to_owned()];
        config.egress.ports = vec![port];
    })
    .await;
    let org = server.org("Harbour").await;
    let (amy, bob) = (server.admin(org, "amy").await, server.person(org, "bob").await);
    let provider = json!({
        "vendor": "twilio", "base": format!("http://127.0.0.1:{port}"), "account": ACCOUNT,
        "token": TOKEN, "from": "+14155550100",
    });
    let settings = json!({ "providers": [provider], "sms": "twilio", "call": "twilio" });
    let set = call(&server, &amy, "notify.settings.set", &settings).await;
    let phone = json!({ "user": bob.user, "kind": "phone", "address": NUMBER });
    call(&server, &amy, "notify.contact.set", &phone).await;
    (server, [amy, bob], set["callbacks"][0]["url"].as_str().unwrap().to_owned())
}

async fn call(server: &TestServer, who: &Person, op: &str, args: &Value) -> Value {
    let (status, body) = server.rpc(Some(&who.token), op, Some(cid()), args).await;
    assert_eq!(status, 200, "{op}: {body}");
    body
}

/// Alerts somebody by a policy.
async fn alert(server: &TestServer, by: &Person, to: &Person, policy: &str) -> Value {
    let args = json!({
        "text": "Come at eight", "to": { "users": [to.user] }, "policy": policy, "urgent": true,
    });
    call(server, by, "ding.send", &args).await["ding"].clone()
}

fn signature(url: &str, token: &str, form: &[(&str, &str)]) -> String {
    let mut form = form.to_vec();
    form.sort_unstable();
    let text = form.iter().fold(url.to_owned(), |text, (name, value)| text + name + value);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}

/// What the vendor hears when it reports this, signed with a token.
async fn reports(server: &TestServer, url: &str, token: &str, form: &[(&str, &str)]) -> u16 {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let signature = signature(url, token, form);
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-twilio-signature", signature.as_str()),
    ];
    let path = url.strip_prefix(PUBLIC).unwrap();
    http(server.url(), "POST", path, &headers, body.into_bytes()).await.0
}

/// What became of the attempts, the newest first.
async fn log(server: &TestServer, bob: &Person) -> Vec<(Value, Value)> {
    let log = call(server, bob, "notify.log.mine", &json!({})).await;
    let attempts = log["attempts"].as_array().unwrap().iter();
    let outside = attempts.filter(|it| it["channel"] != "push");
    outside.map(|it| (it["channel"].clone(), it["outcome"].clone())).collect()
}

async fn confirmed(server: &TestServer, amy: &Person, ding: &Value) -> Value {
    let got = call(server, amy, "ding.get", &json!({ "ding": ding })).await;
    got["sent"]["confirmed"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_and_a_key_of_the_phone_confirm_and_what_is_forged_changes_nothing() {
    let vendor = Vendor::open().await;
    let (server, [amy, bob], callback) = world(&vendor).await;
    let ding = alert(&server, &amy, &bob, TEXT).await;
    let url = vendor.has_taken(1).await;
    while log(&server, &bob).await != [(json!("sms"), json!("accepted"))] {
        tokio::task::yield_now().await;
    }
    let arrived = [("MessageSid", "S1"), ("MessageStatus", "delivered"), ("To", NUMBER)];
    let reply = [("MessageSid", "S9"), ("From", NUMBER), ("Body", "1")];
    let secret = callback.rsplit('/').next().unwrap();
    let elsewhere = |url: &str| url.replace(secret, &"0".repeat(secret.len()));
    for (url, form) in [(&url, &arrived), (&callback, &reply)] {
        assert_eq!(reports(&server, url, "another token", form).await, 403);
        assert_eq!(reports(&server, &elsewhere(url), TOKEN, form).await, 403);
    }
    for name in ["vonage", "alibaba", "tencent", "nobody"] {
        let other = url.replace("/twilio/", &format!("/{name}/"));
        assert_eq!(reports(&server, &other, TOKEN, &arrived).await, 403, "{name}");
    }
    assert_eq!(log(&server, &bob).await, [(json!("sms"), json!("accepted"))]);
    assert_eq!(confirmed(&server, &amy, &ding).await, 0);

    for _ in 0..2 {
        assert_eq!(reports(&server, &url, TOKEN, &arrived).await, 200);
    }
    assert_eq!(log(&server, &bob).await, [(json!("sms"), json!("delivered"))]);
    assert_eq!(confirmed(&server, &amy, &ding).await, 0, "that it arrived is no answer");
    for _ in 0..2 {
        assert_eq!(reports(&server, &callback, TOKEN, &reply).await, 200);
    }
    while confirmed(&server, &amy, &ding).await != 1 {
        tokio::task::yield_now().await;
    }

    let ding = alert(&server, &amy, &bob, CALL).await;
    let url = vendor.has_taken(2).await;
    let pressed = [("CallSid", "S2"), ("Digits", "1"), ("To", NUMBER)];
    assert_eq!(reports(&server, &url, "another token", &pressed).await, 403);
    assert_eq!(confirmed(&server, &amy, &ding).await, 0);
    for _ in 0..2 {
        assert_eq!(reports(&server, &url, TOKEN, &pressed).await, 200);
    }
    while confirmed(&server, &amy, &ding).await != 1 {
        tokio::task::yield_now().await;
    }
    // One message and one call, however often they were reported on.
    assert_eq!(vendor.taken.lock().unwrap().len(), 2);
    server.stop().await;
}
