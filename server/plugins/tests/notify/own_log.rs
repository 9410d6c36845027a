//! People see why they were alerted, or why not; nobody sees where others are reached.

use carillon_plugin::{
    Caller,
    protocol::{
        Channel, ErrorCode,
        notify::{ContactKind, ListMine, Log, Outcome, SetContact},
    },
};
use serde_json::json;

use crate::{
    listener::answer,
    twilio::{Twilio, reports},
    world::{World, alert, field, subject, twilio},
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
    loop {
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
async fn one_number_gets_five_codes_a_day_whoever_asks_in_however_many_organisations() {
    let vendor = Twilio::open().await;
    let world = World::with_twilio(vendor.port()).await;
    let create = carillon_plugin::protocol::org::Create { name: "Peak".into() };
    let other = crate::world::call(&world.kit, Caller::SYSTEM, create).await.unwrap().org;
    let zoe = crate::world::person(&world.kit, other, "zoe", true).await;
    world.call(zoe, twilio(vendor.port())).await.unwrap();
    let gives = async |who: Caller| {
        let address = Some("+85290001111".to_owned());
        world.call(who, SetContact { user: None, kind: ContactKind::Phone, address }).await
    };
    for i in 0..5 {
        let who = if i % 2 == 0 { world.bob } else { zoe };
        gives(who).await.unwrap();
        world.kit.settle().await;
        world.kit.clock().advance(61_000);
    }
    for who in [world.bob, zoe, world.amy] {
        assert_eq!(gives(who).await.unwrap_err().code(), ErrorCode::Rate);
    }
    assert_eq!(vendor.taken().len(), 5);
}
