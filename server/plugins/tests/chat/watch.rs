//! Who looks at a large conversation is told how many have read what is on the screen.

use std::{collections::BTreeMap, time::Duration};

use carillon_protocol::receipt::{Counted, Watch, ephemeral::RECEIPTS};

use crate::*;

/// How long a test waits for what must come; only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// `[seq, read, total]`.
type Count = (u64, u64, u64);

fn watch(conv: ConvId, seqs: &[u64]) -> Watch {
    Watch { conv, seqs: seqs.to_vec() }
}

impl World {
    async fn watches(&self, caller: Caller, conv: ConvId, seqs: &[u64]) -> Vec<Count> {
        self.call(caller, watch(conv, seqs)).await.unwrap().counts
    }

    /// A group of `amy`, `bob`, `carol` and these many others, in which `amy` wrote two messages.
    async fn crowd(&self, others: usize) -> (ConvId, Vec<Caller>) {
        let mut people = vec![self.bob, self.carol];
        for index in 0..others {
            people.push(person(&self.kit, self.org, &format!("p{index}")).await);
        }
        let (first, rest) = people.split_at(people.len().min(500));
        let conv = self.group(first, History::All).await;
        if !rest.is_empty() {
            self.adds(self.amy, conv, rest).await.unwrap();
        }
        for text in ["one", "two"] {
            self.says(self.amy, conv, text).await;
        }
        self.kit.pushed();
        (conv, people)
    }

    /// What people are told of counts, as soon as anybody is.
    async fn told(&self) -> BTreeMap<UserId, Vec<Count>> {
        let told = async {
            loop {
                tokio::task::yield_now().await;
                let told = self.told_until_now();
                if !told.is_empty() {
                    return told;
                }
            }
        };
        tokio::time::timeout(PATIENCE, told).await.expect("somebody is told something")
    }

    fn told_until_now(&self) -> BTreeMap<UserId, Vec<Count>> {
        let mut told = BTreeMap::new();
        for it in self.kit.pushed().into_iter().filter(|it| &*it.eph.k == RECEIPTS) {
            // Of cursors everybody is told, by the conversation's topic.
            let Topic::User(user) = it.topic else { continue };
            assert!(matches!(it.eph.topic, Some(Topic::Conv(_))), "{it:?}");
            let counts = it.eph.data.to::<Counted>().unwrap().counts;
            assert_eq!(told.insert(user, counts), None, "once");
        }
        told
    }
}

/// The second after something was told goes by, without waiting for it.
async fn a_second_later() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn who_watches_is_told_when_counts_change_and_nobody_else() {
    let world = World::new().await;
    let (conv, _) = world.crowd(60).await;
    assert_eq!(world.watches(world.amy, conv, &[4, 3, 2, 1]).await, [(3, 0, 62), (2, 0, 62)]);
    world.shown(world.bob, conv, 3, 3).await;
    assert_eq!(world.told().await, [(world.amy.user, vec![(3, 1, 62)])].into());
    world.shown(world.carol, conv, 2, 3).await;
    a_second_later().await;
    let counts = vec![(2, 1, 62), (3, 2, 62)];
    assert_eq!(world.told().await, [(world.amy.user, counts)].into());
}

#[tokio::test]
async fn who_is_in_a_small_conversation_may_watch_too() {
    let world = World::new().await;
    let (conv, _) = world.crowd(0).await;
    assert_eq!(world.watches(world.carol, conv, &[2]).await, [(2, 0, 2)]);
    world.shown(world.bob, conv, 2, 3).await;
    assert_eq!(world.told().await, [(world.carol.user, vec![(2, 1, 2)])].into());
}

#[tokio::test]
async fn who_leaves_is_told_nothing_more_and_the_others_that_there_is_one_less() {
    let world = World::new().await;
    let (conv, _) = world.crowd(0).await;
    for person in [world.amy, world.bob, world.carol] {
        world.watches(person, conv, &[2]).await;
    }
    world.removes(world.amy, conv, &[world.bob]).await.unwrap();
    let counts = || vec![(2, 0, 1)];
    let expected = [(world.amy.user, counts()), (world.carol.user, counts())];
    assert_eq!(world.told().await, expected.into());
    world.adds(world.amy, conv, &[world.dan]).await.unwrap();
    a_second_later().await;
    let counts = || vec![(2, 0, 2)];
    let expected = [(world.amy.user, counts()), (world.carol.user, counts())];
    assert_eq!(world.told().await, expected.into());
    let refused = world.call(world.bob, watch(conv, &[2])).await;
    assert_eq!(code(refused), ErrorCode::NotMember);
}

