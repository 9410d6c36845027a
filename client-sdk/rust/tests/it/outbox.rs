//! Messages on their way, across errors, lost connections and restarts.

use carillon_client::{Error, Update};
use carillon_protocol::{
    Cid, Codec, ErrorBody, ErrorCode, conv,
    id::Ulid,
    limits::{MENTIONS_MAX, TEXT_LEN_MAX},
    msg,
};
use serde_json::json;

use crate::kit::{CONV, Server, YOU, event, sent, until};

fn text(text: &str) -> msg::Send {
    let body = msg::Body::Text { text: text.into(), mentions: vec![] };
    msg::Send { conv: CONV, body, reply_to: None, everybody: false }
}

#[tokio::test]
async fn a_message_without_an_answer_is_sent_again_under_the_same_cid() {
    let server = Server::start().await;
    let (client, _events, mut peer) = server.client(server.options()).await;
    let sending = tokio::spawn(async move { client.send(CONV, "hello").await });
    let first = peer.call().await;
    assert!(first.cid.is_some());
    drop(peer);
    let mut peer = server.accept().await;
    peer.greet().await;
    let second = peer.call().await;
    assert_eq!((first.cid, first.text()), (second.cid, second.text()));
    peer.ok(&second, &sent(1)).await;
    peer.ok(&second, &sent(2)).await;
    assert_eq!(sending.await.unwrap().unwrap().seq, 1);
}

#[tokio::test]
async fn messages_name_the_one_before_until_it_was_refused_for_good() {
    let server = Server::start().await;
    let (client, mut events, mut peer) = server.client(server.options()).await;
    let first = client.queue(text("1")).await.unwrap();
    let second = client.queue(text("2")).await.unwrap();
    let (one, two) = (peer.call().await, peer.call().await);
    assert_eq!((one.prev, two.prev), (None, one.cid));
    peer.err(&one, &ErrorBody::new(ErrorCode::ContentRejected, "no")).await;
    peer.err(&two, &ErrorBody::new(ErrorCode::PrevMissing, "what came before?")).await;
    let again = peer.call().await;
    assert_eq!((again.cid, again.prev), (two.cid, None));
    peer.ok(&again, &sent(1)).await;
    assert!(matches!(first.sent().await, Err(Error::Refused(_))));
    assert_eq!(second.sent().await.unwrap().seq, 1);
    until(&mut events, |update| matches!(update, Update::Refused { .. })).await;
}

#[tokio::test]
async fn a_message_that_must_wait_keeps_its_place() {
    let server = Server::start().await;
    let (client, _events, mut peer) = server.client(server.options()).await;
    client.queue(text("1")).await.unwrap();
    let second = client.queue(text("2")).await.unwrap();
    let (one, two) = (peer.call().await, peer.call().await);
    let mut busy = ErrorBody::new(ErrorCode::Rate, "slowly");
    busy.retry_ms = Some(20);
    peer.err(&one, &busy).await;
    peer.err(&two, &ErrorBody::new(ErrorCode::PrevMissing, "what came before?")).await;
    let (one_again, two_again) = (peer.call().await, peer.call().await);
    assert_eq!((one_again.text(), one_again.cid), ("1".into(), one.cid));
    assert_eq!((two_again.text(), two_again.prev), ("2".into(), one.cid));
    peer.ok(&one_again, &sent(1)).await;
    peer.ok(&two_again, &sent(2)).await;
    assert_eq!(second.sent().await.unwrap().seq, 2);
}

#[tokio::test]
async fn the_outbox_outlives_the_program_between_the_receipt_and_the_answer() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start().await;
    let options = server.options().state_dir(dir.path());
    let (client, _events, mut peer) = server.client(options).await;
    let mut cids = Vec::new();
    for body in ["1", "2", "3"] {
        cids.push(client.queue(text(body)).await.unwrap().cid);
    }
    // What a kill leaves behind at this moment: everything that was promised, and a torn line.
    let left = std::fs::read(dir.path().join("outbox.jsonl")).unwrap();
    let torn = [&left[..], b"{\"queued\":{\"ci"].concat();
    std::fs::write(copy.path().join("outbox.jsonl"), torn).unwrap();
    let first = peer.call().await;
    assert_eq!(first.cid, Some(cids[0]));

    let options = server.options().seed(8).state_dir(copy.path());
    let (_client, _events, mut peer) = server.client(options).await;
    for (at, body) in ["1", "2", "3"].into_iter().enumerate() {
        let call = peer.call().await;
        assert_eq!((call.text().as_str(), call.cid), (body, Some(cids[at])));
        assert_eq!(call.prev, at.checked_sub(1).map(|before| cids[before]));
    }
}

#[tokio::test]
async fn the_outbox_is_bounded() {
    let server = Server::start().await;
    let (client, _events, peer) = server.client(server.options()).await;
    drop(peer);
    for number in 0..10_000 {
        client.queue(text(&number.to_string())).await.unwrap();
    }
    assert!(matches!(client.queue(text("one more")).await, Err(Error::OutboxFull)));
}

#[tokio::test]
async fn a_reply_is_the_same_message_however_often_it_is_given() {
    let server = Server::start().await;
    let (client, _events, mut peer) = server.client(server.options()).await;
    let reply = |text| {
        let client = client.clone();
        tokio::spawn(async move { client.reply(&event(5), text).await })
    };
    let (first, second) = (reply("echo"), reply("echo"));
    let call = peer.call().await;
    assert_eq!(call.args::<msg::Send>().reply_to, Some(5));
    peer.ok(&call, &sent(6)).await;
    assert_eq!(first.await.unwrap().unwrap().seq, 6);
    let answered_again = reply("echo");
    let again = peer.call().await;
    assert_eq!(again.cid, call.cid);
    peer.ok(&again, &msg::Sent { dup: true, ..sent(6) }).await;
    assert!(answered_again.await.unwrap().unwrap().dup);
    // Either it shared the first call's answer or it was the call after it.
    second.abort();
}

