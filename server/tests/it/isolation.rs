//! Another tenant's data does not exist.
//!
//! Generated from the operation table: every operation is called by an organisation's own owner,
//! which must succeed, and then by another organisation's administrator with one id of the first
//! organisation, which must answer `E_NOT_FOUND`: for each id of its arguments, on every door.

mod arguments;

use std::collections::BTreeMap;

use carillon_plugin::{BoxFuture, Caller, Ctx, Error, Host, Operation, Plugin, Request};
use carillon_protocol::{
    Access, Cid, Codec, ConvId, DepartmentId, Effect, ErrorCode, Event, InviteId, Json, PollId,
    Raw, RobotId, RoleId, SessionId, Topic, UserId, bot,
    card::{self, Button, Card},
    conv, department, invite, msg, poll, role, session,
};
use carillon_store::kit::Kit;
use schemars::SchemaGenerator;
use serde_json::{Value, json};

use self::arguments::Generator;
use crate::kit::{Person, TestClient, TestServer, cid, text_message};

/// What one organisation has: an id of each kind, all of which its owner may use.
#[derive(Debug, Clone)]
struct Tenant {
    owner: Person,
    colleague: UserId,
    conv: ConvId,
    seq: u64,
    departments: Departments,
    role: RoleId,
    invite: InviteId,
    robot: RobotId,
    poll: PollId,
}

/// A small tree: one department at the top, and another one with one below it.
#[derive(Debug, Clone)]
struct Departments {
    top: DepartmentId,
    other: DepartmentId,
    below_other: DepartmentId,
}

impl Tenant {
    /// A value for a field, by its name and the format of its schema; `None` if it is no id.
    fn id(&self, (name, format): (&str, &str), session: SessionId) -> Option<Value> {
        Some(match (name, format) {
            ("manager", "user-id") => json!(self.owner.user),
            ("parent", "department-id") => json!(self.departments.other),
            ("before", "department-id") => json!(self.departments.below_other),
            (_, "department-id") => json!(self.departments.top),
            (_, "role-id") => json!(self.role),
            (_, "invite-id") => json!(self.invite),
            (_, "robot-id") => json!(self.robot),
            (_, "poll-id") => json!(self.poll),
            (_, "conv-id") => json!(self.conv),
            (_, "user-id") => json!(self.colleague),
            (_, "org-id") => json!(self.owner.org),
            (_, "session-id") => json!(session),
            (_, "topic") => json!(Topic::Conv(self.conv)),
            _ => return None,
        })
    }
}

/// A way in.
trait Door {
    fn call<'a>(
        &'a mut self,
        person: &'a Person,
        op: &'a str,
        cid: Option<Cid>,
        args: &'a Value,
    ) -> BoxFuture<'a, Result<Value, ErrorCode>>;
}

