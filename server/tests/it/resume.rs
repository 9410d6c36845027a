//! Coming back: what was missed comes in pages, newest first, and nothing falls between.

use std::collections::BTreeMap;

use carillon_protocol::{
    Codec, DeviceId, ErrorCode, ServerFrame, Topic, UserId, conv,
    frame::{Hello, TopicPage},
    limits::PAGE_LEN_MAX,
    log, msg, receipt,
};

use crate::kit::{Person, TestClient, TestServer, cid, new_id, text_message};

/// A page of a topic, if the catch-up had one.
fn page_of(client: &TestClient, topic: &Topic) -> Option<TopicPage> {
    client.pages.iter().find(|page| page.topic == *topic).cloned()
}

async fn two_people(server: &TestServer) -> (Person, Person) {
    let org = server.org("Harbour").await;
    (server.person(org, "amy").await, server.person(org, "bob").await)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_gets_what_moved_since_and_nothing_else() {
    let server = TestServer::start().await;
    let (amy, bob) = two_people(&server).await;
    let (busy, quiet) = (server.group(&[&amy, &bob]).await, server.group(&[&amy, &bob]).await);
    let mut amys = TestClient::connect(&server, &amy).await;
    amys.say(quiet, "old").await;

    for codec in Codec::ALL {
        let bobs = TestClient::resume(&server, &bob, codec, None).await;
        assert!(page_of(&bobs, &Topic::Conv(quiet)).is_some(), "the first time everything comes");
        let sync = bobs.sync.clone();
        drop(bobs);
        let sent = amys.say(busy, "while you were away").await;

        let back = TestClient::resume(&server, &bob, codec, sync).await;
        assert_eq!(page_of(&back, &Topic::Conv(quiet)), None);
        let page = page_of(&back, &Topic::Conv(busy)).expect("it moved");
        assert_eq!(
            (page.head, page.last.last().map(|event| event.seq)),
            (sent.seq, Some(sent.seq))
        );
        assert!(page.unread > Some(0));
    }
    drop(amys);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_moved_on_another_device_comes_back_too() {
    let server = TestServer::start().await;
    let (amy, bob) = two_people(&server).await;
    let conv = server.group(&[&amy, &bob]).await;
    let mut amys = TestClient::connect(&server, &amy).await;
    let sent = amys.say(conv, "read me").await;

    let desk = TestClient::connect(&server, &bob).await;
    let sync = desk.sync.clone();
    drop(desk);
    let phone = Person { device: DeviceId(new_id()), ..bob.clone() };
    let mut phone = TestClient::connect(&server, &phone).await;
    phone.call(&conv::Read { conv, from: None, seq: sent.seq }).await.unwrap();

    let desk = TestClient::resume(&server, &bob, Codec::Json, sync).await;
    let page = page_of(&desk, &Topic::Conv(conv)).expect("the cursor moved");
    assert_eq!((page.read_seq, page.unread), (Some(sent.seq), Some(0)));
    drop((amys, phone, desk));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_removed_while_away_is_told_once_and_hears_nothing_after_it() {
    for history in [conv::History::All, conv::History::Joined] {
        let server = TestServer::start().await;
        let (amy, bob) = two_people(&server).await;
        let mut amys = TestClient::connect(&server, &amy).await;
        let create = conv::Create { title: "Shop".into(), members: vec![bob.user], history };
        let group = amys.call(&create).await.unwrap().conv;
        let topic = Topic::Conv(group);
        let bobs = TestClient::connect(&server, &bob).await;
        let sync = bobs.sync.clone();
        drop(bobs);
        let users = vec![bob.user];
        let went = amys.call(&conv::RemoveMembers { conv: group, users }).await.unwrap();
        amys.say(group, "between us").await;

        let mut back = TestClient::resume(&server, &bob, Codec::Json, sync).await;
        let page = page_of(&back, &topic).expect("he left it");
        assert_eq!(page.head, went.seq);
        let last = page.last.last().expect("the event that says so");
        assert_eq!((last.seq, &*last.k), (went.seq, conv::kind::MEMBERS_CHANGED));
        assert_eq!((page.n, page.unread), (0, Some(0)), "nothing of what came after");
        amys.say(group, "still between us").await;
        let direct = amys.call(&conv::Open { user: bob.user }).await.unwrap().conv;
        assert_eq!(back.event().await.topic, Topic::Conv(direct), "what he hears next");

        let sync = back.sync.clone();
        drop(back);
        let again = TestClient::resume(&server, &bob, Codec::Json, sync).await;
        assert_eq!(page_of(&again, &topic), None, "he knows");
        let fresh = TestClient::resume(&server, &bob, Codec::Json, None).await;
        assert_eq!(page_of(&fresh, &topic), None, "a new device has nothing to forget");
        drop((amys, again, fresh));
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_falls_between_the_pages_and_the_live_events() {
    const MESSAGES: u64 = 300;
    let server = TestServer::start().await;
    let (amy, bob) = two_people(&server).await;
    let conv = server.group(&[&amy, &bob]).await;
    let topic = Topic::Conv(conv);
    let mut amys = TestClient::connect(&server, &amy).await;
    let first = amys.say(conv, "first").await.seq;
    let speaking = tokio::spawn(async move {
        for number in 0..MESSAGES {
            amys.say(conv, &number.to_string()).await;
        }
    });

    // Bob comes and goes while Amy speaks. What a page says and what comes live must join.
    let mut have = first;
    let mut sync = None;
    let last = first + MESSAGES;
    while have < last {
        let mut bobs = TestClient::resume(&server, &bob, Codec::Json, sync.take()).await;
        if let Some(page) = page_of(&bobs, &topic) {
            if page.last.first().is_some_and(|event| event.seq > have + 1) {
                let gap = log::Read {
                    topic: topic.clone(),
                    after: Some(have),
                    before: None,
                    limit: Some(200),
                };
                let read = bobs.call(&gap).await.unwrap();
                assert_eq!(read.events.first().map(|event| event.seq), Some(have + 1));
            }
            have = have.max(page.head);
        }
        let leave_at = last.min(have + 3);
        while have < leave_at {
            let event = bobs.event().await;
            // One that a page has told already may be on its way still: a client drops it.
            assert!(event.seq <= have + 1, "{} follows {have}", event.seq);
            have = have.max(event.seq);
        }
        sync = bobs.sync.clone();
    }
    speaking.await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_life_is_told_to_start_again() {
    let server = TestServer::start().await;
    let (amy, _) = two_people(&server).await;
    for sync in ["", "1", "x.y.z", "1.0.1", "99999999999999999999.0.1"] {
        let mut client = TestClient::open(server.url(), Codec::Json).await;
        let hello = Hello {
            v: 1,
            token: Some(amy.token.clone()),
            device: amy.device,
            tab: None,
            sync: Some(sync.into()),
            caps: Vec::new(),
            handles: Vec::new(),
            listens: Vec::new(),
        };
        client.hello(&hello).await;
        let (frames, closed) = client.until_closed().await;
        let refused = frames.iter().any(|frame| {
            matches!(frame, ServerFrame::Err { error, .. } if error.code == ErrorCode::TooFar)
        });
        assert!(refused, "{sync:?}: {frames:?}");
        assert!(closed.code.is_some_and(|code| code < 4500), "it may come back: {closed:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_added_hears_from_that_event_on_and_who_is_removed_hears_it_last() {
    let server = TestServer::start().await;
    let (amy, bob) = two_people(&server).await;
    let conv = server.group(&[&amy]).await;
    let mut amys = TestClient::connect(&server, &amy).await;
    let mut bobs = TestClient::connect(&server, &bob).await;
    amys.say(conv, "before").await;
    let users = vec![bob.user];
    let came = amys.call(&conv::AddMembers { conv, users: users.clone() }).await.unwrap();
    let during = amys.say(conv, "during").await;
    let went = amys.call(&conv::RemoveMembers { conv, users }).await.unwrap();
    amys.say(conv, "after").await;
    let direct = amys.call(&conv::Open { user: bob.user }).await.unwrap().conv;
    amys.say(direct, "you still hear this").await;

    let mut heard = Vec::new();
    loop {
        let event = bobs.event().await;
        if event.topic == Topic::Conv(direct) && &*event.k == msg::kind::SENT {
            break;
        }
        if event.topic == Topic::Conv(conv) {
            heard.push(event.seq);
        }
    }
    assert_eq!(heard, [came.seq, during.seq, went.seq]);
    drop((amys, bobs));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_everything_is_where_it_was() {
    let server = TestServer::start().await;
    let (amy, bob) = two_people(&server).await;
    let conv = server.group(&[&amy, &bob]).await;
    let mut amys = TestClient::connect(&server, &amy).await;
    let mut seqs = Vec::new();
    for number in 0..20 {
        seqs.push(amys.say(conv, &number.to_string()).await.seq);
    }
    let mut bobs = TestClient::connect(&server, &bob).await;
    bobs.call(&conv::Read { conv, from: Some(seqs[4]), seq: seqs[9] }).await.unwrap();
    let sync = bobs.sync.clone();
    let counts = receipt::Counts { conv, seqs: seqs.clone() };
    let before = amys.call(&counts).await.unwrap();
    drop((amys, bobs));

    let server = server.restart().await;
    let mut amys = TestClient::resume(&server, &amy, Codec::MsgPack, sync).await;
    assert_eq!(amys.call(&counts).await.unwrap(), before);
    let read: BTreeMap<u64, u64> =
        before.counts.iter().map(|&(seq, read, _)| (seq, read)).collect();
    assert_eq!((read[&seqs[3]], read[&seqs[4]], read[&seqs[9]], read[&seqs[10]]), (0, 1, 1, 0));
    let list =
        receipt::List { conv, seq: seqs[5], state: receipt::State::Read, after: None, limit: None };
    let people = amys.call(&list).await.unwrap().people;
    let people: Vec<UserId> = people.into_iter().map(|person| person.user).collect();
    assert_eq!(people, [bob.user]);
    let next = amys.say(conv, "on").await;
    assert_eq!(next.seq, seqs[19] + 1);
    drop(amys);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_a_busy_group_misses_none_of_what_follows() {
    const ROUNDS: usize = 30;
    const FOLLOWING: usize = 40;
    let server = TestServer::start().await;
    let (amy, bob) = two_people(&server).await;
    let mut bobs = TestClient::connect(&server, &bob).await;
    for _ in 0..ROUNDS {
        let conv = server.group(&[&amy]).await;
        let mut amys = TestClient::connect(&server, &amy).await;
        // In one go, so that the writer commits them together.
        let add = conv::AddMembers { conv, users: vec![bob.user] };
        let mut calls = vec![amys.begin("conv.member.add", Some(cid()), None, &add).await];
        for number in 0..FOLLOWING {
            let send = text_message(conv, &number.to_string());
            calls.push(amys.begin("msg.send", Some(cid()), None, &send).await);
        }
        for call in calls {
            amys.answer(call).await.unwrap();
        }
        let mut seqs = Vec::new();
        while seqs.len() < 1 + FOLLOWING {
            let event = bobs.event().await;
            if event.topic == Topic::Conv(conv) {
                seqs.push(event.seq);
            }
        }
        assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seqs:?}");
    }
    drop(bobs);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_frame_of_a_catch_up_is_larger_than_it_may_be() {
    let server = TestServer::start().await;
    let (amy, bob) = two_people(&server).await;
    let mut amys = TestClient::connect(&server, &amy).await;
    let long = "長".repeat(5_000);
    let mut convs = Vec::new();
    for _ in 0..3 {
        let conv = server.group(&[&amy, &bob]).await;
        for _ in 0..20 {
            amys.say(conv, &long).await;
        }
        convs.push(Topic::Conv(conv));
    }
    for codec in Codec::ALL {
        let mut bobs = TestClient::resume(&server, &bob, codec, None).await;
        assert!(bobs.page_len_max <= PAGE_LEN_MAX, "{} bytes", bobs.page_len_max);
        for topic in &convs {
            let page = page_of(&bobs, topic).expect("it moved");
            let seqs: Vec<u64> = page.last.iter().map(|event| event.seq).collect();
            assert_eq!(seqs.last(), Some(&page.head));
            assert!(!seqs.is_empty() && seqs.windows(2).all(|pair| pair[1] == pair[0] + 1));
            let before = seqs[0];
            let older = log::Read {
                topic: topic.clone(),
                after: None,
                before: Some(before),
                limit: Some(200),
            };
            let older = bobs.call(&older).await.unwrap();
            assert_eq!(older.events.last().map(|event| event.seq), Some(before - 1));
        }
    }
    drop(amys);
    server.stop().await;
}
