//! A shard whose node goes down.

use std::collections::HashSet;

use carillon_protocol::{Codec, ServerFrame};
use futures_util::StreamExt;
use tokio_tungstenite::tungstenite::Message;

use super::{DAY_MS, on_a_shard, rig::Client};
use crate::gateway::{delivery::framed, shard::Cmd};

/// The code of `bye` and when to come back.
async fn told(client: &mut Client) -> (u16, Option<u64>) {
    loop {
        let Some(Ok(Message::Text(text))) = client.next().await else { panic!("no `bye`") };
        let frame = ServerFrame::decode(Codec::Json, text.as_bytes());
        if let Ok(ServerFrame::Bye { code, retry_ms, .. }) = frame {
            return (code, retry_ms);
        }
    }
}

#[tokio::test]
async fn clients_leave_over_the_seconds_of_a_drain_and_come_back_at_different_times() {
    on_a_shard(async |rig| {
        let mut clients = Vec::new();
        for _ in 0..12 {
            let (conn, client) = rig.join(DAY_MS).await;
            rig.release(conn);
            clients.push(client);
        }
        let open = || rig.shard.borrow().conns.iter().filter(|(_, c)| !c.is_closing()).count();
        rig.handle(Cmd::Drain { seconds: 3 });
        let mut left = vec![open()];
        for _ in 0..3 {
            rig.pass(1).await;
            left.push(open());
        }
        assert_eq!(left, [9, 6, 3, 0]);
        let mut times = HashSet::new();
        for client in &mut clients {
            let (code, retry_ms) = told(client).await;
            assert_eq!(code, 4001);
            times.extend(retry_ms);
        }
        assert!(times.len() > 6, "{times:?}");
        assert!(times.iter().all(|ms| (500..=2_500).contains(ms)), "{times:?}");
        // Whoever was on the way in is sent on at once.
        let (_, mut late) = rig.connect().await;
        assert_eq!(told(&mut late).await.0, 4001);
        assert_eq!(rig.shard.borrow().hub.open(), 0);
    })
    .await;
}

#[tokio::test]
async fn who_waits_for_an_answer_gets_it_before_the_goodbye() {
    on_a_shard(async |rig| {
        let (conn, mut client) = rig.join(DAY_MS).await;
        rig.release(conn);
        rig.shard.borrow_mut().conns[conn.slot as usize].in_flight = 1;
        rig.handle(Cmd::Drain { seconds: 0 });
        rig.pass(5).await;
        assert_eq!(rig.shard.borrow().hub.open(), 1, "it still waits");
        let frame = framed(Codec::Json, b"{\"t\":\"ok\",\"re\":7}");
        rig.handle(Cmd::Reply { conn, frame });
        let mut heard = Vec::new();
        while let Some(Ok(Message::Text(text))) = client.next().await {
            heard.push(text.to_string());
        }
        let answer = heard.iter().position(|text| text.contains("\"re\":7"));
        let bye = heard.iter().position(|text| text.contains("4001"));
        assert!(answer.is_some() && answer < bye, "{heard:?}");
    })
    .await;
}
