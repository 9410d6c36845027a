//! Whatever people do at once, and however little of it is in memory: what memory says in the end
//! is what a fresh start reads from the tables and the log.

use std::sync::Arc;

use carillon_plugin::{Caller, Error, Host, Plugin, Result};
use carillon_protocol::{
    Cid, Command, ConvId, ErrorCode, Event, EventId, Json, OrgId, SessionId, Topic, UserId,
    conv::{
        AddMembers, Create, Get, History, Kind, List, ListMembers, Listed, Member,
        MembersChangedData, Read, RemoveMembers, Role, Summary, Update, kind,
    },
    id::Ulid,
    limits::MEMBERS_MAX,
    msg::{self, Body, Send},
    org,
    receipt::{Counted, Counts},
};
use carillon_store::kit::Kit;

use super::{
    Chat, Settings,
    roster::{Change, Conversation, Person, Reading, Roster},
    spans::{ReadSpans, SPANS_MAX},
};
use crate::directory;

/// Conversations that are written to at once.
const CONVS: usize = 3;
const PEOPLE: usize = 6;
/// People act through several connections each.
const CONNECTIONS: usize = 2;
const ACTS: usize = 40;

/// The plugins of a node with so much in memory; one that is not alone has a name.
#[derive(Clone, Copy)]
struct Node {
    name: Option<&'static str>,
    cached_bytes: u64,
}

impl Node {
    fn plugins(self) -> Vec<Plugin> {
        let settings = Settings { node: self.name.map(str::to_owned) };
        let chat = super::with_cache(settings, self.cached_bytes);
        vec![directory::plugin(directory::Settings::default()), chat]
    }
}

const ALONE: Node = Node { name: None, cached_bytes: super::CACHE_BYTES };
const SHARED: Node = Node { name: Some("east"), ..ALONE };

/// Numbers that look random and follow from a seed.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

async fn once<C: Command>(host: &Host, caller: Caller, args: C) -> Result<C::Reply> {
    host.call_typed(caller, Some(Cid(host.new_id())), &args).await
}

async fn people(host: &Host) -> Vec<Caller> {
    let args = org::Create { name: "Harbour Retail".into() };
    let org = once(host, Caller::SYSTEM, args).await.unwrap().org;
    let mut people = Vec::new();
    for index in 0..PEOPLE {
        let args = org::AddMember {
            org: Some(org),
            login: format!("p{index}"),
            name: format!("P {index}"),
            password: None,
            title: None,
            admin: false,
            locale: None,
            tz: None,
            departments: Vec::new(),
        };
        let user = once(host, Caller::SYSTEM, args).await.unwrap().user;
        people.push(Caller::signed_in(user, org, SessionId(Ulid::nil()), ["read", "write"]));
    }
    people
}

async fn conversations(host: &Host, people: &[Caller]) -> Vec<ConvId> {
    let mut convs = Vec::new();
    for index in 0..CONVS {
        let history = if index == 0 { History::Joined } else { History::All };
        let members = people.iter().map(|caller| caller.user).collect();
        let args = Create { title: format!("{index}"), members, history };
        convs.push(once(host, people[0], args).await.unwrap().conv);
    }
    convs
}

/// One thing that somebody does; it may be refused, since others do things too.
async fn act(host: &Host, me: Caller, conv: ConvId, users: &[UserId], dice: &mut Dice) {
    let someone = || vec![users[1 + (me.user.0.0 as usize) % (users.len() - 1)]];
    let refused = match dice.below(13) {
        0 => once(host, me, RemoveMembers { conv, users: someone() }).await.err(),
        1 => once(host, me, AddMembers { conv, users: users.to_vec() }).await.err(),
        2..6 => {
            let body = Body::Text { text: "x".into(), mentions: Vec::new() };
            once(host, me, Send { conv, body, reply_to: None, everybody: false }).await.err()
        }
        6 => host.call_typed(me, None, &Get { conv }).await.err(),
        7 => {
            let title = format!("{}", dice.below(1_000));
            once(host, me, Update { conv, title }).await.err()
        }
        8 => {
            let user = users[dice.below(users.len() as u64) as usize];
            host.call_typed(Caller::SYSTEM, None, &org::RemoveMember { user }).await.err()
        }
        9 => {
            let user = users[dice.below(users.len() as u64) as usize];
            host.call_typed(Caller::SYSTEM, None, &org::RestoreMember { user }).await.err()
        }
        _ => {
            let from = 1 + dice.below(60);
            let args = Read { conv, from: Some(from), seq: from + dice.below(5) };
            host.call_typed(me, None, &args).await.err()
        }
    };
    if let Some(error) = refused {
        let expected = [ErrorCode::Forbidden, ErrorCode::NotMember, ErrorCode::Conflict];
        assert!(expected.contains(&error.code()), "{error}");
    }
}

#[derive(Debug, PartialEq)]
struct Seen {
    list: Vec<Summary>,
    convs: Vec<(Vec<Member>, Counted)>,
}

