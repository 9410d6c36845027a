//! Web push: a thousand browsers, some of which are gone.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use carillon_plugin::{
    Caller, Result,
    protocol::{
        Channel, ErrorCode, SessionId, UserId,
        notify::{
            Devices, GetPushKey, ListDevices, Outcome, Reach, Subscribe, Subscribed, Unsubscribe,
        },
    },
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use crate::{
    listener::{Identity, Listener, answer},
    receiver::Receiver,
    world::{World, field, ways},
};

/// So many browsers, in four messages.
const BROWSERS: usize = 1_000;

/// A push service that keeps what it was given, by the number in the path.
pub struct Service {
    pub listener: Listener,
    pub authority: String,
    pub got: Arc<Mutex<BTreeMap<usize, Vec<Vec<u8>>>>>,
    pub count: watch::Receiver<usize>,
}

impl Service {
    async fn open() -> Service {
        let identity = Identity::of(&["push.example"]);
        let got = Arc::<Mutex<BTreeMap<usize, Vec<Vec<u8>>>>>::default();
        let (tell, count) = watch::channel(0);
        let kept = Arc::clone(&got);
        let listener = Listener::secure(&identity, move |request| {
            let path = request.uri().path();
            if path.starts_with("/gone/") {
                return answer(410, "");
            }
            let number = path.rsplit('/').next().unwrap().parse().unwrap();
            kept.lock().unwrap().entry(number).or_default().push(request.body().to_vec());
            tell.send_modify(|count| *count += 1);
            answer(201, "")
        });
        Service { listener: listener.await, authority: identity.authority, got, count }
    }

    pub async fn world(&self, others: &[u16]) -> World {
        let ports = [&[self.listener.port()], others].concat();
        World::new(ways(&ports, Some(&self.authority))).await
    }

    pub fn endpoint(&self, path: &str, number: usize) -> String {
        format!("https://push.example:{}/{path}/{number}", self.listener.port())
    }

    /// What a browser has got, decrypted.
    pub fn read(&self, number: usize, browser: &Receiver) -> Vec<Value> {
        let got = self.got.lock().unwrap();
        let texts = got.get(&number).into_iter().flatten();
        texts.map(|body| serde_json::from_slice(&browser.decrypt(body).unwrap()).unwrap()).collect()
    }
}

pub async fn subscribes(
    world: &World,
    who: Caller,
    endpoint: String,
    browser: &Receiver,
) -> Result<Subscribed> {
    let (p256dh, auth) = browser.keys();
    world.call(who, Subscribe { endpoint, p256dh, auth, name: "Firefox".into() }).await
}

/// People of the organisation, as far as push asks.
fn people(world: &World, count: usize) -> Vec<Caller> {
    let id = || world.kit.host().new_id();
    let scopes = ["read", "write"];
    let one =
        |_| Caller::signed_in(UserId(id()), world.org, SessionId(id()), scopes.iter().copied());
    (0..count).map(one).collect()
}

async fn devices(world: &World, who: Caller) -> Devices {
    world.call(who, ListDevices {}).await.unwrap()
}

