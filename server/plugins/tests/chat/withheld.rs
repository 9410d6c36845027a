//! Cards that were changed while somebody was not there: who may see the message, may not see what
//! it says since.

use carillon_plugin::Tail;
use carillon_protocol::{
    Event, Json,
    card::{Card, UpdatedData, kind},
    conv, log,
    msg::List,
};

use crate::{
    cards::{act, asking},
    *,
};

const SECRET: &str = "the salary is 42";

/// All that somebody is told of a conversation, by whatever way.
async fn told(world: &World, who: Caller, conv: ConvId) -> Vec<Event> {
    let read = log::Read { topic: topic(conv), after: Some(0), before: None, limit: Some(200) };
    let mut told = world.call(who, read).await.unwrap().events;
    for (before, around) in [(None, None), (Some(99), None), (None, Some(2))] {
        let list = List { conv, before, after: None, around, limit: None };
        told.extend(world.call(who, list).await.unwrap().events);
    }
    let list = conv::List { after: None, limit: None };
    let convs = world.call(who, list).await.unwrap().convs;
    told.extend(convs.into_iter().filter_map(|summary| summary.last));
    let window = world.kit.host().window(who, &topic(conv)).await.unwrap();
    let tail = Tail { topic: topic(conv), window, limit: 50 };
    for since in [None, Some(0)] {
        let pages = world.kit.host().storage().news(vec![tail.clone()], since).await.unwrap();
        told.extend(pages.into_iter().flatten());
    }
    let kinds = [carillon_protocol::msg::kind::SENT, kind::UPDATED];
    let heard = world.kit.host().hears(who, 0, &kinds, 50).await.unwrap().events;
    told.extend(heard.into_iter().map(|(_, event)| event).filter(|it| it.topic == topic(conv)));
    told
}

/// What is told of the message at a position: the same by every way.
async fn message_at(world: &World, who: Caller, conv: ConvId, seq: u64) -> Json {
    let mut told = told(world, who, conv).await;
    told.retain(|event| event.seq == seq);
    assert!(told.len() > 4, "by many ways");
    let first = told[0].data.clone();
    assert!(told.iter().all(|event| event.data == first), "{told:?}");
    first
}

#[tokio::test]
async fn who_was_not_there_does_not_learn_what_a_card_says_since() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::Joined).await;
    let seq = world.posts(conv, "1", asking()).await.unwrap().seq;
    let before = message_at(&world, world.bob, conv, seq).await;
    world.removes(world.bob, conv, &[world.bob]).await.unwrap();
    world.adds(world.amy, conv, &[world.carol]).await.unwrap();
    let rev = world.updates("1", asking().text(SECRET)).await.unwrap().rev;

    let new = message_at(&world, world.amy, conv, seq).await;
    assert!(new.as_str().contains(SECRET) && new.as_str().ends_with(&format!("\"rev\":{rev}}}")));
    let withheld = format!(r#"{{"kind":"withheld","rev":{seq}}}"#);
    assert_ne!(before.as_str(), withheld);
    assert_eq!(message_at(&world, world.bob, conv, seq).await.as_str(), withheld);
    let newcomer = told(&world, world.carol, conv).await;
    assert!(newcomer.iter().all(|event| event.seq > seq && !event.data.as_str().contains(SECRET)));
    let change = newcomer.iter().find(|event| event.seq == rev).unwrap();
    assert_eq!(&*change.k, kind::UPDATED);
    assert_eq!(change.data.to::<UpdatedData>().unwrap(), UpdatedData { of: seq, card: None });

    // Who comes back sees what changes from then on.
    world.adds(world.amy, conv, &[world.bob]).await.unwrap();
    assert_eq!(message_at(&world, world.bob, conv, seq).await.as_str(), withheld);
    let pressed = world.call(world.bob, act(conv, seq, "yes")).await;
    assert_eq!(code(pressed), ErrorCode::NotFound, "nor what can be pressed");
    world.updates("1", Card { note: Some("back".into()), ..asking() }).await.unwrap();
    let shown = message_at(&world, world.bob, conv, seq).await;
    assert_eq!(shown, message_at(&world, world.amy, conv, seq).await);
    world.call(world.bob, act(conv, seq, "yes")).await.unwrap();
    let newcomer = told(&world, world.carol, conv).await;
    assert!(newcomer.iter().all(|event| !event.data.as_str().contains("back")));
}
