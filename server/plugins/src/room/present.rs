//! Who is in rooms now, in memory: most people are in none, and that costs no question when they
//! connect.
//!
//! It may name somebody who has gone, never leave out somebody who is there: the tables are asked
//! once, and committed events are noted from before that on. Whoever is named is looked up.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use carillon_plugin::{Ctx, Result};
use carillon_protocol::{
    Event, RoomId, Topic, UserId,
    room::{LeftData, ParticipantData, kind},
};

/// As many people as are in rooms, at some hundred bytes each.
#[derive(Debug, Default)]
pub(super) struct Present(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether the tables were asked.
    whole: bool,
    rooms: HashMap<UserId, HashSet<RoomId>>,
}

impl Present {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody may be in a room.
    pub(super) async fn has(&self, ctx: &Ctx) -> Result<bool> {
        let user = ctx.caller().user;
        {
            let state = self.lock();
            if state.whole {
                return Ok(state.rooms.contains_key(&user));
            }
        }
        let sql = "SELECT user_id, room FROM room_participant WHERE left_at IS NULL";
        let rows = ctx.query(sql, []).await?;
        let pairs: Vec<(UserId, RoomId)> =
            rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect::<Result<_>>()?;
        let mut state = self.lock();
        for (user, room) in pairs {
            state.rooms.entry(user).or_default().insert(room);
        }
        state.whole = true;
        Ok(state.rooms.contains_key(&user))
    }

    /// Notes who came and who went.
    pub(super) fn observe(&self, event: &Event) {
        let came = matches!(&*event.k, kind::JOINED | kind::CHANGED);
        if !came && &*event.k != kind::LEFT {
            return;
        }
        let Some(room) = room(&event.topic) else { return };
        // What cannot be read is said where connections follow it.
        if came {
            let Ok(ParticipantData { participant }) = event.data.to() else { return };
            self.lock().rooms.entry(participant.user).or_default().insert(room);
        } else {
            let Ok(LeftData { user, still_there: false, .. }) = event.data.to() else { return };
            let mut state = self.lock();
            if let Some(rooms) = state.rooms.get_mut(&user)
                && rooms.remove(&room)
                && rooms.is_empty()
            {
                state.rooms.remove(&user);
            }
        }
    }
}

fn room(topic: &Topic) -> Option<RoomId> {
    match topic {
        Topic::Plugin(topic) if topic.plugin == "room" => topic.id.parse().ok(),
        _ => None,
    }
}
