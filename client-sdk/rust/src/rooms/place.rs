//! A participant's place in a room: its roster, its connections, and what it sends.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use carillon_protocol::{
    ErrorCode, ParticipantId, RoomId,
    room::{self, Join, Joined, Publication, Room, Source, View},
};
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinSet,
    time::timeout,
};

use super::{
    Ended, Happening, Received, Statistics,
    connection::{State, addresses, is_gone},
    lock,
    media::Input,
    publish::{Publisher, Pump, Sending, Switches, Way},
    roster::Roster,
    subscribe::{Receiving, Sink, Subscriber},
};
use crate::{Client, Error};

/// Whoever leaves does not wait longer for a server that does not answer.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Everything of a place in a meeting.
pub(super) struct Place {
    pub client: Client,
    pub room: RoomId,
    pub participant: ParticipantId,
    pub roster: Mutex<Roster>,
    /// Held while something is negotiated: one thing at a time.
    links: tokio::sync::Mutex<Links>,
    published: Mutex<BTreeMap<Source, Published>>,
    /// These two are gone when the meeting is over, and their streams end.
    happenings: Mutex<Option<mpsc::Sender<Happening>>>,
    sink: Mutex<Option<Sink>>,
    sending: Arc<Sending>,
    receiving: Arc<Receiving>,
    pub over: watch::Sender<bool>,
    /// A connection is in another state.
    pub changed: Arc<Notify>,
    /// The server does not know the connections any more.
    pub unknown: Arc<Notify>,
}

/// The connections.
#[derive(Default)]
struct Links {
    subscriber: Option<Subscriber>,
    publisher: Option<Publisher>,
    /// The newest answer of `room.join`, for the connection that is made later.
    joined: Option<Joined>,
    views: Vec<View>,
}

/// Something that is sent.
struct Published {
    way: watch::Sender<Option<Way>>,
    /// Whether the room has it, not muted.
    listed: watch::Sender<bool>,
    switches: Arc<Switches>,
    _pumping: JoinSet<()>,
}

impl Place {
    pub fn new(
        client: Client,
        joined: &Joined,
        happenings: mpsc::Sender<Happening>,
        frames: mpsc::Sender<Received>,
    ) -> Place {
        let receiving = Arc::new(Receiving::default());
        let sink = Sink { frames, slots: Arc::default(), receiving: Arc::clone(&receiving) };
        Place {
            client,
            room: joined.room.head.room,
            participant: joined.participant,
            roster: Mutex::new(Roster { room: joined.room.clone() }),
            links: tokio::sync::Mutex::default(),
            published: Mutex::default(),
            happenings: Mutex::new(Some(happenings)),
            sink: Mutex::new(Some(sink)),
            sending: Arc::default(),
            receiving,
            over: watch::Sender::new(false),
            changed: Arc::new(Notify::new()),
            unknown: Arc::new(Notify::new()),
        }
    }

    pub fn room(&self) -> Room {
        lock(&self.roster).room.clone()
    }

    pub fn tell(&self, happening: Happening) {
        let happenings = lock(&self.happenings);
        if let Some(happenings) = &*happenings
            && happenings.try_send(happening).is_err()
        {
            tracing::debug!("the program misses what happens in the meeting");
        }
    }

    /// Comes back to this place, with new connections; false if it is gone.
    pub async fn join_again(&self) -> Result<bool, Error> {
        let join = Join { room: self.room, participant: Some(self.participant) };
        let joined = self.client.call(&join).await?;
        let participant = joined.participant;
        if participant != self.participant {
            // The server has made another one, of which the program knows nothing.
            self.client.call(&room::Leave { participant }).await?;
            return Ok(false);
        }
        self.connect(joined).await?;
        Ok(true)
    }

