//! Another tenant's data does not exist.
//!
//! Generated from the operation table: every operation is called by an organisation's own owner,
//! which must succeed, and then by another organisation's administrator with one id of the first
//! organisation, which must answer `E_NOT_FOUND`: for each id of its arguments, on every door.

mod alerts;
mod arguments;
mod tenant;

use std::collections::BTreeMap;

use carillon_plugin::{BoxFuture, Caller, Ctx, Error, Host, Operation, Plugin, Request};
use carillon_protocol::{
    Access, Cid, Codec, Effect, ErrorCode, Event, Json, Raw, SessionId, Topic, conv, msg,
};
use carillon_store::kit::Kit;
use schemars::SchemaGenerator;
use serde_json::{Value, json};

use self::{
    arguments::Generator,
    tenant::{Tenant, spare_session, tenant},
};
use crate::kit::{Person, TestClient, TestServer, cid, text_message};

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
const LEAVE_OUT: [(&str, &str); 4] = [
    ("audit.list", r#"{"more":false,"rows":[]}"#),
    ("org.member.get", r#"{"members":[]}"#),
    ("presence.watch", r#"{"people":[]}"#),
    ("room.subscribe", r#"{"slots":[]}"#),
];

/// What even its owner cannot do with what the generator makes up, and how that is refused.
const REFUSED: [(&str, ErrorCode); 10] = [
    ("bot.digest.picture", ErrorCode::BadArg),
    ("card.act", ErrorCode::Conflict),
    ("card.set", ErrorCode::Forbidden),
    ("notify.contact.verify", ErrorCode::Conflict),
    ("notify.push.subscribe", ErrorCode::BadArg),
    ("notify.settings.set", ErrorCode::BadArg),
    ("notify.settings.test", ErrorCode::BadArg),
    ("room.answer", ErrorCode::BadArg),
    ("room.candidate", ErrorCode::BadArg),
    ("room.offer", ErrorCode::BadArg),
];

/// What an answer says of others: an offer describes the caller's own connection.
fn of_others(answer: &Value) -> String {
    let mut answer = answer.clone();
    answer.as_object_mut().map(|fields| fields.remove("offer"));
    answer.to_string()
}

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
    let generate = |own: &Tenant, session, foreign| {
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
        match operation.op {
            "room.create" | "room.update" => args["starts_at"] = Value::Null,
            "room.link" => args["ttl_ms"] = Value::Null,
            "room.react" => args["emoji"] = json!("\u{1f44f}"),
            "room.role" => args["role"] = json!("moderator"),
            "room.subscribe" => {
                args["views"][0]["source"] = json!("camera");
                args["restart"] = json!(false);
            }
            _ => {}
        }
        let is_own = foreign.is_none();
        own.alerts.sensible(operation.op, is_own, own.colleague, &mut args);
        // Nobody moderates themselves.
        if foreign.is_none() && ["room.kick", "room.role"].contains(&operation.op) {
            args["participant"] = json!(own.other_participant);
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
    let mut found = Vec::new();
    if owner.as_ref().err().copied() != refused {
        found.push(format!("{} by its owner with {args}: {owner:?}", operation.op));
    }
    for field in &fields {
        let foreign = Some((field, victim, victims_session));
        let (args, _) = generate(stranger, strangers_session, foreign);
        match door.call(&stranger.owner, operation.op, cid_of(), &args).await {
            Err(ErrorCode::NotFound) => {}
            Ok(answer) if LEAVE_OUT.contains(&(operation.op, of_others(&answer).as_str())) => {}
            other => found.push(format!("{} answers {other:?} to {args}", operation.op)),
        }
    }
    (fields.len(), found)
}

/// Operations that need no session at all, end the owner's own, or name nobody but the owner.
fn is_open(operation: &Operation) -> bool {
    !matches!(operation.access, Access::Scope(_) | Access::Room(_))
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
    let theirs = [Topic::Conv(b.conv), Topic::User(b.owner.user), Topic::Org(b.owner.org)];
    loop {
        let event: Event = stranger.event().await;
        assert!(theirs.contains(&event.topic), "{event:?}");
        if (event.topic, event.seq) == (Topic::Conv(b.conv), own.seq) {
            break;
        }
    }
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
        rules: conv::Rules::default(),
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
    let tenants = [1, 2].map(Tenant::of_nothing);
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