pub fn alerted() -> Value {
    let alert = crate::world::alert();
    json!({
        "kind": "alert", "title": alert.title, "body": alert.body, "link": alert.link,
        "tag": alert.tag, "confirm": true,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_browsers_each_read_their_own_and_the_dead_delay_nobody() {
    // Somebody takes connections and never says anything, until everybody else is served.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let service = Service::open().await;
    let world = service.world(&[port]).await;
    let people = people(&world, BROWSERS);
    let mut browsers = Vec::new();
    for (i, &who) in people.iter().enumerate() {
        let browser = Receiver::new();
        let endpoint = match i % 20 {
            0 => service.endpoint("gone", i),
            1 => format!("https://dead.example:{port}/{i}"),
            _ => service.endpoint("push", i),
        };
        subscribes(&world, who, endpoint, &browser).await.unwrap();
        browsers.push(browser);
    }
    let keys: Vec<String> = (0..BROWSERS).map(|i| format!("d:{i}")).collect();
    for some in (0..BROWSERS).collect::<Vec<_>>().chunks(250) {
        let to: Vec<_> = some.iter().map(|&i| (keys[i].as_str(), people[i].user)).collect();
        world.send(Channel::Push, &to).await.unwrap();
    }
    let (alive, gone) = (BROWSERS * 18 / 20, BROWSERS / 20);
    let mut count = service.count.clone();
    let served = async {
        count.wait_for(|count| *count == alive).await.unwrap();
        // From now on the dead refuse.
        drop(silent);
    };
    tokio::join!(served, world.kit.settle());
    for (i, browser) in browsers.iter().enumerate() {
        let expected = if i % 20 < 2 { Vec::new() } else { vec![alerted()] };
        assert_eq!(service.read(i, browser), expected, "{i}");
    }
    let outcomes = world.outcomes();
    let of = |wanted| outcomes.iter().filter(|(_, outcome)| *outcome == wanted).count();
    assert_eq!((of(Outcome::Accepted), of(Outcome::Unreachable)), (alive, gone));
    assert_eq!(outcomes.len(), alive + gone);
    for i in [0, 20, 980] {
        assert!(devices(&world, people[i]).await.devices.is_empty(), "{i} is gone");
    }
    // Those who never come back are given up, and nobody else hears of it.
    for _ in 0..8 {
        world.kit.clock().advance(60_000);
        world.kit.settle().await;
    }
    let outcomes = world.outcomes();
    assert_eq!(outcomes.len(), BROWSERS);
    assert_eq!(outcomes.iter().filter(|(_, it)| *it == Outcome::Failed).count(), gone);
    assert_eq!(*service.count.borrow(), alive);
}

#[tokio::test]
async fn what_is_over_is_taken_away_on_every_device() {
    let service = Service::open().await;
    let world = service.world(&[]).await;
    let (one, two) = (Receiver::new(), Receiver::new());
    subscribes(&world, world.bob, service.endpoint("push", 1), &one).await.unwrap();
    subscribes(&world, world.bob, service.endpoint("push", 2), &two).await.unwrap();
    world.send(Channel::Push, &[("a", world.bob.user)]).await.unwrap();
    world.kit.settle().await;
    for _ in 0..2 {
        world.cancel(&[world.bob.user]).await;
        world.kit.settle().await;
    }
    for (number, browser) in [(1, &one), (2, &two)] {
        let got = service.read(number, browser);
        assert_eq!(got.len(), 2, "{got:?}");
        assert_eq!((&got[0], &got[1]["kind"]), (&alerted(), &json!("withdrawn")));
        assert_eq!((&got[1]["tag"], &got[1]["confirm"]), (&got[0]["tag"], &json!(false)));
    }
    // Both have the same name at the push service: of two that wait there, one is delivered.
    let seen = service.listener.seen();
    let topics: Vec<_> = seen.iter().map(|request| request.headers()["topic"].clone()).collect();
    assert!(topics.iter().all(|topic| *topic == topics[0]) && topics.len() == 4);
}

#[tokio::test]
async fn who_is_taken_off_while_it_is_sent_sees_it_go_away() {
    let service = Service::open().await;
    let world = service.world(&[]).await;
    let browser = Receiver::new();
    subscribes(&world, world.bob, service.endpoint("push", 1), &browser).await.unwrap();
    world.send(Channel::Push, &[("a", world.bob.user)]).await.unwrap();
    let (host, bob, mut count) = (world.kit.host().clone(), world.bob.user, service.count.clone());
    let asker = world.asker();
    // After the outbox has written down that it tries, and before what came of it is known.
    let cancel = async move {
        count.wait_for(|count| *count == 1).await.unwrap();
        let users = vec![bob];
        let cancel =
            carillon_plugin::protocol::notify::Cancel { subject: crate::world::subject(), users };
        host.call_typed(asker, None, &cancel).await.unwrap();
    };
    world.kit.before_commit(2, cancel);
    world.kit.settle().await;
    let kinds: Vec<_> =
        service.read(1, &browser).into_iter().map(|it| it["kind"].clone()).collect();
    assert_eq!(kinds, [json!("alert"), json!("withdrawn")]);
}

#[tokio::test]
async fn a_browser_is_reached_until_its_session_ends_or_somebody_else_has_it() {
    let service = Service::open().await;
    let world = service.world(&[]).await;
    let key = world.call(world.bob, GetPushKey {}).await.unwrap().key;
    assert_eq!(world.call(world.amy, GetPushKey {}).await.unwrap().key, key);
    assert_eq!(key.len(), 87);
    let browser = Receiver::new();
    let endpoint = || service.endpoint("push", 1);
    let id = subscribes(&world, world.bob, endpoint(), &browser).await.unwrap().id;
    assert_eq!(subscribes(&world, world.bob, endpoint(), &browser).await.unwrap().id, id);
    let listed = devices(&world, world.bob).await.devices;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].service, format!("https://push.example:{}", service.listener.port()));
    let push = async |user| {
        let reached = world.call(world.asker(), Reach { users: vec![user] }).await.unwrap();
        reached.people.first().map_or(0, |it| it.push)
    };
    assert_eq!(push(world.bob.user).await, 1);
    // Somebody else signs in with the same browser.
    subscribes(&world, world.amy, endpoint(), &browser).await.unwrap();
    assert_eq!((push(world.bob.user).await, push(world.amy.user).await), (0, 1));
    world.call(world.bob, Unsubscribe { id: id.clone() }).await.unwrap();
    assert_eq!(push(world.amy.user).await, 1);
    world.call(world.amy, Unsubscribe { id }).await.unwrap();
    assert_eq!(push(world.amy.user).await, 0);
    for number in 0..12 {
        world.kit.clock().advance(1);
        subscribes(&world, world.bob, service.endpoint("push", number), &browser).await.unwrap();
    }
    assert_eq!(push(world.bob.user).await, 10);
}

#[tokio::test]
async fn what_is_no_subscription_is_refused_by_name() {
    let service = Service::open().await;
    let world = service.world(&[]).await;
    let (p256dh, auth) = Receiver::new().keys();
    let good = Subscribe {
        endpoint: service.endpoint("push", 1),
        p256dh: p256dh.clone(),
        auth: auth.clone(),
        name: "Browser".into(),
    };
    for (name, subscribe) in [
        ("endpoint", Subscribe { endpoint: "http://push.example/1".into(), ..good.clone() }),
        ("endpoint", Subscribe { endpoint: "https://10.0.0.1/1".into(), ..good.clone() }),
        ("p256dh", Subscribe { p256dh: auth, ..good.clone() }),
        ("auth", Subscribe { auth: p256dh, ..good.clone() }),
        ("name", Subscribe { name: " ".into(), ..good.clone() }),
    ] {
        let refused = world.call(world.bob, subscribe).await;
        assert_eq!(field(refused), (ErrorCode::BadArg, name.to_owned()));
    }
}
