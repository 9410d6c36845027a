//! A shard without its thread: the seconds pass when a test says so.

mod drain;
mod rig;
mod tokens;

use carillon_protocol::{
    Codec, ConvId, Event, EventId, ServerFrame, event::Ephemeral, frame::client, id::Ulid,
};
use futures_util::{SinkExt, StreamExt};
use rig::{Client, Rig};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use super::*;
use crate::gateway::{
    SILENCE_MAX_S, STALL_MAX_S, conn::Phase, delivery::framed, outbox::OUTBOX_LEN_MAX,
};

fn topic() -> Topic {
    Topic::Conv(ConvId(Ulid(1)))
}

fn event(seq: u64) -> Event {
    let text = format!("\"{}\"", "x".repeat(1000));
    Event {
        topic: topic(),
        seq,
        n: seq,
        k: "msg.sent".into(),
        id: EventId(Ulid(u128::from(seq))),
        by: UserId(Ulid(1)),
        at: 0,
        cid: None,
        data: serde_json::from_str(&text).unwrap(),
    }
}

/// The codes of `bye` and of the close frame, however much comes before them.
async fn goodbye(client: &mut Client) -> (Option<u16>, Option<u16>) {
    let mut bye = None;
    loop {
        match client.next().await {
            Some(Ok(Message::Text(text))) => {
                let frame = ServerFrame::decode(Codec::Json, text.as_bytes());
                if let Ok(ServerFrame::Bye { code, .. }) = frame {
                    bye = Some(code);
                }
            }
            Some(Ok(Message::Close(close))) => return (bye, close.map(|close| close.code.into())),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return (bye, None),
        }
    }
}

/// Runs a test where the tasks of a shard can run, on plain connections and through TLS.
async fn on_a_shard(test: impl AsyncFn(&Rig)) {
    for sealed in [false, true] {
        let rig = Rig::new(sealed).await;
        LocalSet::new().run_until(test(&rig)).await;
    }
}

const DAY_MS: i64 = 86_400_000;

#[tokio::test]
async fn who_does_not_say_hello_in_ten_seconds_is_told_to_come_back() {
    on_a_shard(async |rig| {
        let (conn, mut client) = rig.connect().await;
        rig.pass(HELLO_MAX_S - 1).await;
        assert!(!rig.shard.borrow().conns[conn.slot as usize].is_closing());
        rig.pass(1).await;
        assert_eq!(goodbye(&mut client).await, (Some(4011), Some(4011)));
        drop(client);
        rig.empty().await;
    })
    .await;
}

#[tokio::test]
async fn two_and_a_half_heartbeats_of_silence_end_a_connection_and_a_ping_does_not() {
    on_a_shard(async |rig| {
        let (conn, mut client) = rig.join(DAY_MS).await;
        rig.release(conn);
        for _ in 0..4 {
            rig.pass(SILENCE_MAX_S - 1).await;
            let ping = String::from_utf8(client::ping(Codec::Json)).unwrap();
            client.send(Message::text(ping)).await.unwrap();
            let second = rig.shard.borrow().second();
            while rig.shard.borrow().conns[conn.slot as usize].seen != second {
                tokio::task::yield_now().await;
            }
        }
        rig.pass(SILENCE_MAX_S).await;
        assert_eq!(goodbye(&mut client).await, (Some(4009), Some(4009)));
    })
    .await;
}

