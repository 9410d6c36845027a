//! People see why they were alerted, or why not; nobody sees where others are reached.

use carillon_plugin::{
    Caller,
    protocol::{
        Channel, ErrorCode,
        notify::{ListMine, Log, Outcome},
    },
};
use serde_json::json;

use crate::{
    listener::answer,
    twilio::{Twilio, reports},
    world::{World, alert, field, subject, twilio, ways},
};

async fn own(world: &World, who: Caller, before: Option<String>, limit: Option<u32>) -> Log {
    world.call(who, ListMine { before, limit }).await.unwrap()
}

#[tokio::test]
async fn everybody_sees_what_was_sent_to_them_and_nothing_of_others() {
    let vendor = Twilio::open().await;
    let world = World::with_twilio(vendor.port()).await;
    world.phone(world.amy.user, "+85298765432").await;
    for i in 0..5 {
        let (own, other) = (format!("b{i}"), format!("a{i}"));
        let both = [(own.as_str(), world.bob.user), (other.as_str(), world.amy.user)];
        world.send(Channel::Sms, &both).await.unwrap();
        world.kit.clock().advance(1_000);
    }
    world.send(Channel::Email, &[("nowhere", world.bob.user)]).await.unwrap();
    world.kit.settle().await;

    let mut keys = Vec::new();
    let mut before = None;
    for _ in 0..4 {
        let page = own(&world, world.bob, before, Some(2)).await;
        assert!(page.attempts.iter().all(|it| it.user == world.bob.user));
        keys.extend(page.attempts.iter().map(|it| it.key.clone()));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(keys, ["nowhere", "b4", "b3", "b2", "b1", "b0"]);
    let page = own(&world, world.bob, None, None).await.attempts;
    assert_eq!(page[0].title.as_deref(), Some(alert().title.as_str()));
    assert_eq!((page[0].channel, page[0].outcome), (Channel::Email, Some(Outcome::Unreachable)));
    assert_eq!((page[1].channel, page[1].outcome), (Channel::Sms, Some(Outcome::Accepted)));
    assert_eq!(page[1].subject, subject());
    let refused = world.call(world.bob, ListMine { before: Some("x".into()), limit: None }).await;
    assert_eq!(field(refused), (ErrorCode::BadArg, "before".to_owned()));
    // The administrators' log says that there was something, not what.
    assert!(world.log().await.attempts.iter().all(|it| it.title.is_none()));
}

#[tokio::test]
async fn a_vendors_reason_shows_nobody_where_somebody_is_reached() {
    let said = "The number +85291234567 of bob@example.com is unreachable";
    let refuses = move |_| Some(answer(400, json!({"code": 21614, "message": said}).to_string()));
    let vendor = Twilio::refusing(refuses).await;
    let world = World::with_twilio(vendor.port()).await;
    world.send(Channel::Sms, &[("a", world.bob.user)]).await.unwrap();
    world.kit.settle().await;
    let shown = "21614 The number …67 of …@… is unreachable";
    assert_eq!(world.told()[0].2.as_deref(), Some(shown));
    assert_eq!(world.log().await.attempts[0].why.as_deref(), Some(shown));
}

#[tokio::test]
async fn a_report_that_it_is_on_its_way_is_as_good_as_the_answer_that_never_came() {
    // Whether it took the call, its answer does not say.
    let lost = Twilio::refusing(|_| Some(answer(502, ""))).await;
    let world = World::with_twilio(lost.port()).await;
    let callbacks = world.set(twilio(lost.port())).await.unwrap().callbacks;
    world.send(Channel::Call, &[("a", world.bob.user)]).await.unwrap();
    world.kit.settle().await;
    assert!(world.outcomes().is_empty(), "nobody knows");
    let url = format!("{}?key=a", callbacks[0].url);
    let form = [("CallSid", "CA77"), ("CallStatus", "initiated"), ("To", "+85291234567")];
    for _ in 0..2 {
        assert_eq!(reports(&world, &url, &form).await.status, 200);
    }
    assert_eq!(world.outcomes(), [("a".to_owned(), Outcome::Accepted)]);
    assert_eq!(world.log().await.attempts[0].reference.as_deref(), Some("CA77"));
    // Nobody is asked any more, and nobody is called again.
    let asked = lost.listener.seen().len();
    world.kit.clock().advance(60_000);
    world.kit.settle().await;
    assert_eq!(lost.listener.seen().len(), asked);
}

#[tokio::test]
async fn what_is_old_goes_also_while_more_is_sent() {
    // More than are removed at once.
    const OLD: usize = 5_250;
    let world = World::new(ways(&[], None)).await;
    let keys: Vec<String> = (0..OLD).map(|i| i.to_string()).collect();
    for keys in keys.chunks(250) {
        let to: Vec<_> = keys.iter().map(|key| (key.as_str(), world.bob.user)).collect();
        world.send(Channel::Push, &to).await.unwrap();
    }
    world.kit.settle().await;
    world.kit.clock().advance(93 * 24 * 3_600_000);
    world.kit.host().timer_step("notify").await.unwrap();
    let some = own(&world, world.bob, None, None).await;
    assert!(!some.attempts.is_empty(), "not all at once");
    world.send(Channel::Push, &[("new", world.bob.user)]).await.unwrap();
    world.kit.settle().await;
    let left = own(&world, world.bob, None, None).await;
    let left: Vec<_> = left.attempts.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(left, ["new"]);
}
