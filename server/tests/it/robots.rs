//! Programs that know nothing of Carillon post into its conversations.

mod clients;
mod daily;
mod refused;
mod requests;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use carillon_plugin::Clock as _;
use carillon_protocol::{
    Command, ConvId, Event, RobotId, UserId,
    bot::{self, Delivery, Granted, Rules},
    msg::{Body, SentData, kind},
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;

use crate::{
    client::TestClient,
    kit::{Person, TestServer, cid, http},
};

/// A group of `amy` and `bob` with a robot of `amy`'s, and what `bob` sees.
struct Shop {
    server: TestServer,
    amy: Person,
    bob: Person,
    conv: ConvId,
    robot: Granted,
    seen: TestClient,
}

impl Shop {
    async fn open(rules: Rules) -> Shop {
        Shop::on(TestServer::start().await, rules).await
    }

    async fn on(server: TestServer, rules: Rules) -> Shop {
        let org = server.org("Harbour").await;
        let (amy, bob) = (server.person(org, "amy").await, server.person(org, "bob").await);
        let conv = server.group(&[&amy, &bob]).await;
        let create = bot::Create { conv, name: "Alarms 港".into(), rules: Some(rules) };
        let robot = server.host().call_typed(amy.caller(), Some(cid()), &create).await.unwrap();
        let seen = TestClient::connect(&server, &bob).await;
        Shop { server, amy, bob, conv, robot, seen }
    }

    async fn call<C: Command>(&self, who: &Person, args: &C) -> carillon_plugin::Result<C::Reply> {
        self.server.host().call_typed(who.caller(), Some(cid()), args).await
    }

    fn id(&self) -> RobotId {
        self.robot.robot
    }

    fn now() -> i64 {
        carillon::clock::SystemClock::default().now()
    }

    /// DingTalk's call with this query after the token, and its answer.
    async fn send_as(&self, query: &str, body: &Value) -> Value {
        let path = format!("/robot/send?access_token={}{query}", self.robot.token);
        let headers = [("content-type", "application/json")];
        let body = body.to_string().into_bytes();
        let (status, answer) = http(self.server.url(), "POST", &path, &headers, body).await;
        assert_eq!(status, 200, "DingTalk's answers are always 200");
        serde_json::from_slice(&answer).unwrap()
    }

    /// The same, signed now if the robot has a secret.
    async fn send(&self, body: &Value) -> Value {
        let at = Shop::now().to_string();
        let sign = self.robot.secret.as_deref().map(|secret| sign(secret, &at));
        let sign = sign.map(|it| it.replace('+', "%2B")).unwrap_or_default();
        self.send_as(&format!("&timestamp={at}&sign={sign}"), body).await
    }

    /// A call of the hook: the status and the words.
    async fn hook(&self, path: &str, body: &str) -> (u16, String) {
        let path = format!("{path}/{}", self.robot.token);
        let headers = [("content-type", "application/json")];
        let body = body.as_bytes().to_vec();
        let (status, answer) = http(self.server.url(), "POST", &path, &headers, body).await;
        (status, String::from_utf8(answer).unwrap())
    }

    /// What the robot says next, as `bob` sees it.
    async fn said(&mut self) -> Body {
        let event = self.said_event().await;
        event.data.to::<SentData>().unwrap().body
    }

    async fn said_event(&mut self) -> Event {
        let event = self.seen.event_of(kind::SENT).await;
        assert_eq!(event.by, UserId(self.id().0));
        event
    }

    async fn deliveries(&self) -> Vec<Delivery> {
        let list = bot::ListDeliveries { robot: self.id() };
        self.call(&self.amy, &list).await.unwrap().deliveries
    }

    async fn close(self) {
        drop(self.seen);
        self.server.stop().await;
    }
}

fn sign(secret: &str, timestamp: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{timestamp}\n{secret}").as_bytes());
    BASE64.encode(mac.finalize().into_bytes())
}

/// Rules that nothing here meets by accident.
fn often() -> Rules {
    Rules { per_minute: Some(600), ..Rules::default() }
}
