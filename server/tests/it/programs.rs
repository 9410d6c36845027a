//! Programs that answer operations of their own, and those that listen.

mod elsewhere;
mod listening;

use carillon_protocol::{
    Cid, Codec, DeviceId, ErrorBody, ErrorCode, Json, Retry, ServerFrame,
    card::{self, Acting, Button, Card},
    frame::{Asked, Hello, server},
    msg::{self, Body},
    session,
};
use serde_json::json;

use crate::{
    client::TestClient,
    kit::{Person, TestServer, cid, new_id},
};

/// A program of the organisation, by its sign-in name.
async fn program(server: &TestServer, of: &Person, login: &str) -> Person {
    let issue = session::Issue {
        org: Some(of.org),
        user: None,
        app: Some(login.into()),
        scopes: Some(vec!["read".into(), "write".into()]),
        ttl_ms: None,
    };
    let token = server.system(&issue).await.token;
    let resolve = session::Resolve { token: token.clone(), ticket: false };
    let user = server.system(&resolve).await.user;
    Person { user, org: of.org, token, device: DeviceId(new_id()) }
}

/// A connection that answers these operations.
async fn answering(server: &TestServer, who: &Person, codec: Codec, ops: &[&str]) -> TestClient {
    let mut client = TestClient::open(server.url(), codec).await;
    client.hello(&hello(who, ops)).await;
    client.synced().await;
    client
}

fn hello(who: &Person, ops: &[&str]) -> Hello {
    Hello {
        v: 1,
        token: Some(who.token.clone()),
        device: DeviceId(new_id()),
        tab: None,
        sync: None,
        caps: Vec::new(),
        handles: ops.iter().map(|op| (*op).to_owned()).collect(),
        listens: Vec::new(),
    }
}

/// What the program is asked next.
async fn asked(program: &mut TestClient) -> Asked {
    loop {
        if let ServerFrame::Call(asked) = program.frame().await {
            return *asked;
        }
    }
}

async fn answers(program: &mut TestClient, re: u64, data: &serde_json::Value) {
    let codec = program.codec;
    program.send_body(server::ok(codec, re, &codec.encode(data))).await;
}

async fn refuses(program: &mut TestClient, re: u64, code: ErrorCode) {
    let error = ErrorBody { field: Some("place".into()), ..ErrorBody::new(code, "no such place") };
    program.send_body(server::err(program.codec, Some(re), &error)).await;
}

async fn begin(client: &mut TestClient, op: &str, cid: Option<Cid>) -> u64 {
    client.begin(op, cid, None, &json!({ "place": "香港" })).await
}

