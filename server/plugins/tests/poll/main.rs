//! What polls promise, through the host as every caller meets it.

// Clippy knows `#[test]` functions as tests, not what they share.
#![allow(clippy::unwrap_used)]

mod counting;
mod secret;

use std::collections::BTreeMap;

use carillon_plugin::{
    Caller, Clock as _, Error, Plugin, Result,
    protocol::{
        Cid, Command, ConvId, ErrorCode, Event, OrgId, PollId, SessionId, Topic,
        card::{Act, Card, Input, State, Value},
        conv::{Create, History, RemoveMembers},
        id::Ulid,
        limits::{POLL_LASTS_MS, POLL_OPTION_LEN_MAX, POLL_OPTIONS_MAX},
        log,
        msg::{self, Body, SentData},
        org,
        plugin::ListDead,
        poll::{Ballot, Close, Get, Open, Poll, Vote, Votes},
    },
};
use carillon_plugins::{chat, directory, log as logs, node, plugin, poll};
use carillon_store::kit::{self, Kit};

use counting::{
    a_card_that_is_overtaken_does_not_show_how_the_votes_stood,
    a_vote_that_counted_is_answered_so_though_another_one_came_since,
    a_vote_that_races_with_the_end_does_not_count,
    the_same_intent_votes_once_also_when_the_poll_is_closed_by_then,
};
use secret::nobody_learns_what_somebody_voted_for_in_a_secret_poll;

/// Where the handlers of polls run.
#[derive(Debug, Clone, Copy)]
enum Place {
    Node,
    Apart,
}

fn plugins(place: Place) -> Vec<Plugin> {
    let poll = match place {
        Place::Node => poll::plugin(),
        Place::Apart => kit::apart(poll::plugin),
    };
    vec![
        directory::plugin(<_>::default()),
        chat::plugin(<_>::default()),
        logs::plugin(),
        node::plugin(),
        plugin::plugin(),
        poll,
    ]
}

/// An organisation whose `amy`, `bob` and `carol` are in a conversation and `dan` is not, and
/// another one with `zoe`.
struct World {
    kit: Kit,
    place: Place,
    conv: ConvId,
    amy: Caller,
    bob: Caller,
    carol: Caller,
    dan: Caller,
    zoe: Caller,
}

async fn organisation(kit: &Kit) -> OrgId {
    let args = org::Create { name: "Harbour".into() };
    let cid = Some(Cid(kit.host().new_id()));
    kit.host().call_typed(Caller::SYSTEM, cid, &args).await.unwrap().org
}

async fn person(kit: &Kit, org: OrgId, login: &str) -> Caller {
    let args = org::AddMember {
        org: Some(org),
        login: login.into(),
        name: login.into(),
        password: None,
        title: None,
        admin: false,
        locale: Some("en".into()),
        tz: Some("Asia/Hong_Kong".into()),
        departments: Vec::new(),
    };
    let cid = Some(Cid(kit.host().new_id()));
    let user = kit.host().call_typed(Caller::SYSTEM, cid, &args).await.unwrap().user;
    Caller::signed_in(user, org, SessionId(Ulid::nil()), ["read", "write"])
}

impl World {
    async fn new(place: Place) -> World {
        let kit = Kit::new(plugins(place)).await;
        let (org, elsewhere) = (organisation(&kit).await, organisation(&kit).await);
        let [amy, bob, carol, dan] = [
            person(&kit, org, "amy").await,
            person(&kit, org, "bob").await,
            person(&kit, org, "carol").await,
            person(&kit, org, "dan").await,
        ];
        let zoe = person(&kit, elsewhere, "zoe").await;
        let members = vec![bob.user, carol.user];
        let create = Create { title: "Lunch".into(), members, history: History::All };
        let cid = Some(Cid(kit.host().new_id()));
        let conv = kit.host().call_typed(amy, cid, &create).await.unwrap().conv;
        World { kit, place, conv, amy, bob, carol, dan, zoe }
    }

    fn cid(&self) -> Cid {
        Cid(self.kit.host().new_id())
    }

    async fn call<C: Command>(&self, caller: Caller, args: C) -> Result<C::Reply> {
        self.kit.host().call_typed(caller, Some(self.cid()), &args).await
    }

