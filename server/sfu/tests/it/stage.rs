//! A server and people, for tests: everybody sends what they are told to, until something is so.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use carillon_plugin::{Error, MediaAnswer, MediaAsked, MediaCall, MediaFact};
use carillon_protocol::{
    ParticipantId, RoomId,
    room::{Slot, Source, View},
};
use carillon_sfu::{
    LOST_AFTER, PEOPLE_MAX, Settings, Sfu,
    kit::{Client, Picture, Received, Track},
};

/// What never comes has not come by then, on a slow machine too.
const PATIENCE: Duration = Duration::from_secs(60);
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// The sizes in which a camera sends, and how many bytes a picture has in them.
pub const LAYERS: [(&str, (u16, u16), usize); 3] =
    [("q", (320, 180), 300), ("h", (640, 360), 900), ("f", (1280, 720), 2_800)];
const PICTURES_EVERY: Duration = Duration::from_millis(33);
const SOUND_EVERY: Duration = Duration::from_millis(20);
/// How many bytes of a picture are in one packet.
const PACKET: usize = 1_000;

/// The id of this number.
pub fn id<T: FromStr<Err: Debug>>(number: u8) -> T {
    format!("{number:026}").parse().unwrap()
}

pub struct Stage {
    pub sfu: Sfu,
    pub room: RoomId,
    facts: Arc<Mutex<Vec<MediaFact>>>,
}

/// Everything that arrived in one slot.
#[derive(Debug, Default, Clone)]
pub struct Heard {
    pub packets: Vec<Received>,
    /// Whose they were, as the payload says: the number of the sender and of the layer.
    pub of: Vec<(u8, u8)>,
}

pub struct Person {
    pub id: ParticipantId,
    pub number: u8,
    pub client: Client,
    pub slots: BTreeMap<String, Heard>,
    /// Whether it sends no key frames, however often it is asked.
    pub deaf: bool,
    /// How often it was asked for one of the smallest layer.
    pub asked: usize,
    /// How many packets and pictures it sent.
    pub sent: usize,
    sends: Vec<Sending>,
}

struct Sending {
    source: Source,
    layer: Option<usize>,
    level: u8,
    seq: u64,
    time: u32,
    picture: u16,
    key: bool,
    due: Instant,
}

impl Stage {
    pub fn new() -> Stage {
        Stage::with(LOST_AFTER)
    }

    pub fn with(lost_after: Duration) -> Stage {
        let facts = Arc::new(Mutex::new(Vec::new()));
        let told = facts.clone();
        let sfu = Sfu::start(Settings {
            listen: (HERE, 0).into(),
            announce: Vec::new(),
            door: None,
            threads: 1,
            people_max: PEOPLE_MAX,
            lost_after,
            told: Arc::new(move |fact| told.lock().unwrap().push(fact)),
        });
        Stage { sfu: sfu.unwrap(), room: id(1), facts }
    }