/// An organisation with a person and a program called `weather`.
async fn world() -> (TestServer, Person, Person) {
    let server = TestServer::start().await;
    let org = server.org("Harbour").await;
    let amy = server.person(org, "amy").await;
    let weather = program(&server, &amy, "weather").await;
    (server, amy, weather)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_answers_whoever_calls_it_on_the_socket_and_over_http() {
    let (server, amy, weather) = world().await;
    for codec in Codec::ALL {
        let mut program = answering(&server, &weather, codec, &["app.weather.today"]).await;
        let mut client = TestClient::connect(&server, &amy).await;
        let intent = cid();
        let call = begin(&mut client, "app.weather.today", Some(intent)).await;
        let request = asked(&mut program).await;
        assert_eq!(request.args, Json::of(&json!({ "place": "香港" })));
        assert_eq!((request.caller.user, request.caller.org), (amy.user, amy.org));
        assert_eq!(request.cid, Some(intent));
        answers(&mut program, request.id, &json!({ "sky": "晴" })).await;
        assert_eq!(client.answer(call).await, Ok(Json::of(&json!({ "sky": "晴" }))));

        let place = json!({ "place": "Macau" });
        let over_http = server.rpc(Some(&amy.token), "app.weather.today", None, &place);
        let answer = async {
            let request = asked(&mut program).await;
            assert_eq!((request.cid, &request.args), (None, &Json::of(&place)));
            refuses(&mut program, request.id, ErrorCode::NotFound).await;
        };
        let ((status, body), ()) = tokio::join!(over_http, answer);
        assert_eq!((status, &body["code"]), (404, &json!("E_NOT_FOUND")));
        assert_eq!((&body["msg"], &body["field"]), (&json!("no such place"), &json!("place")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_not_there_is_waited_for_by_nobody() {
    let (server, amy, weather) = world().await;
    let mut client = TestClient::connect(&server, &amy).await;
    let mut refused = async |op: &str| {
        let call = begin(&mut client, op, Some(cid())).await;
        client.answer(call).await.unwrap_err()
    };
    let error = refused("app.weather.today").await;
    assert_eq!((error.code, error.retry), (ErrorCode::Unavailable, Retry::After));

    // One that goes away with a question has perhaps answered it.
    let program = answering(&server, &weather, Codec::Json, &["app.weather.today"]).await;
    let ask = refused("app.weather.today");
    let leave = async {
        let mut program = program;
        asked(&mut program).await;
        drop(program);
    };
    let (error, ()) = tokio::join!(ask, leave);
    assert_eq!((error.code, error.retry), (ErrorCode::TimeoutUnknown, Retry::Same));
    assert_eq!(refused("app.weather.today").await.code, ErrorCode::Unavailable);
    assert_eq!(refused("apple.weather.today").await.code, ErrorCode::UnknownOp);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_connections_of_a_program_share_its_calls() {
    let (server, amy, weather) = world().await;
    let mut one = answering(&server, &weather, Codec::Json, &["app.weather.today"]).await;
    let mut two = answering(&server, &weather, Codec::MsgPack, &["app.weather.today"]).await;
    let mut client = TestClient::connect(&server, &amy).await;
    let first = begin(&mut client, "app.weather.today", None).await;
    let second = begin(&mut client, "app.weather.today", None).await;
    let (of_one, of_two) = tokio::join!(asked(&mut one), asked(&mut two));
    answers(&mut one, of_one.id, &json!({})).await;
    answers(&mut two, of_two.id, &json!({})).await;
    client.answer(first).await.unwrap();
    client.answer(second).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_organisation_reaches_a_program() {
    let (server, amy, weather) = world().await;
    let mut program = answering(&server, &weather, Codec::Json, &["app.weather.today"]).await;
    let elsewhere = server.org("Elsewhere").await;
    let eve = server.person(elsewhere, "eve").await;
    let mut client = TestClient::connect(&server, &eve).await;
    let call = begin(&mut client, "app.weather.today", None).await;
    assert_eq!(client.answer(call).await.unwrap_err().code, ErrorCode::Unavailable);
    // A program of the same name over there is another one.
    let other = self::program(&server, &eve, "weather").await;
    let mut other = answering(&server, &other, Codec::Json, &["app.weather.today"]).await;
    let call = begin(&mut client, "app.weather.today", None).await;
    let request = asked(&mut other).await;
    answers(&mut other, request.id, &json!("there")).await;
    assert_eq!(client.answer(call).await, Ok(Json::of("there")));
    let stranger = server.rpc(None, "app.weather.today", None, &json!({})).await;
    assert_eq!((stranger.0, &stranger.1["code"]), (401, &json!("E_UNAUTH")));
    // None of them reached the program here: what it hears first is what comes now.
    let mut client = TestClient::connect(&server, &amy).await;
    begin(&mut client, "app.weather.today", None).await;
    assert_eq!(asked(&mut program).await.caller.user, amy.user);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_answers_only_what_is_its_own() {
    let (server, amy, weather) = world().await;
    let cases: [(&Person, &str); 6] = [
        (&weather, "app.other.today"),
        (&weather, "app.weather"),
        (&weather, "app.weather.today.now"),
        (&weather, "app.weather.To day"),
        (&weather, "msg.send"),
        (&amy, "app.amy.today"),
    ];
    for (who, op) in cases {
        let mut client = TestClient::open(server.url(), Codec::Json).await;
        client.hello(&hello(who, &[op])).await;
        let ServerFrame::Err { error, .. } = client.frame().await else { panic!("{op} is taken") };
        assert_eq!(error.code, ErrorCode::BadArg, "{op}");
        assert_eq!(error.field.as_deref(), Some("handles"), "{op}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_says_cannot_sign_its_callers_out() {
    let (server, amy, weather) = world().await;
    let mut program = answering(&server, &weather, Codec::Json, &["app.weather.today"]).await;
    let mut client = TestClient::connect(&server, &amy).await;
    for code in [ErrorCode::Unauth, ErrorCode::TooFar, ErrorCode::Version] {
        let call = begin(&mut client, "app.weather.today", None).await;
        let request = asked(&mut program).await;
        refuses(&mut program, request.id, code).await;
        let error = client.answer(call).await.unwrap_err();
        assert_eq!((error.code, error.retry), (ErrorCode::Unavailable, Retry::After));
    }
    // Nor does it answer for others, nor twice.
    let call = begin(&mut client, "app.weather.today", None).await;
    let request = asked(&mut program).await;
    answers(&mut program, request.id + 1, &json!("another")).await;
    answers(&mut program, request.id, &json!("this")).await;
    answers(&mut program, request.id, &json!("again")).await;
    assert_eq!(client.answer(call).await, Ok(Json::of("this")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_with_a_programs_card_goes_to_the_program() {
    let (server, amy, weather) = world().await;
    let conv = server.group(&[&amy, &weather]).await;
    let mut program = answering(&server, &weather, Codec::Json, &["app.weather.act"]).await;
    let card = Card::titled("Umbrella?").button(Button::act("Yes", "yes"));
    let body = Body::Card { owner: None, card: Box::new(card) };
    let sent_as = cid();
    let send = msg::Send { conv, body, reply_to: None, everybody: false };
    let sent = program.call_as(Some(sent_as), None, &send).await.unwrap();

    let mut client = TestClient::connect(&server, &amy).await;
    let (seq, act, intent) = (sent.seq, "yes".to_owned(), cid());
    let act = card::Act { conv, seq, act, values: Default::default() };
    let call = client.begin("card.act", Some(intent), None, &act).await;
    let request = asked(&mut program).await;
    assert_eq!((request.op.as_str(), request.cid), ("app.weather.act", Some(intent)));
    assert_eq!(request.caller.user, amy.user);
    let acting: Acting = request.args.to().unwrap();
    let expected = (conv, sent.seq, sent_as.to_string(), "yes");
    assert_eq!((acting.conv, acting.seq, acting.key, &*acting.act), expected);
    answers(&mut program, request.id, &json!({})).await;
    assert_eq!(client.answer(call).await, Ok(Json::of(&card::Acted { dup: false })));

    // Nobody says so without the card.
    let call = begin(&mut client, "app.weather.act", Some(cid())).await;
    assert_eq!(client.answer(call).await.unwrap_err().code, ErrorCode::Forbidden);
}