/// Operations on lists that leave out what is not there, with the answer if nothing is.
const LEAVE_OUT: [(&str, &str); 2] =
    [("org.member.get", r#"{"members":[]}"#), ("presence.watch", r#"{"people":[]}"#)];

/// What even its owner cannot do with what the generator makes up, and how that is refused.
const REFUSED: [(&str, ErrorCode); 2] =
    [("card.act", ErrorCode::Conflict), ("card.set", ErrorCode::Forbidden)];

/// One operation's holes: the ids of somebody else that it did not refuse as it should.
async fn holes(
    operation: &Operation,
    door: &mut dyn Door,
    (victim, victims_session): (&Tenant, SessionId),
    (stranger, strangers_session): (&Tenant, SessionId),
) -> (usize, Vec<String>) {
    let mut schemas = SchemaGenerator::default();
    let schema = (operation.args)(&mut schemas).to_value();
    let mut definitions = schemas.definitions().clone();
    if operation.op == "session.issue" {
        definitions.insert("__issue".into(), Value::Null);
    }
    let generate = |own, session, foreign| {
        let mut generator =
            Generator { definitions: &definitions, own, session, foreign, found: Vec::new() };
        let mut args = generator.value(&schema, &mut Vec::new());
        if operation.op == "session.issue" {
            args["app"] = json!("bot");
            args["scopes"] = json!(["read"]);
        }
        if operation.op == "poll.open" {
            args["options"] = json!(["yes", "no"]);
            args["closes_at"] = Value::Null;
        }
        // A link is for one person or into a department: both are known before that is refused.
        if let ("org.invite.create", None, Some(args)) =
            (operation.op, foreign, args.as_object_mut())
        {
            args.remove("department");
        }
        (args, generator.found)
    };
    let cid_of = || (operation.effect == Effect::Once).then(cid);

    let (args, fields) = generate(victim, victims_session, None);
    let owner = door.call(&victim.owner, operation.op, cid_of(), &args).await;
    let refused = REFUSED.iter().find(|(op, _)| *op == operation.op).map(|(_, code)| *code);
    assert_eq!(
        owner.as_ref().err().copied(),
        refused,
        "{} by its owner with {args}: {owner:?}",
        operation.op
    );
    let mut found = Vec::new();
    for field in &fields {
        let foreign = Some((field, victim, victims_session));
        let (args, _) = generate(stranger, strangers_session, foreign);
        match door.call(&stranger.owner, operation.op, cid_of(), &args).await {
            Err(ErrorCode::NotFound) => {}
            Ok(answer) if LEAVE_OUT.contains(&(operation.op, answer.to_string().as_str())) => {}
            other => found.push(format!("{} answers {other:?} to {args}", operation.op)),
        }
    }
    (fields.len(), found)
}

/// Operations that need no session at all, end the owner's own, or name nobody but the owner.
fn is_open(operation: &Operation) -> bool {
    !matches!(operation.access, Access::Scope(_))
        || ["session.logout", "session.password"].contains(&operation.op)
}

struct Socket<'s> {
    server: &'s TestServer,
    clients: BTreeMap<String, TestClient>,
}

impl Door for Socket<'_> {
    fn call<'a>(
        &'a mut self,
        person: &'a Person,
        op: &'a str,
        cid: Option<Cid>,
        args: &'a Value,
    ) -> BoxFuture<'a, Result<Value, ErrorCode>> {
        Box::pin(async move {
            if !self.clients.contains_key(&person.token) {
                let client = TestClient::connect(self.server, person).await;
                self.clients.insert(person.token.clone(), client);
            }
            let client = self.clients.get_mut(&person.token).expect("it is connected now");
            let id = client.begin(op, cid, None, args).await;
            let answer = client.answer(id).await.map_err(|error| error.code)?;
            Ok(serde_json::from_str(answer.as_str()).unwrap())
        })
    }
}

struct Http<'s>(&'s TestServer);

impl Door for Http<'_> {
    fn call<'a>(
        &'a mut self,
        person: &'a Person,
        op: &'a str,
        cid: Option<Cid>,
        args: &'a Value,
    ) -> BoxFuture<'a, Result<Value, ErrorCode>> {
        Box::pin(async move {
            let (status, body) = self.0.rpc(Some(&person.token), op, cid, args).await;
            if status == 200 {
                return Ok(body);
            }
            let code: ErrorCode = serde_json::from_value(body["code"].clone()).unwrap();
            assert_eq!(status, code.http_status(), "{op}");
            Err(code)
        })
    }
}

