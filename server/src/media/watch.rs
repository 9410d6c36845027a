//! Looks which nodes are gone, and has their rooms carried on here.

use std::{sync::Arc, time::Duration};

use carillon_plugin::{Caller, Host};
use carillon_protocol::{RunId, room::TakeOver};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};

use super::Carrier;

/// How often it looks: people without sound are to hear each other again within five seconds, and
/// three of them are over when a node counts as gone.
const EVERY: Duration = Duration::from_millis(250);
/// In one turn of so many it says which rooms it carries: who was cut off and hears again learns
/// within five seconds that others have them. Whether it opens rooms is said at once.
const SAY_EVERY: u64 = 20;
/// When to try again if the database did not take it.
const AGAIN: Duration = Duration::from_millis(500);
/// So often it is tried, for a minute: who comes back after that takes the room over by joining it.
const TRIES_MAX: u32 = 120;

/// Goes on until it is dropped.
pub(super) async fn watch(carrier: Arc<Carrier>, host: Host) {
    let mut looks = interval(EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let begin = looks.tick().await;
    let (mut taking, mut was_full) = (JoinSet::new(), None);
    for turn in 1_u64.. {
        let now = looks.tick().await - begin;
        let is_full = Some(carrier.load().full);
        if turn.is_multiple_of(SAY_EVERY) || is_full != was_full {
            was_full = is_full;
            carrier.say_rooms().await;
        }
        let bus = carrier.elsewhere.get().map(|elsewhere| elsewhere.health());
        let gone = carrier.reach.look(bus.as_ref(), now);
        // A node that carries nothing takes nothing: it starts or stops.
        if carrier.sfu().is_some() {
            gone.into_iter().for_each(|owner| drop(taking.spawn(take_over(host.clone(), owner))));
        }
        while taking.try_join_next().is_some() {}
    }
}

/// Every node that hears that one is gone tries it; of a room only one of them becomes the owner.
async fn take_over(host: Host, owner: RunId) {
    for _ in 0..TRIES_MAX {
        match host.call_typed(Caller::SYSTEM, None, &TakeOver { owner }).await {
            Ok(_) => return,
            Err(error) => tracing::debug!(%error, "rooms of a node that is gone are not taken yet"),
        }
        sleep(AGAIN).await;
    }
}
