//! Twilio with a memory: it takes messages and calls, lists what it took, and signs its reports.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering},
};

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use carillon_plugin::protocol::notify::{Heard, Report};
use http::{Request, Response};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    listener::{Listener, answer},
    world::{ACCOUNT, TOKEN, World},
};

/// When the tests' clock begins: 14:13:20 on a Monday, in milliseconds since 1970.
const START_MS: i64 = 1_790_000_000_000;

/// What it took, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub sid: String,
    pub to: String,
    pub said: String,
    /// Where it is to report to.
    pub report: String,
    pub is_call: bool,
    made: String,
}

pub struct Twilio {
    pub listener: Listener,
    /// What its clock shows, in seconds since the tests began.
    elapsed_s: Arc<AtomicI64>,
    taken: Arc<Mutex<Vec<Taken>>>,
    count: watch::Receiver<usize>,
}

impl Twilio {
    pub async fn open() -> Twilio {
        Twilio::refusing(|_| None).await
    }

    /// One that answers some requests otherwise: by how many it was asked before.
    pub async fn refusing(
        refuses: impl Fn(usize) -> Option<Response<Bytes>> + Send + Sync + 'static,
    ) -> Twilio {
        Twilio::answering(refuses, |_| false).await
    }

    /// One that also breaks down before it answers some that it took.
    pub async fn answering(
        refuses: impl Fn(usize) -> Option<Response<Bytes>> + Send + Sync + 'static,
        breaks: impl Fn(usize) -> bool + Send + Sync + 'static,
    ) -> Twilio {
        let taken = Arc::<Mutex<Vec<Taken>>>::default();
        let (tell, count) = watch::channel(0);
        let (kept, asked) = (Arc::clone(&taken), Mutex::new(0));
        let elapsed_s = Arc::<AtomicI64>::default();
        let clock = Arc::clone(&elapsed_s);
        let listener = Listener::plain(move |request| {
            let before = {
                let mut asked = asked.lock().unwrap();
                *asked += 1;
                *asked - 1
            };
            if let Some(refused) = refuses(before) {
                return refused;
            }
            let mut taken = kept.lock().unwrap();
            let response = respond(request, &mut taken, clock.load(Ordering::SeqCst));
            tell.send_replace(taken.len());
            if breaks(before) { answer(500, "") } else { response }
        });
        Twilio { listener: listener.await, elapsed_s, taken, count }
    }

    pub fn port(&self) -> u16 {
        self.listener.port()
    }

    /// Sets its clock by that of the tests.
    pub fn sets_clock(&self, now_ms: i64) {
        self.elapsed_s.store((now_ms - START_MS) / 1_000, Ordering::SeqCst);
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    /// Waits until it has taken so many in all.
    pub async fn has_taken(&self, count: usize) {
        self.count.clone().wait_for(|taken| *taken >= count).await.unwrap();
    }
}

/// A time of that Monday, as Twilio writes it.
fn written(elapsed_s: i64) -> String {
    let s = 14 * 3_600 + 13 * 60 + 20 + elapsed_s;
    format!("Mon, 21 Sep 2026 {:02}:{:02}:{:02} +0000", s / 3_600, s / 60 % 60, s % 60)
}

fn respond(request: &Request<Bytes>, taken: &mut Vec<Taken>, elapsed_s: i64) -> Response<Bytes> {
    let login = BASE64_STANDARD.encode(format!("{ACCOUNT}:{TOKEN}"));
    if request.headers()["authorization"] != format!("Basic {login}") {
        return answer(401, json!({"code": 20003, "message": "Authenticate"}).to_string());
    }
    let is_call = request.uri().path().ends_with("/Calls.json");
    if request.method() == "GET" {
        let query = request.uri().query().unwrap();
        let to = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "To");
        let to = to.unwrap().1.into_owned();
        let entry = |it: &Taken| {
            json!({
                "sid": it.sid, "to": it.to, "direction": "outbound-api", "date_created": it.made,
                "body": it.said,
            })
        };
        let of = taken.iter().filter(|it| it.to == to && it.is_call == is_call);
        let list: Vec<_> = of.map(entry).collect();
        let name = if is_call { "calls" } else { "messages" };
        let mut listed = answer(200, json!({ name: list }).to_string());
        let date = written(elapsed_s).replace("+0000", "GMT");
        listed.headers_mut().insert("date", date.parse().unwrap());
        return listed;
    }
    let form: Vec<(String, String)> = form_urlencoded::parse(request.body()).into_owned().collect();
    let get = |name: &str| {
        form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    if get("To").ends_with("0000") {
        return answer(400, json!({"code": 21211, "message": "Invalid 'To'"}).to_string());
    }
    let sid = format!("{}{}", if is_call { "CA" } else { "SM" }, taken.len() + 1);
    taken.push(Taken {
        sid: sid.clone(),
        to: get("To"),
        said: get(if is_call { "Twiml" } else { "Body" }),
        report: get("StatusCallback"),
        is_call,
        made: written(elapsed_s),
    });
    answer(201, json!({"sid": sid, "status": "queued"}).to_string())
}

/// A report of Twilio's to this address, with the signature that this token makes.
pub fn report(url: &str, token: &str, form: &[(&str, &str)]) -> Report {
    let mut pairs = form.to_vec();
    pairs.sort_unstable();
    let values: String = pairs.iter().flat_map(|(name, value)| [*name, *value]).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    let signature = BASE64_STANDARD.encode(hmac::sign(&key, format!("{url}{values}").as_bytes()));
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let uri = url.strip_prefix(crate::world::PUBLIC).unwrap().to_owned();
    let path = uri.split('?').next().unwrap();
    let mut parts = path.rsplit('/');
    let secret = parts.next().unwrap().to_owned();
    Report {
        provider: parts.next().unwrap().to_owned(),
        secret,
        method: "POST".to_owned(),
        headers: vec![
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("x-twilio-signature".to_owned(), signature),
        ],
        uri,
        body: BASE64_STANDARD.encode(body),
    }
}

/// Reports what became of a message, signed as it should be.
pub async fn reports(world: &World, url: &str, form: &[(&str, &str)]) -> Heard {
    let report = report(url, TOKEN, form);
    world.call(carillon_plugin::Caller::SYSTEM, report).await.unwrap()
}
