//! A room of the server that is measured: who asks it what.

use std::{io, time::Duration};

use carillon_protocol::{
    Codec, ParticipantId, RoomId,
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
const HEARD_MAX: usize = 64;

/// A room, and the connections of those who are in it.
pub struct Room {
    target: Target,
    room: RoomId,
    tokens: Vec<Token>,
    links: Vec<(Link, ParticipantId)>,
}

impl Room {
    /// Opens a room for so many people, none of whom is in it yet.
    pub fn open(place: &Place, server: &Running, len: usize) -> Result<Room, Failed> {
        let target = server.target()?;
        let mut link = Link::open(&target, &seed::caller(place.token()))?;
        let people = seed::people(&mut link, len)?;
        let users: Vec<_> = people.iter().map(|person| person.user).collect();
        let conv = seed::room(&mut link, &users)?;
        let create = Create { conv, title: None, starts_at: None, rules: None };
        let room = link.calls(vec![create])?.remove(0).room;
        let tokens = people.into_iter().map(|person| person.token).collect();
        Ok(Room { target, room, tokens, links: Vec::new() })
    }

    /// The next one comes in, and is connected when this returns.
    pub fn join(&mut self, gathering: &mut Gathering, part: &Part) -> Result<(), Failed> {
        let number = self.links.len();
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
        let (link, participant) = &mut self.links[who];
        let participant = *participant;
        let asked = Subscribe { participant, views, restart: false };
        let subscribed = link.calls(vec![asked])?.remove(0);
        if let Some(offer) = subscribed.offer {
            let sdp = gathering.seats()[who].client.accept(&offer)?;
            link.calls(vec![Answer { participant, sdp }])?;
        }
        gathering.run(Duration::ZERO)
    }

    /// Goes on for so long. Now and then what the server says beside is read, which is not what is
    /// measured, and everybody says that they are there.
    pub fn run(&mut self, gathering: &mut Gathering, time: Duration) -> Result<(), Failed> {
        const TURN: Duration = Duration::from_secs(10);
        let mut left = time;
        while !left.is_zero() {
            let turn = left.min(TURN);
            gathering.run(turn)?;
            left -= turn;
            self.listen()?;
        }
        Ok(())
    }

    /// Reads what the server said beside.
    pub fn listen(&mut self) -> Result<(), Failed> {
        for (link, _) in &mut self.links {
            link.write(client::ping(Codec::Json))?;
            for _ in 0..HEARD_MAX {
                if link.text_within(Duration::ZERO)?.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Everybody leaves.
    pub fn leave(&mut self) -> Result<(), Failed> {
        for (link, participant) in &mut self.links {
            link.calls(vec![Leave { participant: *participant }])?;
        }
        Ok(())
    }
}
