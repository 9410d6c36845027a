//! What receipts cost in a group of the full size: run with `cargo bench -p carillon-plugins`.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use carillon_plugin::{Caller, Host, Storage};
use carillon_plugins::{chat, directory, log};
use carillon_protocol::{
    Cid, Command, ConvId, OrgId, SessionId,
    conv::{AddMembers, Create, Get, History, Read},
    id::Ulid,
    limits::{MEMBERS_MAX, RECEIPT_SEQS_MAX, USERS_PER_CALL_MAX},
    msg::{Body, Send},
    org,
    receipt::{Counts, List, State},
};
use carillon_store::kit::Kit;

/// Screens that each person looks at.
const READS_PER_PERSON: u64 = 4;
/// How often each call is measured.
const ROUNDS: usize = 200;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures durations")]
fn clock() -> Instant {
    Instant::now()
}

async fn once<C: Command>(host: &Host, caller: Caller, args: C) -> C::Reply {
    host.call_typed(caller, Some(Cid(host.new_id())), &args).await.unwrap()
}

async fn person(host: &Host, org: OrgId, login: String) -> Caller {
    let args = org::AddMember {
        org: Some(org),
        name: format!("{login} 陳大文"),
        login,
        password: None,
        title: None,
        admin: false,
        locale: None,
        tz: None,
        departments: Vec::new(),
    };
    let user = once(host, Caller::SYSTEM, args).await.user;
    Caller::signed_in(user, org, SessionId(Ulid::nil()), ["read", "write"])
}

/// A full group with as many messages as one call may count; the position of the first one.
async fn full_group(host: &Host) -> (Vec<Caller>, ConvId, u64) {
    let org = once(host, Caller::SYSTEM, org::Create { name: "Harbour Retail".into() }).await.org;
    let mut people = Vec::new();
    for index in 0..MEMBERS_MAX {
        people.push(person(host, org, format!("p{index}")).await);
    }
    let args = Create { title: "Everybody".into(), members: vec![], history: History::All };
    let conv = once(host, people[0], args).await.conv;
    for part in people[1..].chunks(USERS_PER_CALL_MAX) {
        let users = part.iter().map(|caller| caller.user).collect();
        once(host, people[0], AddMembers { conv, users }).await;
    }
    let first = once(host, people[0], Get { conv }).await.head + 1;
    for turn in 0..RECEIPT_SEQS_MAX {
        let body = Body::Text { text: format!("notice {turn}"), mentions: Vec::new() };
        once(host, people[turn % 7], Send { conv, body, reply_to: None, everybody: false }).await;
    }
    (people, conv, first)
}

/// Everybody looks at some screens, here and there, all at once.
async fn read(host: &Host, people: &[Caller], conv: ConvId, first: u64) -> Duration {
    let (mut dice, started) = (Dice(7), clock());
    for _ in 0..READS_PER_PERSON {
        let calls = people.iter().map(|&caller| {
            let from = first + dice.below(RECEIPT_SEQS_MAX as u64);
            let args = Read { conv, from: Some(from), seq: from + dice.below(20) };
            let host = host.clone();
            tokio::spawn(async move { host.call_typed(caller, None, &args).await.unwrap() })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap();
        }
    }
    started.elapsed()
}

/// The median and the slowest of many calls.
async fn measure<C: Command>(what: &str, host: &Host, caller: Caller, args: C) {
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let started = clock();
        host.call_typed(caller, None, &args).await.unwrap();
        took.push(started.elapsed());
    }
    took.sort_unstable();
    println!("{what}: median {:?}, slowest {:?}", took[ROUNDS / 2], took[ROUNDS - 1]);
}

#[tokio::main]
async fn main() {
    let plugins = || {
        vec![
            directory::plugin(<_>::default()),
            chat::plugin(chat::Settings::default()),
            log::plugin(),
        ]
    };
    let kit = Kit::new(plugins()).await;
    let host = kit.host();
    let (people, conv, first) = full_group(host).await;
    let took = read(host, &people, conv, first).await;
    let reads = people.len() as u64 * READS_PER_PERSON;
    println!("{} members, {RECEIPT_SEQS_MAX} messages, {reads} reads in {took:?}", people.len());

    let count = "SELECT COUNT(*) FROM chat_seen";
    let rows: u64 = kit.store().query(count, vec![]).await.unwrap()[0].get(0).unwrap();
    println!("rows of what was read: {rows}, for {} people on one day", people.len());

    let seqs = (first..first + RECEIPT_SEQS_MAX as u64).collect();
    measure("counts of 100 messages", host, people[3], Counts { conv, seqs }).await;
    for state in [State::Unread, State::Read] {
        let args = List { conv, seq: first + 50, state, after: None, limit: Some(200) };
        measure(&format!("page of 200, {state:?}"), host, people[3], args).await;
    }

    let kit = kit.restarted(plugins()).await;
    let started = clock();
    kit.host().call_typed(people[3], None, &Get { conv }).await.unwrap();
    println!("the group from a cold start: {:?}", started.elapsed());
}