    /// Makes the connections that an answer of `room.join` is for.
    pub async fn connect(&self, joined: Joined) -> Result<(), Error> {
        let mut links = self.links.lock().await;
        let links = &mut *links;
        if let Some(before) = links.subscriber.take() {
            before.close().await;
        }
        if let Some(before) = links.publisher.take() {
            before.close().await;
        }
        lock(&self.roster).replace(joined.room.clone());
        self.follow();
        links.joined = Some(joined.clone());
        let Some(sink) = lock(&self.sink).clone() else { return Err(Error::Stopped) };
        sink.show(&[]);
        // Who waits has no connection.
        let Some(offer) = joined.offer else { return Ok(()) };
        let (client, me, relays) = (&self.client, self.participant, &joined.ice_servers);
        let own = addresses(&offer);
        let subscriber = Subscriber::open(client, me, offer, &own, relays, sink, &self.changed);
        links.subscriber = Some(subscriber.await?);
        if !lock(&self.published).is_empty() {
            self.open_publisher(links).await?;
        }
        if !links.views.is_empty() {
            self.look(links).await?;
        }
        Ok(())
    }

    /// Connects what is sent, and shows it the way.
    async fn open_publisher(&self, links: &mut Links) -> Result<(), Error> {
        let joined = links.joined.as_ref().ok_or(Error::Stopped)?;
        let own = addresses(joined.offer.as_deref().unwrap_or_default());
        let (me, relays) = (self.participant, &joined.ice_servers);
        let publisher = Publisher::open(&self.client, me, &own, relays, &self.changed).await?;
        for (source, published) in &*lock(&self.published) {
            published.way.send_replace(publisher.ways.get(source).cloned());
        }
        links.publisher = Some(publisher);
        Ok(())
    }

    pub async fn publish(self: &Arc<Place>, source: Source, input: Input) -> Result<(), Error> {
        let mut links = self.links.lock().await;
        if *self.over.borrow() {
            return Err(Error::Stopped);
        }
        if links.publisher.is_none() {
            self.open_publisher(&mut links).await?;
        }
        self.say(source, Some(Publication { muted: false })).await?;
        let ways = links.publisher.as_ref().map(|publisher| &publisher.ways);
        let (sender, way) = watch::channel(ways.and_then(|ways| ways.get(&source)).cloned());
        let (list, listed) = watch::channel(false);
        let switches = Arc::new(Switches::default());
        let (sending, mute) = (Arc::clone(&self.sending), Arc::clone(&switches));
        let pump = Pump { source, input, way, listed, switches: mute, sending };
        let mut pumping = JoinSet::new();
        let place = Arc::downgrade(self);
        pumping.spawn(async move {
            pump.run().await;
            if let Some(place) = place.upgrade() {
                place.tell(Happening::Finished(source));
                // Ends this task too.
                if let Err(error) = place.unpublish(source).await {
                    tracing::debug!(?source, %error, "others do not know that it is over");
                }
            }
        });
        let published = Published { way: sender, listed: list, switches, _pumping: pumping };
        lock(&self.published).insert(source, published);
        self.follow();
        Ok(())
    }

    pub async fn unpublish(&self, source: Source) -> Result<(), Error> {
        self.switch(source, true);
        let said = self.say(source, None).await;
        lock(&self.published).remove(&source);
        said
    }

    pub async fn mute(&self, source: Source, muted: bool) -> Result<(), Error> {
        if muted {
            self.switch(source, true);
        }
        self.say(source, Some(Publication { muted })).await?;
        self.switch(source, muted);
        Ok(())
    }

    async fn say(&self, source: Source, publication: Option<Publication>) -> Result<(), Error> {
        let participant = self.participant;
        self.client.call(&room::Publish { participant, source, publication }).await?;
        Ok(())
    }

    fn switch(&self, source: Source, muted: bool) {
        if let Some(published) = lock(&self.published).get(&source) {
            published.switches.muted.store(muted, Ordering::Relaxed);
        }
    }

    /// Sends what the room has of this participant, not muted, and nothing else. The room's log is
    /// right about the order in which several people muted and unmuted; answers that cross its
    /// events are not.
    pub fn follow(&self) {
        let roster = lock(&self.roster);
        let own = roster.find(self.participant).map(|own| &own.publications);
        for (source, published) in &*lock(&self.published) {
            let publication = own.and_then(|own| own.get(source));
            published.listed.send_replace(publication.is_some_and(|it| !it.muted));
        }
    }

