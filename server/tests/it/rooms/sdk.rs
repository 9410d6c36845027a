//! The Rust client in rooms: another stack of WebRTC than the server's.

use std::{collections::HashSet, fs::File, future::Future, time::Duration};

use carillon_client::{
    Client, Options,
    rooms::{
        Ended, Frame, Happening, Happenings, IvfReader, Media, Meeting as Place, OggReader,
        Received, enter_as_guest, look_at_link,
    },
};
use carillon_protocol::{
    ParticipantId, RoomId,
    room::{Admit, Create, Get, Gone, Kick, Link, Mute, Phase, Source, View},
};
use tokio::{sync::mpsc, time::timeout};

use super::Meeting;
use crate::{
    cut::Proxy,
    kit::{PATIENCE, Person, TestServer},
};

async fn client(server: &TestServer, person: &Person) -> Client {
    client_at(server.url(), person).await
}

async fn client_at(url: &str, person: &Person) -> Client {
    let client = Client::connect(Options::new(url, &person.token)).await.unwrap();
    drop(client.events());
    client
}

/// Two people in a room that the first one opened.
async fn meet(server: &TestServer) -> (Meeting, RoomId, [Client; 2], [Place; 2]) {
    let meeting = Meeting::at(server).await;
    let (amy, bob) = (client(server, &meeting.amy).await, client(server, &meeting.bob).await);
    let create = Create { conv: meeting.conv, title: None, starts_at: None, rules: None };
    let room = amy.call(&create).await.unwrap().room;
    let places = [amy.join_room(room).await.unwrap(), bob.join_room(room).await.unwrap()];
    (meeting, room, [amy, bob], places)
}

fn view(participant: ParticipantId) -> View {
    View { participant, source: Source::Camera, width: 640, height: 360 }
}

async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} does not come"))
}

/// Waits for frames of which this is true.
async fn receives(
    place: &mut carillon_client::rooms::Frames,
    what: &str,
    mut is: impl FnMut(&Received) -> bool,
) -> Received {
    in_time(what, async {
        loop {
            let frame = place.next().await.expect("the meeting goes on");
            if is(&frame) {
                return frame;
            }
        }
    })
    .await
}

