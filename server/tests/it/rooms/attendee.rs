//! Somebody in a room: a WebSocket for what is said about it, and two connections for media.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use carillon_protocol::{
    ErrorBody, ParticipantId, RoomId,
    room::{
        Answer, Join, Joined, Offer, Publication, Publish, Slot, Source, Subscribe, Subscribed,
        View,
    },
};
use carillon_sfu::kit::{Client, Picture, Track};
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
    time::{MissedTickBehavior, interval, timeout},
};

use super::door::Tunnel;
use crate::{
    client::TestClient,
    kit::{PATIENCE, Person},
};

/// A voice says something so often, as Opus does.
const VOICE_EVERY: Duration = Duration::from_millis(20);
/// Ticks of the clocks of Opus and of pictures in that time.
const OPUS_TICKS: u32 = 960;
const PICTURE_TICKS: u32 = 1_800;
/// How loud everybody is, in -dBov.
const LEVEL: u8 = 20;

/// What everybody sends.
const TRACKS: [Track<'static>; 2] =
    [Track { source: Source::Microphone, rids: &[] }, Track { source: Source::Camera, rids: &[] }];

/// How much of whom arrived: by what it says, and whether it is a picture.
type Arrived = HashMap<(String, bool), u64>;

/// Somebody in a room.
pub struct Attendee {
    pub calls: TestClient,
    pub room: RoomId,
    pub participant: ParticipantId,
    name: String,
    media: Media,
    /// The only port that lets anything through, if not all do.
    door: Option<u16>,
    tunnels: Vec<Tunnel>,
}

/// The media, on a task of their own: they go on whatever is called meanwhile.
struct Media {
    orders: mpsc::UnboundedSender<Order>,
    arrived: watch::Receiver<Arrived>,
    /// How often there was time to say something.
    times: watch::Receiver<u32>,
    task: AbortHandle,
}

/// What a task is asked to do with its connections.
type Order = Box<dyn FnOnce(&mut Client) + Send>;

impl Drop for Media {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Attendee {
    /// Comes in, sends a voice and a face that say the person's name, and hears.
    pub async fn join(calls: TestClient, name: &str, room: RoomId) -> Attendee {
        Attendee::come(calls, name, room, None).await.expect("they may come in")
    }

    /// The same, from where only connections to this port get through.
    pub async fn join_by(port: u16, mut calls: TestClient, name: &str, room: RoomId) -> Attendee {
        let joined = calls.call(&Join { room, participant: None }).await.unwrap();
        let mut attendee = Attendee::of(calls, name, room, joined.participant);
        attendee.door = Some(port);
        attendee.connect(joined).await.unwrap();
        attendee
    }

    fn of(calls: TestClient, name: &str, room: RoomId, participant: ParticipantId) -> Attendee {
        let media = Media::start(name);
        let name = name.to_owned();
        Attendee { calls, room, participant, name, media, door: None, tunnels: Vec::new() }
    }

    /// The same, perhaps as somebody who was there before.
    pub async fn come(
        mut calls: TestClient,
        name: &str,
        room: RoomId,
        participant: Option<ParticipantId>,
    ) -> Result<Attendee, ErrorBody> {
        let joined = calls.call(&Join { room, participant }).await?;
        let mut attendee = Attendee::of(calls, name, room, joined.participant);
        attendee.connect(joined).await?;
        Ok(attendee)
    }

    /// Comes back to the room after its media were lost: the same place, with new connections.
    pub async fn come_back(&mut self) -> Result<(), ErrorBody> {
        let join = Join { room: self.room, participant: Some(self.participant) };
        let joined = self.calls.call(&join).await?;
        assert_eq!(joined.participant, self.participant, "the place is kept");
        self.media = Media::start(&self.name);
        self.connect(joined).await
    }

    async fn connect(&mut self, joined: Joined) -> Result<(), ErrorBody> {
        let participant = self.participant;
        let offer = self.led(joined.offer.expect("nobody waits here")).await;
        let sdp = self.media.ask(move |client| client.accept(&offer).unwrap()).await;
        self.calls.call(&Answer { participant, sdp }).await?;
        let (sdp, sends) = self.media.ask(|client| client.offer(&TRACKS).unwrap()).await;
        let answer = self.calls.call(&Offer { participant, sdp, sends }).await?.sdp;
        let answer = self.led(answer).await;
        self.media.ask(move |client| client.answered(&answer).unwrap()).await;
        for source in [Source::Microphone, Source::Camera] {
            let publication = Some(Publication { muted: false });
            self.calls.call(&Publish { participant, source, publication }).await?;
        }
        Ok(())
    }

    /// A description of the server, as whoever is here can use it.
    async fn led(&mut self, sdp: String) -> String {
        let Some(port) = self.door else { return sdp };
        let tunnel = Tunnel::to(port).await;
        let sdp = tunnel.lead(&sdp, port);
        self.tunnels.push(tunnel);
        sdp
    }

    /// Looks at people; answers which slot shows whom.
    pub async fn look_at(&mut self, people: &[ParticipantId]) -> Result<Vec<Slot>, ErrorBody> {
        let view = |participant: &ParticipantId| View {
            participant: *participant,
            source: Source::Camera,
            width: 640,
            height: 360,
        };
        let views = people.iter().map(view).collect();
        let subscribe = Subscribe { participant: self.participant, views, restart: false };
        let Subscribed { slots, offer } = self.calls.call(&subscribe).await?;
        if let Some(offer) = offer {
            let sdp = self.media.ask(move |client| client.accept(&offer).unwrap()).await;
            self.calls.call(&Answer { participant: self.participant, sdp }).await?;
        }
        Ok(slots)
    }

    /// Waits until more of somebody's voice arrives.
    pub async fn hears(&self, name: &str) {
        self.media.more_of(name, false).await;
    }

    /// Waits until more of somebody's face arrives.
    pub async fn sees(&self, name: &str) {
        self.media.more_of(name, true).await;
    }

    /// Waits until there was time to say something so often.
    pub async fn says(&self, times: u32) {
        let mut said = self.media.times.clone();
        let until = *said.borrow() + times;
        let in_time = timeout(PATIENCE, said.wait_for(|said| *said >= until)).await;
        in_time.expect("time passes").unwrap();
    }

    /// How much of somebody arrived until now, in packets.
    pub fn received_of(&self, name: &str) -> u64 {
        let arrived = self.media.arrived.borrow();
        let of = |picture| arrived.get(&(name.to_owned(), picture)).copied().unwrap_or_default();
        of(false) + of(true)
    }
}

impl Media {
    fn start(name: &str) -> Media {
        let seed = name.bytes().map(u64::from).sum();
        let client = Client::new(IpAddr::V4(Ipv4Addr::LOCALHOST), seed).unwrap();
        let (orders, received) = mpsc::unbounded_channel();
        let (tell, arrived) = watch::channel(Arrived::default());
        let (pass, times) = watch::channel(0);
        let task = tokio::spawn(run(client, name.to_owned(), received, (tell, pass)));
        Media { orders, arrived, times, task: task.abort_handle() }
    }

    async fn ask<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut Client) -> T + Send + 'static,
    ) -> T {
        let answer = Arc::new(Mutex::new(None));
        let (done, is_done) = tokio::sync::oneshot::channel();
        let put = Arc::clone(&answer);
        let order = move |client: &mut Client| {
            *put.lock().unwrap_or_else(PoisonError::into_inner) = Some(what(client));
            done.send(()).unwrap();
        };
        assert!(self.orders.send(Box::new(order)).is_ok(), "its task runs");
        is_done.await.expect("its task does what it is asked");
        answer.lock().unwrap().take().unwrap()
    }

    async fn more_of(&self, name: &str, picture: bool) {
        let key = (name.to_owned(), picture);
        let mut arrived = self.arrived.clone();
        let before = arrived.borrow().get(&key).copied().unwrap_or_default();
        let more = arrived.wait_for(|now| now.get(&key).is_some_and(|count| *count > before));
        let in_time = timeout(PATIENCE, more).await;
        if in_time.is_err() {
            panic!("nothing more of {key:?} arrives: {:?}", self.arrived.borrow());
        }
    }
}

