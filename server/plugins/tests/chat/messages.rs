//! Sending, retrying and listing messages.

use carillon_protocol::{
    log,
    msg::{List, MentionedData},
};

use crate::*;

#[tokio::test]
async fn positions_have_no_gaps_and_follow_the_order_of_sending() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    for turn in 0..20_u64 {
        let by = if turn % 3 == 0 { world.bob } else { world.amy };
        let sent = world.says(by, conv, &format!("{turn}")).await;
        assert_eq!((sent.seq, sent.dup), (turn + 2, false));
    }
    let args = log::Read { topic: topic(conv), after: None, before: None, limit: Some(200) };
    let page = world.call(world.bob, args).await.unwrap();
    let places: Vec<_> = page.events.iter().map(|event| (event.seq, event.n)).collect();
    assert_eq!(places, (1..=21).map(|seq| (seq, seq - 1)).collect::<Vec<_>>());
    assert_eq!((page.head, page.more, page.floor), (21, false, 1));
}

#[tokio::test]
async fn many_at_once_get_positions_without_gaps() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    let sends = (0..100).map(|turn| {
        let (host, by) = (world.kit.host().clone(), [world.amy, world.bob][turn % 2]);
        tokio::spawn(async move {
            host.call_typed(by, Some(cid()), &message(conv, "x")).await.unwrap().seq
        })
    });
    let mut seqs = Vec::new();
    for send in sends.collect::<Vec<_>>() {
        seqs.push(send.await.unwrap());
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (2..102).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_retry_answers_the_first_position() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    let (once, other) = (cid(), message(conv, "something else"));
    let first = world.call_as(world.bob, once, &message(conv, "hi")).await.unwrap();
    world.says(world.amy, conv, "hello").await;
    let retry = world.call_as(world.bob, once, &message(conv, "hi")).await.unwrap();
    assert_eq!(retry, Sent { dup: true, ..first.clone() });
    let conflict = world.call_as(world.bob, once, &other).await;
    assert_eq!(code(conflict), ErrorCode::IdempotencyConflict);

    world.removes(world.bob, conv, &[world.bob]).await.unwrap();
    let retry = world.call_as(world.bob, once, &message(conv, "hi")).await.unwrap();
    assert_eq!(retry, Sent { dup: true, ..first });
    let conflict = world.call_as(world.bob, once, &other).await;
    assert_eq!(code(conflict), ErrorCode::IdempotencyConflict);
    assert_eq!(code(world.call(world.bob, other).await), ErrorCode::NotMember);
}

#[tokio::test]
async fn a_message_waits_for_the_one_before_it() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    let before = cid();
    let (first, second) = (message(conv, "1"), message(conv, "2"));
    let early = send_after(&world, world.bob, before, &second).await;
    assert_eq!(code(early), ErrorCode::PrevMissing);
    world.call_as(world.bob, before, &first).await.unwrap();
    assert!(send_after(&world, world.bob, before, &second).await.is_ok());
}

#[tokio::test]
async fn texts_have_from_one_byte_to_sixteen_kibibytes() {
    let world = World::new().await;
    let conv = world.group(&[], History::All).await;
    let empty = world.call(world.amy, message(conv, "")).await;
    assert_eq!(field(empty), (ErrorCode::BadArg, "body.text".into()));
    let full = "x".repeat(16 * 1024);
    assert!(world.call(world.amy, message(conv, &full)).await.is_ok());
    let over = world.call(world.amy, message(conv, &format!("{full}x"))).await;
    assert_eq!(field(over), (ErrorCode::TooLarge, "body.text".into()));
}

#[tokio::test]
async fn who_is_mentioned_hears_it_in_the_own_log() {
    let world = World::new().await;
    let conv = world.group(&[world.bob, world.carol], History::All).await;
    let mention = |who: &[Caller]| Send {
        conv,
        body: Body::Text { text: "@bob 睇下".into(), mentions: users(who) },
        reply_to: None,
        everybody: false,
    };
    let once = cid();
    world.call_as(world.amy, once, &mention(&[world.bob, world.bob])).await.unwrap();
    let own = |user| log::Read { topic: Topic::User(user), after: None, before: None, limit: None };
    let events = world.call(world.bob, own(world.bob.user)).await.unwrap().events;
    let data: Vec<MentionedData> = events.iter().map(|event| event.data.to().unwrap()).collect();
    assert_eq!(data, [MentionedData { topic: topic(conv), cid: once }]);
    assert!(world.call(world.carol, own(world.carol.user)).await.unwrap().events.is_empty());

    let outside = world.call(world.amy, mention(&[world.bob, world.dan])).await;
    assert_eq!(field(outside), (ErrorCode::NotFound, "body.mentions[1]".into()));
    let many = world.call(world.amy, mention(&[world.bob; 201])).await;
    assert_eq!(field(many), (ErrorCode::TooLarge, "body.mentions".into()));
}

#[tokio::test]
async fn an_answer_names_a_message() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    let first = world.says(world.bob, conv, "?").await.seq;
    let reply = |seq| Send { reply_to: Some(seq), ..message(conv, "!") };
    assert!(world.call(world.amy, reply(first)).await.is_ok());
    for nothing in [0, 1, 4, u64::from(u32::MAX)] {
        let refused = field(world.call(world.amy, reply(nothing)).await);
        assert_eq!(refused, (ErrorCode::BadArg, "reply_to".into()), "{nothing}");
    }
}

#[tokio::test]
async fn a_screen_holds_messages_and_nothing_else() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    let mut messages = Vec::new();
    for turn in 0..9 {
        if turn == 4 {
            world.adds(world.amy, conv, &[world.carol]).await.unwrap();
        }
        messages.push(world.says(world.bob, conv, &format!("{turn}")).await.seq);
    }
    assert_eq!(messages, [2, 3, 4, 5, 7, 8, 9, 10, 11]);
    let list = |before, after, around, limit| List { conv, before, after, around, limit };
    let seqs = async |args: List| {
        let listed = world.call(world.amy, args).await.unwrap();
        (listed.events.iter().map(|event| event.seq).collect::<Vec<_>>(), listed.more)
    };
    assert_eq!(seqs(list(None, None, None, Some(3))).await, (vec![9, 10, 11], true));
    assert_eq!(seqs(list(None, None, None, Some(9))).await, (messages.clone(), false));
    assert_eq!(seqs(list(Some(7), None, None, Some(2))).await, (vec![4, 5], true));
    assert_eq!(seqs(list(Some(4), None, None, Some(2))).await, (vec![2, 3], false));
    assert_eq!(seqs(list(None, Some(5), None, Some(2))).await, (vec![7, 8], true));
    assert_eq!(seqs(list(None, Some(9), None, Some(2))).await, (vec![10, 11], false));
    assert_eq!(seqs(list(None, None, Some(7), Some(4))).await, (vec![4, 5, 7, 8], true));
    assert_eq!(seqs(list(None, None, Some(2), Some(20))).await, (messages, false));
    let both = world.call(world.amy, list(Some(3), Some(1), None, None)).await;
    assert_eq!(code(both), ErrorCode::BadArg);
}
