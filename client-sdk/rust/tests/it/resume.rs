//! Coming back: tokens, gaps, `dirty`, `bye` and the close codes.

use std::time::Duration;

use carillon_client::{Client, Error, Update};
use carillon_protocol::{
    CloseCode, Codec, ErrorBody, ErrorCode,
    frame::{ClientFrame, Welcome, server},
    log, session,
};

use crate::kit::{CONV, Server, event, next_seq, until, welcome};

fn page(seqs: std::ops::RangeInclusive<u64>, head: u64) -> log::Page {
    log::Page { events: seqs.map(event).collect(), head, more: false, floor: 1 }
}

#[tokio::test]
async fn events_arrive_in_both_codecs() {
    for codec in Codec::ALL {
        let server = Server::start().await;
        let (_client, mut events, mut peer) = server.client(server.options().codec(codec)).await;
        assert_eq!(peer.codec, codec);
        peer.page(4, vec![event(4)]).await;
        peer.synced("s1").await;
        peer.ev(5).await;
        until(&mut events, |update| matches!(update, Update::Synced)).await;
        assert_eq!(next_seq(&mut events).await, 5);
    }
}

#[tokio::test]
async fn a_lost_connection_is_resumed_with_the_token_and_the_gap_is_filled() {
    let server = Server::start().await;
    let (_client, mut events, mut peer) = server.client(server.options()).await;
    peer.page(4, vec![]).await;
    peer.synced("s1").await;
    peer.ev(5).await;
    assert_eq!(next_seq(&mut events).await, 5);
    drop(peer);

    let mut peer = server.accept().await;
    assert_eq!(peer.greet().await.as_deref(), Some("s1"));
    peer.page(9, vec![event(9)]).await;
    peer.synced("s2").await;
    let call = peer.call().await;
    let read: log::Read = call.args();
    assert_eq!((call.op.as_str(), read.after), ("log.read", Some(5)));
    peer.ok(&call, &page(6..=9, 9)).await;
    for seq in 6..=9 {
        assert_eq!(next_seq(&mut events).await, seq);
    }
    assert!(matches!(events.next().await, Some(Update::Synced)));
}

#[tokio::test]
async fn a_missing_event_is_read_from_the_log() {
    let server = Server::start().await;
    let (_client, mut events, mut peer) = server.client(server.options()).await;
    peer.page(4, vec![]).await;
    peer.synced("s1").await;
    for seq in [6, 6, 8] {
        peer.ev(seq).await;
    }
    let call = peer.call().await;
    assert_eq!(call.args::<log::Read>().after, Some(4));
    peer.ok(&call, &page(5..=8, 8)).await;
    peer.ev(8).await;
    peer.ev(9).await;
    for seq in 5..=9 {
        assert_eq!(next_seq(&mut events).await, seq);
    }
}

#[tokio::test]
async fn what_the_server_left_out_is_repaired() {
    let server = Server::start().await;
    let (_client, mut events, mut peer) = server.client(server.options()).await;
    peer.page(4, vec![]).await;
    peer.synced("s1").await;
    peer.ev(5).await;
    peer.send(server::dirty(peer.codec, &[(event(1).topic, 8)])).await;
    peer.ev(9).await;
    let call = peer.call().await;
    assert_eq!(call.args::<log::Read>().after, Some(5));
    peer.ok(&call, &page(6..=8, 8)).await;
    for seq in 5..=9 {
        assert_eq!(next_seq(&mut events).await, seq);
    }
    until(&mut events, |update| matches!(update, Update::Repaired(_))).await;
}

#[tokio::test]
async fn a_token_that_is_too_old_is_left_out() {
    let server = Server::start().await;
    let (_client, mut events, mut peer) = server.client(server.options()).await;
    peer.page(4, vec![]).await;
    peer.synced("s1").await;
    until(&mut events, |update| matches!(update, Update::Synced)).await;
    drop(peer);

    let mut peer = server.accept().await;
    assert_eq!(peer.hello().await.unwrap().sync.as_deref(), Some("s1"));
    let error = ErrorBody::new(ErrorCode::TooFar, "too old");
    peer.send(server::err(peer.codec, None, &error)).await;

    let mut peer = server.accept().await;
    assert_eq!(peer.greet().await, None);
    peer.page(5, vec![event(5)]).await;
    assert_eq!(next_seq(&mut events).await, 5);
}

