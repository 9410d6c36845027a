//! Rooms through real sockets: people meet, whichever node they are at and whatever happens to it.

mod attendee;
mod clients;
mod door;
mod full;
mod guests;
mod sdk;

use std::time::Duration;

use carillon::{config::Config, node::Start, server::Server};
use carillon_protocol::{
    ConvId, DeviceId, ErrorCode, ParticipantId, RoomId, ServerFrame, conv,
    limits::ROOM_PARTICIPANTS_MAX,
    room::{self, Create, Get, Join, Kick, Offer, Sent, Source, ephemeral, kind},
};
use carillon_rig::TempDatabase;
use rustix::process::Signal;
use tokio::{
    net::{TcpListener, UdpSocket},
    time::timeout,
};

use crate::{
    client::TestClient,
    kit::{PATIENCE, Person, TestServer, http, new_id},
    process::{Process, add_org, add_person, carillon, connect},
};

use attendee::{Attendee, at};

/// Who may not send any more is heard no more after so many words, each a 50th of a second: within
/// a second of whoever says them, however busy the machine is.
const WORDS_MAX: u32 = 50;

/// People whose node was killed hear each other again: three seconds are for being sure of it, two
/// for coming back, and the rest is for a machine that is busy elsewhere. Whoever had to wait until
/// somebody looks after the room would wait for a minute.
const BACK_WITHIN: Duration = Duration::from_secs(20);

/// A group whose members can meet.
struct Meeting {
    amy: Person,
    bob: Person,
    conv: ConvId,
}

impl Meeting {
    async fn at(server: &TestServer) -> Meeting {
        let org = server.org("Harbour").await;
        let (amy, bob) = (server.person(org, "amy").await, server.person(org, "bob").await);
        let conv = server.group(&[&amy, &bob]).await;
        Meeting { amy, bob, conv }
    }
}

fn on_another_device(person: &Person) -> Person {
    Person { device: DeviceId(new_id()), ..person.clone() }
}

async fn open(calls: &mut TestClient, conv: ConvId) -> RoomId {
    let create = Create { conv, title: None, starts_at: None, rules: None };
    calls.call(&create).await.unwrap().room
}

/// The people of a meeting, each at a server, in a room that the first one's server carries.
async fn meet(meeting: &Meeting, [amys, bobs]: [&TestServer; 2]) -> [Attendee; 2] {
    let mut calls = at(amys, &meeting.amy).await;
    let room = open(&mut calls, meeting.conv).await;
    let amy = Attendee::join(calls, "amy", room).await;
    let bob = Attendee::join(at(bobs, &meeting.bob).await, "bob", room).await;
    [amy, bob]
}

