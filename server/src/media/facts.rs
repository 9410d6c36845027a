//! What media come to by themselves, on its way to those it concerns.
//!
//! The threads that carry media put facts in and never wait. Of what is heard and looked at only
//! the newest counts, so it takes the place of what was not told yet; where there is too much of
//! it, it is dropped, and the next one is as good. Who is lost is never dropped: one entry a
//! participant, of whom a node has only so many.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use carillon_plugin::{Caller, Host, Live, MediaFact};
use carillon_protocol::{
    ErrorCode, Json, ParticipantId, RoomId, Topic, UserId,
    event::Ephemeral,
    room::{Lost, LoudData, Source, WantedData, ephemeral},
};
use tokio::{sync::Notify, time::sleep};

/// So many are kept of each kind that may be dropped: more than the rooms and tracks of a node that
/// is full.
const FACTS_MAX: usize = 8_192;
/// Who is heard in a room is told four times a second at most: faster than that nobody reads it.
const SPEAKING_EVERY: Duration = Duration::from_millis(250);
/// When to say again that somebody is lost, if the database did not take it.
const LOST_AGAIN: Duration = Duration::from_secs(1);

/// What was not told yet.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pending: Mutex<Pending>,
    news: Notify,
    losses: Notify,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Pending {
    speaking: HashMap<RoomId, Vec<ParticipantId>>,
    wanted: HashMap<(ParticipantId, Source), (UserId, WantedData)>,
    lost: HashSet<ParticipantId>,
}

impl Facts {
    /// Takes a fact; never waits for those who are told.
    pub(super) fn put(&self, fact: MediaFact) {
        let mut pending = self.pending();
        match fact {
            MediaFact::Speaking { room, participants } => {
                let kept = put(&mut pending.speaking, room, participants);
                self.rang(&self.news, kept);
            }
            MediaFact::Wanted { room, participant, user, source, layers } => {
                let wanted = WantedData { room, participant, source, layers };
                let kept = put(&mut pending.wanted, (participant, source), (user, wanted));
                self.rang(&self.news, kept);
            }
            MediaFact::Lost { participant, .. } => {
                pending.lost.insert(participant);
                self.rang(&self.losses, true);
            }
        }
    }

    /// How much found no room.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn rang(&self, bell: &Notify, kept: bool) {
        match kept {
            true => bell.notify_one(),
            false => drop(self.dropped.fetch_add(1, Ordering::Relaxed)),
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        // Nothing in here panics between two changes that belong together.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The newest takes the place of the one before; a new one needs room.
fn put<K: Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>, key: K, value: V) -> bool {
    let fits = map.len() < FACTS_MAX || map.contains_key(&key);
    if fits {
        map.insert(key, value);
    }
    fits
}

/// Tells people who is heard and what of theirs is looked at, until it is dropped.
pub(super) async fn tell(facts: Arc<Facts>, live: Arc<dyn Live>) {
    loop {
        facts.news.notified().await;
        let (speaking, wanted) = {
            let mut pending = facts.pending();
            (mem::take(&mut pending.speaking), mem::take(&mut pending.wanted))
        };
        for (user, wanted) in wanted.into_values() {
            push(&*live, Topic::User(user), ephemeral::WANTED, &wanted);
        }
        for (room, speaking) in speaking {
            let topic = format!("x:room:{room}").parse().expect("a plugin and an id are a topic");
            push(&*live, topic, ephemeral::SPEAKING, &LoudData { speaking });
        }
        sleep(SPEAKING_EVERY).await;
    }
}

fn push(live: &dyn Live, topic: Topic, k: &str, data: &impl serde::Serialize) {
    let eph = Ephemeral { k: k.into(), topic: Some(topic.clone()), data: Json::of(data) };
    live.push(&topic, eph);
}

/// Has those who are lost removed from their rooms, until it is dropped.
pub(super) async fn bury(facts: Arc<Facts>, host: Host) {
    loop {
        facts.losses.notified().await;
        let mut lost = mem::take(&mut facts.pending().lost);
        while !lost.is_empty() {
            let mut again = HashSet::new();
            for participant in lost {
                let call = host.call_typed(Caller::SYSTEM, None, &Lost { participant }).await;
                match call {
                    Ok(_) => {}
                    // They left meanwhile, or their room ended.
                    Err(error) if error.code() == ErrorCode::NotFound => {}
                    Err(error) => {
                        tracing::debug!(%error, "who is lost could not be removed; tried again");
                        again.insert(participant);
                    }
                }
            }
            if !again.is_empty() {
                sleep(LOST_AGAIN).await;
            }
            lost = again;
        }
    }
}

#[cfg(test)]
mod tests {
    use carillon_plugin::{Asked, BoxFuture, LiveChange, Result};
    use carillon_protocol::{Event, id::Ulid};
    use tokio::sync::mpsc;

