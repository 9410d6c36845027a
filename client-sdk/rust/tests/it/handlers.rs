//! A program that answers operations of its own, and one that listens.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use carillon_client::Client;
use carillon_protocol::{
    ErrorBody, ErrorCode, Json, OrgId,
    frame::{Asked, Asker, ClientFrame, server},
    id::Ulid,
};
use serde_json::json;

use crate::kit::{Peer, Server, YOU, event, welcome};

fn asked(id: u64, op: &str) -> Asked {
    let caller = Asker { user: YOU, org: OrgId(Ulid(8)) };
    Asked { id, op: op.into(), cid: None, args: Json::of(&json!({ "place": "Macau" })), caller }
}

/// What the program says to the call with this id.
async fn answer(peer: &mut Peer, asked: &Asked) -> Result<Json, ErrorBody> {
    peer.try_send(server::call(peer.codec, asked)).await.unwrap();
    loop {
        let bytes = peer.bytes().await.unwrap();
        match ClientFrame::decode(peer.codec, &bytes).unwrap() {
            ClientFrame::Ok { re, data } => {
                assert_eq!(re, asked.id);
                return Ok(data.decode().unwrap());
            }
            ClientFrame::Err { re, error } => {
                assert_eq!(re, asked.id);
                return Err(*error);
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_program_says_what_it_answers_and_answers_it() {
    let scripted = Server::start().await;
    let refused = |_| async {
        let error = ErrorBody::new(ErrorCode::NotFound, "no such place");
        Err(ErrorBody { field: Some("place".into()), ..error })
    };
    let options = scripted
        .options()
        .handle("app.w.today", |asked| async move { Ok(Json::of(&json!({ "of": asked.args }))) })
        .handle("app.w.refuse", refused)
        .handle("app.w.fail", |_| async { panic!("a fault of the program") })
        .handle("app.w.large", |_| async { Ok(Json::of(&"x".repeat(70_000))) });
    let connecting = async {
        let mut peer = scripted.accept().await;
        let hello = peer.hello().await.unwrap();
        peer.send(server::welcome(peer.codec, &welcome())).await;
        (peer, hello)
    };
    let (client, (mut peer, hello)) = tokio::join!(Client::connect(options), connecting);
    let _client = client.unwrap();
    let ops = ["app.w.fail", "app.w.large", "app.w.refuse", "app.w.today"];
    assert_eq!(hello.handles, ops.map(String::from));

    let said = answer(&mut peer, &asked(1, "app.w.today")).await;
    assert_eq!(said, Ok(Json::of(&json!({ "of": { "place": "Macau" } }))));
    let refusal = answer(&mut peer, &asked(2, "app.w.refuse")).await.unwrap_err();
    assert_eq!((refusal.code, refusal.field.as_deref()), (ErrorCode::NotFound, Some("place")));
    for (id, op, code) in [
        (3, "app.w.fail", ErrorCode::Unavailable),
        (4, "app.w.large", ErrorCode::TooLarge),
        (5, "app.w.other", ErrorCode::NotFound),
    ] {
        let refusal = answer(&mut peer, &asked(id, op)).await.unwrap_err();
        assert_eq!(refusal.code, code, "{op}");
    }
}

/// The position of the event that the program has dealt with; `None` when it is gone.
async fn acked(peer: &mut Peer) -> Option<u64> {
    loop {
        let bytes = peer.bytes().await?;
        if let ClientFrame::Ack { seq, .. } = ClientFrame::decode(peer.codec, &bytes).unwrap() {
            return Some(seq);
        }
    }
}

#[tokio::test]
async fn a_program_deals_with_what_it_is_told_and_is_told_again_what_it_could_not() {
    let scripted = Server::start().await;
    let tries = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&tries);
    let options = scripted.options().listen(["msg.sent"], move |event| {
        // The second event fails the first time.
        let fails = event.seq == 2 && counted.fetch_add(1, Ordering::SeqCst) == 0;
        async move { if fails { Err("not now") } else { Ok(()) } }
    });
    let connecting = async {
        let mut peer = scripted.accept().await;
        assert_eq!(peer.hello().await.unwrap().listens, ["msg.sent"]);
        peer.send(server::welcome(peer.codec, &welcome())).await;
        peer
    };
    let (client, mut peer) = tokio::join!(Client::connect(options), connecting);
    let _client = client.unwrap();
    for seq in 1..=3 {
        peer.send(server::heard(peer.codec, &event(seq))).await;
    }
    assert_eq!(acked(&mut peer).await, Some(1));
    assert_eq!(acked(&mut peer).await, None);
    let mut peer = scripted.accept().await;
    peer.greet().await;
    for seq in 2..=3 {
        peer.send(server::heard(peer.codec, &event(seq))).await;
        assert_eq!(acked(&mut peer).await, Some(seq));
    }
}
