//! Programs that are connected to another node than whoever calls them.

use carillon_protocol::{
    Codec, ErrorCode, Json, Retry,
    card::{self, Acted, Acting, Button, Card},
    msg::{self, Body},
};
use serde_json::json;
use tokio::time::timeout;

use super::{answering, answers, asked, begin, program, refuses};
use crate::{
    client::TestClient,
    kit::{PATIENCE, Person, TestServer, cid},
};

/// Two nodes that hear each other, a person at the second and a program at the first.
struct World {
    east: TestServer,
    west: TestServer,
    amy: Person,
    weather: Person,
}

impl World {
    async fn new() -> World {
        let mut servers = TestServer::cluster(2).await.into_iter();
        World::of(servers.next().unwrap(), servers.next().unwrap()).await
    }

    async fn of(east: TestServer, west: TestServer) -> World {
        let org = east.org("Harbour").await;
        let amy = east.person(org, "amy").await;
        let weather = program(&east, &amy, "weather").await;
        for server in [&east, &west] {
            timeout(PATIENCE, hears(server)).await.expect("the nodes hear each other");
        }
        World { east, west, amy, weather }
    }

    async fn stop(self) {
        self.east.stop().await;
        self.west.stop().await;
    }
}

/// Waits until a node hears another one.
async fn hears(server: &TestServer) {
    let cluster = server.server().node.cluster.as_ref().unwrap();
    let heard = || {
        let health = cluster.health();
        health.ready && !health.peers.is_empty()
    };
    while !heard() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_answers_whoever_is_connected_to_another_node() {
    let world = World::new().await;
    let World { east, west, amy, weather } = &world;
    for codec in Codec::ALL {
        let mut program = answering(east, weather, codec, &["app.weather.today"]).await;
        let mut client = TestClient::connect(west, amy).await;
        let intent = cid();
        let call = begin(&mut client, "app.weather.today", Some(intent)).await;
        let request = asked(&mut program).await;
        assert_eq!(request.args, Json::of(&json!({ "place": "香港" })));
        assert_eq!((request.caller.user, request.caller.org), (amy.user, amy.org));
        assert_eq!(request.cid, Some(intent));
        answers(&mut program, request.id, &json!({ "sky": "晴" })).await;
        assert_eq!(client.answer(call).await, Ok(Json::of(&json!({ "sky": "晴" }))));

        let place = json!({ "place": "Macau" });
        let over_http = west.rpc(Some(&amy.token), "app.weather.today", None, &place);
        let answer = async {
            let request = asked(&mut program).await;
            refuses(&mut program, request.id, ErrorCode::NotFound).await;
        };
        let ((status, body), ()) = tokio::join!(over_http, answer);
        assert_eq!((status, &body["code"]), (404, &json!("E_NOT_FOUND")));
        assert_eq!((&body["msg"], &body["field"]), (&json!("no such place"), &json!("place")));
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_that_is_nearest_answers_and_only_one_of_them_is_asked() {
    let world = World::new().await;
    let World { east, west, amy, weather } = &world;
    let ops = ["app.weather.today"];
    let mut far = answering(east, weather, Codec::Json, &ops).await;
    let mut near = answering(west, weather, Codec::Json, &ops).await;
    let mut client = TestClient::connect(west, amy).await;
    for _ in 0..3 {
        let call = begin(&mut client, "app.weather.today", None).await;
        let request = asked(&mut near).await;
        answers(&mut near, request.id, &json!("near")).await;
        assert_eq!(client.answer(call).await, Ok(Json::of("near")));
    }
    drop(near);
    // The node notices that it went; what the far one is asked then is the first that it hears.
    let call = loop {
        let call = client.begin("app.weather.today", None, None, &json!({ "place": "Peak" })).await;
        let answer = client.answer(call);
        tokio::select! {
            request = asked(&mut far) => break (call, request),
            _gone = answer => {}
        }
    };
    assert_eq!(call.1.args, Json::of(&json!({ "place": "Peak" })));
    answers(&mut far, call.1.id, &json!("far")).await;
    assert_eq!(client.answer(call.0).await, Ok(Json::of("far")));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_node_answers_is_refused_without_a_wait() {
    let world = World::new().await;
    let mut client = TestClient::connect(&world.west, &world.amy).await;
    let elsewhere = world.east.org("Elsewhere").await;
    let eve = world.east.person(elsewhere, "eve").await;
    let other = program(&world.east, &eve, "weather").await;
    let _other = answering(&world.east, &other, Codec::Json, &["app.weather.today"]).await;
    let call = begin(&mut client, "app.weather.today", Some(cid())).await;
    // Whoever waits for a program is told after ten seconds that nobody knows.
    let error = client.answer(call).await.unwrap_err();
    assert_eq!((error.code, error.retry), (ErrorCode::Unavailable, Retry::After));
    drop(client);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_goes_away_with_a_question_has_perhaps_answered_it() {
    let world = World::new().await;
    let World { east, west, amy, weather } = &world;
    let mut program = answering(east, weather, Codec::Json, &["app.weather.today"]).await;
    let mut client = TestClient::connect(west, amy).await;
    let call = begin(&mut client, "app.weather.today", Some(cid())).await;
    asked(&mut program).await;
    drop(program);
    let error = client.answer(call).await.unwrap_err();
    assert_eq!((error.code, error.retry), (ErrorCode::TimeoutUnknown, Retry::Same));
    drop(client);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_that_is_pressed_at_another_node_is_told_to_the_program() {
    let world = World::new().await;
    let World { east, west, amy, weather } = &world;
    let conv = east.group(&[amy, weather]).await;
    let mut program = answering(east, weather, Codec::MsgPack, &["app.weather.act"]).await;
    let card = Card::titled("Umbrella?").button(Button::act("Yes", "yes"));
    let body = Body::Card { owner: None, card: Box::new(card) };
    let send = msg::Send { conv, body, reply_to: None, everybody: false };
    let seq = program.call_as(Some(cid()), None, &send).await.unwrap().seq;

    let mut client = TestClient::connect(west, amy).await;
    let act = card::Act { conv, seq, act: "yes".to_owned(), values: Default::default() };
    let intent = cid();
    let call = client.begin("card.act", Some(intent), None, &act).await;
    let request = asked(&mut program).await;
    assert_eq!((request.op.as_str(), request.cid), ("app.weather.act", Some(intent)));
    assert_eq!(request.caller.user, amy.user);
    let acting: Acting = request.args.to().unwrap();
    assert_eq!((acting.conv, acting.seq, &*acting.act), (conv, seq, "yes"));
    answers(&mut program, request.id, &json!({})).await;
    assert_eq!(client.answer(call).await, Ok(Json::of(&Acted { dup: false })));
    drop((program, client));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_node_says_why_it_does_not_reach_the_program() {
    let [east, west] = TestServer::pair_on(None).await;
    let org = east.org("Harbour").await;
    let amy = east.person(org, "amy").await;
    let weather = program(&east, &amy, "weather").await;
    let _program = answering(&east, &weather, Codec::Json, &["app.weather.today"]).await;
    let mut client = TestClient::connect(&west, &amy).await;
    let call = begin(&mut client, "app.weather.today", None).await;
    let error = client.answer(call).await.unwrap_err();
    assert_eq!((error.code, error.retry), (ErrorCode::Unavailable, Retry::After));
    assert!(error.msg.contains("`redis`"), "{}", error.msg);
    drop(client);
    east.stop().await;
    west.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_a_node_says_so_at_once() {
    let mut redis = carillon_rig::Redis::start();
    let [east, west] = TestServer::pair_on(Some(redis.url())).await;
    let world = World::of(east, west).await;
    let World { east, west, amy, weather } = &world;
    let mut program = answering(east, weather, Codec::Json, &["app.weather.today"]).await;
    let mut client = TestClient::connect(west, amy).await;
    tokio::task::block_in_place(|| redis.stop());
    let said = async {
        loop {
            let call = begin(&mut client, "app.weather.today", Some(cid())).await;
            let error = client.answer(call).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::Unavailable, "nothing was handed over");
            if error.msg.contains("Redis") {
                return;
            }
        }
    };
    timeout(PATIENCE, said).await.expect("it says so");
    tokio::task::block_in_place(|| redis.begin());
    let back = async {
        loop {
            let call = begin(&mut client, "app.weather.today", Some(cid())).await;
            tokio::select! {
                request = asked(&mut program) => return (call, request.id),
                refused = client.answer(call) => assert!(refused.is_err()),
            }
        }
    };
    let (call, id) = timeout(PATIENCE, back).await.expect("it is reached again");
    answers(&mut program, id, &json!({})).await;
    client.answer(call).await.unwrap();
    drop((program, client));
    world.stop().await;
}
