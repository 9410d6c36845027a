//! What happens in a room, as a transaction: rows, events, and what must not have changed.
//!
//! Two kinds of changes, so that a hundred people who come at once do not stand in each other's
//! way. What only adds or changes one participant holds if the *rights* are as they were when it
//! was decided (`rev`). What looks at others, or changes their rights, holds if *nothing* happened
//! in the room since (`seq`), and moves `rev` on.

use carillon_plugin::{Audited, Committed, Ctx, Result, Tx, Value};
use carillon_protocol::{
    ParticipantId, RoomId, RunId, Topic, UserId,
    limits::ROOM_PARTICIPANTS_MAX,
    room::{
        AdmittedData, Gone, LeftData, Participant, ParticipantData, Phase, Refresh, Role, RoomData,
        Sweep, UpdatedData, kind,
    },
    topic::PluginTopic,
};
use serde::Serialize;

use super::{
    guest,
    rows::{Meeting, Person, is_nobody, json, word},
    rules,
};

/// How often a decision is taken again because something else happened first: the host does all of
/// it three times more.
const RACES_MAX: usize = 8;
/// How often a room is looked after while somebody is in it.
pub(super) const SWEEP_MS: i64 = 60_000;
/// When it is looked after again after a right was taken away.
const SOON_MS: i64 = 1_000;
/// How long a planned room stays open without anybody: the rest of the day.
pub(super) const PLANNED_LASTS_MS: i64 = 24 * 3_600_000;

/// Decides again as long as something else happens first.
pub(super) async fn again<T, F>(attempt: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    for _ in 1..RACES_MAX {
        match attempt().await {
            Err(error) if error.is_raced() => {}
            done => return done,
        }
    }
    attempt().await
}

/// Where a room's events are.
pub(super) fn topic(room: RoomId) -> Topic {
    Topic::Plugin(Box::new(PluginTopic { plugin: "room".into(), id: room.to_string() }))
}

/// The timer that looks after a room.
pub(super) fn sweeping(room: RoomId) -> String {
    format!("sweep:{room}")
}

/// The timer that changes its card.
pub(super) fn refreshing(room: RoomId) -> String {
    format!("card:{room}")
}

/// The timer that reminds of it.
pub(super) fn reminding(room: RoomId) -> String {
    format!("remind:{room}")
}

/// What must be as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Everything.
    All,
    /// Phase, rules, roles and who was put out.
    Rights,
}

/// A change of a room.
pub(super) struct Change {
    pub(super) tx: Tx,
    pub(super) meeting: Meeting,
    holds: Holds,
    now: i64,
    /// How many were in it.
    were: usize,
    /// The number of the last event of the room.
    last: Option<usize>,
}

impl Change {
    pub(super) fn of(ctx: &Ctx, meeting: Meeting, holds: Holds) -> Change {
        let user = ctx.caller().user;
        let by = if is_nobody(user) { meeting.head.by } else { user };
        let tx = ctx.tx().on_behalf_of(by, meeting.org);
        let were = meeting.present().count();
        Change { tx, holds, now: ctx.now(), were, last: None, meeting }
    }

    pub(super) fn room(&self) -> RoomId {
        self.meeting.head.room
    }

    pub(super) fn now(&self) -> i64 {
        self.now
    }

    fn tell<T: Serialize>(&mut self, k: &str, data: &T) {
        self.last = Some(self.tx.emit(topic(self.room()), k, data));
    }

    fn room_data(&self) -> RoomData {
        RoomData { room: self.room(), conv: self.meeting.head.conv }
    }

