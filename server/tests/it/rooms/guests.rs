//! Guests at the door: what they reach, and what they never do.

use std::collections::BTreeSet;

use carillon_plugin::Operation;
use carillon_protocol::{
    Access, CloseCode, Codec, Command as _, Effect, Event, OrgId, Topic,
    log::Read,
    room::{Admit, Enter, Kick, Link, Look, RaiseHand, Unlink},
    topic::PluginTopic,
};
use serde_json::{Value, json};

use super::*;
use crate::kit::cid;

/// What a guest may call, besides what anybody may without a token.
const FOR_GUESTS: [&str; 11] = [
    "log.read",
    "room.answer",
    "room.candidate",
    "room.get",
    "room.join",
    "room.leave",
    "room.offer",
    "room.publish",
    "room.raise_hand",
    "room.react",
    "room.subscribe",
];

/// A meeting of two colleagues, and somebody who came by a link and was let in.
struct Visit {
    org: OrgId,
    amy: Person,
    conv: ConvId,
    amys: TestClient,
    room: RoomId,
    amys_place: ParticipantId,
    link: room::Linked,
    guest: Person,
    place: ParticipantId,
}

impl Visit {
    async fn at(server: &TestServer) -> Visit {
        let org = server.org("Harbour").await;
        let (amy, bob) = (server.person(org, "amy").await, server.person(org, "bob").await);
        let conv = server.group(&[&amy, &bob]).await;
        let mut amys = TestClient::connect(server, &amy).await;
        let room = open(&mut amys, conv).await;
        let amys_place = join(&mut amys, room).await.participant;
        let link = amys.call(&Link { room, ttl_ms: None }).await.unwrap();
        let guest = enter(server, &link.secret).await;
        let mut calls = TestClient::connect(server, &guest).await;
        let place = join(&mut calls, room).await.participant;
        amys.call(&Admit { participant: place, admit: true }).await.unwrap();
        Visit { org, amy, conv, amys, room, amys_place, link, guest, place }
    }

    /// The topics that a guest hears: the room's, and their own.
    fn heard(&self) -> [Topic; 2] {
        [of_room(self.room), Topic::User(self.guest.user)]
    }
}

fn of_room(room: RoomId) -> Topic {
    Topic::Plugin(Box::new(PluginTopic { plugin: "room".into(), id: room.to_string() }))
}

async fn join(calls: &mut TestClient, room: RoomId) -> room::Joined {
    calls.call(&Join { room, participant: None }).await.unwrap()
}

/// Somebody without an account, by plain HTTP and without a token.
async fn enter(server: &TestServer, secret: &str) -> Person {
    let args = json!({ "secret": secret, "name": "Mei" });
    let (status, entered) = server.rpc(None, Enter::OP, None, &args).await;
    assert_eq!(status, 200, "{entered}");
    let entered: room::Entered = serde_json::from_value(entered).unwrap();
    let room::Entered { token, user, org, .. } = entered;
    Person { user, org, token, device: DeviceId(new_id()) }
}

