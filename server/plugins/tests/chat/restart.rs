//! What memory knew, the next process finds again: in the tables, or in the log.

use carillon_protocol::conv::List;

use crate::*;

const DAY: i64 = 86_400_000;

async fn rows(world: &World, sql: &str) -> u64 {
    let rows = carillon_plugin::Storage::query(world.kit.store(), sql, Vec::new()).await.unwrap();
    rows[0].get(0).unwrap()
}

#[tokio::test]
async fn cursors_and_receipts_survive_a_restart() {
    let world = World::new().await;
    let conv = world.group(&[world.bob, world.carol], History::All).await;
    for turn in 0..9 {
        world.says(world.amy, conv, &format!("{turn}")).await;
    }
    world.shown(world.bob, conv, 2, 4).await;
    world.shown(world.bob, conv, 8, 8).await;
    let before = world.summary(world.bob, conv).await;
    let world = world.restarted().await;
    assert_eq!(world.summary(world.bob, conv).await, before);
    for (seq, read) in [(2, 1), (4, 1), (5, 0), (8, 1), (9, 0)] {
        assert_eq!(world.counts(world.amy, conv, seq).await, Some((read, 2)), "{seq}");
    }
    let done = world.call(world.bob, Read { conv, from: None, seq: 10 }).await.unwrap();
    assert_eq!(done, ReadDone { read_seq: 10, read_n: 9, unread: 0 });
}

#[tokio::test]
async fn the_cursor_of_who_wrote_last_follows_from_the_log_after_a_crash() {
    let world = World::new().await;
    let conv = world.group(&[world.bob, world.carol], History::All).await;
    world.says(world.amy, conv, "2").await;
    world.says(world.bob, conv, "3").await;
    world.says(world.amy, conv, "4").await;
    let cursors = "SELECT COUNT(*) FROM chat_cursor WHERE read_seq > 1";
    let unread = async |world: &World| {
        let mut unread = Vec::new();
        for who in [world.amy, world.bob, world.carol] {
            let listening = world.kit.host().listening(who).await.unwrap();
            let mine = listening.into_iter().find(|it| it.topic == topic(conv)).unwrap();
            let listed = world.call(who, List::default()).await.unwrap().convs.remove(0);
            assert_eq!(mine.read.unwrap().0, listed.read_seq);
            assert_eq!(listed, world.summary(who, conv).await);
            unread.push((listed.read_seq, listed.unread));
        }
        unread
    };
    let expected = [(4, 0), (3, 1), (1, 3)];
    assert_eq!(unread(&world).await, expected);
    let world = world.restarted().await;
    assert!(rows(&world, cursors).await < 2, "the last ones were not written down");
    assert_eq!(unread(&world).await, expected);

    // The cursors that were found in the log are written down with the next ones.
    world.kit.clock().advance(60_000);
    let done = world.shown(world.bob, conv, 4, 4).await;
    assert_eq!(done, ReadDone { read_seq: 4, read_n: 3, unread: 0 });
    assert_eq!(rows(&world, cursors).await, 2);
    assert_eq!(rows(&world, "SELECT settled_n FROM chat_conversation").await, 3);
    let world = world.restarted().await;
    assert_eq!(unread(&world).await, [(4, 0), (4, 0), (1, 3)]);
}

#[tokio::test]
async fn however_much_was_said_in_however_many_conversations_before_a_crash_it_is_found() {
    // More than one query asks for, and more than it brings of one conversation.
    const CONVS: usize = 70;
    const MESSAGES: u64 = 600;
    let world = World::new().await;
    for _ in 0..CONVS {
        let conv = world.group(&[world.bob], History::All).await;
        world.says(world.bob, conv, "once").await;
    }
    let long = world.group(&[world.bob], History::All).await;
    world.says(world.bob, long, "first").await;
    for _ in 1..MESSAGES {
        world.says(world.amy, long, "and again").await;
    }
    let world = world.restarted().await;
    let settled = "SELECT COUNT(*) FROM chat_conversation WHERE settled_n > 0";
    assert!(rows(&world, settled).await < 2, "they were not written down");
    let listening = world.kit.host().listening(world.bob).await.unwrap();
    // The first event of a conversation is that it was made.
    let read = listening.iter().filter(|it| it.read == Some((2, 1)));
    assert_eq!(read.count(), CONVS + 1);
    let done = world.shown(world.bob, long, MESSAGES + 1, MESSAGES + 1).await;
    assert_eq!(done, ReadDone { read_seq: MESSAGES + 1, read_n: MESSAGES, unread: 0 });
    let amy = world.summary(world.amy, long).await;
    assert_eq!((amy.read_seq, amy.unread), (MESSAGES + 1, 0));
}

#[tokio::test]
async fn leaving_and_returning_survive_a_restart() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::Joined).await;
    world.removes(world.amy, conv, &[world.bob]).await.unwrap();
    world.says(world.amy, conv, "3").await;
    world.adds(world.amy, conv, &[world.bob]).await.unwrap();
    let before = world.kit.host().window(world.bob, &topic(conv)).await.unwrap();
    let world = world.restarted().await;
    assert_eq!(world.kit.host().window(world.bob, &topic(conv)).await.unwrap(), before);
    assert_eq!(world.adds(world.amy, conv, &[world.bob]).await.unwrap(), 4, "in it already");
}

#[tokio::test]
async fn rows_are_people_times_days_and_old_days_become_one() {
    let world = World::new().await;
    let conv = world.group(&[world.bob, world.carol], History::All).await;
    let days = "SELECT COUNT(*) FROM chat_seen";
    for day in 0..40_u64 {
        for turn in 0..5 {
            let seq = world.says(world.amy, conv, &format!("{day} {turn}")).await.seq;
            world.shown(world.bob, conv, seq, seq).await;
            world.kit.clock().advance(5 * 60_000);
        }
        // The days before the last thirty are one row.
        let expected = if day <= 30 { day + 1 } else { 32 };
        assert_eq!(rows(&world, days).await, expected, "after {day} days");
        world.kit.clock().advance(DAY - 25 * 60_000);
    }
    let reads = |at: &receipt::Listed| at.people[0].at.unwrap();
    let ask = |seq| receipt::List { conv, seq, state: State::Read, after: None, limit: None };
    let recent = world.call(world.amy, ask(190)).await.unwrap();
    let world = world.restarted().await;
    for seq in 2..202 {
        let listed = world.call(world.amy, ask(seq)).await.unwrap();
        assert_eq!(listed.total, 1, "{seq}");
    }
    assert_eq!(reads(&world.call(world.amy, ask(190)).await.unwrap()), reads(&recent));
}
