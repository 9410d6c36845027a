//! A room of the server that is measured: who asks it what.

use std::{io, time::Duration};

use carillon_protocol::{
    Codec, ConvId, ParticipantId, RoomId,
    frame::client,
    room::{Answer, Create, Join, Leave, Offer, Publication, Publish, Source, Subscribe, View},
};

use super::{
    gathering::Gathering,
    seat::{Part, Seat},
};
use crate::{
    fleet::{Failed, Target},
    link::Link,
    place::{Place, Running},
    room::Token,
    seed,
};

/// How much of what the server says is read at a time.
const HEARD_MAX: usize = 256;
/// After so many have come in, everybody says that they are there.
const BEAT_EACH: usize = 10;
/// So often it is somebody's turn to be read …
const TURN: Duration = Duration::from_millis(50);
/// … and after so many turns it has been everybody's.
const TURNS: usize = 100;

/// A room, and the connections of those who are in it.
pub struct Room {
    target: Target,
    conv: ConvId,
    room: RoomId,
    tokens: Vec<Token>,
    links: Vec<(Link, ParticipantId)>,
    /// Where the first of them sits.
    first: usize,
    /// Who was read last.
    next: usize,
}

/// Goes on for so long. A few of each room at a time speak with the server, so that nobody's media
/// wait for it.
pub fn run(rooms: &mut [Room], gathering: &mut Gathering, time: Duration) -> Result<(), Failed> {
    let mut left = time;
    while !left.is_zero() {
        let turn = left.min(TURN);
        gathering.run(turn)?;
        left -= turn;
        rooms.iter_mut().try_for_each(|room| room.beat(room.links.len().div_ceil(TURNS)))?;
    }
    Ok(())
}

impl Room {
    /// Opens a room for so many people, none of whom is in it yet.
    pub fn open(place: &Place, server: &Running, len: usize) -> Result<Room, Failed> {
        let target = server.target()?;
        let mut link = Link::open(&target, &seed::caller(place.token()))?;
        let people = seed::people(&mut link, len)?;
        let users: Vec<_> = people.iter().map(|person| person.user).collect();
        let conv = seed::room(&mut link, &users)?;
        let room = created(&mut link, conv)?;
        let tokens = people.into_iter().map(|person| person.token).collect();
        Ok(Room { target, conv, room, tokens, links: Vec::new(), first: 0, next: 0 })
    }

    /// Another meeting of the same people, of whom none is in it yet.
    pub fn open_again(&mut self, place: &Place) -> Result<(), Failed> {
        let mut link = Link::open(&self.target, &seed::caller(place.token()))?;
        self.room = created(&mut link, self.conv)?;
        Ok(())
    }

    /// The next one comes in, and is connected when this returns.
    pub fn join(&mut self, gathering: &mut Gathering, part: &Part) -> Result<(), Failed> {
        let number = self.links.len();
        if number == 0 {
            self.first = gathering.seats().len();
        }
        let mut link = Link::open(&self.target, &self.tokens[number])?;
        let mut seat = Seat::new(&self.target, part, number)?;
        let joined = link.calls(vec![Join { room: self.room, participant: None }])?.remove(0);
        let participant = joined.participant;
        let offer = joined.offer.ok_or_else(|| io::Error::other("nobody waits in this room"))?;
        let sdp = seat.client.accept(&offer)?;
        link.calls(vec![Answer { participant, sdp }])?;
        let tracks = part.tracks();
        if !tracks.is_empty() {
            let (sdp, sends) = seat.client.offer(&tracks)?;
            let offered = link.calls(vec![Offer { participant, sdp, sends }])?.remove(0);
            seat.client.answered(&offered.sdp)?;
            let publication = Some(Publication { muted: false });
            let sources = tracks.iter().map(|track| track.source);
            let publish = |source| Publish { participant, source, publication };
            link.calls(sources.map(publish).collect())?;
        }
        self.links.push((link, participant));
        if number.is_multiple_of(BEAT_EACH) {
            self.beat_all()?;
        }
        gathering.seat(seat, true)
    }

    /// Somebody looks at the cameras of these others, each in a tile of this size.
    pub fn look(
        &mut self,
        gathering: &mut Gathering,
        who: usize,
        (at, size): (std::ops::Range<usize>, (u16, u16)),
    ) -> Result<(), Failed> {
        let view = |other: usize| View {
            participant: self.links[other].1,
            source: Source::Camera,
            width: size.0,
            height: size.1,
        };
        let views = at.filter(|other| *other != who).map(view).collect();
        let first = self.first;
        let (link, participant) = &mut self.links[who];
        let participant = *participant;
        let asked = Subscribe { participant, views, restart: false };
        let subscribed = link.calls(vec![asked])?.remove(0);
        if let Some(offer) = subscribed.offer {
            let sdp = gathering.seats()[first + who].client.accept(&offer)?;
            link.calls(vec![Answer { participant, sdp }])?;
        }
        gathering.run(Duration::ZERO)
    }

    /// Everybody says that they are there, as while others come in.
    pub fn beat_all(&mut self) -> Result<(), Failed> {
        self.beat(self.links.len())
    }

    /// The next few say that they are there and take note of what the server says beside.
    fn beat(&mut self, len: usize) -> Result<(), Failed> {
        for _ in 0..len {
            self.next = (self.next + 1) % self.links.len();
            let (link, _) = &mut self.links[self.next];
            link.write(client::ping(Codec::Json))?;
            link.pass_over(HEARD_MAX)?;
        }
        Ok(())
    }

    /// Everybody leaves, and the meeting is over.
    pub fn leave(&mut self) -> Result<(), Failed> {
        for (mut link, participant) in self.links.drain(..) {
            link.calls(vec![Leave { participant }])?;
        }
        Ok(())
    }
}

fn created(link: &mut Link, conv: ConvId) -> Result<RoomId, Failed> {
    let create = Create { conv, title: None, starts_at: None, rules: None };
    Ok(link.calls(vec![create])?.remove(0).room)
}
