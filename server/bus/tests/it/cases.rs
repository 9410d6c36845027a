//! What every bus promises.

use bytes::Bytes;
use carillon_bus::{INBOX_MESSAGES_MAX, Part, Signal};

use crate::bed::{Bed, Node, nodes, part, until};

pub async fn what_a_node_publishes_arrives_at_the_others_as_it_was(bed: &impl Bed) {
    let [one, mut two, mut three] = nodes(bed).await;
    for payload in [Bytes::new(), Bytes::from_static(b"\0\r\n\xff"), Bytes::from(vec![7; 100_000])]
    {
        one.publish(part(63), payload.clone());
        assert_eq!(two.hear().await, (part(63), payload.clone()));
        assert_eq!(three.hear().await, (part(63), payload));
    }
}

pub async fn nobody_hears_themselves(bed: &impl Bed) {
    let [mut one, mut two] = nodes(bed).await;
    one.publish(part(0), "of one");
    assert_eq!(two.hear().await.1, "of one");
    two.publish(part(0), "of two");
    assert_eq!(one.hear().await.1, "of two");
}

pub async fn a_part_keeps_its_order(bed: &impl Bed) {
    const MESSAGES: u32 = 1_000;
    let [one, mut two] = nodes(bed).await;
    for n in 0..MESSAGES {
        one.publish(part(9), n.to_be_bytes().to_vec());
    }
    for n in 0..MESSAGES {
        assert_eq!(two.hear().await.1, n.to_be_bytes().as_slice());
    }
}

/// Whoever publishes may write to the socket itself: all of them at once, and in one part.
pub async fn many_who_publish_at_once_are_heard_without_a_hole(bed: &impl Bed) {
    const SPEAKERS: usize = 4;
    const MESSAGES: usize = 1_000;
    let [one, mut two] = nodes(bed).await;
    let before = two.health().interrupted;
    let speakers: Vec<_> = (0..SPEAKERS)
        .map(|speaker| {
            let bus = one.bus.clone();
            std::thread::spawn(move || {
                for n in 0..MESSAGES {
                    let words = [speaker.to_be_bytes(), n.to_be_bytes()].concat();
                    bus.publish(part((n % 3) as u8), words.into());
                }
            })
        })
        .collect();
    let mut heard = [[0; 3]; SPEAKERS];
    for _ in 0..SPEAKERS * MESSAGES {
        let (part, payload) = two.hear().await;
        let word = |i: usize| usize::from_be_bytes(payload[8 * i..8 * i + 8].try_into().unwrap());
        let heard = &mut heard[word(0)][usize::from(part.number())];
        assert!(word(1) >= *heard, "a part keeps the order of each");
        *heard = word(1) + 1;
    }
    speakers.into_iter().for_each(|speaker| speaker.join().unwrap());
    assert_eq!(two.health().interrupted, before);
}

pub async fn all_parts_carry_in_all_directions(bed: &impl Bed) {
    let mut nodes: [Node; 3] = nodes(bed).await;
    for (i, node) in nodes.iter().enumerate() {
        Part::all().for_each(|part| node.publish(part, vec![i as u8]));
    }
    for (i, node) in nodes.iter_mut().enumerate() {
        let mut heard = Vec::new();
        while heard.len() < 2 * Part::COUNT {
            let (part, payload) = node.hear().await;
            heard.push((payload[0], part));
        }
        heard.sort();
        let others = (0..3).filter(|other| *other != i as u8);
        let all: Vec<_> = others.flat_map(|other| Part::all().map(move |p| (other, p))).collect();
        assert_eq!(heard, all);
    }
}

/// The reader sleeps, and everything else goes on.
pub async fn who_does_not_read_is_told_that_something_is_missing(bed: &impl Bed) {
    let [one, mut two, mut three] = nodes(bed).await;
    let before = two.health().dropped;
    for _ in 0..=INBOX_MESSAGES_MAX / Part::COUNT {
        Part::all().for_each(|part| one.publish(part, "x"));
        // In step with a node that reads, so that it is not the publisher who drops.
        for _ in 0..Part::COUNT {
            three.hear().await;
        }
    }
    until("the inbox is full", || two.health().dropped > before).await;
    two.interruption().await;
    let mut heard = 0;
    one.publish(part(5), "last");
    one.publish(part(5), "last");
    while heard < INBOX_MESSAGES_MAX {
        match two.signal().await {
            Signal::Arrived { payload, .. } if payload == "x" => heard += 1,
            Signal::Arrived { .. } | Signal::Interrupted => {}
        }
    }
    one.publish(part(6), "end");
    while two.hear().await.1 != "end" {}
}

pub async fn who_leaves_is_missed_by_nobody(bed: &impl Bed) {
    let [one, two, mut three] = nodes(bed).await;
    drop(two);
    one.publish(part(1), "still here");
    assert_eq!(three.hear().await.1, "still here");
    drop(one);
    let mut late = bed.start();
    until("the newcomer is there", || late.health().ready).await;
    three.publish(part(1), "welcome");
    assert_eq!(late.hear().await.1, "welcome");
}

pub async fn a_bus_says_how_it_is_going(bed: &impl Bed) {
    let [one, mut two] = nodes(bed).await;
    one.publish(part(1), "counted");
    two.hear().await;
    until("it is counted", || one.health().published == 1).await;
    let (one_says, two_says) = (one.health(), two.health());
    assert_eq!((two_says.received, two_says.dropped, one_says.dropped), (1, 0, 0));
    assert_eq!(one_says.peers.iter().map(|peer| peer.node).collect::<Vec<_>>(), [two.id]);
    assert!(one_says.suspects.is_empty());
}

/// The end of a bus is the end of its signals, after what arrived.
pub async fn a_bus_that_is_dropped_ends_its_subscription(bed: &impl Bed) {
    let [one, mut two] = nodes(bed).await;
    one.publish(part(1), "the last");
    until("it arrived", || two.health().received == 1).await;
    drop(two.bus);
    let mut last = Vec::new();
    while let Some(signal) = two.inbox.next().await {
        last.push(signal);
    }
    let the_last = Signal::Arrived { part: part(1), payload: "the last".into() };
    assert_eq!(last.last(), Some(&the_last));
}