#[tokio::test]
async fn a_folder_serves_one_client_and_one_person() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let options = || server.options().state_dir(dir.path());
    let (client, _events, mut peer) = server.client(options()).await;
    let second = carillon_client::Client::connect(options()).await;
    assert!(
        matches!(second.unwrap_err(), Error::Storage(error) if error.to_string().contains("in use"))
    );
    tokio::join!(client.close(), async { while peer.bytes().await.is_some() {} });
    let text = std::fs::read_to_string(dir.path().join("progress.json")).unwrap();
    let other = carillon_protocol::UserId(carillon_protocol::id::Ulid(99)).to_string();
    let text = text.replace(&crate::kit::ME.to_string(), &other);
    std::fs::write(dir.path().join("progress.json"), text).unwrap();
    let (stranger, _) = tokio::join!(carillon_client::Client::connect(options()), async {
        server.accept().await.greet().await
    });
    assert!(stranger.unwrap_err().to_string().contains("another person"));
}

fn too_large<T: std::fmt::Debug>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Refused(body)) if body.code == ErrorCode::TooLarge)
}

#[tokio::test]
async fn a_message_larger_than_a_frame_is_refused_at_once_and_not_kept() {
    let texts = ["x".repeat(70_000), "\u{1}".repeat(TEXT_LEN_MAX)];
    for (codec, body) in [Codec::MsgPack, Codec::Json].into_iter().zip(texts) {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start().await;
        let options = server.options().codec(codec).state_dir(dir.path());
        let (client, _events, mut peer) = server.client(options).await;
        assert!(too_large(client.queue(text(&body)).await));
        assert_eq!(std::fs::read(dir.path().join("outbox.jsonl")).unwrap(), b"");
        client.queue(text("short")).await.unwrap();
        assert_eq!(peer.call().await.text(), "short");
    }
}

#[tokio::test]
async fn a_full_text_of_escaped_characters_with_every_mention_fits_into_a_frame() {
    let server = Server::start().await;
    let (client, _events, mut peer) = server.client(server.options().codec(Codec::Json)).await;
    let full = "\"".repeat(TEXT_LEN_MAX);
    let body = msg::Body::Text { text: full.clone(), mentions: vec![YOU; MENTIONS_MAX] };
    client.queue(msg::Send { body, ..text("") }).await.unwrap();
    assert_eq!(peer.call().await.text(), full);
}

#[tokio::test]
async fn a_message_of_an_earlier_run_that_is_too_large_is_refused_and_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let (long, short) = (Cid(Ulid(1)), Cid(Ulid(2)));
    let line = |cid: Cid, body: &str| json!({"queued": {"cid": cid, "send": text(body)}});
    let lines = format!("{}\n{}\n", line(long, &"x".repeat(70_000)), line(short, "short"));
    std::fs::write(dir.path().join("outbox.jsonl"), lines).unwrap();
    let server = Server::start().await;
    let options = server.options().state_dir(dir.path());
    let (client, mut events, mut peer) = server.client(options).await;
    let refused = until(&mut events, |update| matches!(update, Update::Refused { .. })).await;
    let Update::Refused { cid, error, .. } = refused else { unreachable!() };
    assert_eq!((cid, error.code), (long, ErrorCode::TooLarge));
    // The one after it is sent as after any other refusal.
    let call = peer.call().await;
    assert_eq!((call.cid, call.text().as_str()), (Some(short), "short"));
    tokio::join!(client.close(), async { while peer.bytes().await.is_some() {} });
    let left = std::fs::read_to_string(dir.path().join("outbox.jsonl")).unwrap();
    assert!(left.contains(&json!({"answered": long}).to_string()), "{left}");
}

#[tokio::test]
async fn a_call_larger_than_a_frame_is_refused_and_the_client_goes_on() {
    let server = Server::start().await;
    let (client, _events, mut peer) = server.client(server.options()).await;
    assert!(too_large(client.create_group("x".repeat(70_000), vec![]).await));
    let asking = tokio::spawn(async move { client.call(&conv::Open { user: YOU }).await });
    assert_eq!(peer.call().await.op, "conv.open");
    asking.abort();
}

#[tokio::test]
async fn a_message_that_was_reported_as_failed_is_not_left_in_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let options = server.options().state_dir(dir.path());
    let (client, _events, mut peer) = server.client(options).await;
    // The last batch holds messages and the progress, and the progress cannot be written.
    std::fs::create_dir(dir.path().join("progress.json.new")).unwrap();
    let queued: Vec<_> = (0..100).map(|number| text(&format!("message {number}."))).collect();
    let queueing = queued.into_iter().map(|send| client.queue(send)).collect::<Vec<_>>();
    let (results, (), ()) =
        tokio::join!(futures_util::future::join_all(queueing), client.clone().close(), async {
            while peer.bytes().await.is_some() {}
        });
    let left = std::fs::read_to_string(dir.path().join("outbox.jsonl")).unwrap();
    for (number, result) in results.iter().enumerate() {
        let kept = left.contains(&format!("message {number}."));
        assert_eq!(kept, result.is_ok(), "message {number}: {result:?}");
    }
}