    fn lunch(&self) -> Open {
        Open {
            conv: self.conv,
            question: "Lunch?".into(),
            options: ["Rice", "Noodles", "*Soup*"].map(String::from).into(),
            multiple: false,
            anonymous: false,
            closes_at: None,
        }
    }

    /// A poll of `amy`'s, whose card is there.
    async fn opens(&self, open: Open) -> PollId {
        let poll = self.call(self.amy, open).await.unwrap().poll;
        self.kit.settle().await;
        poll
    }

    async fn votes(&self, who: Caller, poll: PollId, choices: &[u32]) -> Result<bool> {
        Ok(self.call(who, Vote { poll, choices: choices.into() }).await?.dup)
    }

    async fn poll(&self, who: Caller, poll: PollId) -> Poll {
        self.call(who, Get { poll }).await.unwrap()
    }

    async fn closes(&self, who: Caller, poll: PollId) -> Result<()> {
        self.call(who, Close { poll }).await.map(drop)
    }

    /// The log of the conversation.
    async fn events(&self) -> Vec<Event> {
        let topic = Topic::Conv(self.conv);
        let read = log::Read { topic, after: Some(0), before: None, limit: Some(200) };
        self.call(self.amy, read).await.unwrap().events
    }

    /// The last message, which is a card, and where it is.
    async fn card(&self) -> (u64, Card) {
        self.kit.settle().await;
        let events = self.events().await;
        let event = events.iter().rev().find(|event| &*event.k == msg::kind::SENT).unwrap();
        let data: SentData = event.data.to().unwrap();
        match data.body {
            Body::Card { owner, card } => {
                assert_eq!(owner.as_deref(), Some("poll"));
                (event.seq, *card)
            }
            body => panic!("a card, not {body:?}"),
        }
    }

    /// What the card says of each option.
    async fn shown(&self) -> Vec<String> {
        self.card().await.1.fields.into_iter().map(|fact| fact.value).collect()
    }

    /// Sends the form of the card.
    async fn presses(&self, who: Caller, cid: Cid, value: Value) -> Result<bool> {
        let values = BTreeMap::from([("vote".to_owned(), value)]);
        self.acts(who, cid, "vote", values).await
    }

    async fn acts(
        &self,
        who: Caller,
        cid: Cid,
        act: &str,
        values: BTreeMap<String, Value>,
    ) -> Result<bool> {
        let (seq, _) = self.card().await;
        let act = Act { conv: self.conv, seq, act: act.into(), values };
        Ok(self.kit.host().call_typed(who, Some(cid), &act).await?.dup)
    }

    async fn leaves(&self, who: Caller) {
        let leave = RemoveMembers { conv: self.conv, users: vec![who.user] };
        self.call(who, leave).await.unwrap();
    }

    async fn nothing_failed(&self) {
        let dead = self.kit.host().call_typed(Caller::SYSTEM, None, &ListDead::default()).await;
        assert_eq!(dead.unwrap().dead, []);
    }
}

/// Everything holds wherever the handlers run.
macro_rules! both_ways {
    ($($name:ident,)+) => {
        mod in_the_node {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::World::new(super::Place::Node).await).await;
            })+
        }
        mod apart {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::World::new(super::Place::Apart).await).await;
            })+
        }
    };
}

both_ways! {
    a_poll_is_a_card_that_shows_how_the_votes_stand_until_the_end,
    the_same_intent_votes_once_also_when_the_poll_is_closed_by_then,
    whoever_opened_a_poll_closes_it_on_its_card,
    a_poll_closes_by_itself_once_its_time_is_over,
    only_members_know_of_a_poll_and_who_leaves_leaves_the_vote,
    what_cannot_be_a_poll_or_a_vote_is_refused_with_where,
    a_vote_that_races_with_the_end_does_not_count,
    a_vote_that_counted_is_answered_so_though_another_one_came_since,
    a_card_that_is_overtaken_does_not_show_how_the_votes_stood,
    nobody_learns_what_somebody_voted_for_in_a_secret_poll,
}

fn code<T>(result: Result<T>) -> ErrorCode {
    result.err().map(|error| error.code()).expect("a refusal")
}

