//! A connection hears of the people whom it watches: each has a topic that nothing is ever stored
//! in, so who is told costs what a message to so many listeners costs, and nobody costs nothing.

use carillon_plugin::Live;
use carillon_protocol::{
    Topic, UserId,
    event::Ephemeral,
    frame::server,
    presence::{Person, Watched, ephemeral::PRESENCE},
    topic::PluginTopic,
};

use super::{ConnId, Hub, call::OwnedCall, delivery::framed, shard::Cmd, shard::Shard};

/// Where those listen who watch somebody. Nobody can ask for it: no plugin declares it.
fn topic(user: UserId) -> Topic {
    Topic::Plugin(Box::new(PluginTopic { plugin: "presence".into(), id: user.to_string() }))
}

impl Hub {
    /// Tells those who watch these people here how they are now.
    pub fn tell(&self, news: Vec<Person>) {
        for person in news {
            let (watchers, user) = (topic(person.user), Topic::User(person.user));
            let data = carillon_protocol::Json::of(&person);
            self.push(&watchers, Ephemeral { k: PRESENCE.into(), topic: Some(user), data });
        }
    }

    /// `presence.watch` was answered: the connection hears from now on. The answer is made again
    /// by the shard, between what it tells before and after.
    pub(super) async fn follow(&self, conn: ConnId, call: &OwnedCall, answer: &[u8]) {
        let watched: Watched = call.codec.decode(answer).expect("the host wrote it");
        let users = watched.people.into_iter().map(|person| person.user).collect();
        self.send(conn.shard, Cmd::Follow { conn, re: call.id, users }).await;
    }
}

impl Shard {
    /// From now on a connection hears when one of these people comes or goes, and of nobody else.
    pub(super) fn follow(&mut self, id: ConnId, re: u64, users: &[UserId]) {
        if self.conn(id).is_none() {
            return;
        }
        // First the new ones: who is watched on keeps the room.
        let rooms: Box<[u32]> = users.iter().map(|user| self.listen(id.slot, *user)).collect();
        let before = std::mem::replace(&mut self.conns[id.slot as usize].follows, rooms);
        for room in before {
            let conn = &mut self.conns[id.slot as usize];
            if !conn.follows.contains(&room) {
                conn.rooms.retain(|other| *other != room);
                self.leave_room(id.slot, room);
            }
        }
        // What changes after this is in the inbox, or will be: nothing falls between.
        let presence = &self.hub.windows.presence;
        let person = |&user: &UserId| Person { user, online: presence.online(user) };
        let watched = Watched { people: users.iter().map(person).collect() };
        let codec = self.conns[id.slot as usize].codec;
        let frame = framed(codec, &server::ok(codec, re, &codec.encode(&watched)));
        self.reply(id, frame);
    }

    fn listen(&mut self, slot: u32, user: UserId) -> u32 {
        let topic = topic(user);
        self.subscribe(slot, topic.clone(), false);
        self.by_topic[&topic]
    }
}
