//! Cursors, unread counts, and who has read what.

use carillon_protocol::{
    conv::{Open, ReadData},
    receipt::CursorsData,
};

use crate::*;

/// A group of `amy`, `bob` and `carol` in which `amy` wrote these many messages, from seq 2 on.
async fn written(messages: u64) -> (World, ConvId) {
    let world = World::new().await;
    let conv = world.group(&[world.bob, world.carol], History::All).await;
    for turn in 0..messages {
        world.says(world.amy, conv, &format!("{turn}")).await;
    }
    (world, conv)
}

#[tokio::test]
async fn unread_follows_from_the_cursor_and_the_cursor_never_goes_back() {
    let (world, conv) = written(9).await;
    assert_eq!(world.summary(world.bob, conv).await.unread, 9);
    let done = world.call(world.bob, Read { conv, from: None, seq: 4 }).await.unwrap();
    assert_eq!(done, ReadDone { read_seq: 4, read_n: 3, unread: 6 });
    let done = world.shown(world.bob, conv, 2, 3).await;
    assert_eq!(done, ReadDone { read_seq: 4, read_n: 3, unread: 6 });
    let done = world.call(world.bob, Read { conv, from: None, seq: 9_999 }).await.unwrap();
    assert_eq!(done, ReadDone { read_seq: 10, read_n: 9, unread: 0 });
    assert_eq!(world.summary(world.bob, conv).await.unread, 0);
    let bad = world.call(world.bob, Read { conv, from: Some(5), seq: 4 }).await;
    assert_eq!(field(bad), (ErrorCode::BadArg, "from".into()));
}

#[tokio::test]
async fn sending_sets_the_own_cursor_without_claiming_what_was_not_shown() {
    let (world, conv) = written(3).await;
    world.says(world.bob, conv, "late").await;
    let summary = world.summary(world.bob, conv).await;
    assert_eq!((summary.read_seq, summary.unread), (5, 0));
    assert_eq!(world.counts(world.amy, conv, 3).await, Some((0, 2)));
}

#[tokio::test]
async fn a_jump_to_the_newest_leaves_a_hole() {
    let (world, conv) = written(9).await;
    world.shown(world.bob, conv, 2, 3).await;
    world.shown(world.bob, conv, 9, 10).await;
    assert_eq!(world.summary(world.bob, conv).await.unread, 0);
    let seqs = vec![10, 2, 5, 9, 3];
    let counts = world.call(world.amy, Counts { conv, seqs }).await.unwrap().counts;
    assert_eq!(counts, [(10, 1, 2), (2, 1, 2), (5, 0, 2), (9, 1, 2), (3, 1, 2)]);
    let (bob, carol) = (world.bob.user, world.carol.user);
    assert_eq!(world.half(world.amy, conv, 3, State::Read).await, [bob]);
    assert_eq!(world.half(world.amy, conv, 3, State::Unread).await, [carol]);
    assert_eq!(world.half(world.amy, conv, 5, State::Unread).await, [bob, carol]);
}

#[tokio::test]
async fn receipts_never_stop_for_people_who_talk() {
    // More than are kept of a person, if each own message left a hole.
    const TURNS: u64 = 260;
    for from_the_cursor in [true, false] {
        let world = World::new().await;
        let conv = world.group(&[world.bob], History::All).await;
        for turn in 0..TURNS {
            let seq = world.says(world.amy, conv, "and?").await.seq;
            let from = (!from_the_cursor).then_some(seq);
            world.call(world.bob, Read { conv, from, seq }).await.unwrap();
            assert_eq!(world.counts(world.amy, conv, seq).await, Some((1, 1)), "turn {turn}");
            world.says(world.bob, conv, "well").await;
            world.kit.clock().advance(2 * 60_000);
        }
        assert_eq!(world.counts(world.amy, conv, 2).await, Some((1, 1)), "nothing was given up");
    }
}

#[tokio::test]
async fn who_skips_again_and_again_still_has_receipts_of_the_newest() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    let mut seqs = Vec::new();
    for _ in 0..260 {
        world.says(world.amy, conv, "skipped").await;
        let seq = world.says(world.amy, conv, "shown").await.seq;
        world.shown(world.bob, conv, seq, seq).await;
        assert_eq!(world.counts(world.amy, conv, seq).await, Some((1, 1)), "{seq}");
        seqs.push(seq);
    }
    let (first, last) = (seqs[0], seqs[seqs.len() - 1]);
    let world = world.restarted().await;
    assert_eq!(world.counts(world.amy, conv, last).await, Some((1, 1)));
    assert_eq!(world.counts(world.amy, conv, first).await, Some((0, 1)), "the oldest is given up");
}

#[tokio::test]
async fn who_comes_and_goes_leaves_no_holes_in_what_others_saw() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    for _ in 0..3 {
        let seq = world.says(world.amy, conv, "look").await.seq;
        world.shown(world.bob, conv, seq, seq).await;
        world.adds(world.amy, conv, &[world.carol]).await.unwrap();
        world.says(world.bob, conv, "hello").await;
        world.removes(world.amy, conv, &[world.carol]).await.unwrap();
    }
    let spans = "SELECT spans FROM chat_seen";
    let rows = carillon_plugin::Storage::query(world.kit.store(), spans, Vec::new()).await.unwrap();
    let spans: String = rows[0].get(0).unwrap();
    assert_eq!(spans.split(',').count(), 1, "{spans}");
}