/// Everything that a person can see.
async fn seen(host: &Host, me: Caller, convs: &[ConvId]) -> Seen {
    let Listed { convs: list, .. } = host.call_typed(me, None, &List::default()).await.unwrap();
    let listening = host.listening(me).await.unwrap();
    for summary in &list {
        let mine = listening.iter().find(|it| it.topic == Topic::Conv(summary.conv)).unwrap();
        assert_eq!(mine.read.unwrap().0, summary.read_seq);
        assert_eq!(host.call_typed(me, None, &Get { conv: summary.conv }).await.unwrap(), *summary);
    }
    let mut seen = Vec::new();
    for &conv in convs {
        let cursor = Read { conv, from: None, seq: 0 };
        if let Ok(done) = host.call_typed(me, None, &cursor).await {
            let summary = list.iter().find(|summary| summary.conv == conv).unwrap();
            assert_eq!((done.read_seq, done.unread), (summary.read_seq, summary.unread));
        }
        let args = ListMembers { conv, after: None, limit: None };
        let Ok(listed) = host.call_typed(me, None, &args).await else { continue };
        let args = Counts { conv, seqs: (1..=100).collect() };
        seen.push((listed.members, host.call_typed(me, None, &args).await.unwrap()));
    }
    Seen { list, convs: seen }
}

async fn converges(seed: u32, node: Node) {
    println!("SEED={seed}");
    let mut kit = Kit::seeded(node.plugins(), seed).await;
    let people = people(kit.host()).await;
    let users: Vec<_> = people.iter().map(|caller| caller.user).collect();
    let convs = conversations(kit.host(), &people).await;
    for round in 0..3 {
        let mut busy = Vec::new();
        for connection in 0..PEOPLE * CONNECTIONS {
            let (host, me) = (kit.host().clone(), people[connection % PEOPLE]);
            let (users, convs) = (users.clone(), convs.clone());
            let mut dice = Dice(u64::from(seed) << 16 | round << 8 | connection as u64);
            busy.push(tokio::spawn(async move {
                for _ in 0..ACTS {
                    let conv = convs[dice.below(CONVS as u64) as usize];
                    act(&host, me, conv, &users, &mut dice).await;
                }
            }));
        }
        for task in busy {
            task.await.unwrap();
            kit.clock().advance(700);
        }
        let mut before = Vec::new();
        for &me in &people {
            before.push(seen(kit.host(), me, &convs).await);
        }
        kit = kit.restarted(node.plugins()).await;
        for (&me, before) in people.iter().zip(&before) {
            assert_eq!(seen(kit.host(), me, &convs).await, *before, "round {round}");
        }
    }
}

fn happened(conv: ConvId, seq: u64, by: UserId, k: &str, data: Json) -> Event {
    let id = EventId(Ulid::nil());
    Event { topic: Topic::Conv(conv), seq, n: seq - 1, k: k.into(), id, by, at: 0, cid: None, data }
}

#[tokio::test]
async fn a_load_catches_up_with_what_was_committed_meanwhile() {
    let chat = Chat::new(<_>::default(), super::CACHE_BYTES);
    let [amy, bob, carol] = [1, 2, 3].map(|number| UserId(Ulid::from_parts(1, number)));
    let conv = ConvId(Ulid::from_parts(2, 0));
    let comes = |seq, user| {
        let data = MembersChangedData { added: vec![user], removed: vec![] };
        happened(conv, seq, amy, kind::MEMBERS_CHANGED, Json::of(&data))
    };
    let load = || async {
        let roster = Roster::new(vec![Person::joining(amy, Role::Owner, 1, 0)], 1, 1, 0);
        let id = (conv, OrgId(Ulid::nil()));
        let tables = Conversation::new(id, (Kind::Group, History::All), roster);
        // The tables have the first of these already, but not the others.
        tables.write().apply(&Change::Event(comes(2, bob)))?;
        chat.observe(&comes(2, bob));
        chat.observe(&comes(3, carol));
        chat.observe(&happened(conv, 4, bob, msg::kind::SENT, Json::default()));
        Ok(tables)
    };
    let loaded = chat.cached(conv, load).await.unwrap();
    let cursors: Vec<_> = loaded.read().members().map(|it| (it.user, it.cursor)).collect();
    assert_eq!(cursors, [(amy, (1, 0)), (bob, (4, 3)), (carol, (3, 2))]);
    assert_eq!(loaded.read().person(bob).unwrap().spans.len(), 1);
    assert_eq!((loaded.read().active, loaded.read().changed_seq), (3, 3));
    assert!(chat.loading.is_empty());

    chat.observe(&happened(conv, 5, amy, msg::kind::SENT, Json::default()));
    assert_eq!(loaded.read().head, 5, "memory follows what comes after the load");
}

#[tokio::test]
async fn a_load_that_fails_leaves_nothing_behind() {
    let chat = Chat::new(<_>::default(), super::CACHE_BYTES);
    let conv = ConvId(Ulid::from_parts(2, 0));
    let missing = || async { Err(Error::not_found("conversation")) };
    assert!(chat.cached(conv, missing).await.is_err());
    assert!(chat.loading.is_empty() && chat.cache.is_empty());
}

