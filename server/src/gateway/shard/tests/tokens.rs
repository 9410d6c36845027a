//! Tokens that heartbeats bring.

use std::sync::Arc;

use carillon_protocol::{CloseCode, Codec, Json, ServerFrame, event::Ephemeral};
use futures_util::StreamExt;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;

use super::{
    DAY_MS, on_a_shard,
    rig::{Client, Rig},
    topic,
};
use crate::gateway::{ConnId, delivery::Delivery, outbox::OUTBOX_FRAMES_MAX, shard::Cmd};

/// The next token.
async fn token(client: &mut Client) -> String {
    loop {
        let Some(Ok(Message::Text(text))) = client.next().await else { panic!("no token") };
        let frame = ServerFrame::decode(Codec::Json, text.as_bytes());
        if let Ok(ServerFrame::Synced { sync }) = frame {
            return sync;
        }
    }
}

/// How many tokens come before the end.
async fn tokens_to_the_end(client: &mut Client) -> usize {
    let mut tokens = 0;
    while let Some(Ok(Message::Text(text))) = client.next().await {
        let frame = ServerFrame::decode(Codec::Json, text.as_bytes());
        tokens += usize::from(matches!(frame, Ok(ServerFrame::Synced { .. })));
    }
    tokens
}

/// Everything up to a position is committed and taken out of the inbox.
fn reached(rig: &Rig, position: u64) {
    rig.handle(Cmd::Reached { position });
    rig.shard.borrow_mut().everybody_has_it();
}

fn beats(rig: &Rig, conn: ConnId) {
    rig.shard.borrow_mut().say_how_far(conn.slot);
}

#[tokio::test]
async fn a_heartbeat_brings_the_token_of_the_one_before_once() {
    on_a_shard(async |rig| {
        let (conn, mut client) = rig.join(DAY_MS).await;
        reached(rig, 3);
        beats(rig, conn);
        rig.release(conn);
        assert_eq!(token(&mut client).await, "1.0.0", "that of the catch-up");
        let (_, epoch) = rig.shard.borrow().host.storage().position();
        let of = |position| format!("{epoch}.0.{position}");
        beats(rig, conn);
        reached(rig, 5);
        beats(rig, conn);
        assert_eq!(token(&mut client).await, of(3));
        reached(rig, 9);
        beats(rig, conn);
        assert_eq!(token(&mut client).await, of(5));
        // Then nothing happens.
        (0..4).for_each(|_| beats(rig, conn));
        reached(rig, 12);
        beats(rig, conn);
        beats(rig, conn);
        assert_eq!(token(&mut client).await, of(9));
        assert_eq!(token(&mut client).await, of(12), "and none of them twice");
    })
    .await;
}

#[tokio::test]
async fn no_heartbeat_brings_a_token_that_is_older_than_the_one_of_the_catch_up() {
    on_a_shard(async |rig| {
        let (conn, mut client) = rig.join(DAY_MS).await;
        reached(rig, 3);
        // The catch-up has read what the shard has yet to take out of its inbox.
        rig.release_at(conn, 7);
        assert_eq!(token(&mut client).await, "1.0.7");
        (0..2).for_each(|_| beats(rig, conn));
        reached(rig, 9);
        (0..2).for_each(|_| beats(rig, conn));
        let (_, epoch) = rig.shard.borrow().host.storage().position();
        assert_eq!(token(&mut client).await, format!("{epoch}.0.9"));
    })
    .await;
}

#[tokio::test]
async fn what_is_on_its_way_to_a_listener_is_in_no_token() {
    on_a_shard(async |rig| {
        let (conn, mut client) = rig.join(DAY_MS).await;
        let (done, _) = oneshot::channel();
        rig.handle(Cmd::Subscribe { conn, topics: vec![topic()], done });
        rig.release(conn);
        reached(rig, 3);
        rig.deliver(1);
        // The event is with the listeners of its topic, who have not been written to.
        reached(rig, 4);
        beats(rig, conn);
        beats(rig, conn);
        assert_eq!(token(&mut client).await, "1.0.0");
        let (_, epoch) = rig.shard.borrow().host.storage().position();
        assert_eq!(token(&mut client).await, format!("{epoch}.0.3"));
        rig.shard.borrow_mut().fan_out();
        rig.shard.borrow_mut().everybody_has_it();
        beats(rig, conn);
        beats(rig, conn);
        assert_eq!(token(&mut client).await, format!("{epoch}.0.4"));
    })
    .await;
}

#[tokio::test]
async fn whoever_may_have_missed_what_another_node_said_keeps_the_token_it_has() {
    on_a_shard(async |rig| {
        let (before, mut client) = rig.join(DAY_MS).await;
        rig.release(before);
        reached(rig, 3);
        beats(rig, before);
        rig.shard.borrow().hub.missed();
        let (after, mut later) = {
            rig.shard.borrow_mut().tick();
            rig.join(DAY_MS).await
        };
        rig.release(after);
        for position in [5, 9] {
            reached(rig, position);
            [before, after].into_iter().for_each(|conn| beats(rig, conn));
        }
        let (_, epoch) = rig.shard.borrow().host.storage().position();
        assert_eq!(token(&mut later).await, "1.0.0");
        let of_5 = format!("{epoch}.0.5");
        assert_eq!(token(&mut later).await, of_5, "who came later missed nothing");
        assert_eq!(token(&mut client).await, "1.0.0");
        rig.shard.borrow_mut().bye(before.slot, CloseCode::Drain, None);
        assert_eq!(tokens_to_the_end(&mut client).await, 0);
    })
    .await;
}

#[tokio::test]
async fn whoever_was_too_slow_for_what_was_read_elsewhere_keeps_the_token_it_has() {
    on_a_shard(async |rig| {
        let (conn, mut client) = rig.join(DAY_MS).await;
        let (done, _) = oneshot::channel();
        rig.handle(Cmd::Subscribe { conn, topics: vec![topic()], done });
        rig.release(conn);
        rig.stall(conn);
        for number in 0..=OUTBOX_FRAMES_MAX {
            let (k, data) = (format!("read{number}").into(), Json::of(&number));
            let delivery = Delivery::ephemeral(topic(), Ephemeral { k, topic: None, data });
            let (delivery, changes) = (Arc::new(delivery), Vec::new());
            rig.handle(Cmd::Deliver { delivery, changes });
            rig.shard.borrow_mut().fan_out();
        }
        rig.drained(conn, &mut client).await;
        for position in [5, 9] {
            reached(rig, position);
            beats(rig, conn);
        }
        rig.shard.borrow_mut().bye(conn.slot, CloseCode::Drain, None);
        assert_eq!(tokens_to_the_end(&mut client).await, 0);
    })
    .await;
}