#[tokio::test]
async fn a_reader_is_listed_with_the_time_of_the_first_look() {
    let (world, conv) = written(2).await;
    let written_at = world.kit.host().now();
    world.kit.clock().advance(5 * 60_000);
    world.shown(world.bob, conv, 2, 2).await;
    world.kit.clock().advance(5 * 60_000);
    world.shown(world.bob, conv, 2, 3).await;
    for (seq, minutes) in [(2, 5), (3, 10)] {
        let args = receipt::List { conv, seq, state: State::Read, after: None, limit: None };
        let listed = world.call(world.carol, args).await.unwrap();
        assert_eq!(listed.people[0].at, Some(written_at + minutes * 60_000));
        assert_eq!((listed.people[0].name.as_str(), listed.total), ("bob 陳", 1));
    }
}

#[tokio::test]
async fn the_author_is_in_neither_list() {
    let (world, conv) = written(1).await;
    for reader in [world.amy, world.bob, world.carol] {
        world.shown(reader, conv, 2, 2).await;
    }
    assert_eq!(world.counts(world.bob, conv, 2).await, Some((2, 2)));
    assert_eq!(world.half(world.bob, conv, 2, State::Unread).await, []);
    assert_eq!(world.half(world.bob, conv, 2, State::Read).await.len(), 2);
}

#[tokio::test]
async fn who_left_is_in_neither_list() {
    let (world, conv) = written(1).await;
    world.shown(world.bob, conv, 2, 2).await;
    world.removes(world.amy, conv, &[world.bob]).await.unwrap();
    assert_eq!(world.counts(world.amy, conv, 2).await, Some((0, 1)));
    assert_eq!(world.half(world.amy, conv, 2, State::Unread).await, [world.carol.user]);
}

#[tokio::test]
async fn lists_are_paged() {
    let (world, conv) = written(1).await;
    let page = |after| receipt::List { conv, seq: 2, state: State::Unread, after, limit: Some(1) };
    let first = world.call(world.amy, page(None)).await.unwrap();
    assert_eq!((first.people[0].user, first.more, first.total), (world.bob.user, true, 2));
    let rest = world.call(world.amy, page(Some(world.bob.user))).await.unwrap();
    assert_eq!((rest.people[0].user, rest.more, rest.total), (world.carol.user, false, 2));
}

#[tokio::test]
async fn only_messages_have_receipts() {
    let (world, conv) = written(1).await;
    let seqs = vec![0, 1, 3, 77];
    assert_eq!(world.call(world.amy, Counts { conv, seqs }).await.unwrap().counts, []);
    let many = world.call(world.amy, Counts { conv, seqs: vec![2; 101] }).await;
    assert_eq!(field(many), (ErrorCode::TooLarge, "seqs".into()));
}

#[tokio::test]
async fn messages_that_memory_has_forgotten_still_have_receipts() {
    let (world, conv) = written(400).await;
    world.shown(world.bob, conv, 2, 5).await;
    let done = world.call(world.carol, Read { conv, from: Some(30), seq: 40 }).await.unwrap();
    assert_eq!(done, ReadDone { read_seq: 40, read_n: 39, unread: 361 });
    for seq in [2, 5] {
        assert_eq!(world.counts(world.amy, conv, seq).await, Some((1, 2)));
    }
    assert_eq!(world.counts(world.amy, conv, 6).await, Some((0, 2)));
}

#[tokio::test]
async fn own_devices_and_small_conversations_see_cursors_move() {
    let (world, conv) = written(2).await;
    world.kit.pushed();
    world.shown(world.bob, conv, 2, 3).await;
    let user = world.bob.user;
    let pushed = world.kit.pushed();
    let mut seen: Vec<_> = pushed.iter().map(|it| (it.topic.clone(), &*it.eph.k)).collect();
    seen.sort();
    let expected = [(topic(conv), "receipts"), (Topic::User(user), "read")];
    assert_eq!(seen, expected);
    for it in &pushed {
        assert_eq!(it.eph.topic, Some(topic(conv)));
        match &*it.eph.k {
            "read" => {
                let data = ReadData { user, read_seq: 3, read_n: 2, unread: 0 };
                assert_eq!(it.eph.data.to::<ReadData>().unwrap(), data);
            }
            _ => {
                let data = CursorsData { cursors: vec![(user, 3)] };
                assert_eq!(it.eph.data.to::<CursorsData>().unwrap(), data);
            }
        }
    }
    world.shown(world.bob, conv, 2, 3).await;
    assert_eq!(world.kit.pushed(), [], "nothing moved");
}

#[tokio::test]
async fn many_reads_at_once_are_all_kept() {
    let world = World::new().await;
    let conv = world.call(world.amy, Open { user: world.bob.user }).await.unwrap().conv;
    for turn in 0..60 {
        world.says(world.amy, conv, &format!("{turn}")).await;
    }
    let reads = (0..30_u64).map(|turn| {
        let (host, bob) = (world.kit.host().clone(), world.bob);
        let args = Read { conv, from: Some(2 + 2 * turn), seq: 2 + 2 * turn };
        tokio::spawn(async move { host.call_typed(bob, None, &args).await.unwrap() })
    });
    for read in reads.collect::<Vec<_>>() {
        read.await.unwrap();
    }
    for seq in 2..62 {
        let read = u64::from(seq % 2 == 0);
        assert_eq!(world.counts(world.amy, conv, seq).await, Some((read, 1)), "{seq}");
    }
    assert_eq!(world.summary(world.bob, conv).await.read_seq, 60);
}
