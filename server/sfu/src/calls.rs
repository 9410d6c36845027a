//! What is asked of a media thread, one call after another.

use std::{
    collections::HashSet,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use carillon_plugin::{Error, MediaAnswer, MediaAsked, MediaCall, Result};
use carillon_protocol::{
    ErrorCode, ParticipantId, RoomId, UserId,
    limits::{ROOM_PARTICIPANTS_MAX, VIEWS_MAX},
    room::{self, Sent, View},
};

use crate::{
    adapter::{Connection, Mid, Refused},
    command::busy,
    net::Owner,
    publish::Track,
    room::{Person, Room},
    sdp,
    stats::add,
    subscribe::{AUDIO_SLOTS, Offered, Viewer, slots_for},
    thread::Thread,
};

/// The most streams that a connection's offers name in all: the library keeps each for ever.
const STREAMS_MAX: usize = 128;
/// The most sizes in which a picture is sent.
const LAYERS_MAX: usize = 3;

impl Thread {
    pub(crate) fn call(&mut self, asked: MediaAsked, now: Instant) -> Result<MediaAnswer> {
        let room = asked.room;
        match asked.what {
            MediaCall::Join { participant, user, .. } => self.join(room, participant, user, now),
            MediaCall::Offer { participant, sdp, sends } => {
                self.offer(room, participant, &sdp, &sends, now)
            }
            MediaCall::Subscribe { participant, views, restart } => {
                self.subscribe(room, participant, views, restart, now)
            }
            MediaCall::Answer { participant, sdp } => self.answer(room, participant, &sdp, now),
            // What is only claimed changes nothing: see `Sfu::ask`.
            MediaCall::Candidate { .. } => Ok(MediaAnswer::Done),
            MediaCall::Permit { participant, sends } => {
                let room = self.room(room)?;
                let number = room.number(participant);
                room.permit(number.ok_or_else(|| Error::not_found("participant"))?, sends);
                Ok(MediaAnswer::Done)
            }
            MediaCall::Leave { participant } => {
                self.leave(room, participant, now);
                Ok(MediaAnswer::Done)
            }
            MediaCall::End => {
                let people = self.rooms.get(&room).into_iter().flat_map(|room| &room.people);
                let people: Vec<ParticipantId> = people.map(|(_, person)| person.id).collect();
                people.into_iter().for_each(|participant| self.leave(room, participant, now));
                Ok(MediaAnswer::Done)
            }
            MediaCall::Connected => {
                let people = self.rooms.get(&room).into_iter().flat_map(|room| &room.people);
                let participants = people.map(|(_, person)| person.id).collect();
                Ok(MediaAnswer::Connected { participants })
            }
        }
    }

    fn room(&mut self, room: RoomId) -> Result<&mut Room> {
        self.rooms.get_mut(&room).ok_or_else(|| Error::not_found("participant"))
    }

    fn join(
        &mut self,
        id: RoomId,
        participant: ParticipantId,
        user: UserId,
        now: Instant,
    ) -> Result<MediaAnswer> {
        if !self.rooms.contains_key(&id) && self.strained(now) {
            add(&self.net.counters.turned_away, 1);
            return Err(busy("this node carries as many meetings as it can: ask again"));
        }
        let is_there = |room: &Room| room.number(participant).is_some();
        let comes = !self.rooms.get(&id).is_some_and(is_there);
        if comes && self.net.counters.participants.load(Relaxed) >= self.people_max as i64 {
            return Err(busy("this node carries as many people as it can: ask again"));
        }
        self.leave(id, participant, now);
        let people = self.rooms.get(&id).map_or(0, |room| room.people.len());
        if people >= ROOM_PARTICIPANTS_MAX {
            return Err(Error::new(ErrorCode::Quota, "the room is full: wait until somebody goes"));
        }
        let mut connection = self.net.make(true, now);
        let offered = offer(&mut connection, (AUDIO_SLOTS, slots_for(0)), false)?;
        let sdp = offered.sdp.clone();
        let kind = room::Connection::Subscribe;
        let link = self.net.open(connection, Owner { room: id, participant, kind }, now);
        let at = self.at(now);
        let counters = self.net.counters.clone();
        let room = self.rooms.entry(id).or_insert_with(|| {
            counters.rooms.fetch_add(1, Relaxed);
            Room::new(id)
        });
        counters.participants.fetch_add(1, Relaxed);
        room.enter(Person {
            id: participant,
            user,
            heard: at,
            permitted: Vec::new(),
            publish: None,
            named: HashSet::new(),
            tracks: Vec::new(),
            viewer: Some(Viewer::new(link, offered)),
        });
        Ok(MediaAnswer::Joined { offer: sdp })
    }

    pub(crate) fn leave(&mut self, id: RoomId, participant: ParticipantId, now: Instant) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        if room.number(participant).is_none() {
            return;
        }
        let links = room.remove(participant);
        self.net.counters.participants.fetch_sub(1, Relaxed);
        if room.people.is_empty() {
            self.rooms.remove(&id);
            self.net.counters.rooms.fetch_sub(1, Relaxed);
        }
        links.into_iter().for_each(|link| self.net.close(link, now));
    }

    fn offer(
        &mut self,
        id: RoomId,
        participant: ParticipantId,
        text: &str,
        sends: &[Sent],
        now: Instant,
    ) -> Result<MediaAnswer> {
        let at = self.at(now);
        let person = self.room(id)?.caller(participant, at)?;
        let before = person.publish.clone();
        sdp::check_offer(text, sends)?;
        let missing = || Error::bad_arg("sdp", "offer a section with `a=fingerprint`");
        let fingerprint = sdp::fingerprint(text).ok_or_else(missing)?;
        let mut named = sdp::streams(text);
        if before.as_ref().is_some_and(|(_, other)| *other == fingerprint) {
            named.extend(&person.named);
        }
        if named.len() > STREAMS_MAX {
            return Err(Error::bad_arg(
                "sdp",
                "name fewer streams, or offer with a new connection",
            ));
        }
        let text = sdp::without_candidates(text);
        // A connection of its own tries the description: what cannot be used changes nothing.
        let mut fresh = self.net.make(false, now);
        let mut answer = fresh.accept_offer(&text).map_err(refused)?;
        let tracks = tracks(&fresh, sends)?;
        let same =
            before.as_ref().filter(|(_, other)| *other == fingerprint).map(|(link, _)| *link);
        let link = match same {
            Some(link) => {
                let changed = self.net.change(link, now, |known| known.accept_offer(&text));
                match changed {
                    Some(Ok(sdp)) => answer = sdp,
                    // Half of it may have been taken: the client makes a new connection.
                    Some(Err(why)) => {
                        self.unpublish(id, participant, now);
                        return Err(refused(why));
                    }
                    None => return Err(Error::not_found("connection: offer with a new one")),
                }
                link
            }
            None => {
                if let Some((link, _)) = before {
                    self.net.close(link, now);
                }
                let kind = room::Connection::Publish;
                self.net.open(fresh, Owner { room: id, participant, kind }, now)
            }
        };
        let room = self.room(id)?;
        let person = room.caller(participant, at)?;
        (person.publish, person.named) = (Some((link, fingerprint)), named);
        if let Some(number) = room.number(participant) {
            room.publish(number, tracks);
        }
        Ok(MediaAnswer::Description { sdp: answer })
    }

    fn unpublish(&mut self, id: RoomId, participant: ParticipantId, now: Instant) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let Some(number) = room.number(participant) else { return };
        let link = room.people[number].publish.take();
        room.publish(number, Vec::new());
        if let Some((link, _)) = link {
            self.net.close(link, now);
        }
    }

    fn subscribe(
        &mut self,
        id: RoomId,
        participant: ParticipantId,
        views: Vec<View>,
        restart: bool,
        now: Instant,
    ) -> Result<MediaAnswer> {
        let at = self.at(now);
        let room = self.rooms.get_mut(&id).ok_or_else(|| Error::not_found("participant"))?;
        room.caller(participant, at)?;
        let number = room.number(participant).ok_or_else(|| Error::not_found("participant"))?;
        let views = once(views)?;
        room.changed = true;
        let viewer = room.people[number].viewer.as_mut();
        let viewer = viewer.ok_or_else(|| Error::not_found("connection: join again"))?;
        let need = slots_for(views.len());
        viewer.look(views);
        let waiting = viewer.offered.as_ref().map_or(0, |offered| offered.video.len());
        // Nothing to restart before the first answer.
        let restart = restart && !viewer.audio.is_empty();
        let more = need.saturating_sub(viewer.video.len());
        let first = viewer.audio.is_empty();
        if !first && more == 0 && waiting > 0 && !restart {
            // Less is looked at than when it was offered: nobody needs to answer that.
            viewer.offered = None;
        } else if restart || if first { more > waiting } else { more != waiting } {
            let audio = AUDIO_SLOTS - viewer.audio.len();
            let sections = (audio, if first { more.max(waiting) } else { more });
            let changed = self.net.change(viewer.link, now, |link| offer(link, sections, restart));
            let none = || Error::not_found("connection: join again");
            viewer.offered = Some(changed.ok_or_else(none)??);
        }
        let offer = viewer.offered.as_ref().map(|offered| offered.sdp.clone());
        Ok(MediaAnswer::Subscribed { slots: viewer.slots(), offer })
    }

    fn answer(
        &mut self,
        id: RoomId,
        participant: ParticipantId,
        text: &str,
        now: Instant,
    ) -> Result<MediaAnswer> {
        let at = self.at(now);
        let room = self.rooms.get_mut(&id).ok_or_else(|| Error::not_found("participant"))?;
        let viewer = room.caller(participant, at)?.viewer.as_mut();
        let viewer = viewer.ok_or_else(|| Error::not_found("connection: join again"))?;
        sdp::check(text)?;
        // An answer that comes twice has been taken.
        let Some(offered) = &viewer.offered else { return Ok(MediaAnswer::Done) };
        if sdp::mids(text) != sdp::mids(&offered.sdp) {
            return Err(Error::bad_arg("sdp", "answer the sections of the last offer, in order"));
        }
        let fingerprint = sdp::fingerprint(text);
        let same = viewer.fingerprint.is_none() || viewer.fingerprint == fingerprint;
        if fingerprint.is_none() || !same {
            return Err(Error::bad_arg("sdp", "answer from the same connection, or join again"));
        }
        let text = sdp::without_candidates(text);
        let mids: Vec<Mid> = offered.audio.iter().chain(&offered.video).copied().collect();
        let taken = self.net.change(viewer.link, now, |link| link.accept_answer(&text, &mids));
        match taken {
            Some(Ok(())) => {
                viewer.fingerprint = fingerprint;
                if let Some(offered) = viewer.offered.take() {
                    viewer.grow(offered);
                }
                room.changed = true;
                Ok(MediaAnswer::Done)
            }
            Some(Err(why)) => {
                let link = viewer.link;
                // Unless it could not even be read, half of it may have been taken.
                if why.half {
                    room.caller(participant, at)?.viewer = None;
                    room.changed = true;
                    self.net.close(link, now);
                }
                Err(refused(why))
            }
            None => Err(Error::not_found("connection: join again")),
        }
    }

    /// How long this thread has been running.
    pub(crate) fn at(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }
}

