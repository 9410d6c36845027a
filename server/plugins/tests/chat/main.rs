//! What chat promises, through the host as every caller meets it.

// Clippy knows `#[test]` functions as tests, not what they share.
#![allow(clippy::unwrap_used)]

mod bodies;
mod calling;
mod cards;
mod conversations;
mod facts;
mod history;
mod isolation;
mod leavers;
mod members;
mod messages;
mod receipts;
mod restart;
mod watch;
mod withheld;

use std::sync::atomic::{AtomicU64, Ordering};

use carillon_plugin::{Caller, Error, Plugin, Result};
use carillon_plugins::{chat, directory, log};
use carillon_protocol::{
    Cid, Codec, Command, ConvId, ErrorCode, OrgId, Raw, SessionId, Topic, UserId,
    conv::{AddMembers, Create, Get, History, Read, ReadDone, RemoveMembers, Summary},
    id::Ulid,
    msg::{Body, Send, Sent},
    org::{self, AddMember},
    receipt::{self, Counts, State},
};
use carillon_store::kit::Kit;

fn plugins() -> Vec<Plugin> {
    vec![
        directory::plugin(directory::Settings::default()),
        chat::plugin(chat::Settings::default()),
        log::plugin(),
        cards::quiz(),
    ]
}

fn next_id() -> Ulid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Ulid::from_parts(1, NEXT.fetch_add(1, Ordering::Relaxed).into())
}

fn cid() -> Cid {
    Cid(next_id())
}

/// An organisation with four people, and another one with `zoe`.
struct World {
    kit: Kit,
    org: OrgId,
    amy: Caller,
    bob: Caller,
    carol: Caller,
    dan: Caller,
    zoe: Caller,
}

impl World {
    async fn new() -> World {
        let kit = Kit::new(plugins()).await;
        let org = organisation(&kit, "Harbour Retail").await;
        let elsewhere = organisation(&kit, "Peak Logistics").await;
        World {
            amy: person(&kit, org, "amy").await,
            bob: person(&kit, org, "bob").await,
            carol: person(&kit, org, "carol").await,
            dan: person(&kit, org, "dan").await,
            zoe: person(&kit, elsewhere, "zoe").await,
            kit,
            org,
        }
    }

    async fn restarted(self) -> World {
        World { kit: self.kit.restarted(plugins()).await, ..self }
    }

    async fn call<C: Command>(&self, caller: Caller, args: C) -> Result<C::Reply> {
        self.call_as(caller, cid(), &args).await
    }

    async fn call_as<C: Command>(&self, caller: Caller, cid: Cid, args: &C) -> Result<C::Reply> {
        self.kit.host().call_typed(caller, Some(cid), args).await
    }

    /// A group of `amy`'s.
    async fn group(&self, members: &[Caller], history: History) -> ConvId {
        let members = users(members);
        let args = Create { title: "Shop 港灣".into(), members, history };
        self.call(self.amy, args).await.unwrap().conv
    }

    async fn says(&self, caller: Caller, conv: ConvId, text: &str) -> Sent {
        self.call(caller, message(conv, text)).await.unwrap()
    }

    async fn shown(&self, caller: Caller, conv: ConvId, from: u64, seq: u64) -> ReadDone {
        self.call(caller, Read { conv, from: Some(from), seq }).await.unwrap()
    }

    async fn adds(&self, caller: Caller, conv: ConvId, who: &[Caller]) -> Result<u64> {
        Ok(self.call(caller, AddMembers { conv, users: users(who) }).await?.seq)
    }

    async fn removes(&self, caller: Caller, conv: ConvId, who: &[Caller]) -> Result<u64> {
        Ok(self.call(caller, RemoveMembers { conv, users: users(who) }).await?.seq)
    }

    async fn summary(&self, caller: Caller, conv: ConvId) -> Summary {
        self.call(caller, Get { conv }).await.unwrap()
    }

    /// `(read, total)` of one message.
    async fn counts(&self, caller: Caller, conv: ConvId, seq: u64) -> Option<(u64, u64)> {
        let counts = self.call(caller, Counts { conv, seqs: vec![seq] }).await.unwrap().counts;
        counts.first().map(|&(_, read, total)| (read, total))
    }

    /// Who is in one half, as far as one page tells.
    async fn half(&self, caller: Caller, conv: ConvId, seq: u64, state: State) -> Vec<UserId> {
        let args = receipt::List { conv, seq, state, after: None, limit: None };
        let listed = self.call(caller, args).await.unwrap();
        listed.people.into_iter().map(|person| person.user).collect()
    }
}

async fn organisation(kit: &Kit, name: &str) -> OrgId {
    let args = org::Create { name: name.into() };
    kit.host().call_typed(Caller::SYSTEM, Some(cid()), &args).await.unwrap().org
}

async fn person(kit: &Kit, org: OrgId, login: &str) -> Caller {
    let args = AddMember {
        org: Some(org),
        login: login.into(),
        name: format!("{login} 陳"),
        password: None,
        title: None,
        admin: false,
        locale: None,
        tz: None,
        departments: Vec::new(),
    };
    let user = kit.host().call_typed(Caller::SYSTEM, Some(cid()), &args).await.unwrap().user;
    Caller::signed_in(user, org, SessionId(next_id()), ["read", "write"])
}

/// Calls with a chosen `prev`.
async fn send_after(world: &World, caller: Caller, prev: Cid, args: &Send) -> Result<Vec<u8>> {
    let bytes = Codec::Json.encode(args);
    let args = Raw { codec: Codec::Json, bytes: &bytes };
    let (cid, prev) = (Some(cid()), Some(prev));
    let request = carillon_plugin::Request { op: Send::OP, cid, prev, args };
    world.kit.host().call(caller, request).await
}

fn users(callers: &[Caller]) -> Vec<UserId> {
    callers.iter().map(|caller| caller.user).collect()
}

fn message(conv: ConvId, text: &str) -> Send {
    Send {
        conv,
        body: Body::Text { text: text.into(), mentions: Vec::new() },
        reply_to: None,
        everybody: false,
    }
}

fn topic(conv: ConvId) -> Topic {
    Topic::Conv(conv)
}

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorCode {
    result.unwrap_err().code()
}

fn field<T: std::fmt::Debug>(result: Result<T, Error>) -> (ErrorCode, String) {
    let body = result.unwrap_err().into_body();
    (body.code, body.field.unwrap_or_default())
}
