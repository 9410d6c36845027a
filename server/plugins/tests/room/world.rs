//! People, a conversation, and what they do.

use std::sync::Arc;

pub use carillon_plugin::{
    Caller, Clock as _, Error, LiveChange, Plugin, Result,
    protocol::{
        Cid, Command, ConvId, ErrorCode, Event, OrgId, ParticipantId, RoomId, SessionId, Topic,
        card::{Card, State},
        conv::{Create as NewConv, History, RemoveMembers},
        log,
        msg::{self, Body, SentData},
        org,
        plugin::ListDead,
        room::*,
    },
};
use carillon_plugins::{
    chat, directory, log as logs, node, plugin,
    presence::{self, Presence},
    room as rooms,
};
pub use carillon_store::kit::Kit;

pub use crate::carrier::{Carrier, run};

/// A conversation of many, the first of whom made it.
pub struct Crowd {
    pub conv: ConvId,
    pub people: Vec<Caller>,
}

/// An organisation whose `amy`, `bob` and `carol` are in a conversation and `dan` is not, and
/// another one with `zoe`.
pub struct World {
    pub kit: Kit,
    pub carrier: Arc<Carrier>,
    pub conv: ConvId,
    pub amy: Caller,
    pub bob: Caller,
    pub carol: Caller,
    pub dan: Caller,
    pub zoe: Caller,
}

pub fn plugins(carrier: Arc<Carrier>) -> Vec<Plugin> {
    vec![
        directory::plugin(<_>::default()),
        chat::plugin(<_>::default()),
        logs::plugin(),
        node::plugin(),
        plugin::plugin(),
        presence::plugin(Arc::new(Presence::default())),
        rooms::plugin(carrier),
    ]
}

async fn organisation(kit: &Kit) -> OrgId {
    let args = org::Create { name: "Harbour".into() };
    let cid = Some(Cid(kit.host().new_id()));
    kit.host().call_typed(Caller::SYSTEM, cid, &args).await.unwrap().org
}

async fn person(kit: &Kit, org: OrgId, login: &str) -> Caller {
    let args = org::AddMember {
        org: Some(org),
        login: login.into(),
        name: login.into(),
        password: None,
        title: None,
        admin: login == "amy",
        locale: Some("en".into()),
        tz: Some("Asia/Hong_Kong".into()),
        departments: Vec::new(),
    };
    let cid = Some(Cid(kit.host().new_id()));
    let user = kit.host().call_typed(Caller::SYSTEM, cid, &args).await.unwrap().user;
    Caller::signed_in(user, org, SessionId(kit.host().new_id()), ["read", "write", "admin"])
}

impl World {
    pub async fn new() -> World {
        let carrier = Carrier::new();
        let kit = Kit::new(plugins(carrier.clone())).await;
        let (org, elsewhere) = (organisation(&kit).await, organisation(&kit).await);
        let [amy, bob, carol, dan] = [
            person(&kit, org, "amy").await,
            person(&kit, org, "bob").await,
            person(&kit, org, "carol").await,
            person(&kit, org, "dan").await,
        ];
        let zoe = person(&kit, elsewhere, "zoe").await;
        let members = vec![bob.user, carol.user];
        let create = NewConv { title: "Deck".into(), members, history: History::All };
        let cid = Some(Cid(kit.host().new_id()));
        let conv = kit.host().call_typed(amy, cid, &create).await.unwrap().conv;
        World { kit, carrier, conv, amy, bob, carol, dan, zoe }
    }

    pub async fn crowd(&self, size: usize) -> Crowd {
        let mut people = Vec::new();
        for number in 0..size {
            people.push(person(&self.kit, self.amy.org, &format!("p{number}")).await);
        }
        let members = people.iter().skip(1).map(|who| who.user).collect();
        let create = NewConv { title: "Crowd".into(), members, history: History::All };
        let conv = self.call(people[0], create).await.unwrap().conv;
        Crowd { conv, people }
    }

    pub fn cid(&self) -> Cid {
        Cid(self.kit.host().new_id())
    }

    pub async fn call<C: Command>(&self, caller: Caller, args: C) -> Result<C::Reply> {
        self.kit.host().call_typed(caller, Some(self.cid()), &args).await
    }

    pub fn now_here(&self) -> Create {
        Create { conv: self.conv, title: None, starts_at: None, rules: None }
    }

    /// A room of `amy`'s.
    pub async fn opens(&self, create: Create) -> RoomId {
        self.call(self.amy, create).await.unwrap().room
    }

    pub async fn joins(&self, who: Caller, room: RoomId) -> Result<Joined> {
        self.call(who, Join { room, participant: None }).await
    }

    /// Somebody who is in a room.
    pub async fn comes(&self, who: Caller, room: RoomId) -> ParticipantId {
        self.joins(who, room).await.unwrap().participant
    }

    pub async fn comes_back(
        &self,
        who: Caller,
        room: RoomId,
        participant: ParticipantId,
    ) -> Result<Joined> {
        self.call(who, Join { room, participant: Some(participant) }).await
    }

    pub async fn leaves(&self, who: Caller, participant: ParticipantId) -> Result<Done> {
        self.call(who, Leave { participant }).await
    }

    pub async fn publishes(
        &self,
        (who, participant): (Caller, ParticipantId),
        source: Source,
        publication: Option<Publication>,
    ) -> Result<Done> {
        self.call(who, Publish { participant, source, publication }).await
    }

    /// Somebody sends something that all hear or see.
    pub async fn sends(&self, whose: (Caller, ParticipantId), source: Source) {
        self.publishes(whose, source, Some(Publication { muted: false })).await.unwrap();
    }

    pub async fn room(&self, room: RoomId) -> Room {
        self.call(self.amy, Get { room }).await.unwrap()
    }

    pub async fn seat(&self, room: RoomId, participant: ParticipantId) -> Option<Participant> {
        let seats = self.room(room).await.participants;
        seats.into_iter().find(|seat| seat.participant == participant)
    }

    /// The log of a room, as its participants and the server know it.
    pub async fn log(&self, room: RoomId) -> Vec<Event> {
        let topic: Topic = format!("x:room:{room}").parse().unwrap();
        let storage = self.kit.host().storage();
        let all = carillon_plugin::Window::all();
        let look = carillon_plugin::Look::After(0);
        storage.events(topic, all, look, false, 10_000).await.unwrap()
    }

    /// The messages of the conversation that are cards, the newest last.
    pub async fn cards(&self) -> Vec<Card> {
        self.kit.settle().await;
        let topic = Topic::Conv(self.conv);
        let read = log::Read { topic, after: Some(0), before: None, limit: Some(200) };
        let events = self.call(self.amy, read).await.unwrap().events;
        let sent = events.iter().filter(|event| &*event.k == msg::kind::SENT);
        let card = |event: &Event| match event.data.to::<SentData>().unwrap().body {
            Body::Card { owner, card } => {
                assert_eq!(owner.as_deref(), Some("room"));
                *card
            }
            body => panic!("a card, not {body:?}"),
        };
        sent.map(card).collect()
    }

    pub async fn nothing_failed(&self) {
        let dead = self.kit.host().call_typed(Caller::SYSTEM, None, &ListDead::default()).await;
        assert_eq!(dead.unwrap().dead, []);
    }
}

pub fn code<T>(result: Result<T>) -> ErrorCode {
    result.err().map(|error| error.code()).expect("a refusal")
}

pub fn field<T>(result: Result<T>) -> (ErrorCode, String) {
    let error: Error = result.err().expect("a refusal");
    (error.code(), error.body().field.clone().unwrap_or_default())
}