    pub fn ask(&self, what: MediaCall) -> Result<MediaAnswer, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.sfu.ask(MediaAsked { room: self.room, what }))
    }

    pub fn facts(&self) -> Vec<MediaFact> {
        std::mem::take(&mut self.facts.lock().unwrap())
    }

    /// Somebody who only sees and hears.
    pub fn join(&self, number: u8) -> Person {
        let mut person = self.fresh(number);
        self.connect(&mut person);
        person
    }

    /// Somebody who has not joined.
    pub fn fresh(&self, number: u8) -> Person {
        let client = Client::new(HERE, u64::from(number)).unwrap();
        let slots = BTreeMap::new();
        Person {
            id: id(number),
            number,
            client,
            slots,
            deaf: false,
            asked: 0,
            sent: 0,
            sends: Vec::new(),
        }
    }

    /// Makes the connection on which somebody sees and hears.
    pub fn connect(&self, person: &mut Person) {
        let user = id(person.number);
        let join = MediaCall::Join { participant: person.id, user, may: Vec::new() };
        let MediaAnswer::Joined { offer } = self.ask(join).unwrap() else { panic!() };
        self.answer(person, &offer);
    }

    pub fn answer(&self, person: &mut Person, offer: &str) {
        let sdp = person.client.accept(offer).unwrap();
        let answer = MediaCall::Answer { participant: person.id, sdp };
        assert_eq!(self.ask(answer).unwrap(), MediaAnswer::Done);
    }

    /// Somebody who sends these, and may.
    pub fn publish(&self, person: &mut Person, tracks: &[Track<'_>]) {
        let (sdp, sends) = person.client.offer(tracks).unwrap();
        let offer = MediaCall::Offer { participant: person.id, sdp, sends };
        let MediaAnswer::Description { sdp } = self.ask(offer).unwrap() else { panic!() };
        person.client.answered(&sdp).unwrap();
        self.permit(person, &tracks.iter().map(|track| track.source).collect::<Vec<_>>());
    }

    pub fn permit(&self, person: &Person, sends: &[Source]) {
        let sends = sends.to_vec();
        self.ask(MediaCall::Permit { participant: person.id, sends }).unwrap();
    }

    /// Somebody with a microphone.
    pub fn talker(&self, number: u8, level: u8) -> Person {
        let mut person = self.join(number);
        self.publish(&mut person, &[Track { source: Source::Microphone, rids: &[] }]);
        person.send(Source::Microphone, None, level);
        person
    }

    /// Somebody with a camera that sends all its layers.
    pub fn filmed(&self, number: u8) -> Person {
        let mut person = self.join(number);
        let rids = LAYERS.map(|(name, ..)| name);
        self.publish(&mut person, &[Track { source: Source::Camera, rids: &rids }]);
        for layer in 0..LAYERS.len() {
            person.send(Source::Camera, Some(layer), 0);
        }
        person
    }

    /// Somebody who talks, with a camera of one size, the largest.
    pub fn filmed_once(&self, number: u8) -> Person {
        let mut person = self.join(number);
        let sends = [Source::Microphone, Source::Camera];
        self.publish(&mut person, &sends.map(|source| Track { source, rids: &[] }));
        sends.into_iter().for_each(|source| person.send(source, None, 20));
        person
    }

    /// Has somebody look at cameras, all as large as this.
    pub fn look(
        &self,
        person: &mut Person,
        at: &[&Person],
        (width, height): (u16, u16),
    ) -> Vec<Slot> {
        let view =
            |other: &&Person| View { participant: other.id, source: Source::Camera, width, height };
        let views = at.iter().map(view).collect();
        let subscribe = MediaCall::Subscribe { participant: person.id, views, restart: false };
        let MediaAnswer::Subscribed { slots, offer } = self.ask(subscribe).unwrap() else {
            panic!()
        };
        if let Some(offer) = offer {
            self.answer(person, &offer);
        }
        slots
    }

    /// Everybody goes on until it is so.
    pub fn until(
        &self,
        people: &mut [&mut Person],
        what: &str,
        so: impl Fn(&[&mut Person]) -> bool,
    ) {
        let deadline = Instant::now() + PATIENCE;
        while !so(people) {
            if Instant::now() > deadline {
                panic!("{what}: not so after {PATIENCE:?}; {:?}", self.sfu.stats());
            }
            let due = people.iter_mut().map(|person| person.step()).min();
            let pause =
                due.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
            // Datagrams wake nobody here: whoever sends is never more than a moment away.
            std::thread::park_timeout(pause.min(Duration::from_millis(1)));
        }
    }

    /// Everybody goes on for so long, as their own clocks have it: what must not come has time to.
    pub fn go_on(&self, people: &mut [&mut Person], time: Duration) {
        let end = Instant::now() + time;
        self.until(people, "time passes", |_| Instant::now() >= end);
    }

    pub fn until_connected(&self, people: &mut [&mut Person]) {
        self.until(people, "everybody is connected", |people| {
            people.iter().all(|p| {
                let (publishes, subscribes) = p.client.is_connected();
                subscribes && (publishes || p.sends.is_empty())
            })
        });
    }
}

impl Person {
    /// Sends this from now on.
    pub fn send(&mut self, source: Source, layer: Option<usize>, level: u8) {
        let due = Instant::now();
        let seq = 100 + 1_000 * layer.unwrap_or_default() as u64;
        let picture = 50 + 300 * layer.unwrap_or_default() as u16;
        self.sends.push(Sending {
            source,
            layer,
            level,
            seq,
            time: 1_000,
            picture,
            key: true,
            due,
        });
    }

    pub fn set_level(&mut self, level: u8) {
        self.sends.iter_mut().for_each(|sending| sending.level = level);
    }