/// Sends a voice and key frames, and counts what arrives.
async fn run(
    mut client: Client,
    name: String,
    mut orders: mpsc::UnboundedReceiver<Order>,
    (arrived, times): (watch::Sender<Arrived>, watch::Sender<u32>),
) {
    let mut ticks = interval(VOICE_EVERY / 4);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for tick in 0_u32.. {
        tokio::select! {
            _ = ticks.tick() => {}
            Some(order) = orders.recv() => order(&mut client),
        }
        client.step().unwrap();
        if tick % 4 == 0 {
            times.send_replace(tick / 4);
            if client.is_connected().0 {
                speak(&mut client, &name, tick / 4);
            }
        }
        let received: Vec<_> = client.take_received().collect();
        if received.is_empty() {
            continue;
        }
        arrived.send_modify(|arrived| {
            for packet in received {
                let picture = Picture::read(&packet.payload);
                let says = picture.map_or(&*packet.payload, |picture| picture.rest);
                let says = String::from_utf8_lossy(says).into_owned();
                *arrived.entry((says, picture.is_some())).or_default() += 1;
            }
        });
    }
}

fn speak(client: &mut Client, name: &str, number: u32) {
    let voice = (u64::from(number), number.wrapping_mul(OPUS_TICKS), number == 0);
    client.send((Source::Microphone, None), voice, Some(LEVEL), name.as_bytes()).unwrap();
    let picture = Picture {
        key: true,
        first: true,
        id: (number & 0x7FFF) as u16,
        tl0: number as u8,
        size: (640, 360),
    };
    let frame = (u64::from(number), number.wrapping_mul(PICTURE_TICKS), true);
    let payload = picture.payload(name.as_bytes());
    client.send((Source::Camera, None), frame, None, &payload).unwrap();
}

/// The socket of somebody who is in no room yet.
pub async fn at(server: &crate::kit::TestServer, person: &Person) -> TestClient {
    TestClient::connect(server, person).await
}
