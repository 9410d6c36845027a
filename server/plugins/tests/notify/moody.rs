//! Push services and devices that take no more for a while.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use carillon_plugin::{
    Caller, Next,
    protocol::{Channel, notify::Outcome},
};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    listener::{Identity, Listener, answer},
    pushing::{Service, alerted, subscribes},
    receiver::Receiver,
    world::World,
};

/// A push service that answers each device's requests in this order, and the last for ever.
async fn moody(
    answers: impl Fn(&str, usize) -> Option<(u16, &'static str)> + Send + Sync + 'static,
) -> Service {
    let identity = Identity::of(&["push.example"]);
    let got = Arc::<Mutex<BTreeMap<usize, Vec<Vec<u8>>>>>::default();
    let (tell, count) = watch::channel(0);
    let (kept, asked) = (Arc::clone(&got), Mutex::new(BTreeMap::<String, usize>::new()));
    let listener = Listener::secure(&identity, move |request| {
        let path = request.uri().path().to_owned();
        let mut asked = asked.lock().unwrap();
        let before = asked.entry(path.clone()).or_default();
        *before += 1;
        if let Some((status, wait)) = answers(&path, *before - 1) {
            let mut refused = answer(status, "");
            refused.headers_mut().insert("retry-after", wait.parse().unwrap());
            return refused;
        }
        let number = path.rsplit('/').next().unwrap().parse().unwrap();
        kept.lock().unwrap().entry(number).or_default().push(request.body().to_vec());
        tell.send_modify(|count| *count += 1);
        answer(201, "")
    });
    Service { listener: listener.await, authority: identity.authority, got, count }
}

#[tokio::test]
async fn a_device_that_could_not_be_reached_is_tried_again_and_the_others_get_it_once() {
    let service = moody(|path, before| (path == "/push/2" && before < 2).then_some((500, "0")));
    let service = service.await;
    let world = service.world(&[]).await;
    let browsers = [Receiver::new(), Receiver::new()];
    for (i, browser) in browsers.iter().enumerate() {
        subscribes(&world, world.bob, service.endpoint("push", i + 1), browser).await.unwrap();
    }
    world.send(Channel::Push, &[("a", world.bob.user)]).await.unwrap();
    for _ in 0..4 {
        world.kit.settle().await;
        world.kit.clock().advance(5_000);
    }
    for (i, browser) in browsers.iter().enumerate() {
        assert_eq!(service.read(i + 1, browser), [alerted()], "device {}", i + 1);
    }
    assert_eq!(world.outcomes(), [("a".to_owned(), Outcome::Accepted)]);
}

#[tokio::test]
async fn what_is_over_by_then_is_not_shown_to_the_other_device() {
    let service = moody(|path, before| (path == "/push/2" && before < 2).then_some((500, "0")));
    let service = service.await;
    let world = service.world(&[]).await;
    let browsers = [Receiver::new(), Receiver::new()];
    for (i, browser) in browsers.iter().enumerate() {
        subscribes(&world, world.bob, service.endpoint("push", i + 1), browser).await.unwrap();
    }
    world.send(Channel::Push, &[("a", world.bob.user)]).await.unwrap();
    world.kit.settle().await;
    world.cancel(&[world.bob.user]).await;
    for _ in 0..4 {
        world.kit.settle().await;
        world.kit.clock().advance(5_000);
    }
    let kinds = service.read(2, &browsers[1]).into_iter().map(|it| it["kind"].clone());
    assert_eq!(kinds.collect::<Vec<_>>(), [json!("withdrawn")]);
}

/// A browser of somebody's, at this number of the push service.
async fn browser(service: &Service, world: &World, who: Caller, number: usize) -> Receiver {
    let browser = Receiver::new();
    subscribes(world, who, service.endpoint("push", number), &browser).await.unwrap();
    browser
}

/// How often the push service was asked for this device.
fn asked(service: &Service, number: usize) -> usize {
    let path = format!("/push/{number}");
    service.listener.seen().iter().filter(|it| it.uri().path() == path).count()
}

#[tokio::test]
async fn a_device_that_takes_no_more_is_left_alone_and_delays_nobody_else() {
    let service = moody(|path, before| (path == "/push/1" && before < 1).then_some((429, "3600")));
    let service = service.await;
    let world = service.world(&[]).await;
    let (full, own, other) = (
        browser(&service, &world, world.bob, 1).await,
        browser(&service, &world, world.bob, 2).await,
        browser(&service, &world, world.amy, 3).await,
    );
    for key in ["a", "b"] {
        let to = [(key, world.bob.user), (&*format!("{key}:amy"), world.amy.user)];
        world.send(Channel::Push, &to).await.unwrap();
        world.kit.settle().await;
    }
    assert_eq!(service.read(2, &own), [alerted(), alerted()]);
    assert_eq!(service.read(3, &other), [alerted(), alerted()]);
    assert_eq!(world.outcomes().len(), 4);
    for _ in 0..59 {
        world.kit.clock().advance(60_000);
        world.kit.settle().await;
    }
    assert_eq!(asked(&service, 1), 1, "the hour is not over");
    world.kit.clock().advance(60_000);
    world.kit.settle().await;
    assert_eq!(service.read(1, &full), [alerted(), alerted()]);
    assert_eq!((service.read(2, &own).len(), service.read(3, &other).len()), (2, 2));
}

#[tokio::test]
async fn a_push_service_that_is_away_is_left_alone_for_a_moment() {
    let service = moody(|_, before| (before < 1).then_some((503, "30"))).await;
    let world = service.world(&[]).await;
    let one = browser(&service, &world, world.bob, 1).await;
    let two = browser(&service, &world, world.amy, 2).await;
    world.send(Channel::Push, &[("a", world.bob.user)]).await.unwrap();
    world.kit.settle().await;
    world.send(Channel::Push, &[("b", world.amy.user)]).await.unwrap();
    for _ in 0..29 {
        world.kit.settle().await;
        world.kit.clock().advance(1_000);
    }
    world.kit.settle().await;
    assert_eq!(service.listener.seen().len(), 1, "half a minute is not over");
    assert!(world.outcomes().is_empty());
    for _ in 0..60 {
        world.kit.clock().advance(2_000);
        world.kit.settle().await;
    }
    assert_eq!((service.read(1, &one), service.read(2, &two)), (vec![alerted()], vec![alerted()]));
}

#[tokio::test]
async fn what_is_over_is_taken_away_once_the_push_service_is_back() {
    // One device takes it at once; the service is away for five minutes before the other does.
    let away = |path: &str, before| path == "/push/2" && (1..6).contains(&before);
    let service = moody(move |path, before| away(path, before).then_some((503, "60"))).await;
    let world = service.world(&[]).await;
    let browsers = [
        browser(&service, &world, world.bob, 1).await,
        browser(&service, &world, world.bob, 2).await,
    ];
    world.send(Channel::Push, &[("a", world.bob.user)]).await.unwrap();
    world.kit.settle().await;
    world.cancel(&[world.bob.user]).await;
    for _ in 0..60 {
        world.kit.settle().await;
        world.kit.clock().advance(10_000);
    }
    for (i, browser) in browsers.iter().enumerate() {
        let got = service.read(i + 1, browser).into_iter().map(|it| it["kind"].clone());
        assert_eq!(got.collect::<Vec<_>>(), [json!("alert"), json!("withdrawn")], "{}", i + 1);
    }
}

#[tokio::test]
async fn what_is_of_no_use_any_more_is_not_taken_away_for_ever() {
    let service = moody(|_, before| (before > 0).then_some((503, "60"))).await;
    let world = service.world(&[]).await;
    let _browser = browser(&service, &world, world.bob, 1).await;
    world.send(Channel::Push, &[("a", world.bob.user)]).await.unwrap();
    world.kit.settle().await;
    world.cancel(&[world.bob.user]).await;
    let step = async |ms| {
        world.kit.clock().advance(ms);
        world.kit.settle().await;
    };
    for _ in 0..30 {
        step(120_000).await;
    }
    assert!(asked(&service, 1) > 8, "it is tried for an hour");
    for _ in 0..3 {
        step(3_600_000).await;
    }
    let next = world.kit.host().outbox_step("notify").await.unwrap();
    assert_eq!(next, Next::Idle, "and then no more");
}