/// What a guest's call without arguments answers: who may not call learns only that.
fn expected(operation: &Operation) -> Option<ErrorCode> {
    match operation.access {
        Access::System => Some(ErrorCode::UnknownOp),
        Access::Scope(_) => Some(ErrorCode::Forbidden),
        Access::Public | Access::Room(_) => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_may_call_what_is_listed_and_nothing_else_by_any_door() {
    let server = TestServer::start().await;
    let visit = Visit::at(&server).await;
    let operations: Vec<Operation> = server.host().operations().collect();
    let open = operations.iter().filter(|it| matches!(it.access, Access::Room(_)));
    let open: BTreeSet<&str> = open.map(|it| it.op).collect();
    assert_eq!(open, BTreeSet::from(FOR_GUESTS));
    let mut calls = TestClient::connect(&server, &visit.guest).await;
    let mut refused = 0;
    for operation in &operations {
        let cid = || (operation.effect == Effect::Once).then(cid);
        let id = calls.begin(operation.op, cid(), None, &json!({})).await;
        let on_the_socket = calls.answer(id).await.err().map(|error| error.code);
        let token = Some(&*visit.guest.token);
        let (status, body) = server.rpc(token, operation.op, cid(), &json!({})).await;
        let over_http: Option<ErrorCode> =
            (status != 200).then(|| serde_json::from_value(body["code"].clone()).unwrap());
        for code in [on_the_socket, over_http] {
            match expected(operation) {
                Some(refusal) => assert_eq!(code, Some(refusal), "{}", operation.op),
                // What is missing is an argument, not a right.
                None => assert!(
                    !matches!(code, Some(ErrorCode::Forbidden | ErrorCode::UnknownOp)),
                    "{}: {code:?}",
                    operation.op
                ),
            }
        }
        refused += usize::from(expected(operation).is_some());
    }
    assert!(refused > 100, "only {refused} of {} are closed", operations.len());
    drop((calls, visit));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guest_may_call_reaches_their_own_room_and_place_alone() {
    let server = TestServer::start().await;
    let mut visit = Visit::at(&server).await;
    let other = server.group(&[&visit.amy]).await;
    let elsewhere = open(&mut visit.amys, other).await;
    let place = join(&mut visit.amys, elsewhere).await.participant;
    let mut calls = TestClient::connect(&server, &visit.guest).await;
    let topics = [
        Topic::Conv(visit.conv),
        Topic::Org(visit.org),
        Topic::User(visit.amy.user),
        of_room(elsewhere),
        format!("x:audit:{}", visit.org).parse().unwrap(),
        format!("x:poll:{}", new_id()).parse().unwrap(),
    ];
    for topic in topics {
        let read = Read { topic, after: None, before: None, limit: None };
        let found = calls.call(&read).await.map(drop).unwrap_err().code;
        assert_eq!(found, ErrorCode::NotFound, "{}", read.topic);
    }
    for topic in visit.heard() {
        calls.call(&Read { topic, after: None, before: None, limit: None }).await.unwrap();
    }
    let shown = calls.call(&Get { room: visit.room }).await.unwrap();
    let names = shown.participants.iter().map(|it| it.name.as_deref());
    assert_eq!(names.collect::<Vec<_>>(), [Some("amy"), Some("Mei")]);
    let own = |place: ParticipantId| {
        [
            ("room.leave", json!({ "participant": place })),
            ("room.offer", json!({ "participant": place, "sdp": "v=0", "sends": [] })),
            ("room.subscribe", json!({ "participant": place, "views": [] })),
            ("room.answer", json!({ "participant": place, "sdp": "v=0" })),
            ("room.publish", json!({ "participant": place, "source": "microphone" })),
            ("room.react", json!({ "participant": place, "emoji": "👏" })),
        ]
    };
    let rooms = [
        ("room.get", json!({ "room": elsewhere })),
        ("room.join", json!({ "room": elsewhere })),
        ("room.join", json!({ "room": elsewhere, "participant": place })),
    ];
    let tries = own(visit.amys_place).into_iter().chain(own(place)).chain(rooms);
    for (op, args) in tries {
        let id = calls.begin(op, None, None, &args).await;
        let found = calls.answer(id).await.unwrap_err().code;
        assert_eq!(found, ErrorCode::NotFound, "{op} {args}");
    }
    let hand = RaiseHand { participant: visit.amys_place, raised: false };
    assert_eq!(calls.call(&hand).await.unwrap_err().code, ErrorCode::Forbidden);
    drop((calls, visit));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_hears_the_room_and_nothing_of_the_conversation() {
    let server = TestServer::start().await;
    let mut visit = Visit::at(&server).await;
    let mut calls = TestClient::connect(&server, &visit.guest).await;
    let heard = visit.heard();
    assert!(calls.pages.iter().all(|page| heard.contains(&page.topic)), "{:?}", calls.pages);
    visit.amys.say(visit.conv, "they need not know").await;
    let hand = RaiseHand { participant: visit.amys_place, raised: true };
    visit.amys.call(&hand).await.unwrap();
    loop {
        let event: Event = calls.event().await;
        assert!(heard.contains(&event.topic), "{event:?}");
        if &*event.k == kind::CHANGED {
            break;
        }
    }
    drop((calls, visit));
    server.stop().await;
}

/// Waits until a token opens nothing any more.
async fn dies(server: &TestServer, visit: &Visit) {
    let dead = async {
        let args = json!({ "room": visit.room });
        loop {
            let (status, body) = server.rpc(Some(&visit.guest.token), Join::OP, None, &args).await;
            assert_ne!(status, 200, "never in again");
            if status == 401 {
                return body;
            }
            tokio::task::yield_now().await;
        }
    };
    let body: Value = timeout(PATIENCE, dead).await.expect("the session ends");
    assert_eq!(body["code"], "E_TOKEN_EXPIRED");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_put_out_or_whose_link_is_revoked_is_gone_with_socket_and_token() {
    let server = TestServer::start().await;
    for revoked in [false, true] {
        let name = if revoked { "Peak" } else { "Deck" };
        let org = server.org(name).await;
        let people = [format!("{name}.amy"), format!("{name}.bob")];
        let [amy, bob] =
            [server.person(org, &people[0]).await, server.person(org, &people[1]).await];
        let conv = server.group(&[&amy, &bob]).await;
        let mut amys = TestClient::connect(&server, &amy).await;
        let room = open(&mut amys, conv).await;
        let amys_place = join(&mut amys, room).await.participant;
        let link = amys.call(&Link { room, ttl_ms: None }).await.unwrap();
        let guest = enter(&server, &link.secret).await;
        let mut calls = TestClient::connect(&server, &guest).await;
        let place = join(&mut calls, room).await.participant;
        amys.call(&Admit { participant: place, admit: true }).await.unwrap();
        let link_id = link.link;
        let mut visit = Visit { org, amy, conv, amys, room, amys_place, link, guest, place };
        match revoked {
            true => visit.amys.call(&Unlink { link: link_id }).await.map(drop).unwrap(),
            false => visit.amys.call(&Kick { participant: place }).await.map(drop).unwrap(),
        }
        let (frames, closed) = calls.until_closed().await;
        assert_eq!(closed.code, Some(CloseCode::Revoked.number()));
        let left = |frame: &ServerFrame| match frame {
            ServerFrame::Ev(event) => &*event.k == kind::LEFT,
            _ => false,
        };
        assert!(frames.iter().any(left), "and was told");
        dies(&server, &visit).await;
        let look = json!({ "secret": visit.link.secret });
        let (status, body) = server.rpc(None, Look::OP, None, &look).await;
        let told = if revoked { (409, json!("E_CONFLICT")) } else { (200, Value::Null) };
        assert_eq!((status, body["code"].clone()), told, "{body}");
        drop(visit);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_who_slept_hears_what_was_missed_and_a_restart_keeps_their_place() {
    let server = TestServer::start().await;
    let mut visit = Visit::at(&server).await;
    let calls = TestClient::connect(&server, &visit.guest).await;
    let sync = calls.sync.clone();
    drop(calls);
    let hand = RaiseHand { participant: visit.amys_place, raised: true };
    visit.amys.call(&hand).await.unwrap();
    let mut back = TestClient::resume(&server, &visit.guest, Codec::Json, sync).await;
    let missed = back.pages.iter().find(|page| page.topic == of_room(visit.room)).unwrap();
    assert_eq!(missed.last.last().map(|event| &*event.k), Some(kind::CHANGED));
    assert_eq!(join(&mut back, visit.room).await.participant, visit.place);

    let Visit { room, guest, place, amys, amy, .. } = visit;
    drop((back, amys));
    let server = server.restart().await;
    let mut back = TestClient::connect(&server, &guest).await;
    let joined = join(&mut back, room).await;
    assert_eq!((joined.participant, joined.offer.is_some()), (place, true));
    let mut amys = TestClient::connect(&server, &amy).await;
    let roster = roster(&mut amys, room).await;
    assert_eq!(roster.len(), 2, "nobody left, nobody came");
    drop((back, amys));
    server.stop().await;
}
