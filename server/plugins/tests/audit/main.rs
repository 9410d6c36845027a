//! What the audit log promises: whoever administers is in it, and nobody changes it unseen.

// Clippy knows `#[test]` functions as tests, not what they share.
#![allow(clippy::unwrap_used)]

#[path = "../room/carrier.rs"]
#[expect(dead_code, reason = "of those who carry media only what they answer is needed")]
mod carrier;
mod every_operation;
mod recorded;
mod tampered;

use carillon_plugin::{
    Caller, Error, Request,
    protocol::{
        Cid, Codec, Command, OrgId, Raw, SessionId, UserId,
        audit::{Link, List, Row, Walk},
        id::Ulid,
        org, session,
    },
};
use carillon_plugins::{
    audit, bot, chat, ding,
    directory::{self, PasswordParams, Settings, token_digest},
    node, notify, plugin, presence, room,
};
use carillon_store::kit::Kit;
use serde_json::Value;

const PASSWORD: &str = "correct horse";
const SETUP: &str = "cst_the-first-start-printed-this";

/// All plugins, with one organisation that `amy` administers.
struct World {
    kit: Kit,
    org: OrgId,
    amy: Caller,
}

impl World {
    async fn new() -> World {
        let kit = empty().await;
        let args = session::Setup {
            token: SETUP.into(),
            org: "Harbour".into(),
            login: "amy".into(),
            name: "Amy".into(),
            password: PASSWORD.into(),
        };
        let grant = typed(&kit, Caller::STRANGER, &args).await.unwrap();
        let org = whoami(&kit, &grant).await;
        World { amy: signed_in(&grant, org), kit, org }
    }

    async fn call<C: Command>(&self, caller: Caller, args: &C) -> Result<C::Reply, Error> {
        typed(&self.kit, caller, args).await
    }

    /// The rows as the command line sees them, the oldest first.
    async fn rows(&self) -> Vec<Row> {
        self.kit.host().write_refusals().await.unwrap();
        self.kit.settle().await;
        let all = List { limit: Some(200), ..List::default() };
        let mut rows = self.call(Caller::SYSTEM, &all).await.unwrap().rows;
        rows.reverse();
        rows
    }

    /// The rows as they are stored.
    async fn links(&self) -> Vec<Link> {
        self.kit.settle().await;
        let mut links: Vec<Link> = Vec::new();
        loop {
            let after = links.last().map_or(0, |link| link.n);
            let more = self.call(Caller::SYSTEM, &Walk { after }).await.unwrap().links;
            if more.is_empty() {
                return links;
            }
            links.extend(more);
        }
    }

    async fn add(&self, login: &str) -> UserId {
        let args = org::AddMember {
            org: None,
            login: login.into(),
            name: login.into(),
            password: Some(PASSWORD.into()),
            title: None,
            admin: false,
            locale: None,
            tz: None,
            departments: Vec::new(),
        };
        self.call(self.amy, &args).await.unwrap().user
    }
}

async fn empty() -> Kit {
    // The cheapest that argon2 allows: these tests are not about its cost.
    let password = PasswordParams::new(8, 1, 1, None).unwrap();
    let setup_token = Some(token_digest(SETUP));
    let directory = directory::plugin(Settings { setup_token, password, ..Settings::default() });
    let plugins = vec![
        audit::plugin(),
        directory,
        chat::plugin(<_>::default()),
        bot::plugin(),
        ding::plugin(),
        node::plugin(),
        notify::plugin(notify::Ways::closed()),
        plugin::plugin(),
        presence::plugin(<_>::default()),
        room::plugin(carrier::Carrier::new()),
    ];
    Kit::new(plugins).await
}

fn cid(kit: &Kit) -> Cid {
    Cid(kit.host().new_id())
}

async fn typed<C: Command>(kit: &Kit, caller: Caller, args: &C) -> Result<C::Reply, Error> {
    kit.host().call_typed(caller, Some(cid(kit)), args).await
}

/// Calls an operation by its name.
async fn named(kit: &Kit, caller: Caller, op: &str, args: &Value) -> Result<Value, Error> {
    let bytes = args.to_string().into_bytes();
    let args = Raw { codec: Codec::Json, bytes: &bytes };
    let request = Request { op, cid: Some(cid(kit)), prev: None, args };
    let answer = kit.host().call(caller, request).await?;
    Ok(serde_json::from_slice(&answer).unwrap())
}

async fn whoami(kit: &Kit, grant: &session::Grant) -> OrgId {
    let token = grant.token.clone();
    typed(kit, Caller::SYSTEM, &session::Resolve { token, ticket: false }).await.unwrap().org
}

fn signed_in(grant: &session::Grant, org: OrgId) -> Caller {
    Caller::signed_in(grant.user, org, grant.session, ["read", "write", "admin"])
}

/// Somebody without a session that the tables know.
fn person(user: UserId, org: OrgId) -> Caller {
    Caller::signed_in(user, org, SessionId(Ulid::nil()), ["read", "write", "admin"])
}