    /// Takes in and sends what is due; answers when there is more.
    pub fn step(&mut self) -> Instant {
        self.client.step().unwrap();
        for (source, rid) in self.client.take_wanted() {
            let layer = rid.and_then(|rid| LAYERS.iter().position(|(name, ..)| *name == rid));
            self.asked += usize::from(layer == Some(0));
            let heard = !self.deaf;
            let asked = |sending: &&mut Sending| {
                heard && sending.source == source && sending.layer == layer
            };
            self.sends.iter_mut().filter(asked).for_each(|sending| sending.key = true);
        }
        for packet in self.client.take_received() {
            let slot = self.slots.entry(packet.mid.clone()).or_default();
            let of = Picture::read(&packet.payload).map_or(&packet.payload[..], |read| read.rest);
            slot.of.push((of[0], of[1]));
            slot.packets.push(packet);
        }
        let now = Instant::now();
        if self.client.is_connected().0 {
            let number = self.number;
            for sending in self.sends.iter_mut().filter(|sending| sending.due <= now) {
                sending.go(number, &mut self.client);
                self.sent += 1;
            }
        }
        let due = self.sends.iter().map(|sending| sending.due).min();
        due.map_or(self.client.deadline(), |due| due.min(self.client.deadline()))
    }

    /// Whose packets arrived since the last [`Person::forget`], and how many.
    pub fn got(&self) -> BTreeMap<u8, usize> {
        let mut got = BTreeMap::new();
        for (whose, _) in self.slots.values().flat_map(|heard| &heard.of) {
            *got.entry(*whose).or_default() += 1;
        }
        got
    }

    pub fn got_of(&self, other: u8) -> usize {
        self.got().get(&other).copied().unwrap_or_default()
    }

    /// The layer of somebody's pictures that arrived last.
    pub fn layer_of(&self, other: u8) -> Option<u8> {
        let slot =
            self.slots.values().find(|heard| heard.of.iter().any(|(who, _)| *who == other))?;
        slot.of.iter().rev().find(|(who, _)| *who == other).map(|(_, layer)| *layer)
    }

    pub fn forget(&mut self) {
        self.slots.clear();
    }
}

impl Sending {
    fn go(&mut self, number: u8, client: &mut Client) {
        if self.source.is_audio() {
            let payload = [&[number, 0][..], &[7; 60]].concat();
            let at = (self.seq, self.time, false);
            client.send((self.source, None), at, Some(self.level), &payload).unwrap();
            (self.seq, self.time) = (self.seq + 1, self.time.wrapping_add(960));
            self.due += SOUND_EVERY;
            return;
        }
        let layer = self.layer.unwrap_or(LAYERS.len() - 1);
        let (rid, size, bytes) = LAYERS[layer];
        let rid = self.layer.map(|_| rid);
        let (key, mut left) = (self.key, bytes);
        let mut first = true;
        while left > 0 {
            let len = left.min(PACKET);
            left -= len;
            let tl0 = self.picture as u8;
            let picture = Picture { key, first, id: self.picture & 0x7fff, tl0, size };
            let rest = [&[number, layer as u8][..], &vec![9; len]].concat();
            let at = (self.seq, self.time, left == 0);
            client.send((self.source, rid), at, None, &picture.payload(&rest)).unwrap();
            (self.seq, first) = (self.seq + 1, false);
        }
        self.time = self.time.wrapping_add(3_000);
        (self.picture, self.key) = (self.picture + 1, false);
        self.due += PICTURES_EVERY;
    }
}

/// What a decoder asks of a stream: every number once and without gaps, and times and pictures that
/// never go back.
pub fn assert_one_stream(heard: &Heard) {
    let mut seqs: Vec<u64> = heard.packets.iter().map(|packet| packet.seq).collect();
    seqs.sort_unstable();
    assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seqs:?}");
    assert!(heard.packets.iter().all(|packet| packet.ssrc == heard.packets[0].ssrc));
    let mut packets: Vec<&Received> = heard.packets.iter().collect();
    packets.sort_by_key(|packet| packet.seq);
    for pair in packets.windows(2) {
        let step = pair[1].time.wrapping_sub(pair[0].time) as i32;
        assert!(step >= 0, "time goes back by {step}");
        let pictures = [pair[0], pair[1]].map(|p| Picture::read(&p.payload));
        if let [Some(a), Some(b)] = pictures {
            let step = b.picture.id.wrapping_sub(a.picture.id) & 0x7fff;
            assert!(step <= 1, "pictures {} and {}", a.picture.id, b.picture.id);
            assert!(step == 0 || b.picture.first);
        }
    }
}