/// A group of one person, loaded.
async fn loaded(chat: &Chat, conv: ConvId, amy: UserId) -> Arc<Conversation> {
    let load = || async {
        let roster = Roster::new(vec![Person::joining(amy, Role::Owner, 1, 0)], 1, 1, 0);
        let id = (conv, OrgId(Ulid::nil()));
        Ok(Conversation::new(id, (Kind::Group, History::All), roster))
    };
    chat.cached(conv, load).await.unwrap()
}

#[tokio::test]
async fn a_conversation_weighs_what_its_people_and_what_they_saw_take() {
    let chat = Chat::new(<_>::default(), super::CACHE_BYTES);
    let (amy, conv) = (UserId(Ulid(1)), ConvId(Ulid(2)));
    let before = loaded(&chat, conv, amy).await.read().bytes() as u64;
    assert_eq!(chat.cache.weight(), before);
    let mut seen = ReadSpans::default();
    for seq in 1..=SPANS_MAX as u64 {
        seen.add(2 * seq, 2 * seq, 0);
    }
    let reading = Reading { user: amy, cursor: (999, 9), seen, oldest_day: None };
    chat.apply(conv, Change::Read(Box::new(reading)));
    assert_eq!(chat.cache.weight(), before + (SPANS_MAX * 24) as u64);
    // A full group whose people all have as many fits into one part of the cache.
    let full = before + (MEMBERS_MAX * (size_of::<Person>() + SPANS_MAX * 24)) as u64;
    assert!(full < chat.cache.shard_capacity(), "{full}");
}

#[tokio::test]
async fn what_changes_while_it_is_loaded_again_never_brings_the_old_one_back() {
    let chat = Chat::new(<_>::default(), super::CACHE_BYTES);
    let (amy, conv) = (UserId(Ulid(1)), ConvId(Ulid(2)));
    let old = loaded(&chat, conv, amy).await;
    chat.cache.remove(&conv);
    let new = loaded(&chat, conv, amy).await;
    chat.weigh(conv, &old, 9_999);
    assert!(Arc::ptr_eq(&chat.cache.peek(&conv).unwrap().conv, &new));
    assert_eq!(chat.cache.weight(), new.read().bytes() as u64);
    chat.cache.remove(&conv);
    chat.weigh(conv, &old, 9_999);
    assert!(chat.cache.peek(&conv).is_none());
    loaded(&chat, conv, amy).await;
}

#[tokio::test]
async fn an_event_that_cannot_be_read_sends_the_conversation_back_to_the_tables() {
    let chat = Chat::new(<_>::default(), super::CACHE_BYTES);
    let (amy, conv) = (UserId(Ulid(1)), ConvId(Ulid(2)));
    let known = loaded(&chat, conv, amy).await;
    chat.observe(&happened(conv, 2, amy, kind::MEMBERS_CHANGED, Json::of(&"nonsense")));
    assert!(chat.cache.peek(&conv).is_none());
    assert_eq!(known.read().changed_seq, 1);
}

#[tokio::test]
async fn who_was_removed_while_a_message_was_on_the_way_has_not_seen_it() {
    let (amy, bob) = (UserId(Ulid(1)), UserId(Ulid(2)));
    let conv = ConvId(Ulid(3));
    let mut roster = Roster::new(vec![Person::joining(amy, Role::Owner, 1, 0)], 1, 1, 0);
    let changes = |(seq, n), added, removed| {
        let data = MembersChangedData { added, removed };
        let event = happened(conv, seq, amy, kind::MEMBERS_CHANGED, Json::of(&data));
        Change::Event(Event { n, ..event })
    };
    let says = |(seq, n)| {
        let event = happened(conv, seq, bob, msg::kind::SENT, Json::default());
        Change::Event(Event { n, ..event })
    };
    let mut seen = ReadSpans::default();
    seen.add(1, 2, 0);
    let reading = Reading { user: bob, cursor: (2, 0), seen, oldest_day: None };
    let happen = [
        changes((2, 0), vec![bob], vec![]),
        Change::Read(Box::new(reading)),
        says((3, 1)),
        changes((4, 1), vec![], vec![bob]),
        says((5, 2)),
        changes((6, 2), vec![bob], vec![]),
    ];
    happen.iter().for_each(|change| roster.apply(change).unwrap());
    let bob = roster.person(bob).unwrap();
    let has_seen = |seq: &u64| bob.seen.seen_at(*seq).is_some();
    assert_eq!((1..=6).filter(has_seen).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_says_what_a_fresh_start_reads() {
    for seed in 1..4 {
        converges(seed, ALONE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_that_holds_one_conversation_says_the_same() {
    for seed in 4..7 {
        converges(seed, Node { cached_bytes: super::USUAL_BYTES + 4_096, ..ALONE }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_that_holds_nothing_says_the_same() {
    converges(7, Node { cached_bytes: 0, ..ALONE }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_that_follows_the_log_that_nodes_share_says_the_same() {
    for (seed, cached_bytes) in [(8, super::CACHE_BYTES), (9, super::USUAL_BYTES + 4_096)] {
        converges(seed, Node { cached_bytes, ..SHARED }).await;
    }
}
