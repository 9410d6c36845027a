//! A room as its events say: the answer of `room.join` or `room.get`, and what came since.

use carillon_protocol::{
    Event, ParticipantId,
    room::{
        AdmittedData, Head, LeftData, Participant, ParticipantData, Phase, Room, Source,
        UpdatedData, kind,
    },
};

/// What an event of the room's log did.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    /// Somebody came in, or waits.
    Came(Participant),
    /// Somebody sends something else, has another role, or raised a hand; these sources were sent
    /// before and are muted or gone now.
    Changed(Participant, Vec<Source>),
    /// Somebody is gone.
    Went(LeftData),
    /// Its title, rules or times are others.
    Updated(Head),
    /// Its media are elsewhere: join again.
    Moved,
    /// Nothing that is told.
    Nothing,
    /// Events are missing: ask `room.get`.
    Missing,
}

/// A room, in step with its log.
#[derive(Debug)]
pub(super) struct Roster {
    pub room: Room,
}

impl Roster {
    /// Takes a newer state; an older one changes nothing.
    pub fn replace(&mut self, room: Room) -> bool {
        let newer = room.seq >= self.room.seq;
        if newer {
            self.room = room;
        }
        newer
    }

    /// Takes an event of the room's topic.
    pub fn apply(&mut self, event: &Event) -> Change {
        let last = event.seq + event.n.saturating_sub(1);
        if last <= self.room.seq {
            return Change::Nothing;
        }
        if event.seq > self.room.seq + 1 {
            return Change::Missing;
        }
        let change = self.change(event);
        if change != Change::Missing {
            self.room.seq = last;
        }
        change
    }

    fn change(&mut self, event: &Event) -> Change {
        match &*event.k {
            kind::JOINED | kind::CHANGED => match event.data.to::<ParticipantData>() {
                Ok(ParticipantData { participant }) => self.put(participant),
                Err(_) => Change::Missing,
            },
            kind::LEFT => match event.data.to::<LeftData>() {
                Ok(left) => {
                    self.room.participants.retain(|it| it.participant != left.participant);
                    Change::Went(left)
                }
                Err(_) => Change::Missing,
            },
            kind::CREATED | kind::UPDATED => match event.data.to::<UpdatedData>() {
                Ok(UpdatedData { head }) => {
                    self.room.head = head;
                    Change::Updated(self.room.head.clone())
                }
                Err(_) => Change::Missing,
            },
            kind::STARTED => {
                self.room.head.phase = Phase::Open;
                self.room.head.started_at = Some(event.at);
                Change::Updated(self.room.head.clone())
            }
            kind::ENDED => {
                self.room.head.phase = Phase::Ended;
                self.room.head.ended_at = Some(event.at);
                Change::Updated(self.room.head.clone())
            }
            kind::MOVED => Change::Moved,
            _ => Change::Nothing,
        }
    }

    fn put(&mut self, participant: Participant) -> Change {
        let id = participant.participant;
        match self.room.participants.iter_mut().find(|it| it.participant == id) {
            Some(known) => {
                let muted = muted(known, &participant);
                *known = participant.clone();
                Change::Changed(participant, muted)
            }
            None => {
                self.room.participants.push(participant.clone());
                Change::Came(participant)
            }
        }
    }

    pub fn find(&self, id: ParticipantId) -> Option<&Participant> {
        self.room.participants.iter().find(|it| it.participant == id)
    }
}

/// What somebody sent before, and sends no more or muted.
pub(super) fn muted(before: &Participant, now: &Participant) -> Vec<Source> {
    let on = |of: &Participant, source| of.publications.get(&source).is_some_and(|it| !it.muted);
    let sources = before.publications.keys().copied();
    sources.filter(|source| on(before, *source) && !on(now, *source)).collect()
}

/// Whether an event of a person's own topic lets this participant in or turns them away.
pub(super) fn admitted(event: &Event, me: ParticipantId) -> Option<bool> {
    if &*event.k != kind::ADMITTED {
        return None;
    }
    let data = event.data.to::<AdmittedData>().ok()?;
    (data.participant == me).then_some(data.admitted)
}