fn field<T>(result: Result<T>) -> (ErrorCode, String) {
    let error: Error = result.err().expect("a refusal");
    (error.code(), error.body().field.clone().unwrap_or_default())
}

fn inputs(card: &Card) -> &[Input] {
    &card.form.as_ref().expect("a form").inputs
}

async fn a_poll_is_a_card_that_shows_how_the_votes_stand_until_the_end(world: World) {
    let poll = world.opens(world.lunch()).await;
    let (seq, card) = world.card().await;
    assert_eq!(card.title.as_deref(), Some("Lunch?"));
    assert_eq!(inputs(&card)[0].options.len(), 3);
    assert_eq!(world.events().await[seq as usize - 1].by, world.amy.user);
    assert_eq!(world.shown().await, ["**0** · 0%"; 3]);

    let text = |text: &str| Value::Text(text.into());
    assert!(!world.presses(world.bob, world.cid(), text("1")).await.unwrap());
    assert!(!world.votes(world.carol, poll, &[1]).await.unwrap());
    assert!(!world.votes(world.amy, poll, &[0]).await.unwrap());
    assert_eq!(world.shown().await, ["**1** · 33%", "**2** · 67%", "**0** · 0%"]);
    world.votes(world.bob, poll, &[0]).await.unwrap();
    assert_eq!(world.shown().await, ["**2** · 67%", "**1** · 33%", "**0** · 0%"]);

    let seen = world.poll(world.bob, poll).await;
    assert_eq!((seen.voters, seen.counts, seen.mine), (3, Some(vec![2, 1, 0]), Some(vec![0])));
    let page = world.call(world.bob, Votes { poll, after: None, limit: Some(2) }).await.unwrap();
    assert_eq!((page.votes.len(), page.more), (2, true));
    let after = Some(page.votes[1].user);
    let rest = world.call(world.bob, Votes { poll, after, limit: None }).await.unwrap();
    let ballot = Ballot { user: world.carol.user, choices: vec![1] };
    assert_eq!((rest.votes, rest.more), (vec![ballot], false));

    assert_eq!(code(world.closes(world.bob, poll).await), ErrorCode::Forbidden);
    world.closes(world.amy, poll).await.unwrap();
    world.closes(world.amy, poll).await.unwrap();
    let (_, card) = world.card().await;
    assert_eq!((card.state, card.form), (State::Done, None));
    assert_eq!(world.shown().await, ["**2** · 67%", "**1** · 33%", "**0** · 0%"]);
    assert_eq!(code(world.votes(world.bob, poll, &[1]).await), ErrorCode::Conflict);
    assert_eq!(code(world.presses(world.bob, world.cid(), text("1")).await), ErrorCode::Conflict);
    world.nothing_failed().await;
}

async fn whoever_opened_a_poll_closes_it_on_its_card(world: World) {
    let poll = world.opens(world.lunch()).await;
    let closes = async |who, cid| world.acts(who, cid, "close", BTreeMap::new()).await;
    assert_eq!(code(closes(world.bob, world.cid()).await), ErrorCode::Forbidden);
    let cid = world.cid();
    closes(world.amy, cid).await.unwrap();
    assert_eq!(world.card().await.1.state, State::Done);
    assert!(world.poll(world.bob, poll).await.closed_at.is_some());
    closes(world.amy, cid).await.expect("the same intent is answered as before");
    assert_eq!(code(closes(world.amy, world.cid()).await), ErrorCode::Conflict);
    world.kit.clock().advance(POLL_LASTS_MS);
    world.kit.settle().await;
    world.nothing_failed().await;
}

async fn a_poll_closes_by_itself_once_its_time_is_over(world: World) {
    let closes_at = Some(world.kit.clock().now() + 60_000);
    let poll = world.opens(Open { closes_at, ..world.lunch() }).await;
    let text = world.card().await.1.text.unwrap();
    assert!(text.contains("(UTC+08:00)"), "{text}");
    world.kit.clock().advance(59_999);
    world.votes(world.bob, poll, &[0]).await.unwrap();
    world.kit.clock().advance(1);
    let late = world.votes(world.carol, poll, &[0]).await;
    assert_eq!(code(late), ErrorCode::Conflict, "also before it has closed itself");
    assert_eq!(world.card().await.1.state, State::Done);
    let seen = world.poll(world.bob, poll).await;
    assert_eq!((seen.closed_at, seen.voters), (closes_at, 1));

    // One that was closed by hand, and one that nobody closes.
    let poll = world.opens(Open { closes_at: closes_at.map(|at| at + 9), ..world.lunch() }).await;
    world.closes(world.amy, poll).await.unwrap();
    let forgotten = world.opens(world.lunch()).await;
    world.kit.clock().advance(POLL_LASTS_MS);
    world.kit.settle().await;
    assert!(world.poll(world.bob, forgotten).await.closed_at.is_some());
    world.nothing_failed().await;
}

