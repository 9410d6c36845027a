//! Other people's WebRTC in rooms, unmodified and as it is installed: each is in a room with
//! Chromium, and decodes what that sends, and the other way about. `make interop` installs and runs
//! them.

use std::{
    net::{IpAddr, UdpSocket},
    path::{Path, PathBuf},
    process::Stdio,
};

use carillon_client::{
    Client, Options,
    rooms::{Media, Meeting as Place},
};
use carillon_protocol::room::{Source, View};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use super::{Meeting, attendee::at, open};
use crate::kit::{PATIENCE, Person, TestServer};

/// So many seconds are compared.
const SECONDS: usize = 10;
/// The part of what one has sent that the other one must have decoded.
const SHARE: f64 = 0.9;

/// Where `make interop` installs what is installed.
fn installed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/interop")
}

/// One of the programs beside this file.
fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/rooms/clients").join(name)
}

fn node(name: &str) -> Command {
    let mut node = Command::new("node");
    node.current_dir(installed().join("node")).arg(program(name));
    node
}

fn browser(name: &str, path: &str) -> Command {
    let mut browser = node("browser.mjs");
    browser.args([name, path]);
    browser
}

fn chromium() -> Command {
    browser("chrome", "/usr/bin/chromium")
}

/// How many packets of sound, and how many pictures.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Count {
    audio: f64,
    video: f64,
}

/// What a program says every second.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Said {
    sent: Count,
    received: Count,
}

/// A program in a room. It ends with its standard input, and so with these tests, whatever ends
/// them: browsers have processes of their own, which only it can end.
struct Running {
    name: String,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(
        name: &str,
        mut program: Command,
        server: &TestServer,
        who: &Person,
        room: &str,
    ) -> Running {
        program.args([server.url(), &who.token, room]).stdin(Stdio::piped()).stdout(Stdio::piped());
        // Whoever ends the tests by the group of their processes leaves it to the program to end
        // its own.
        program.process_group(0);
        let mut child = program.spawn().expect("run `make interop`");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Running { name: name.to_owned(), child, lines }
    }

    async fn said(&mut self) -> Said {
        let line = timeout(PATIENCE, self.lines.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("{} says nothing", self.name)).unwrap();
        let line = line.unwrap_or_else(|| panic!("{} has ended", self.name));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{}: {error}: {line}", self.name))
    }

    /// The first time that it has received sound and pictures.
    async fn flows(&mut self) -> Said {
        for _ in 0..30 {
            let said = self.said().await;
            if said.received.audio > 0.0 && said.received.video > 0.0 {
                return said;
            }
        }
        panic!("{} receives nothing", self.name);
    }

    async fn later(&mut self) -> Said {
        let mut said = None;
        for _ in 0..SECONDS {
            said = Some(self.said().await);
        }
        said.unwrap()
    }

    async fn end(mut self) {
        drop(self.child.stdin.take());
        timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap();
    }
}

/// How much of what `from` sent arrived at `to`, of sound and of pictures.
fn shares(from: (Said, Said), to: (Said, Said)) -> (f64, f64) {
    let (sent, received) = ((from.0.sent, from.1.sent), (to.0.received, to.1.received));
    let share =
        |of: fn(&Count) -> f64| (of(&received.1) - of(&received.0)) / (of(&sent.1) - of(&sent.0));
    (share(|count| count.audio), share(|count| count.video))
}

/// The address from which this machine would send to others. Nothing is sent.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("192.0.2.1:9").expect("this machine is in a network");
    socket.local_addr().unwrap().ip()
}

/// A program and Chromium decode what the other one sends.
async fn meets_chromium(name: &str, program: Command) {
    meets_chromium_at(TestServer::start().await, name, program).await;
}

async fn meets_chromium_at(server: TestServer, name: &str, program: Command) {
    let meeting = Meeting::at(&server).await;
    let room = open(&mut at(&server, &meeting.amy).await, meeting.conv).await.to_string();
    let mut chromium = Running::start("Chromium", chromium(), &server, &meeting.amy, &room);
    let mut other = Running::start(name, program, &server, &meeting.bob, &room);
    let (theirs, its) = tokio::join!(other.flows(), chromium.flows());
    let (theirs_later, its_later) = tokio::join!(other.later(), chromium.later());
    compare(name, (theirs, theirs_later), (its, its_later));
    tokio::join!(other.end(), chromium.end());
    server.stop().await;
}