    use super::*;

    /// Hears what is pushed.
    struct Ear(mpsc::UnboundedSender<(Topic, Ephemeral)>);

    impl Live for Ear {
        fn committed(&self, _events: &[(Event, Vec<LiveChange>)]) {}
        fn push(&self, topic: &Topic, eph: Ephemeral) {
            self.0.send((topic.clone(), eph)).unwrap();
        }
        fn called(&self, _: &'static str, _: Option<ErrorCode>, _: Duration) {}
        fn ask(&self, _: Asked) -> BoxFuture<'_, Result<Json>> {
            unreachable!("nobody asks")
        }
    }

    fn speaking(room: u128, who: &[u128]) -> MediaFact {
        let participants = who.iter().map(|id| ParticipantId(Ulid(*id))).collect();
        MediaFact::Speaking { room: RoomId(Ulid(room)), participants }
    }

    fn wanted(participant: u128, layers: u8) -> MediaFact {
        MediaFact::Wanted {
            room: RoomId(Ulid(1)),
            participant: ParticipantId(Ulid(participant)),
            user: UserId(Ulid(9)),
            source: Source::Camera,
            layers,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn of_what_was_not_told_yet_only_the_newest_is_told_and_to_those_it_concerns() {
        let facts = Arc::new(Facts::default());
        let (ear, mut heard) = mpsc::unbounded_channel();
        for fact in [speaking(1, &[5]), wanted(5, 3), speaking(1, &[6, 5]), wanted(5, 1)] {
            facts.put(fact);
        }
        let telling = tokio::spawn(tell(Arc::clone(&facts), Arc::new(Ear(ear))));
        let (topic, eph) = heard.recv().await.unwrap();
        assert_eq!((topic, &*eph.k), (Topic::User(UserId(Ulid(9))), ephemeral::WANTED));
        assert_eq!(eph.data.to::<WantedData>().unwrap().layers, 1);
        let (topic, eph) = heard.recv().await.unwrap();
        assert_eq!(topic.to_string(), format!("x:room:{}", RoomId(Ulid(1))));
        let loud = eph.data.to::<LoudData>().unwrap().speaking;
        assert_eq!(loud, [ParticipantId(Ulid(6)), ParticipantId(Ulid(5))]);
        assert!(heard.try_recv().is_err(), "the others are old");
        telling.abort();
    }

    #[test]
    fn what_may_be_dropped_is_and_who_is_lost_never() {
        let facts = Facts::default();
        for number in 0..2 * FACTS_MAX as u128 {
            facts.put(wanted(number, 1));
            let (room, participant) = (RoomId(Ulid(1)), ParticipantId(Ulid(number)));
            facts.put(MediaFact::Lost { room, participant });
        }
        facts.put(wanted(3, 0));
        let pending = facts.pending();
        assert_eq!((pending.wanted.len(), pending.lost.len()), (FACTS_MAX, 2 * FACTS_MAX));
        let of_the_third = &pending.wanted[&(ParticipantId(Ulid(3)), Source::Camera)].1;
        assert_eq!(of_the_third.layers, 0, "what is newer needs no room");
        assert_eq!(facts.dropped(), FACTS_MAX as u64);
    }
}
