//! Every vote counts once, whatever else happens.

use std::collections::BTreeMap;

use carillon_plugin::protocol::poll::Refresh;
use proptest::{collection::vec, prelude::*};

use crate::*;

pub async fn a_vote_that_races_with_the_end_does_not_count(world: World) {
    for anonymous in [false, true] {
        let poll = world.opens(Open { anonymous, ..world.lunch() }).await;
        let (host, amy, cid) = (world.kit.host().clone(), world.amy, Some(world.cid()));
        world.kit.before_next_commit(async move {
            host.call_typed(amy, cid, &Close { poll }).await.unwrap();
        });
        assert_eq!(code(world.votes(world.bob, poll, &[0]).await), ErrorCode::Conflict);
        assert_eq!(world.poll(world.bob, poll).await.counts, Some(vec![0; 3]));
    }
}

pub async fn a_card_that_is_overtaken_does_not_show_how_the_votes_stood(world: World) {
    let poll = world.opens(world.lunch()).await;
    let (seq, _) = world.card().await;
    let shown = async || {
        let events = world.events().await;
        let data: SentData = events[seq as usize - 1].data.to().unwrap();
        let Body::Card { card, .. } = data.body else { panic!("a card") };
        (card.state, card.fields.into_iter().map(|fact| fact.value).collect::<Vec<_>>())
    };
    let system = Caller::for_plugin(world.amy.user, world.amy.org);
    let refreshes = async || world.kit.host().call_typed(system, None, &Refresh { poll }).await;

    world.votes(world.bob, poll, &[0]).await.unwrap();
    let (host, carol, cid) = (world.kit.host().clone(), world.carol, Some(world.cid()));
    world.kit.before_next_commit(async move {
        host.call_typed(carol, cid, &Vote { poll, choices: vec![0] }).await.unwrap();
        host.call_typed(system, None, &Refresh { poll }).await.unwrap();
    });
    refreshes().await.unwrap();
    assert_eq!(shown().await.1[0], "**2** · 100%");

    world.votes(world.amy, poll, &[1]).await.unwrap();
    let (host, amy, cid) = (world.kit.host().clone(), world.amy, Some(world.cid()));
    world.kit.before_next_commit(async move {
        host.call_typed(amy, cid, &Close { poll }).await.unwrap();
        host.call_typed(system, None, &Refresh { poll }).await.unwrap();
    });
    refreshes().await.unwrap();
    assert_eq!(shown().await.0, State::Done, "the end is a version of its own");
}

pub async fn the_same_intent_votes_once_also_when_the_poll_is_closed_by_then(world: World) {
    for anonymous in [false, true] {
        let poll = world.opens(Open { anonymous, ..world.lunch() }).await;
        let (pressed, called) = (world.cid(), world.cid());
        let text = || Value::Text("2".into());
        assert!(!world.presses(world.bob, pressed, text()).await.unwrap());
        assert!(world.presses(world.bob, pressed, text()).await.unwrap());
        let vote = Vote { poll, choices: vec![2] };
        let again = || world.kit.host().call_typed(world.carol, Some(called), &vote);
        assert!(!again().await.unwrap().dup);
        world.closes(world.amy, poll).await.unwrap();
        assert!(again().await.unwrap().dup);
        assert!(world.presses(world.bob, pressed, text()).await.unwrap(), "though it is closed");
        let late = world.presses(world.bob, world.cid(), text()).await;
        assert_eq!(code(late), ErrorCode::Conflict);
        assert_eq!(world.poll(world.amy, poll).await.counts, Some(vec![0, 0, 2]));
    }
    let open = world.lunch();
    let cid = world.cid();
    let call = || world.kit.host().call_typed(world.amy, Some(cid), &open);
    assert_eq!(call().await.unwrap(), call().await.unwrap());
    world.kit.settle().await;
    let cards = world.events().await.into_iter().filter(|event| &*event.k == msg::kind::SENT);
    assert_eq!(cards.count(), 3);
}

pub async fn a_vote_that_counted_is_answered_so_though_another_one_came_since(world: World) {
    let poll = world.opens(world.lunch()).await;
    let (first, second) = (world.cid(), world.cid());
    let option = |place: &str| Value::Text(place.into());
    assert!(!world.presses(world.bob, first, option("0")).await.unwrap());
    assert!(!world.presses(world.bob, second, option("1")).await.unwrap());
    assert!(world.presses(world.bob, first, option("0")).await.unwrap());
    assert_eq!(world.poll(world.bob, poll).await.mine, Some(vec![1]), "the last one counts");
    world.closes(world.amy, poll).await.unwrap();
    for cid in [first, second] {
        assert!(world.presses(world.bob, cid, option("0")).await.unwrap());
    }
    // Another person's intent is another one, and what is new comes too late.
    for (who, cid) in [(world.carol, first), (world.bob, world.cid())] {
        assert_eq!(code(world.presses(who, cid, option("0")).await), ErrorCode::Conflict);
    }
    assert_eq!(world.poll(world.bob, poll).await.counts, Some(vec![0, 1, 0]));
}

/// What the people do: who, and for which options, as bits.
fn ballots() -> impl Strategy<Value = Vec<(usize, u32)>> {
    vec((0..3_usize, 1..8_u32), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_counts_are_the_votes_whatever_their_order(
        ballots in ballots(), anonymous: bool, apart: bool, restart in 0..12_usize
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let place = if apart { Place::Apart } else { Place::Node };
        runtime.block_on(counts_equal_votes(place, ballots, anonymous, restart));
    }
}

async fn counts_equal_votes(
    place: Place,
    ballots: Vec<(usize, u32)>,
    anonymous: bool,
    restart: usize,
) {
    let mut world = World::new(place).await;
    let poll = world.opens(Open { anonymous, multiple: true, ..world.lunch() }).await;
    let people = [world.amy, world.bob, world.carol];
    let mut votes = BTreeMap::new();
    for (step, (who, bits)) in ballots.into_iter().enumerate() {
        if step == restart {
            world = World { kit: world.kit.restarted(plugins(world.place)).await, ..world };
        }
        let choices: Vec<u32> = (0..3).filter(|place| (bits >> place) & 1 == 1).collect();
        let voted = world.votes(people[who], poll, &choices).await;
        match anonymous && votes.contains_key(&who) {
            true => assert_eq!(code(voted), ErrorCode::Conflict),
            false => drop((voted.unwrap(), votes.insert(who, choices))),
        }
    }
    world.closes(world.amy, poll).await.unwrap();
    let count = |option| votes.values().filter(|choices| choices.contains(&option)).count() as u64;
    let counts: Vec<u64> = (0..3).map(count).collect();
    let shown = world.shown().await;
    for (count, shown) in counts.iter().zip(shown) {
        assert!(shown.starts_with(&format!("**{count}** ")), "{shown}");
    }
    let seen = world.poll(world.bob, poll).await;
    assert_eq!((seen.voters, seen.counts), (votes.len() as u64, Some(counts)));
}