#[tokio::test]
async fn bye_says_when_to_come_back() {
    let server = Server::start().await;
    let (client, mut events, mut peer) = server.client(server.options()).await;
    peer.bye(CloseCode::Drain, Some(40)).await;
    drop(peer);
    let offline = until(&mut events, |update| matches!(update, Update::Offline { .. })).await;
    let Update::Offline { retry_in, reason } = offline else { unreachable!() };
    assert!(retry_in >= Duration::from_millis(40) && reason.contains("4001"));

    let ask = tokio::spawn(async move { client.call(&session::Whoami {}).await });
    let mut peer = server.accept().await;
    peer.greet().await;
    assert_eq!(peer.call().await.op, "session.whoami");
    drop(peer);
    // Asked again on the next connection.
    let mut peer = server.accept().await;
    peer.greet().await;
    let call = peer.call().await;
    peer.err(&call, &ErrorBody::new(ErrorCode::Unavailable, "later")).await;
    let call = peer.call().await;
    peer.err(&call, &ErrorBody::new(ErrorCode::Forbidden, "no")).await;
    let refused = ask.await.unwrap().unwrap_err();
    assert!(matches!(refused, Error::Refused(body) if body.code == ErrorCode::Forbidden));
}

#[tokio::test]
async fn a_final_close_code_ends_the_client() {
    let server = Server::start().await;
    let (client, mut events, mut peer) = server.client(server.options()).await;
    let asking = client.clone();
    let ask = tokio::spawn(async move { asking.call(&session::Whoami {}).await });
    peer.call().await;
    peer.bye(CloseCode::Revoked, None).await;
    drop(peer);
    let final_code = |error: &Error| matches!(error, Error::Closed { code: 4502, .. });
    let ended = until(&mut events, |update| matches!(update, Update::Ended(_))).await;
    assert!(matches!(ended, Update::Ended(error) if final_code(&error)));
    assert!(events.next().await.is_none());
    assert!(final_code(&ask.await.unwrap().unwrap_err()));
    assert!(final_code(&client.send(CONV, "hi").await.unwrap_err()));
}

#[tokio::test]
async fn a_server_that_has_gone_silent_is_left() {
    let server = Server::start().await;
    let (client, mut peer) = tokio::join!(Client::connect(server.options()), async {
        let mut peer = server.accept().await;
        peer.hello().await;
        let welcome = Welcome { hb_ms: 100, ..welcome() };
        peer.send(server::welcome(peer.codec, &welcome)).await;
        peer
    });
    let client = client.unwrap();
    let mut events = client.events();
    // It pings, and nobody answers; the connection itself stays open.
    let ping = peer.bytes().await.unwrap();
    assert_eq!(ClientFrame::decode(peer.codec, &ping).unwrap(), ClientFrame::Ping);
    let offline = until(&mut events, |update| matches!(update, Update::Offline { .. })).await;
    assert!(matches!(offline, Update::Offline { reason, .. } if reason.contains("heartbeat")));
    server.accept().await.greet().await;
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again_when_it_says() {
    let server = Server::start().await;
    let (_client, mut events, mut peer) = server.client(server.options()).await;
    let mut busy = ErrorBody::new(ErrorCode::Busy, "too many catch-ups");
    busy.retry_ms = Some(30);
    peer.send(server::err(peer.codec, None, &busy)).await;
    let offline = until(&mut events, |update| matches!(update, Update::Offline { .. })).await;
    let wait = Duration::from_millis(30);
    assert!(matches!(offline, Update::Offline { retry_in, .. } if retry_in >= wait));
    server.accept().await.greet().await;
}

#[tokio::test]
async fn a_server_that_is_busy_at_the_first_connection_is_asked_again_too() {
    let server = Server::start().await;
    let mut busy = ErrorBody::new(ErrorCode::Busy, "too many are coming back");
    busy.retry_ms = Some(1);
    let (client, ()) = tokio::join!(Client::connect(server.options()), async {
        for _ in 0..2 {
            let mut peer = server.accept().await;
            peer.hello().await;
            peer.send(server::err(peer.codec, None, &busy)).await;
        }
        server.accept().await.greet().await;
    });
    client.unwrap();
    let (refused, ()) = tokio::join!(Client::connect(server.options()), async {
        for _ in 0..=10 {
            let mut peer = server.accept().await;
            peer.hello().await;
            peer.send(server::err(peer.codec, None, &busy)).await;
        }
    });
    assert!(matches!(refused.unwrap_err(), Error::Connect(why) if why.contains("E_BUSY")));
}

#[tokio::test]
async fn the_first_connection_gives_its_error() {
    let server = Server::start().await;
    let (refused, ()) = tokio::join!(Client::connect(server.options()), async {
        let mut peer = server.accept().await;
        peer.hello().await;
        peer.bye(CloseCode::BadToken, None).await;
    });
    assert!(matches!(refused.unwrap_err(), Error::Closed { code: 4501, .. }));
    let url = server.url.clone();
    drop(server);
    let nobody = Client::connect(carillon_client::Options::new(url, "t")).await;
    assert!(matches!(nobody.unwrap_err(), Error::Connect(_)));
}

#[tokio::test]
async fn a_restart_goes_on_after_what_was_dealt_with() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let options = || server.options().state_dir(dir.path());
    let (client, mut events, mut peer) = server.client(options()).await;
    peer.page(4, vec![]).await;
    peer.synced("s1").await;
    for seq in 5..=9 {
        peer.ev(seq).await;
    }
    for seq in 5..=7 {
        assert_eq!(next_seq(&mut events).await, seq);
    }
    tokio::join!(client.close(), async { while peer.bytes().await.is_some() {} });

    let (client, mut peer) = tokio::join!(Client::connect(options()), async {
        let mut peer = server.accept().await;
        assert_eq!(peer.greet().await.as_deref(), Some("s1"));
        peer
    });
    let client = client.unwrap();
    let mut events = client.events();
    peer.page(9, vec![event(8), event(9)]).await;
    assert_eq!(next_seq(&mut events).await, 8);
}