    /// Somebody comes.
    pub(super) fn come(&mut self, person: Person) {
        let seat = &person.seat;
        self.tx.run(
            "INSERT INTO room_participant (id, room, user_id, session, name, role, waiting,
                 joined_at, left_at, gone, hand_at, publications, seen_at, pos, rev)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, NULL, NULL, '{}', $8, $9, 0)",
            [
                seat.participant.into(),
                self.meeting.head.room.into(),
                seat.user.into(),
                person.session.map(|session| session.to_string()).unwrap_or_default().into(),
                seat.name.clone().into(),
                word(seat.role).into(),
                seat.waiting.into(),
                seat.joined_at.into(),
                Value::Pos,
            ],
        );
        let participant = seat.clone();
        self.meeting.people.push(person);
        self.tell(kind::JOINED, &ParticipantData { participant });
    }

    /// The first one is there.
    pub(super) fn start(&mut self) {
        let head = &mut self.meeting.head;
        (head.phase, head.started_at) = (Phase::Open, Some(self.now));
        let data = self.room_data();
        self.tell(kind::STARTED, &data);
        self.look_after(self.now + SWEEP_MS);
        self.show();
    }

    /// Somebody is otherwise from now on, if they are.
    pub(super) fn set(&mut self, participant: ParticipantId, how: impl FnOnce(&mut Participant)) {
        let mut people = self.meeting.people.iter_mut();
        let Some(person) = people.find(|it| it.seat.participant == participant) else { return };
        let (before, rev) = (person.seat.clone(), person.rev);
        how(&mut person.seat);
        if person.seat == before {
            return;
        }
        person.rev += 1;
        let seat = person.seat.clone();
        // Who is let in hears everything from here on.
        let pos = (before.waiting && !seat.waiting).then_some(Value::Pos);
        let sql = format!(
            "UPDATE room_participant SET role = $1, waiting = $2, joined_at = $3, hand_at = $4,
                 publications = $5, rev = rev + 1{}
             WHERE id = $6 AND rev = $7 AND left_at IS NULL",
            if pos.is_some() { ", pos = $8" } else { "" }
        );
        let mut values: Vec<Value> = vec![
            word(seat.role).into(),
            seat.waiting.into(),
            seat.joined_at.into(),
            seat.hand_at.into(),
            json(&seat.publications).into(),
            participant.into(),
            rev.into(),
        ];
        values.extend(pos);
        self.tx.run_one(sql, values);
        self.tell(kind::CHANGED, &ParticipantData { participant: seat });
    }

    /// Everybody whom this concerns is otherwise from now on.
    pub(super) fn set_all(&mut self, how: impl Fn(&mut Participant)) {
        let all: Vec<_> = self.meeting.seats().map(|seat| seat.participant).collect();
        all.into_iter().for_each(|participant| self.set(participant, &how));
    }

    /// Somebody goes. Who waited is told in their own topic, since they do not hear the room's.
    pub(super) fn leave(&mut self, participant: ParticipantId, gone: Gone) {
        let people = &mut self.meeting.people;
        let Some(place) = people.iter().position(|it| it.seat.participant == participant) else {
            return;
        };
        let Person { seat, rev, .. } = people.remove(place);
        if seat.role == Role::Guest && !seat.waiting && gone == Gone::Kicked {
            guest::put_out(self, seat.user);
        }
        self.tx.run_one(
            "UPDATE room_participant SET left_at = $1, gone = $2, hand_at = NULL, rev = rev + 1
             WHERE id = $3 AND rev = $4 AND left_at IS NULL",
            [self.now.into(), word(gone).into(), participant.into(), rev.into()],
        );
        let user = seat.user;
        let still_there = self.meeting.present().any(|seat| seat.user == user);
        self.tell(kind::LEFT, &LeftData { participant, user, gone, still_there });
        if seat.waiting && matches!(gone, Gone::Kicked | Gone::Ended) {
            self.answer_knock(&seat, false);
        }
    }

    /// Says to somebody who waits whether they may come in.
    pub(super) fn answer_knock(&mut self, seat: &Participant, admitted: bool) {
        let data = AdmittedData { room: self.room(), participant: seat.participant, admitted };
        self.tx.emit(Topic::User(seat.user), kind::ADMITTED, &data);
    }

    /// What follows when somebody has gone: another host, or the end. Guests are not left alone.
    pub(super) fn gone(&mut self) {
        let is_left = self.meeting.present().any(|seat| seat.role > Role::Guest);
        if !is_left && self.meeting.head.started_at.is_some() {
            match self.meeting.is_ad_hoc() {
                true => self.end(),
                false if self.meeting.present().next().is_some() => {
                    let guests = self.meeting.present().map(|seat| seat.participant);
                    let guests: Vec<_> = guests.collect();
                    guests.into_iter().for_each(|guest| self.leave(guest, Gone::Ended));
                    // Which also looks after the room from then on.
                    self.tell_media_soon();
                }
                false => {
                    let from = self.meeting.head.starts_at.unwrap_or_default().max(self.now);
                    self.look_after(from + PLANNED_LASTS_MS);
                }
            }
            return;
        }
        if let Some(heir) = rules::heir(&self.meeting) {
            self.give_role(heir, Role::Host);
        }
    }

    /// All devices of a person may something else from now on.
    pub(super) fn give_role(&mut self, user: UserId, role: Role) {
        let rules = self.meeting.head.rules;
        self.set_all(|seat| {
            if seat.user == user {
                seat.role = role;
                rules::hush(seat, &rules);
            }
        });
    }

    /// It is over: first everybody hears that, then each goes.
    pub(super) fn end(&mut self) {
        let head = &mut self.meeting.head;
        (head.phase, head.ended_at) = (Phase::Ended, Some(self.now));
        let data = self.room_data();
        self.tell(kind::ENDED, &data);
        let all: Vec<_> = self.meeting.seats().map(|seat| seat.participant).collect();
        all.into_iter().for_each(|participant| self.leave(participant, Gone::Ended));
        guest::put_out_all(self);
        self.tx.cancel(&reminding(self.room()));
        self.tell_media_soon();
        self.show();
    }

    /// The room is as its head says from now on.
    pub(super) fn update(&mut self) {
        let data = UpdatedData { head: self.meeting.head.clone() };
        self.tell(kind::UPDATED, &data);
        self.show();
    }

    /// This node carries the media from now on; whoever is there connects again.
    pub(super) fn move_to(&mut self, owner: RunId) {
        let text = |owner: Option<RunId>| owner.map(|it| it.to_string()).unwrap_or_default();
        let before = self.meeting.owner.replace(owner);
        // Of two nodes one is faster, and the other looks again.
        self.tx.run_one(
            "UPDATE room_meeting SET owner = $1 WHERE id = $2 AND owner = $3",
            [owner.into(), self.meeting.head.room.into(), text(before).into()],
        );
        if before.is_some() {
            let data = self.room_data();
            self.tell(kind::MOVED, &data);
        }
    }

    /// Looks after the room at a time.
    pub(super) fn look_after(&mut self, at: i64) {
        let room = self.room();
        self.tx.at(at, &sweeping(room), &Sweep { room });
    }

    /// Media are told right after the commit; and once more if this node ends in between.
    pub(super) fn tell_media_soon(&mut self) {
        self.look_after(self.now + SOON_MS);
    }

    /// Shows on the card how the room is now.
    pub(super) fn show(&mut self) {
        let room = self.room();
        self.tx.after(0, &refreshing(room), &Refresh { room });
    }

    /// Writes down who did it.
    pub(super) fn audit(&mut self, with: impl FnOnce(Audited) -> Audited) {
        let audited = Audited::of("room", self.room());
        self.tx.audit(with(audited));
    }

    /// Commits it; answers the room as it is then.
    ///
    /// # Errors
    /// A race, if what it rests on is not as it was: decide again.
    pub(super) async fn commit(self, ctx: &Ctx) -> Result<(Meeting, Committed)> {
        let (tx, mut meeting) = self.finish();
        let done = ctx.commit(tx).await?;
        let of_room = topic(meeting.head.room);
        let newest = done.events.iter().rev().find(|event| event.topic == of_room);
        meeting.seq = newest.map_or(meeting.seq, |event| event.seq);
        Ok((meeting, done))
    }

    /// The same, unless nothing happened.
    pub(super) async fn commit_if_any(self, ctx: &Ctx) -> Result<()> {
        match self.last {
            Some(_) => self.commit(ctx).await.map(drop),
            None => Ok(()),
        }
    }

    /// The transaction, with its condition, and the room as it will be.
    fn finish(mut self) -> (Tx, Meeting) {
        let are = self.meeting.present().count();
        let meeting = &mut self.meeting;
        let (room, rev) = (meeting.head.room, meeting.rev);
        let seq = self.last.map_or(Value::from(meeting.seq), Value::Seq);
        if self.holds == Holds::Rights {
            let more = are as i64 - self.were as i64;
            // Of two who come at once to the last place one finds it taken; who goes last ends it.
            let least = i64::from(more != 0);
            self.tx.run_one(
                "UPDATE room_meeting SET seq = $1, present = present + $2
                 WHERE id = $3 AND rev = $4 AND present + $2 BETWEEN $5 AND $6",
                [
                    seq,
                    more.into(),
                    room.into(),
                    rev.into(),
                    least.into(),
                    ROOM_PARTICIPANTS_MAX.into(),
                ],
            );
            return (self.tx, self.meeting);
        }
        let head = &meeting.head;
        let ad_hoc =
            (head.starts_at.is_none() && head.phase != Phase::Ended).then(|| head.conv.to_string());
        self.tx.run_one(
            "UPDATE room_meeting SET title = $1, phase = $2, starts_at = $3, started_at = $4,
                 ended_at = $5, rules = $6, ad_hoc = $7, present = $8, rev = rev + 1, seq = $9
             WHERE id = $10 AND rev = $11 AND seq = $12",
            [
                head.title.clone().into(),
                word(head.phase).into(),
                head.starts_at.into(),
                head.started_at.into(),
                head.ended_at.into(),
                json(&head.rules).into(),
                ad_hoc.into(),
                are.into(),
                seq,
                room.into(),
                rev.into(),
                meeting.seq.into(),
            ],
        );
        meeting.rev += 1;
        (self.tx, self.meeting)
    }
}
