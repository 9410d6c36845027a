//! What the directory promises, through the host as every caller meets it.

// Clippy knows `#[test]` functions as tests, not what they share.
#![allow(clippy::unwrap_used)]

mod administering;
mod changing;
mod departments;
mod devices;
mod earlier_tables;
mod finding;
mod growing;
mod imports;
mod invitations;
mod issuing;
mod leaving;
mod methods;
mod organisation;
mod passwords;
mod people;
mod racing;
mod roles;
mod setup;
mod signing_in;
mod signing_out;
mod tokens;
mod topics;

use std::{
    collections::HashSet,
    sync::atomic::{AtomicU64, Ordering},
};

use carillon_plugin::{Caller, Error, Look, Plugin, Window};
use carillon_plugins::{
    directory::{
        PasswordParams, Settings, has_organisation, new_setup_token, plugin, token_digest,
    },
    presence,
};
use carillon_protocol::{
    Cid, Command, DepartmentId, ErrorCode, Event, OrgId, RoleId, SessionId, Topic, UserId,
    department::{self, Department},
    id::Ulid,
    operation::ADMIN,
    org::{AddMember, Create, Get, GetMembers, ListMembers, Member, Names, UpdateMember},
    role,
    session::{
        Devices, EndedData, Grant, Issue, Login, Logout, Resolve, Resolved, Revoke, Setup, Ticket,
        Whoami,
    },
};
use carillon_store::kit::Kit;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
const PASSWORD: &str = "correct horse";

fn directory(setup_token: Option<&str>) -> Plugin {
    // The cheapest that argon2 allows: these tests are not about its cost.
    let password = PasswordParams::new(8, 1, 1, None).unwrap();
    let setup_token = setup_token.map(token_digest);
    plugin(Settings { setup_token, password, ..Settings::default() })
}

/// It asks who is connected, which is nobody.
fn plugins(setup_token: Option<&str>) -> Vec<Plugin> {
    vec![directory(setup_token), presence::plugin(<_>::default())]
}

fn cid() -> Cid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Cid(Ulid::from_parts(1, NEXT.fetch_add(1, Ordering::Relaxed).into()))
}

/// An installation with two organisations; `amy` and `zoe` administer them.
struct World {
    kit: Kit,
    org: OrgId,
    amy: Caller,
    amy_token: String,
    other: OrgId,
    zoe: Caller,
}

impl World {
    async fn new() -> World {
        let kit = Kit::new(plugins(None)).await;
        let mut admins = Vec::new();
        for (org, login) in [("Harbour Retail", "amy"), ("Peak Logistics", "zoe")] {
            let make = Create { name: org.into() };
            let org = kit.host().call_typed(Caller::SYSTEM, Some(cid()), &make).await.unwrap().org;
            let admin = AddMember { org: Some(org), admin: true, ..person(login) };
            kit.host().call_typed(Caller::SYSTEM, Some(cid()), &admin).await.unwrap();
            let token = sign_in(&kit, login).await.unwrap().token;
            admins.push((org, caller(&kit, &token).await, token));
        }
        let (other, zoe, _) = admins.pop().unwrap();
        let (org, amy, amy_token) = admins.pop().unwrap();
        World { kit, org, amy, amy_token, other, zoe }
    }

    async fn call<C: Command>(&self, caller: Caller, args: C) -> Result<C::Reply, Error> {
        self.kit.host().call_typed(caller, Some(cid()), &args).await
    }

    /// Adds a person and signs them in.
    async fn joins(&self, login: &str) -> (Caller, String) {
        self.call(self.amy, person(login)).await.unwrap();
        let token = sign_in(&self.kit, login).await.unwrap().token;
        (caller(&self.kit, &token).await, token)
    }

    async fn resolve(&self, token: &str) -> Result<Resolved, Error> {
        resolve(&self.kit, token).await
    }

    /// Adds a person with a role that permits this, and signs them in.
    async fn joins_with(&self, login: &str, permissions: &[&str]) -> Caller {
        let role = self.role(login, permissions).await;
        let (caller, _) = self.joins(login).await;
        self.gives(caller.user, &[role]).await;
        caller
    }

    async fn role(&self, name: &str, permissions: &[&str]) -> RoleId {
        let permissions = texts(permissions).unwrap();
        let create = role::Create { name: name.into(), permissions };
        self.call(self.amy, create).await.unwrap().role
    }

    async fn gives(&self, user: UserId, roles: &[RoleId]) {
        let roles = Some(roles.to_vec());
        self.call(self.amy, UpdateMember { user: Some(user), roles, ..change() }).await.unwrap();
    }

    async fn department(&self, name: &str, parent: Option<DepartmentId>) -> DepartmentId {
        let create = department::Create { name: name.into(), parent, head: None };
        self.call(self.amy, create).await.unwrap().department
    }

    async fn tree(&self) -> Vec<Department> {
        self.call(self.amy, department::Tree {}).await.unwrap().departments
    }

    async fn member(&self, user: UserId) -> Member {
        let got = self.call(self.amy, GetMembers { users: vec![user] }).await.unwrap();
        got.members.into_iter().next().unwrap()
    }

    /// What was told in the organisation's log since the last look.
    fn told(&self) -> Vec<Event> {
        let events = self.kit.committed().into_iter().map(|(event, _)| event);
        events.filter(|event| event.topic == Topic::Org(self.org)).collect()
    }

    /// The names of what was told since the last look.
    fn kinds(&self) -> Vec<String> {
        self.told().iter().map(|event| event.k.to_string()).collect()
    }
}

fn change() -> UpdateMember {
    UpdateMember::default()
}

fn person(login: &str) -> AddMember {
    AddMember {
        org: None,
        login: login.into(),
        name: format!("{login} 陳"),
        password: Some(PASSWORD.into()),
        title: None,
        admin: false,
        locale: None,
        tz: None,
        departments: Vec::new(),
    }
}

fn issue() -> Issue {
    Issue { org: None, user: None, app: None, scopes: None, ttl_ms: None }
}

fn texts(list: &[&str]) -> Option<Vec<String>> {
    Some(list.iter().map(|&text| text.to_owned()).collect())
}

async fn login(kit: &Kit, login: &str, password: &str) -> Result<Grant, Error> {
    let args = Login { login: login.into(), password: password.into(), label: None };
    kit.host().call_typed(Caller::STRANGER, None, &args).await
}

async fn sign_in(kit: &Kit, name: &str) -> Result<Grant, Error> {
    login(kit, name, PASSWORD).await
}

async fn resolve(kit: &Kit, token: &str) -> Result<Resolved, Error> {
    kit.host()
        .call_typed(Caller::SYSTEM, None, &Resolve { token: token.into(), ticket: true })
        .await
}

async fn caller(kit: &Kit, token: &str) -> Caller {
    let who = resolve(kit, token).await.unwrap();
    Caller::signed_in(who.user, who.org, who.session, who.scopes.iter().map(String::as_str))
}

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorCode {
    result.unwrap_err().code()
}

/// The argument that was refused.
fn field<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadArg, "{error}");
    error.body().field.clone().unwrap()
}

async fn ended_events(kit: &Kit, user: UserId) -> Vec<SessionId> {
    let storage = kit.host().storage();
    let look = Look::After(0);
    let events = storage.events(Topic::User(user), Window::all(), look, false, 100).await.unwrap();
    events.iter().map(|event| event.data.to::<EndedData>().unwrap().session).collect()
}