#[tokio::test]
async fn a_program_that_reads_slowly_does_not_hold_up_its_calls_and_gets_every_event() {
    const EVENTS: u64 = 5_000;
    let server = Server::start().await;
    let (client, mut events, mut peer) = server.client(server.options()).await;
    peer.page(0, vec![]).await;
    peer.synced("s1").await;
    for seq in 1..=EVENTS {
        peer.ev(seq).await;
    }
    // Nobody has taken an event yet, and a call is answered all the same.
    let asking = client.clone();
    let ask = tokio::spawn(async move { asking.read(CONV, 1, 2).await });
    let call = peer.call().await;
    peer.err(&call, &ErrorBody::new(ErrorCode::NotFound, "no")).await;
    ask.await.unwrap().unwrap_err();
    let serve = tokio::spawn(async move {
        while let Some(call) = peer.try_call().await {
            let after = call.args::<log::Read>().after.unwrap();
            let last = (after + 200).min(EVENTS);
            let page = log::Page { more: last < EVENTS, ..page(after + 1..=last, EVENTS) };
            peer.ok(&call, &page).await;
        }
    });
    for seq in 1..=EVENTS {
        assert_eq!(next_seq(&mut events).await, seq);
    }
    client.close().await;
    serve.await.unwrap();
}

#[tokio::test]
async fn after_a_restored_backup_a_restart_misses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let options = || server.options().state_dir(dir.path());
    let (client, mut events, mut peer) = server.client(options()).await;
    peer.page(9, vec![]).await;
    peer.synced("s1").await;
    until(&mut events, |update| matches!(update, Update::Synced)).await;
    tokio::join!(client.close(), async { while peer.bytes().await.is_some() {} });

    let (client, mut peer) = tokio::join!(Client::connect(options()), async {
        let mut peer = server.accept().await;
        assert_eq!(peer.hello().await.unwrap().sync.as_deref(), Some("s1"));
        let error = ErrorBody::new(ErrorCode::TooFar, "another epoch");
        peer.send(server::err(peer.codec, None, &error)).await;
        let mut peer = server.accept().await;
        assert_eq!(peer.greet().await, None);
        peer
    });
    let client = client.unwrap();
    let mut events = client.events();
    peer.page(6, vec![event(6)]).await;
    peer.synced("s2").await;
    until(&mut events, |update| matches!(update, Update::Synced)).await;
    tokio::join!(client.close(), async { while peer.bytes().await.is_some() {} });

    let (_client, mut events, mut peer) = server.client(options()).await;
    peer.page(7, vec![event(7)]).await;
    peer.synced("s3").await;
    assert_eq!(next_seq(&mut events).await, 7);
}

#[tokio::test]
async fn what_makes_a_token_is_not_asked_again_when_its_answer_may_be_lost() {
    let server = Server::start().await;
    let (client, _events, mut peer) = server.client(server.options()).await;
    let ask = || {
        let client = client.clone();
        tokio::spawn(async move { client.ticket().await })
    };
    let unknown = |error: Error| {
        let Error::Refused(body) = error else { return false };
        body.code == ErrorCode::TimeoutUnknown
    };
    let lost = ask();
    assert_eq!(peer.call().await.op, "session.token");
    drop(peer);
    assert!(unknown(lost.await.unwrap().unwrap_err()));

    // Asked while there is no connection, it has not happened yet.
    let waiting = ask();
    let mut peer = server.accept().await;
    peer.greet().await;
    let call = peer.call().await;
    // Refused for now, it did not happen.
    let mut busy = ErrorBody::new(ErrorCode::Busy, "later");
    busy.retry_ms = Some(1);
    peer.err(&call, &busy).await;
    let call = peer.call().await;
    peer.err(&call, &ErrorBody::new(ErrorCode::TimeoutUnknown, "no answer in time")).await;
    assert!(unknown(waiting.await.unwrap().unwrap_err()));
}