async fn see_each_other([amy, bob]: &mut [Attendee; 2]) {
    let slots = amy.look_at(&[bob.participant]).await.unwrap();
    assert_eq!(slots.iter().map(|slot| slot.participant).collect::<Vec<_>>(), [bob.participant]);
    bob.look_at(&[amy.participant]).await.unwrap();
    let both = async {
        tokio::join!(amy.hears("bob"), amy.sees("bob"), bob.hears("amy"), bob.sees("amy"))
    };
    both.await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_hear_and_see_each_other_and_nobody_themselves() {
    let server = TestServer::start().await;
    let meeting = Meeting::at(&server).await;
    let mut people = meet(&meeting, [&server, &server]).await;
    see_each_other(&mut people).await;
    let [amy, bob] = &people;
    assert_eq!((amy.received_of("amy"), bob.received_of("bob")), (0, 0));
    drop(people);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_told_who_speaks_and_what_of_theirs_is_looked_at() {
    let server = TestServer::start().await;
    let meeting = Meeting::at(&server).await;
    let [mut amy, mut bob] = meet(&meeting, [&server, &server]).await;
    bob.look_at(&[amy.participant]).await.unwrap();
    bob.sees("amy").await;
    let (mut speaking, mut wanted) = (false, false);
    while !(speaking && wanted) {
        let ServerFrame::Eph(eph) = amy.calls.frame().await else { continue };
        match &*eph.k {
            ephemeral::SPEAKING => {
                let loud = eph.data.to::<room::LoudData>().unwrap().speaking;
                speaking |= loud.contains(&bob.participant);
            }
            ephemeral::WANTED => {
                let data = eph.data.to::<room::WantedData>().unwrap();
                assert_eq!((data.room, data.participant), (amy.room, amy.participant));
                wanted |= data.source == Source::Camera && data.layers > 0;
            }
            _ => {}
        }
    }
    drop((amy, bob));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_at_another_node_than_the_room_meets_the_others_all_the_same() {
    let servers = TestServer::cluster(2).await;
    let meeting = Meeting::at(&servers[0]).await;
    let mut people = meet(&meeting, [&servers[0], &servers[1]]).await;
    see_each_other(&mut people).await;
    drop(people);
    for server in servers {
        server.stop().await;
    }
}

/// A node that can be killed.
async fn process(data: &std::path::Path, database: &str) -> Process {
    let mut serve = carillon();
    serve
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .env("CARILLON_DATABASE", database)
        .env("CARILLON_REDIS", carillon_rig::shared_redis())
        .env("CARILLON_NODE", "east")
        .env("CARILLON_LOG__LEVEL", "warn");
    Process::start(serve).await
}

/// Two nodes, and two people who meet at them.
struct Across {
    _folder: tempfile::TempDir,
    /// Amy's, which carries the room, and can be killed.
    east: Process,
    /// Bob's.
    west: TestServer,
    meeting: Meeting,
    room: RoomId,
    people: [Attendee; 2],
    /// What both stand on.
    _database: TempDatabase,
}

impl Across {
    async fn meet() -> Across {
        let folder = tempfile::tempdir().unwrap();
        let database = carillon_rig::database();
        let east = process(folder.path(), &database.url()).await;
        let west = TestServer::on(&database.url()).await;
        let meeting = Meeting::at(&west).await;
        let mut calls = connect(&east.url, &meeting.amy).await;
        let room = open(&mut calls, meeting.conv).await;
        let amy = Attendee::join(calls, "amy", room).await;
        let bob = Attendee::join(at(&west, &meeting.bob).await, "bob", room).await;
        let people = [amy, bob];
        Across { _folder: folder, east, west, meeting, room, people, _database: database }
    }
}

/// The participants of a room, in the order in which they came.
async fn roster(calls: &mut TestClient, room: RoomId) -> Vec<ParticipantId> {
    let room = calls.call(&Get { room }).await.unwrap();
    room.participants.iter().map(|participant| participant.participant).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_node_of_a_room_is_killed_everybody_goes_on_in_their_places() {
    let Across { _folder, east, west, meeting, room, mut people, _database } = Across::meet().await;
    see_each_other(&mut people).await;
    let [mut amy, mut bob] = people;
    let before = roster(&mut bob.calls, room).await;

    east.kill();
    let back = async {
        // Bob's socket stands, and says that another node carries the room; Amy's has ended.
        bob.calls.event_of(kind::MOVED).await;
        amy.calls = at(&west, &meeting.amy).await;
        let (amys, bobs) = tokio::join!(amy.come_back(), bob.come_back());
        amys.unwrap();
        bobs.unwrap();
        tokio::join!(amy.hears("bob"), bob.hears("amy"));
    };
    timeout(BACK_WITHIN, back).await.expect("they hear each other again in time");
    let mut people = [amy, bob];
    see_each_other(&mut people).await;
    let [mut amy, bob] = people;
    assert_eq!(roster(&mut amy.calls, room).await, before, "nobody left, nobody came");
    drop((amy, bob));
    west.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_cut_off_ends_the_rooms_that_another_one_took() {
    let Across { _folder, east, west, people: [_amy, mut bob], _database, .. } =
        Across::meet().await;
    assert_eq!(rooms_of(&east.url).await, 1.0);

    east.signal(Signal::STOP);
    bob.calls.event_of(kind::MOVED).await;
    bob.come_back().await.unwrap();
    east.signal(Signal::CONT);
    let ended = async { while rooms_of(&east.url).await > 0.0 {} };
    timeout(PATIENCE, ended).await.expect("whoever stayed there is heard no more");
    assert_eq!(rooms_of(west.url()).await, 1.0);
    drop(bob);
    west.stop().await;
}

/// How many rooms a node carries.
async fn rooms_of(url: &str) -> f64 {
    let text = http(url, "GET", "/metrics", &[], Vec::new()).await.1;
    let text = String::from_utf8(text).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("carillon_room_open "));
    line.unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_goes_down_in_order_hands_its_rooms_over_first() {
    let mut servers = TestServer::cluster(2).await;
    let (west, east) = (servers.pop().unwrap(), servers.pop().unwrap());
    let meeting = Meeting::at(&east).await;
    let mut people = meet(&meeting, [&east, &west]).await;
    see_each_other(&mut people).await;
    let [mut amy, mut bob] = people;
    let stopping = tokio::spawn(east.stop());
    bob.calls.event_of(kind::MOVED).await;
    amy.calls = at(&west, &meeting.amy).await;
    let (amys, bobs) = tokio::join!(amy.come_back(), bob.come_back());
    amys.unwrap();
    bobs.unwrap();
    let mut people = [amy, bob];
    see_each_other(&mut people).await;
    stopping.await.unwrap();
    see_each_other(&mut people).await;
    drop(people);
    west.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_only_node_is_killed_its_next_run_takes_everybody_back_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = Process::serve(folder.path()).await;
    let org = add_org(folder.path(), "Harbour");
    let (amy, bob) = (add_person(folder.path(), org, "amy"), add_person(folder.path(), org, "bob"));
    let mut calls = connect(&first.url, &amy).await;
    let create =
        conv::Create { title: "Shop".into(), members: vec![bob.user], history: conv::History::All };
    let conv = calls.call(&create).await.unwrap().conv;
    let room = open(&mut calls, conv).await;
    let amys = Attendee::join(calls, "amy", room).await;
    let bobs = Attendee::join(connect(&first.url, &bob).await, "bob", room).await;
    let mut people = [amys, bobs];
    see_each_other(&mut people).await;

    first.kill();
    let second = Process::serve(folder.path()).await;
    for (attendee, person) in people.iter_mut().zip([&amy, &bob]) {
        attendee.calls = connect(&second.url, person).await;
        let lost = attendee.look_at(&[]).await.unwrap_err();
        assert_eq!(lost.code, ErrorCode::NotFound, "it says to join again: {}", lost.msg);
        attendee.come_back().await.unwrap();
    }
    see_each_other(&mut people).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_that_cannot_be_used_is_refused_and_disturbs_nobody() {
    let server = TestServer::start().await;
    let meeting = Meeting::at(&server).await;
    let mut people = meet(&meeting, [&server, &server]).await;
    see_each_other(&mut people).await;
    let [mut amy, bob] = people;
    let participant = amy.participant;
    // A device whose offer was not answered yet.
    let mut phone = at(&server, &on_another_device(&meeting.amy)).await;
    let phones = phone.call(&Join { room: amy.room, participant: None }).await.unwrap().participant;
    for sdp in ["", "v=0", "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", "\u{0}"] {
        let sends = vec![Sent { mid: "0".into(), source: Source::Microphone }];
        let offer = Offer { participant, sdp: sdp.into(), sends };
        let refused = amy.calls.call(&offer).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::BadArg, "{sdp:?}: {}", refused.msg);
        let answer = room::Answer { participant: phones, sdp: sdp.into() };
        let refused = phone.call(&answer).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::BadArg, "{sdp:?}: {}", refused.msg);
    }
    drop(phone);
    see_each_other(&mut [amy, bob]).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_put_out_is_not_heard_any_more_and_does_not_come_back() {
    let server = TestServer::start().await;
    let meeting = Meeting::at(&server).await;
    let mut people = meet(&meeting, [&server, &server]).await;
    see_each_other(&mut people).await;
    let [mut amy, mut bob] = people;
    let participant = bob.participant;
    amy.calls.call(&Kick { participant }).await.unwrap();
    // What was under way when the answer came may still arrive; then there is silence.
    let (mut heard, mut words) = (0, 0);
    while heard < amy.received_of("bob") {
        assert!(words < WORDS_MAX, "bob is still heard");
        heard = amy.received_of("bob");
        bob.says(5).await;
        words += 5;
    }
    let refused = bob.look_at(&[amy.participant]).await.unwrap_err();
    assert!(matches!(refused.code, ErrorCode::NotFound | ErrorCode::Forbidden), "{refused:?}");
    for participant in [None, Some(participant)] {
        let refused = bob.calls.call(&Join { room: bob.room, participant }).await.unwrap_err();
        assert!(matches!(refused.code, ErrorCode::NotFound | ErrorCode::Forbidden), "{refused:?}");
    }
    bob.says(5).await;
    assert_eq!(amy.received_of("bob"), heard, "bob still sends, and nobody hears it");
    drop((amy, bob));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_people_behind_one_address_come_in_and_the_next_one_is_told_that_it_is_full() {
    let limits = Config::default().limits;
    let server = TestServer::with(|config| config.limits = limits).await;
    let org = server.org("Harbour").await;
    let mut people = Vec::new();
    for number in 0..=ROOM_PARTICIPANTS_MAX {
        people.push(server.person(org, &format!("person{number}")).await);
    }
    let conv = server.group(&people.iter().collect::<Vec<_>>()).await;
    let mut calls = at(&server, &people[0]).await;
    let room = open(&mut calls, conv).await;
    let join = serde_json::json!({ "room": room });
    for person in &people[..ROOM_PARTICIPANTS_MAX] {
        let (status, answer) = server.rpc(Some(&person.token), "room.join", None, &join).await;
        assert_eq!(status, 200, "{answer}");
    }
    let last = &people[ROOM_PARTICIPANTS_MAX];
    let (status, answer) = server.rpc(Some(&last.token), "room.join", None, &join).await;
    assert_ne!(status, 200);
    assert_eq!(answer["code"], "E_QUOTA", "{answer}");
    drop(calls);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_the_port_of_rooms_taken_is_told_which_setting_to_change() {
    let folder = tempfile::tempdir().unwrap();
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut config = Config { data: folder.path().join("data"), ..Config::default() };
    config.rooms.port = taken.local_addr().unwrap().port();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = Server::start(&config, listener, Start::default()).await.err();
    let why = refused.expect("the port is taken").to_string();
    let port = config.rooms.port.to_string();
    assert!(why.contains("rooms.port") && why.contains(&port), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_say_what_rooms_cost() {
    let server = TestServer::start().await;
    let meeting = Meeting::at(&server).await;
    let mut people = meet(&meeting, [&server, &server]).await;
    see_each_other(&mut people).await;
    let scraped = http(server.url(), "GET", "/metrics", &[], Vec::new()).await;
    let text = String::from_utf8(scraped.1).unwrap();
    let value = |sample: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(sample));
        line.and_then(|value| value.trim().parse::<f64>().ok())
    };
    assert_eq!(value("carillon_room_open "), Some(1.0), "{text}");
    assert_eq!(value("carillon_room_participants "), Some(2.0));
    for name in ["room_packets_in_total", "room_packets_out_total", "room_forward_seconds_count"] {
        let sample = format!("carillon_{name} ");
        assert!(value(&sample).is_some_and(|count| count > 0.0), "{sample}");
    }
    assert!(text.contains("carillon_room_forward_seconds_bucket{le=\"+Inf\"}"), "{text}");
    drop(people);
    server.stop().await;
}