async fn happens(
    happenings: &mut Happenings,
    what: &str,
    mut is: impl FnMut(&Happening) -> bool,
) -> Happening {
    in_time(what, async {
        loop {
            let happening = happenings.next().await.expect("the meeting goes on");
            if is(&happening) {
                return happening;
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_programs_hear_and_see_each_other() {
    let server = TestServer::start().await;
    let (_, _, _, [amy, bob]) = meet(&server).await;
    for (one, other) in [(&amy, &bob), (&bob, &amy)] {
        one.publish(Source::Microphone, Media::Generated).await.unwrap();
        one.publish(Source::Camera, Media::Generated).await.unwrap();
        one.subscribe(vec![view(other.participant())]).await.unwrap();
    }
    for (one, other) in [(&amy, &bob), (&bob, &amy)] {
        let mut frames = one.frames();
        let tone = receives(&mut frames, "a voice", |frame| frame.audio).await;
        assert!(tone.data.len() > 3 && tone.from.is_none());
        // A whole turn of the picture.
        let mut seen = HashSet::new();
        while seen.len() < 16 {
            let frame = receives(&mut frames, "a picture", |frame| !frame.audio).await;
            assert_eq!(frame.from, Some((other.participant(), Source::Camera)));
            seen.insert(frame.data);
        }
        let mut happenings = one.happenings();
        happens(&mut happenings, "the connection", |it| matches!(it, Happening::Connected)).await;
        let whom = other.participant();
        let speaking =
            |it: &Happening| matches!(it, Happening::Speaking(loud) if loud.contains(&whom));
        happens(&mut happenings, "who speaks", speaking).await;
        let statistics = one.statistics().await;
        assert!(statistics.frames_sent > 0 && statistics.frames_received > 16, "{statistics:?}");
        assert_eq!(statistics.packets_lost, 0);
    }
    amy.leave().await.unwrap();
    bob.leave().await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_can_be_read_again_and_sent_into_another_room() {
    let server = TestServer::start().await;
    let (_, _, [_, bobs], [amy, bob]) = meet(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let recording = tokio::spawn(bob.frames().record(folder.path().join("first")));
    amy.publish(Source::Microphone, Media::Generated).await.unwrap();
    amy.publish(Source::Camera, Media::Generated).await.unwrap();
    bob.subscribe(vec![view(amy.participant())]).await.unwrap();
    in_time("some seconds of it", async {
        while bob.statistics().await.pictures_received < 40 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    bob.leave().await.unwrap();
    let files = recording.await.unwrap().unwrap();
    let find = |end: &str| {
        let named = |it: &&std::path::PathBuf| it.extension().is_some_and(|it| it == end);
        files.iter().find(named).unwrap_or_else(|| panic!("{files:?}")).clone()
    };
    let (voice, face) = (find("ogg"), find("ivf"));
    let mut reader = OggReader::new(File::open(&voice).unwrap());
    let tones = std::iter::from_fn(|| reader.next_frame().unwrap()).count();
    assert!(tones > 25, "{tones}");
    let mut reader = IvfReader::new(File::open(&face).unwrap()).unwrap();
    let pictures: Vec<Frame> = std::iter::from_fn(|| reader.next_frame().unwrap()).collect();
    assert!(pictures.len() > 5);

    let again = bobs.join_room(amy.room().head.room).await.unwrap();
    let (mut frames, mut happenings) = (amy.frames(), again.happenings());
    amy.subscribe(vec![view(again.participant())]).await.unwrap();
    again.publish(Source::Camera, Media::File(face)).await.unwrap();
    let whose = Some((again.participant(), Source::Camera));
    receives(&mut frames, "the recorded picture", |frame| {
        frame.from == whose && frame.data == pictures[0].data
    })
    .await;
    let end = |it: &Happening| matches!(it, Happening::Finished(Source::Camera));
    happens(&mut happenings, "the end of the file", end).await;
    drop((amy, again));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_the_program_arrive_as_they_are_and_stop_when_a_moderator_mutes_them() {
    let server = TestServer::start().await;
    let (_, room, [amys, _], [amy, bob]) = meet(&server).await;
    let (own, frames) = mpsc::channel(4);
    bob.publish(Source::Microphone, Media::Frames(frames)).await.unwrap();
    let sending = tokio::spawn(async move {
        for number in 0_u64.. {
            // As Opus as far as anybody looks.
            let data = [&[0xf8][..], &number.to_be_bytes()].concat().into();
            let duration = Duration::from_millis(20);
            if own.send(Frame { data, duration, level: Some(10) }).await.is_err() {
                return;
            }
        }
    });
    let mut heard = amy.frames();
    let mut last = None;
    for _ in 0..50 {
        let frame = receives(&mut heard, "a frame", |frame| frame.audio).await;
        let number = u64::from_be_bytes(frame.data[1..].try_into().unwrap());
        assert!(last.is_none_or(|last| number == last + 1), "{last:?} {number}");
        last = Some(number);
    }
    let mut happenings = bob.happenings();
    let participant = Some(bob.participant());
    amys.call(&Mute { room, participant, source: Source::Microphone }).await.unwrap();
    let muted = |it: &Happening| matches!(it, Happening::Muted(Source::Microphone));
    happens(&mut happenings, "that it is muted", muted).await;
    bob.mute(Source::Microphone, false).await.unwrap();
    // Behind the silence.
    receives(&mut heard, "more of it", |frame| {
        u64::from_be_bytes(frame.data[1..].try_into().unwrap()) > last.unwrap() + 1
    })
    .await;

    amys.call(&Kick { participant: bob.participant() }).await.unwrap();
    let end = |it: &Happening| matches!(it, Happening::Ended(Ended::Gone(Gone::Kicked)));
    happens(&mut happenings, "the end", end).await;
    in_time("the end of the frames", sending).await.unwrap();
    drop((amy, bob));
    server.stop().await;
}

/// What a program says into its microphone, as far as anybody looks.
struct Voice {
    own: mpsc::Sender<Frame>,
    place: Place,
}

impl Voice {
    async fn of(place: &Place) -> Voice {
        // No frame waits: whoever puts one in knows that those before are dealt with.
        let (own, frames) = mpsc::channel(1);
        place.publish(Source::Microphone, Media::Frames(frames)).await.unwrap();
        Voice { own, place: place.clone() }
    }

    /// Says something; whether any of it was sent.
    async fn is_sent(&self) -> bool {
        let before = self.place.statistics().await.frames_sent;
        for _ in 0..3 {
            let (data, duration) = ([0xf8, 1, 2, 3][..].into(), Duration::from_millis(20));
            self.own.send(Frame { data, duration, level: Some(10) }).await.unwrap();
        }
        self.place.statistics().await.frames_sent > before
    }

    async fn is_sent_if(&self, on: bool) {
        let so = async { while self.is_sent().await != on {} };
        in_time(if on { "that it is sent" } else { "silence" }, so).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_muted_by_what_they_do_themselves() {
    let server = TestServer::start().await;
    let (_, _, _, [amy, bob]) = meet(&server).await;
    let voice = Voice::of(&bob).await;
    for raised in [true, false, true] {
        // The answers are there before the events of the room, which come in all orders to them.
        bob.publish(Source::Camera, Media::Generated).await.unwrap();
        bob.mute(Source::Microphone, true).await.unwrap();
        bob.mute(Source::Microphone, false).await.unwrap();
        bob.raise_hand(raised).await.unwrap();
        bob.unpublish(Source::Camera).await.unwrap();
    }
    voice.is_sent_if(true).await;
    bob.mute(Source::Microphone, true).await.unwrap();
    voice.is_sent_if(false).await;
    let mut happenings = bob.happenings();
    bob.leave().await.unwrap();
    while let Some(happening) = happenings.next().await {
        assert!(!matches!(happening, Happening::Muted(_)), "{happening:?}");
    }
    drop(amy);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_what_the_room_shows_as_on_however_two_people_mute_and_unmute() {
    let server = TestServer::start().await;
    let (_, room, [amys, _], [amy, bob]) = meet(&server).await;
    let (voice, participant) = (Voice::of(&bob).await, bob.participant());
    voice.is_sent_if(true).await;
    let mute = Mute { room, participant: Some(participant), source: Source::Microphone };
    for _ in 0..8 {
        let (muted, unmuted) = tokio::join!(amys.call(&mute), bob.mute(Source::Microphone, false));
        muted.unwrap();
        unmuted.unwrap();
        let room = amys.call(&Get { room }).await.unwrap();
        let bobs = room.participants.iter().find(|it| it.participant == participant).unwrap();
        voice.is_sent_if(!bobs.publications[&Source::Microphone].muted).await;
    }
    drop((amy, bob));
    server.stop().await;
}

/// Bob is at a proxy, and is in a room with Amy.
async fn meet_through_a_proxy(server: &TestServer) -> (Meeting, Proxy, [Client; 2], [Place; 2]) {
    let (meeting, proxy) = (Meeting::at(server).await, Proxy::start().await);
    proxy.aim(Some(server.url()));
    let amys = client(server, &meeting.amy).await;
    let bobs = client_at(proxy.url(), &meeting.bob).await;
    let create = Create { conv: meeting.conv, title: None, starts_at: None, rules: None };
    let room = amys.call(&create).await.unwrap().room;
    let places = [amys.join_room(room).await.unwrap(), bobs.join_room(room).await.unwrap()];
    (meeting, proxy, [amys, bobs], places)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_away_for_too_long_is_told_and_nobody_stays_in_their_place() {
    let server = TestServer::start().await;
    let (meeting, proxy, [amys, _bobs], [amy, bob]) = meet_through_a_proxy(&server).await;
    let mut happenings = bob.happenings();
    happens(&mut happenings, "the connection", |it| matches!(it, Happening::Connected)).await;
    proxy.aim(None);
    // As when the server has heard nothing of them for two minutes.
    let leave = serde_json::json!({ "participant": bob.participant() });
    let (status, answer) = server.rpc(Some(&meeting.bob.token), "room.leave", None, &leave).await;
    assert_eq!(status, 200, "{answer}");
    happens(&mut happenings, "the loss", |it| matches!(it, Happening::Disconnected { .. })).await;
    proxy.aim(Some(server.url()));
    let end = |it: &Happening| matches!(it, Happening::Ended(Ended::Gone(Gone::Lost)));
    happens(&mut happenings, "the end", end).await;
    let there = amys.call(&Get { room: amy.room().head.room }).await.unwrap().participants;
    let there: Vec<_> = there.iter().map(|it| it.participant).collect();
    assert_eq!(there, [amy.participant()]);
    drop((amy, bob));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_without_a_network_sends_and_receives_nothing_from_then_on() {
    let server = TestServer::start().await;
    let (_, proxy, [amys, _bobs], [amy, bob]) = meet_through_a_proxy(&server).await;
    let (voice, mut frames) = (Voice::of(&bob).await, bob.frames());
    voice.is_sent_if(true).await;
    proxy.aim(None);
    let (own, room) = (voice.own, amy.room().head.room);
    drop(voice.place);
    let leaving = tokio::spawn(bob.leave());
    in_time("the end of what is sent", own.closed()).await;
    in_time("the end of what is received", async { while frames.next().await.is_some() {} }).await;
    assert!(!leaving.is_finished(), "the server was not told yet");
    proxy.aim(Some(server.url()));
    leaving.await.unwrap().unwrap();
    assert_eq!(amys.call(&Get { room }).await.unwrap().participants.len(), 1);
    drop(amy);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_without_an_account_comes_by_a_link_and_is_heard_once_it_is_let_in() {
    let server = TestServer::start().await;
    let (_, room, [amys, _], [amy, bob]) = meet(&server).await;
    let secret = amys.call(&Link { room, ttl_ms: None }).await.unwrap().secret;
    assert_eq!(look_at_link(server.url(), &secret).await.unwrap().phase, Phase::Open);
    assert!(look_at_link(server.url(), "another").await.is_err());
    let entered = enter_as_guest(server.url(), &secret, "Zoe").await.unwrap();
    let guests = Client::connect(Options::new(server.url(), &entered.token)).await.unwrap();
    drop(guests.events());
    let guest = guests.join_room(entered.room).await.unwrap();
    let mut happenings = guest.happenings();
    let admit = Admit { participant: guest.participant(), admit: true };
    amys.call(&admit).await.unwrap();
    happens(&mut happenings, "being let in", |it| matches!(it, Happening::Admitted)).await;
    happens(&mut happenings, "the connection", |it| matches!(it, Happening::Connected)).await;
    guest.publish(Source::Microphone, Media::Generated).await.unwrap();
    receives(&mut amy.frames(), "the guest's voice", |frame| frame.audio).await;
    drop((amy, bob, guest));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_node_goes_down_a_program_keeps_its_place_and_goes_on() {
    let mut servers = TestServer::cluster(2).await;
    let (west, east) = (servers.pop().unwrap(), servers.pop().unwrap());
    let meeting = Meeting::at(&east).await;
    let (amy, bob) = (client(&west, &meeting.amy).await, client(&east, &meeting.bob).await);
    let create = Create { conv: meeting.conv, title: None, starts_at: None, rules: None };
    let room = bob.call(&create).await.unwrap().room;
    // The first one who comes has it carried by their node.
    let bob = bob.join_room(room).await.unwrap();
    let amy = amy.join_room(room).await.unwrap();
    let other = client(&west, &meeting.bob).await.join_room(room).await.unwrap();
    amy.publish(Source::Camera, Media::Generated).await.unwrap();
    other.subscribe(vec![view(amy.participant())]).await.unwrap();
    let (mut frames, mut happenings) = (other.frames(), other.happenings());
    receives(&mut frames, "a picture", |frame| !frame.audio).await;
    happens(&mut happenings, "the connection", |it| matches!(it, Happening::Connected)).await;
    let stopping = tokio::spawn(east.stop());
    happens(&mut happenings, "the loss", |it| matches!(it, Happening::Disconnected { .. })).await;
    happens(&mut happenings, "the way back", |it| matches!(it, Happening::Connected)).await;
    while frames.queued() > 0 {
        frames.next().await;
    }
    receives(&mut frames, "a picture again", |frame| !frame.audio).await;
    let here: HashSet<ParticipantId> =
        other.room().participants.iter().map(|it| it.participant).collect();
    assert!(here.contains(&amy.participant()) && here.contains(&other.participant()));
    drop((amy, bob, other));
    stopping.await.unwrap();
    west.stop().await;
}