async fn tenant(server: &TestServer, name: &str) -> Tenant {
    let org = server.org(name).await;
    let owner = server.admin(org, &format!("{name}.owner")).await;
    let colleague = server.person(org, &format!("{name}.colleague")).await;
    let conv = server.group(&[&owner, &colleague]).await;
    let card = Card::titled("secret").button(Button::act("Yes", "yes"));
    let post = card::Post { conv, owner: "quiz".into(), key: cid().to_string(), card };
    let plugin = Caller::for_plugin(owner.user, org);
    let sent = server.host().call_typed(plugin, Some(cid()), &post).await.unwrap();
    let top = make_department(server, &owner, "top", None).await;
    let other = make_department(server, &owner, "other", None).await;
    let below_other = make_department(server, &owner, "below", Some(other)).await;
    let create = role::Create { name: "Shifts".into(), permissions: vec!["people".into()] };
    let made = server.host().call_typed(administering(&owner), Some(cid()), &create).await.unwrap();
    let link = invite::Create::default();
    let link = server.host().call_typed(administering(&owner), None, &link).await.unwrap();
    let robot = bot::Create { conv, name: "alarm".into(), rules: None };
    let robot = server.host().call_typed(owner.caller(), None, &robot).await.unwrap().robot;
    let options = ["yes", "no"].map(String::from).into();
    let open = poll::Open {
        conv,
        question: "Lunch?".into(),
        options,
        multiple: false,
        anonymous: false,
        closes_at: None,
    };
    let poll = server.host().call_typed(owner.caller(), Some(cid()), &open).await.unwrap().poll;
    let departments = Departments { top, other, below_other };
    let (colleague, seq, role, invite) = (colleague.user, sent.seq, made.role, link.invite);
    Tenant { owner, colleague, conv, seq, departments, role, invite, robot, poll }
}

async fn make_department(
    server: &TestServer,
    owner: &Person,
    name: &str,
    parent: Option<DepartmentId>,
) -> DepartmentId {
    let create = department::Create { name: name.into(), parent, head: None };
    let made = server.host().call_typed(administering(owner), Some(cid()), &create).await;
    made.unwrap().department
}

fn administering(owner: &Person) -> Caller {
    let session = SessionId(crate::kit::new_id());
    Caller::signed_in(owner.user, owner.org, session, ["read", "write", "admin"])
}

/// A session of the tenant's owner besides the one that calls, so that ending it harms nobody.
async fn spare_session(server: &TestServer, tenant: &Tenant, login: &str) -> SessionId {
    let issue = session::Issue {
        org: Some(tenant.owner.org),
        user: Some(login.into()),
        app: None,
        scopes: Some(vec!["read".into()]),
        ttl_ms: None,
    };
    server.system(&issue).await.session
}