#[tokio::test]
async fn a_session_takes_its_connection_along_within_a_second_of_its_end() {
    on_a_shard(async |rig| {
        for ttl_ms in [1_500, 9_000, 100_000] {
            let (conn, mut client) = rig.join(ttl_ms).await;
            rig.release(conn);
            let seconds = u32::try_from(ttl_ms / 1000).unwrap();
            for second in 0..seconds {
                assert!(!rig.shard.borrow().conns[conn.slot as usize].is_closing(), "{second}");
                rig.pass(1).await;
                // It speaks, so that only the session can end it.
                let now = rig.shard.borrow().second();
                rig.shard.borrow_mut().conns[conn.slot as usize].seen = now;
            }
            rig.pass(1).await;
            assert_eq!(goodbye(&mut client).await, (Some(4501), Some(4501)), "{ttl_ms}");
            drop(client);
            rig.empty().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_takes_nothing_for_ten_seconds_is_too_slow() {
    on_a_shard(async |rig| {
        let (conn, mut client) = rig.connect().await;
        rig.shard.borrow_mut().conns[conn.slot as usize].phase = Phase::Live;
        // Stalls that end leave nothing behind but one look.
        for _ in 0..20 {
            rig.stall(conn);
            rig.pass(1).await;
            rig.drained(conn, &mut client).await;
        }
        assert_eq!(rig.shard.borrow().wheel.len(), 2, "one for hello, one for the stall");
        rig.stall(conn);
        rig.pass(STALL_MAX_S - 1).await;
        assert!(!rig.shard.borrow().conns[conn.slot as usize].is_closing());
        rig.pass(STALL_MAX_S).await;
        assert!(rig.shard.borrow().conns[conn.slot as usize].is_closing());
        assert_eq!(rig.shard.borrow().metrics.slow.get(), 1);
        assert_eq!(goodbye(&mut client).await, (Some(4008), Some(4008)));
    })
    .await;
}

#[tokio::test]
async fn who_was_sent_away_and_does_not_hang_up_is_cut_off() {
    on_a_shard(async |rig| {
        let (conn, mut chatty) = rig.connect().await;
        rig.handle(Cmd::Bye { conn, code: CloseCode::Abuse });
        let (_, mut leaver) = rig.connect().await;
        leaver.send(Message::Close(None)).await.unwrap();
        let (_, mut violator) = rig.connect().await;
        let frame = Frame::message(vec![1], OpCode::Data(Data::Reserved(5)), true);
        violator.send(Message::Frame(frame)).await.unwrap();
        while rig.shard.borrow().conns.iter().any(|(_, conn)| !conn.is_closing()) {
            tokio::task::yield_now().await;
        }
        for _ in 0..STALL_MAX_S {
            assert_eq!(rig.shard.borrow().conns.len(), 3);
            chatty.get_mut().write_all(b"still here").await.unwrap();
            rig.pass(1).await;
        }
        rig.empty().await;
        assert_eq!(goodbye(&mut violator).await, (Some(4503), Some(1002)));
    })
    .await;
}

#[tokio::test]
async fn who_is_sent_away_during_the_catch_up_stays_away_after_it() {
    on_a_shard(async |rig| {
        let (conn, mut client) = rig.join(DAY_MS).await;
        let session = rig.shard.borrow().conns[conn.slot as usize].caller.session.unwrap();
        rig.shard.borrow_mut().end_session(session);
        rig.release(conn);
        assert!(rig.shard.borrow().conns[conn.slot as usize].is_closing());
        assert_eq!(goodbye(&mut client).await, (Some(4502), Some(4502)));
        drop(client);
        rig.empty().await;
        let (conn, mut client) = rig.join(DAY_MS).await;
        assert!(rig.shard.borrow().conns[conn.slot as usize].is_closing(), "it ended before");
        assert_eq!(goodbye(&mut client).await, (Some(4502), Some(4502)));
    })
    .await;
}

#[tokio::test]
async fn a_run_that_is_too_long_for_a_reader_without_dirty_ends_in_a_bye() {
    on_a_shard(async |rig| {
        let (conn, mut client) = rig.join(DAY_MS).await;
        rig.handle(Cmd::Subscribe { conn, topics: vec![topic()], done: oneshot::channel().0 });
        rig.release(conn);
        // More than the kernel's buffers on both sides and the outbox take together.
        rig.deliver(16 * 1024);
        rig.shard.borrow_mut().fan_out();
        settle(&rig.shard);
        assert!(rig.shard.borrow().conns[conn.slot as usize].is_closing());
        assert_eq!(goodbye(&mut client).await, (Some(4008), Some(4008)));
    })
    .await;
}

#[tokio::test]
async fn a_slow_reader_that_is_gone_does_not_end_whoever_gets_its_place() {
    on_a_shard(async |rig| {
        let (conn, _client) = rig.join(DAY_MS).await;
        rig.handle(Cmd::Subscribe { conn, topics: vec![topic()], done: oneshot::channel().0 });
        rig.release(conn);
        rig.stall(conn);
        let large = framed(Codec::Json, &vec![b' '; OUTBOX_LEN_MAX - 16 * 1024]);
        rig.shard.borrow_mut().send_frame(conn.slot, large);
        // A lap is under way when it goes: what it lacks is too much for it.
        rig.deliver(100);
        rig.shard.borrow_mut().remove(conn);
        let (next, _client) = rig.connect().await;
        assert_eq!(next.slot, conn.slot);
        settle(&rig.shard);
        assert!(!rig.shard.borrow().conns[next.slot as usize].is_closing());
    })
    .await;
}

#[tokio::test]
async fn ephemeral_frames_give_way_before_events_do() {
    on_a_shard(async |rig| {
        let (conn, mut client) = rig.join(DAY_MS).await;
        rig.handle(Cmd::Subscribe { conn, topics: vec![topic()], done: oneshot::channel().0 });
        rig.release(conn);
        rig.stall(conn);
        let data = serde_json::from_str(&format!("\"{}\"", "y".repeat(1000))).unwrap();
        let typing = Ephemeral { k: "typing".into(), topic: Some(topic()), data };
        for seq in 1..=200 {
            for delivery in
                [Delivery::event(event(seq)), Delivery::ephemeral(topic(), typing.clone())]
            {
                let (delivery, changes) = (Arc::new(delivery), Vec::new());
                rig.handle(Cmd::Deliver { delivery, changes });
                rig.shard.borrow_mut().fan_out();
            }
        }
        settle(&rig.shard);
        let (mut events, mut ephemeral) = (0, 0);
        while events < 200 || ephemeral == 0 {
            let Some(Ok(Message::Text(text))) = client.next().await else { continue };
            match ServerFrame::decode(Codec::Json, text.as_bytes()) {
                Ok(ServerFrame::Ev(event)) => {
                    events += 1;
                    assert_eq!(event.seq, events);
                }
                Ok(ServerFrame::Eph(_)) => ephemeral += 1,
                _ => {}
            }
        }
        assert_eq!(ephemeral, 1, "the last one");
    })
    .await;
}