#[cfg(test)]
mod tests {
    use carillon_protocol::{
        ConvId, EventId, Json, RoomId, UserId,
        id::Ulid,
        room::{Gone, Publication, Role, RoomData, Rules},
    };

    use super::*;

    fn participant(n: u128) -> Participant {
        Participant {
            participant: ParticipantId(Ulid(n)),
            user: UserId(Ulid(n)),
            name: None,
            role: Role::Member,
            waiting: false,
            joined_at: 0,
            publications: Default::default(),
            hand_at: None,
        }
    }

    fn roster() -> Roster {
        let head = Head {
            room: RoomId(Ulid(1)),
            conv: ConvId(Ulid(1)),
            by: UserId(Ulid(1)),
            title: None,
            phase: Phase::Open,
            starts_at: None,
            started_at: None,
            ended_at: None,
            rules: Rules::default(),
        };
        Roster { room: Room { head, participants: vec![participant(1)], seq: 5 } }
    }

    fn event(seq: u64, k: &str, data: impl serde::Serialize) -> Event {
        Event {
            topic: "x:room:01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            seq,
            n: 1,
            k: k.into(),
            id: EventId(Ulid(1)),
            by: UserId(Ulid(9)),
            at: 77,
            cid: None,
            data: Json::of(&data),
        }
    }

    #[test]
    fn people_come_change_and_go_as_the_log_says() {
        let mut roster = roster();
        let mut two = participant(2);
        let joined = |it: &Participant| ParticipantData { participant: it.clone() };
        assert_eq!(roster.apply(&event(6, kind::JOINED, joined(&two))), Change::Came(two.clone()));
        two.hand_at = Some(3);
        let changed = event(7, kind::CHANGED, joined(&two));
        assert_eq!(roster.apply(&changed), Change::Changed(two.clone(), Vec::new()));
        assert_eq!(roster.apply(&changed), Change::Nothing, "it is known");
        let gone = participant(1);
        let left = LeftData {
            participant: gone.participant,
            user: gone.user,
            gone: Gone::Left,
            still_there: false,
        };
        assert_eq!(roster.apply(&event(8, kind::LEFT, &left)), Change::Went(left));
        assert_eq!((roster.room.seq, roster.room.participants), (8, vec![two]));
    }

    #[test]
    fn only_what_was_on_is_muted_by_a_change() {
        let with = |sources: &[(Source, bool)]| {
            let publication = |muted| Publication { muted };
            let listed = sources.iter().map(|(source, muted)| (*source, publication(*muted)));
            Participant { publications: listed.collect(), ..participant(1) }
        };
        let (voice, face) = (Source::Microphone, Source::Camera);
        let both = with(&[(voice, false), (face, false)]);
        assert_eq!(muted(&both, &with(&[(voice, true)])), [voice, face]);
        assert_eq!(muted(&with(&[(voice, true)]), &with(&[(voice, true)])), []);
        assert_eq!(muted(&with(&[(voice, false)]), &both), []);
        assert_eq!(muted(&with(&[]), &with(&[(voice, true)])), [], "it was never on");
    }

    #[test]
    fn a_hole_changes_nothing_and_a_newer_state_fills_it() {
        let mut roster = roster();
        let ended = RoomData { room: RoomId(Ulid(1)), conv: ConvId(Ulid(1)) };
        assert_eq!(roster.apply(&event(7, kind::ENDED, &ended)), Change::Missing);
        assert_eq!((roster.room.seq, roster.room.head.phase), (5, Phase::Open));
        let mut newer = roster.room.clone();
        newer.seq = 6;
        assert!(roster.replace(newer.clone()));
        newer.seq = 4;
        assert!(!roster.replace(newer));
        assert!(matches!(roster.apply(&event(7, kind::ENDED, &ended)), Change::Updated(_)));
        assert_eq!(roster.room.head.ended_at, Some(77));
    }
}