/// Each operation with two organisations of its own, so that what one does cannot change what
/// another one finds.
async fn every_operation_refuses(server: &TestServer, door: &mut dyn Door) {
    let operations: Vec<Operation> = server.host().operations().collect();
    let (mut tried, mut found) = (0, Vec::new());
    for (number, operation) in operations.iter().enumerate().filter(|(_, op)| !is_open(op)) {
        let names = [format!("a{number}"), format!("b{number}")];
        let (a, b) = (tenant(server, &names[0]).await, tenant(server, &names[1]).await);
        let sessions = (
            spare_session(server, &a, &format!("{}.owner", names[0])).await,
            spare_session(server, &b, &format!("{}.owner", names[1])).await,
        );
        let (fields, holes) = holes(operation, door, (&a, sessions.0), (&b, sessions.1)).await;
        tried += fields;
        found.extend(holes);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(tried >= 15, "only {tried} ids were tried: the generator misses operations");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_on_the_socket_knows_anything_of_another_tenant() {
    let server = TestServer::start().await;
    let mut door = Socket { server: &server, clients: BTreeMap::new() };
    every_operation_refuses(&server, &mut door).await;
    drop(door);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_over_http_knows_anything_of_another_tenant() {
    let server = TestServer::start().await;
    every_operation_refuses(&server, &mut Http(&server)).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_event_of_a_tenant_reaches_another_ones_socket() {
    let server = TestServer::start().await;
    let (a, b) = (tenant(&server, "a").await, tenant(&server, "b").await);
    let mut stranger = TestClient::connect(&server, &b.owner).await;
    let say = |conv, text| text_message(conv, text);
    let host = server.host();
    for text in ["one", "two"] {
        host.call_typed(a.owner.caller(), Some(cid()), &say(a.conv, text)).await.unwrap();
    }
    let own = host.call_typed(b.owner.caller(), Some(cid()), &say(b.conv, "own")).await.unwrap();
    let event: Event = stranger.event().await;
    assert_eq!((event.topic, event.seq), (Topic::Conv(b.conv), own.seq));
    let seen: Vec<&Topic> = stranger.pages.iter().map(|page| &page.topic).collect();
    assert!(!seen.contains(&&Topic::Conv(a.conv)) && !seen.contains(&&Topic::Org(a.owner.org)));
    drop(stranger);
    server.stop().await;
}

/// A hole: it reads the log of any conversation for anybody.
async fn leak(ctx: Ctx, args: conv::Get) -> carillon_plugin::Result<conv::Summary> {
    let topic = Topic::Conv(args.conv);
    let head = ctx.head(&topic).await?;
    if head.head == 0 {
        return Err(Error::not_found("conversation"));
    }
    Ok(conv::Summary {
        conv: args.conv,
        kind: conv::Kind::Group,
        title: String::new(),
        peer: None,
        head: head.head,
        n: head.n,
        read_seq: 0,
        unread: 0,
        members: 0,
        last: None,
    })
}

/// Says something, so that the conversation exists.
async fn speak(
    ctx: Ctx,
    args: msg::Send,
) -> carillon_plugin::Result<carillon_plugin::Decision<msg::Sent>> {
    let mut tx = ctx.tx();
    tx.emit_counted(Topic::Conv(args.conv), msg::kind::SENT, &Json::default());
    Ok(tx.into())
}

fn spoken(done: &carillon_plugin::Committed) -> carillon_plugin::Result<msg::Sent> {
    let Event { seq, id, at, .. } = done.events[0];
    Ok(msg::Sent { seq, id, at, dup: done.dup })
}

struct Bare<'h>(&'h Host);

impl Door for Bare<'_> {
    fn call<'a>(
        &'a mut self,
        person: &'a Person,
        op: &'a str,
        cid: Option<Cid>,
        args: &'a Value,
    ) -> BoxFuture<'a, Result<Value, ErrorCode>> {
        Box::pin(async move {
            let bytes = args.to_string().into_bytes();
            let args = Raw { codec: Codec::Json, bytes: &bytes };
            let request = Request { op, cid, prev: None, args };
            let answer = self.0.call(person.caller(), request).await;
            let answer = answer.map_err(|error| error.code())?;
            Ok(serde_json::from_slice(&answer).unwrap())
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_hole_is_found() {
    let leaky = Plugin::new("leaky").nouns(&["conv", "msg"]).command(leak).once(speak, spoken);
    let kit = Kit::new(vec![leaky]).await;
    let tenants = [1, 2].map(|number| Tenant {
        owner: Person {
            user: UserId(crate::kit::new_id()),
            org: carillon_protocol::OrgId(crate::kit::new_id()),
            token: String::new(),
            device: carillon_protocol::DeviceId(crate::kit::new_id()),
        },
        colleague: UserId(crate::kit::new_id()),
        invite: InviteId(crate::kit::new_id()),
        robot: RobotId(crate::kit::new_id()),
        poll: PollId(crate::kit::new_id()),
        conv: ConvId(crate::kit::new_id()),
        seq: number,
        departments: Departments {
            top: DepartmentId(crate::kit::new_id()),
            other: DepartmentId(crate::kit::new_id()),
            below_other: DepartmentId(crate::kit::new_id()),
        },
        role: RoleId(crate::kit::new_id()),
    });
    let [a, b] = &tenants;
    for tenant in &tenants {
        let speak = text_message(tenant.conv, "secret");
        let caller = Caller::on_behalf_of(tenant.owner.user, tenant.owner.org);
        kit.host().call_typed(caller, Some(cid()), &speak).await.unwrap();
    }
    let session = SessionId(crate::kit::new_id());
    let get = kit.host().operations().find(|operation| operation.op == "conv.get").unwrap();
    let mut door = Bare(kit.host());
    let (tried, found) = holes(&get, &mut door, (a, session), (b, session)).await;
    assert_eq!((tried, found.len()), (1, 1), "{found:?}");
}
