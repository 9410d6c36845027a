//! The Rust client in rooms: another stack of WebRTC than the server's.

use std::{collections::HashSet, fs::File, future::Future, time::Duration};

use carillon_client::{
    Client, Options,
    rooms::{
        Ended, Frame, Happening, Happenings, IvfReader, Media, Meeting as Place, OggReader,
        Received,
    },
};
use carillon_protocol::{
    ParticipantId, RoomId,
    room::{Create, Gone, Kick, Mute, Source, View},
};
use tokio::{sync::mpsc, time::timeout};

use super::Meeting;
use crate::kit::{PATIENCE, Person, TestServer};

async fn client(server: &TestServer, person: &Person) -> Client {
    let client = Client::connect(Options::new(server.url(), &person.token)).await.unwrap();
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