/// Offers sections for sound and for pictures.
fn offer(
    connection: &mut Connection,
    (audio, video): (usize, usize),
    restart: bool,
) -> Result<Offered> {
    let offered = connection.offer(audio, video, restart);
    offered.ok_or_else(|| Error::not_found("connection: join again"))
}

/// What the sections of an offer carry.
fn tracks(connection: &Connection, sends: &[Sent]) -> Result<Vec<Track>> {
    let track = |sent: &Sent| {
        let mid = Mid::from(sent.mid.as_str());
        if connection.is_audio(mid) != Some(sent.source.is_audio()) {
            return Err(Error::bad_arg("sends", "name a section of the kind of its source"));
        }
        let rids = connection.layers(mid);
        if rids.len() > LAYERS_MAX {
            return Err(Error::bad_arg("sdp", format!("send at most {LAYERS_MAX} layers")));
        }
        Ok(Track::new(sent.source, mid, rids))
    };
    sends.iter().map(track).collect()
}

/// Views, each once.
fn once(views: Vec<View>) -> Result<Vec<View>> {
    if views.len() > VIEWS_MAX {
        return Err(Error::bad_arg("views", format!("look at most at {VIEWS_MAX} at once")));
    }
    if views.iter().any(|view| view.source.is_audio()) {
        return Err(Error::bad_arg("views", "look at cameras and screens"));
    }
    let mut once: Vec<View> = Vec::with_capacity(views.len());
    for view in views {
        let same =
            |known: &View| (known.participant, known.source) == (view.participant, view.source);
        if !once.iter().any(same) {
            once.push(view);
        }
    }
    Ok(once)
}

fn refused(why: Refused) -> Error {
    tracing::debug!(why = why.why, "a description was refused");
    Error::bad_arg("sdp", "send a description that this connection can use")
}