    /// Whether the program wants this to be sent.
    pub fn sends(&self, source: Source) -> bool {
        let published = lock(&self.published);
        published.get(&source).is_some_and(|it| !it.switches.muted.load(Ordering::Relaxed))
    }

    /// Whether somebody looks at what this place sends.
    pub fn want(&self, source: Source, wanted: bool) {
        if let Some(published) = lock(&self.published).get(&source) {
            published.switches.wanted.store(wanted, Ordering::Relaxed);
        }
    }

    pub async fn subscribe(&self, views: Vec<View>) -> Result<(), Error> {
        let mut links = self.links.lock().await;
        links.views = views;
        match self.look(&mut links).await {
            // The connections are made anew, and then the views are asked for.
            Err(Error::Refused(error)) if error.code == ErrorCode::NotFound => {
                self.unknown.notify_one();
                Ok(())
            }
            other => other,
        }
    }

    async fn look(&self, links: &mut Links) -> Result<(), Error> {
        let (participant, views) = (self.participant, links.views.clone());
        let ask = room::Subscribe { participant, views, restart: false };
        let subscribed = self.client.call(&ask).await?;
        if let (Some(offer), Some(subscriber)) = (subscribed.offer, &links.subscriber) {
            subscriber.accept(&self.client, participant, offer).await?;
        }
        if let Some(sink) = &*lock(&self.sink) {
            sink.show(&subscribed.slots);
        }
        Ok(())
    }

    /// Asks again for views that wait for their publication, now that there is one.
    pub async fn look_again(&self) -> Result<(), Error> {
        let mut links = self.links.lock().await;
        if links.views.is_empty() { Ok(()) } else { self.look(&mut links).await }
    }

    /// Whether media flow; none if there is no connection to look at.
    pub async fn flows(&self) -> Option<bool> {
        let links = self.links.lock().await;
        let subscriber = links.subscriber.as_ref().map(|it| &it.connection);
        let publisher = links.publisher.as_ref().map(|it| &it.connection);
        let states: Vec<State> =
            [subscriber, publisher].into_iter().flatten().map(|it| *it.state.borrow()).collect();
        if states.iter().any(|state| is_gone(*state)) {
            return Some(false);
        }
        (!states.is_empty() && states.iter().all(|it| *it == State::Connected)).then_some(true)
    }

    pub async fn statistics(&self) -> Statistics {
        let (sending, receiving) = (&self.sending, &self.receiving);
        let round_trip = match &self.links.lock().await.subscriber {
            Some(subscriber) => subscriber.connection.round_trip().await,
            None => None,
        };
        Statistics {
            frames_sent: sending.frames.load(Ordering::Relaxed),
            pictures_sent: sending.pictures.load(Ordering::Relaxed),
            bytes_sent: sending.bytes.load(Ordering::Relaxed),
            frames_received: receiving.frames.load(Ordering::Relaxed),
            pictures_received: receiving.pictures.load(Ordering::Relaxed),
            bytes_received: receiving.bytes.load(Ordering::Relaxed),
            packets_lost: receiving.lost.load(Ordering::Relaxed),
            frames_dropped: receiving.dropped.load(Ordering::Relaxed),
            round_trip,
        }
    }

    /// Sends and receives nothing any more, and then tells the server.
    pub async fn leave(&self) -> Result<(), Error> {
        self.end(None).await;
        let leave = room::Leave { participant: self.participant };
        match timeout(LEAVE_TIMEOUT, self.client.call(&leave)).await {
            Ok(left) => left.map(|room::Done {}| ()),
            Err(_) => Err(Error::Connect("the server does not hear that one has left".to_owned())),
        }
    }

    /// It is over: nothing is sent or received any more, and the streams end.
    pub async fn end(&self, why: Option<Ended>) {
        if self.over.send_replace(true) {
            return;
        }
        if let Some(why) = why {
            self.tell(Happening::Ended(why));
        }
        lock(&self.published).clear();
        lock(&self.happenings).take();
        lock(&self.sink).take();
        let links = std::mem::take(&mut *self.links.lock().await);
        if let Some(subscriber) = links.subscriber {
            subscriber.close().await;
        }
        if let Some(publisher) = links.publisher {
            publisher.close().await;
        }
    }
}