/// What a program and Chromium said first and last.
fn compare(name: &str, theirs: (Said, Said), its: (Said, Said)) {
    for (from, to, (audio, video)) in
        [("Chromium", name, shares(its, theirs)), (name, "Chromium", shares(theirs, its))]
    {
        println!(
            "{from} -> {to}: {:.1} % of the sound, {:.1} % of the pictures",
            audio * 100.0,
            video * 100.0
        );
        assert!(audio >= SHARE && video >= SHARE, "{from} -> {to}: {theirs:?} {its:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "`make interop` installs what it runs"]
async fn aiortc_meets_chromium() {
    let mut aiortc = Command::new(installed().join("bin/python"));
    aiortc.arg(program("python_aiortc.py"));
    meets_chromium("aiortc", aiortc).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "`make interop` installs what it runs"]
async fn gstreamer_meets_chromium() {
    // Its bindings are Debian's, for Debian's Python.
    let mut gstreamer = Command::new("/usr/bin/python3");
    gstreamer.arg(program("python_gstreamer.py"));
    meets_chromium("GStreamer", gstreamer).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "`make interop` installs what it runs"]
async fn the_webrtc_of_node_meets_chromium() {
    meets_chromium("wrtc", node("node_wrtc.mjs")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "`make interop` installs what it runs"]
async fn firefox_meets_chromium() {
    // Firefox asks another of its processes for the machine's addresses, and that one leaves
    // 127.0.0.1 out: the settings `loopback` and `force_interface` of `media.peerconnection.ice`
    // change nothing (153 ESR). For these seconds media have a port for everybody.
    let own = own_address();
    let server = TestServer::with(|config| config.rooms.addresses = vec![own]).await;
    meets_chromium_at(server, "Firefox", browser("firefox", "/usr/bin/firefox-esr")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "`make interop` installs what it runs"]
async fn the_rust_client_meets_chromium() {
    let server = TestServer::start().await;
    let meeting = Meeting::at(&server).await;
    let room = open(&mut at(&server, &meeting.amy).await, meeting.conv).await;
    let options = Options::new(server.url(), &meeting.bob.token);
    let client = Client::connect(options).await.unwrap();
    drop(client.events());
    let place = client.join_room(room).await.unwrap();
    place.publish(Source::Microphone, Media::Generated).await.unwrap();
    place.publish(Source::Camera, Media::Generated).await.unwrap();
    let mut chromium =
        Running::start("Chromium", chromium(), &server, &meeting.amy, &room.to_string());
    look_at_another(&place).await;
    let its = chromium.flows().await;
    let theirs = said_of(&place).await;
    let its_later = chromium.later().await;
    compare("the Rust client", (theirs, said_of(&place).await), (its, its_later));
    place.leave().await.unwrap();
    chromium.end().await;
    server.stop().await;
}

/// Waits for somebody's camera, and for its first picture.
async fn look_at_another(place: &Place) {
    let mut happenings = place.happenings();
    let participant = loop {
        let others = place.room().participants.into_iter();
        let other = others.filter(|it| it.participant != place.participant());
        let mut seen = other.filter(|it| it.publications.contains_key(&Source::Camera));
        if let Some(seen) = seen.next() {
            break seen.participant;
        }
        timeout(PATIENCE, happenings.next()).await.expect("somebody comes").unwrap();
    };
    let view = View { participant, source: Source::Camera, width: 320, height: 180 };
    place.subscribe(vec![view]).await.unwrap();
    let first = timeout(PATIENCE, async {
        let mut frames = place.frames();
        while frames.next().await.is_some_and(|frame| frame.audio) {}
    });
    first.await.expect("a picture comes");
}

async fn said_of(place: &Place) -> Said {
    let it = place.statistics().await;
    let count = |all, pictures| Count { audio: (all - pictures) as f64, video: pictures as f64 };
    Said {
        sent: count(it.frames_sent, it.pictures_sent),
        received: count(it.frames_received, it.pictures_received),
    }
}