async fn only_members_know_of_a_poll_and_who_leaves_leaves_the_vote(world: World) {
    let poll = world.opens(world.lunch()).await;
    for stranger in [world.dan, world.zoe] {
        let vote = world.votes(stranger, poll, &[0]).await;
        assert_eq!(code(vote), ErrorCode::NotFound);
        assert_eq!(code(world.call(stranger, Get { poll }).await), ErrorCode::NotFound);
        assert_eq!(code(world.closes(stranger, poll).await), ErrorCode::NotFound);
        let votes = Votes { poll, after: None, limit: None };
        assert_eq!(code(world.call(stranger, votes).await), ErrorCode::NotFound);
        assert_eq!(code(world.call(stranger, world.lunch()).await), ErrorCode::NotFound);
    }
    let poll_act = world.call(world.bob, carillon_plugin::protocol::poll::Refresh { poll }).await;
    assert_eq!(code(poll_act), ErrorCode::UnknownOp);
    world.votes(world.bob, poll, &[1]).await.unwrap();
    world.leaves(world.bob).await;
    assert_eq!(code(world.votes(world.bob, poll, &[0]).await), ErrorCode::NotMember);
    assert_eq!(world.poll(world.carol, poll).await.counts, Some(vec![0, 1, 0]));
    // Who opened it may still close it.
    world.leaves(world.amy).await;
    world.closes(world.amy, poll).await.unwrap();
    assert!(world.poll(world.carol, poll).await.closed_at.is_some());
}

async fn what_cannot_be_a_poll_or_a_vote_is_refused_with_where(world: World) {
    let refused = async |open| field(world.call(world.amy, open).await);
    let bad = |name: &str| (ErrorCode::BadArg, name.to_owned());
    let options = |all: &[&str]| all.iter().map(|&it| it.to_owned()).collect::<Vec<_>>();
    let lunch = || world.lunch();
    assert_eq!(refused(Open { question: " ".into(), ..lunch() }).await, bad("question"));
    assert_eq!(refused(Open { question: "a\nb".into(), ..lunch() }).await, bad("question"));
    assert_eq!(refused(Open { options: options(&["a"]), ..lunch() }).await, bad("options"));
    let twice = options(&["a", " a"]);
    assert_eq!(refused(Open { options: twice, ..lunch() }).await, bad("options[1]"));
    let long = vec!["a".into(), "b".repeat(POLL_OPTION_LEN_MAX + 1)];
    let too_large = (ErrorCode::TooLarge, "options[1]".to_owned());
    assert_eq!(refused(Open { options: long, ..lunch() }).await, too_large);
    let now = world.kit.clock().now();
    for at in [now, 0, now + POLL_LASTS_MS + 1] {
        assert_eq!(refused(Open { closes_at: Some(at), ..lunch() }).await, bad("closes_at"));
    }
    let poll = world.opens(lunch()).await;
    for choices in [&[][..], &[3], &[0, 1], &[u32::MAX]] {
        assert_eq!(field(world.votes(world.bob, poll, choices).await), bad("choices"));
    }
    assert_eq!(world.poll(world.bob, poll).await.voters, 0);
    // The largest poll fits into a card.
    let option = |place| format!("{place:02}{}", "\u{1f600}".repeat(POLL_OPTION_LEN_MAX - 2));
    let largest = Open {
        question: "\u{1f600}".repeat(200),
        options: (0..POLL_OPTIONS_MAX).map(option).collect(),
        ..lunch()
    };
    world.opens(largest).await;
    assert_eq!(inputs(&world.card().await.1)[0].options.len(), POLL_OPTIONS_MAX);
    world.nothing_failed().await;
}
