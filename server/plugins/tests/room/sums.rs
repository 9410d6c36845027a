//! Whatever people do, the log of a room sums up to what the room is.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*};

use crate::*;

/// What one of three people does: who, to whom (one of those who came, the last ones first), what.
type Step = (usize, usize, u8);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec((0..3_usize, 0..4_usize, 0..16_u8), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_log_sums_up_to_the_room(steps in steps(), waiting: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(sums_up(steps, waiting));
    }
}

async fn sums_up(steps: Vec<Step>, waiting: bool) {
    let world = World::new().await;
    let rules = Some(Rules { waiting, ..Rules::default() });
    let room = world.opens(Create { rules, ..world.now_here() }).await;
    let people = [world.amy, world.bob, world.carol];
    let mut came: Vec<(Caller, ParticipantId)> = Vec::new();
    for (who, whom, what) in steps {
        let who = people[who];
        if let Some(joined) = act(&world, room, (who, &came, whom), what).await {
            came.push((who, joined));
        }
        let seen = world.room(room).await;
        let summed = sum(&world.log(room).await);
        assert_eq!(summed, seen);
        holds(&world, &seen);
    }
}

/// Does something, which may be refused; answers who came by it.
async fn act(
    world: &World,
    room: RoomId,
    (who, came, whom): (Caller, &[(Caller, ParticipantId)], usize),
    what: u8,
) -> Option<ParticipantId> {
    if what < 4 {
        return world.joins(who, room).await.ok().map(|joined| joined.participant);
    }
    let &(whose, participant) = came.iter().rev().nth(whom)?;
    let publish =
        |source, muted| Publish { participant, source, publication: Some(Publication { muted }) };
    let quiet = Rules { microphones: whom == 0, screens: whom == 1, ..Rules::default() };
    let update = Update { room, title: None, starts_at: None, rules: Some(quiet) };
    // A refusal is as good as anything else that somebody does.
    let _ = match what {
        4 => world.call(whose, publish(Source::Microphone, false)).await.is_err(),
        5 => world.call(whose, publish(Source::Screen, false)).await.is_err(),
        6 => world.call(whose, publish(Source::Camera, true)).await.is_err(),
        7 => world
            .call(who, Mute { room, participant: None, source: Source::Microphone })
            .await
            .is_err(),
        8 => {
            let admitted = world.call(who, Admit { participant, admit: whom != 3 }).await;
            // Who is let in is told so, and connects.
            admitted.is_err()
                || whom == 3
                || world.comes_back(whose, room, participant).await.is_err()
        }
        9 => world.call(who, SetRole { participant, role: Role::Moderator }).await.is_err(),
        10 => world.call(who, SetRole { participant, role: Role::Member }).await.is_err(),
        11 => world.call(whose, RaiseHand { participant, raised: true }).await.is_err(),
        12 => world.leaves(whose, participant).await.is_err(),
        13 => world.call(who, update).await.is_err(),
        14 if whom == 2 => world.call(who, Kick { participant }).await.is_err(),
        15 if world.seat(room, participant).await.is_some() => {
            world.comes_back(whose, room, participant).await.is_err()
        }
        _ => false,
    };
    None
}

/// What a client makes of the log.
fn sum(log: &[Event]) -> Room {
    let created: UpdatedData = log[0].data.to().unwrap();
    let mut room = Room { head: created.head, participants: Vec::new(), seq: 0 };
    for event in log {
        assert_eq!(event.seq, room.seq + 1);
        room.seq = event.seq;
        match &*event.k {
            kind::STARTED => {
                (room.head.phase, room.head.started_at) = (Phase::Open, Some(event.at));
            }
            kind::ENDED => (room.head.phase, room.head.ended_at) = (Phase::Ended, Some(event.at)),
            kind::UPDATED => room.head = event.data.to::<UpdatedData>().unwrap().head,
            kind::JOINED => {
                room.participants.push(event.data.to::<ParticipantData>().unwrap().participant);
            }
            kind::CHANGED => {
                let changed = event.data.to::<ParticipantData>().unwrap().participant;
                let mut seats = room.participants.iter_mut();
                let seat = seats.find(|seat| seat.participant == changed.participant).unwrap();
                *seat = changed;
            }
            kind::LEFT => {
                let left: LeftData = event.data.to().unwrap();
                let before = room.participants.len();
                room.participants.retain(|seat| seat.participant != left.participant);
                assert_eq!(room.participants.len() + 1, before);
                let present = room.participants.iter().filter(|seat| !seat.waiting);
                let still = present.filter(|seat| seat.user == left.user).count() > 0;
                assert_eq!(still, left.still_there);
            }
            _ => {}
        }
    }
    room
}

/// What is true of every room at every time.
fn holds(world: &World, room: &Room) {
    let present = || room.participants.iter().filter(|seat| !seat.waiting);
    let hosts: BTreeSet<_> =
        present().filter(|seat| seat.role == Role::Host).map(|seat| seat.user).collect();
    assert!(hosts.len() <= 1, "{room:?}");
    let roles: BTreeSet<_> = present().map(|seat| (seat.user, seat.role)).collect();
    let users: BTreeSet<_> = present().map(|seat| seat.user).collect();
    assert_eq!(roles.len(), users.len(), "all devices of a person may the same");
    let waits = room.participants.iter().filter(|seat| seat.waiting);
    assert!(waits.clone().all(|seat| seat.publications.is_empty()));
    assert!(waits.clone().all(|seat| world.carrier.forwards(seat.participant).is_none()));
    if room.head.phase == Phase::Ended || room.head.started_at.is_some() {
        let is_empty = present().next().is_none();
        assert_eq!(is_empty, room.head.phase == Phase::Ended, "the last one ends it");
    }
    let connected: BTreeSet<_> = world.carrier.connected().into_iter().collect();
    assert_eq!(connected, present().map(|seat| seat.participant).collect());
    for seat in present() {
        let rules = room.head.rules;
        let may = |source: Source| match source {
            Source::Microphone => rules.microphones,
            Source::Camera => rules.cameras,
            Source::Screen | Source::ScreenAudio => rules.screens,
        };
        let sends = seat.publications.iter().filter(|(_, it)| !it.muted).map(|(&it, _)| it);
        let sends: Vec<_> = sends.collect();
        assert_eq!(world.carrier.forwards(seat.participant), Some(sends.clone()));
        assert!(seat.role >= Role::Moderator || sends.into_iter().all(may), "{room:?}");
    }
}