#[tokio::test]
async fn who_watches_is_told_that_somebody_left_the_organisation() {
    let world = World::new().await;
    let (conv, _) = world.crowd(0).await;
    world.watches(world.amy, conv, &[2]).await;
    let user = world.bob.user;
    world.call(Caller::SYSTEM, org::RemoveMember { user }).await.unwrap();
    assert_eq!(world.told().await, [(world.amy.user, vec![(2, 0, 1)])].into());
    world.call(Caller::SYSTEM, org::RestoreMember { user }).await.unwrap();
    a_second_later().await;
    assert_eq!(world.told().await, [(world.amy.user, vec![(2, 0, 2)])].into());
}

#[tokio::test]
async fn in_a_group_of_more_than_500_only_own_messages_are_watched() {
    let world = World::new().await;
    let (conv, people) = world.crowd(497).await;
    assert_eq!(world.watches(people[9], conv, &[2, 3]).await, [(2, 0, 499), (3, 0, 499)]);
    world.adds(world.amy, conv, &[world.dan]).await.unwrap();
    world.told().await;
    world.kit.clock().advance(90_000);
    let seq = world.says(people[9], conv, "three").await.seq;
    assert_eq!(world.watches(people[9], conv, &[2, 3, seq]).await, [(seq, 0, 500)]);
    assert_eq!(world.watches(world.amy, conv, &[2, 3, seq]).await, [(2, 0, 500), (3, 0, 500)]);
    world.shown(world.carol, conv, 2, seq).await;
    a_second_later().await;
    let amys = (world.amy.user, vec![(2, 1, 500), (3, 1, 500)]);
    assert_eq!(world.told().await, [amys, (people[9].user, vec![(seq, 1, 500)])].into());
}

#[tokio::test]
async fn a_call_is_good_for_ninety_seconds() {
    let world = World::new().await;
    let (conv, _) = world.crowd(60).await;
    world.watches(world.amy, conv, &[2, 3]).await;
    world.watches(world.carol, conv, &[2]).await;
    world.kit.clock().advance(89_999);
    assert_eq!(world.watches(world.carol, conv, &[3]).await, [(3, 0, 62)]);
    world.kit.clock().advance(1);
    world.shown(world.bob, conv, 2, 3).await;
    let told = world.told().await;
    let carols = (world.carol.user, vec![(3, 1, 62)]);
    assert_eq!(told, [carols].into(), "amy's has run out, and the first of carol's");
}

#[tokio::test]
async fn what_a_person_watches_on_several_devices_adds_up() {
    let world = World::new().await;
    let (conv, _) = world.crowd(60).await;
    assert_eq!(world.watches(world.amy, conv, &[2]).await, [(2, 0, 62)]);
    assert_eq!(world.watches(world.amy, conv, &[3]).await, [(3, 0, 62)], "on another one");
    let unknown = world.watches(world.amy, conv, &[1, 999]).await;
    assert_eq!(unknown, [], "which are no messages, and stop nothing");
    world.shown(world.bob, conv, 2, 3).await;
    let counts = vec![(2, 1, 62), (3, 1, 62)];
    assert_eq!(world.told().await, [(world.amy.user, counts)].into());
}

#[tokio::test]
async fn watching_nothing_ends_it() {
    let world = World::new().await;
    let (conv, people) = world.crowd(60).await;
    world.watches(world.amy, conv, &[2]).await;
    world.watches(world.amy, conv, &[3]).await;
    world.watches(world.carol, conv, &[2]).await;
    assert_eq!(world.watches(world.amy, conv, &[]).await, []);
    world.shown(people[7], conv, 2, 2).await;
    assert_eq!(world.told().await, [(world.carol.user, vec![(2, 1, 62)])].into());
}

#[tokio::test]
async fn nobody_watches_what_they_may_not_see() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::Joined).await;
    world.says(world.amy, conv, "before carol").await;
    world.adds(world.amy, conv, &[world.carol]).await.unwrap();
    let seq = world.says(world.amy, conv, "with carol").await.seq;
    assert_eq!(world.watches(world.carol, conv, &[1, 2, seq]).await, [(seq, 0, 2)]);
    world.shown(world.bob, conv, 1, seq).await;
    assert_eq!(world.told().await, [(world.carol.user, vec![(seq, 1, 2)])].into());
    let many = world.call(world.carol, watch(conv, &[2; 101])).await;
    assert_eq!(field(many), (ErrorCode::TooLarge, "seqs".into()));
}
