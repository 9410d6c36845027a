//! The task behind a client: one loop that owns the connection, the calls, the outbox and the
//! state of all topics. Nothing in it waits but the loop itself.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use carillon_protocol::{
    Cid, Command, DeviceId, Effect, Json, frame::client, limits::INT_MAX, msg,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep_until, timeout},
};

use crate::{
    Error, Options, Receipt, Update,
    calls::{CALLS_MAX, Call, Calls, To},
    client::Shared,
    clock::{Chance, Clock},
    disk::{Before, Disk, Written},
    events::Feed,
    handlers::Answering,
    journal::{Line, Progress},
    link::{self, Link},
    listener::Listening,
    outbox::{Entry, OUTBOX_LEN_MAX, Outbox},
    server::Address,
    sync::Sync,
};

/// How often progress is written: what a crash within it forgets comes again.
const SAVE_MS: u64 = 1_000;
/// The server is told of the end if it listens; the program does not wait longer for that.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a handle asks of the task.
#[derive(Debug)]
pub(crate) enum Request {
    Call {
        op: &'static str,
        effect: Effect,
        cid: Option<Cid>,
        args: Json,
        reply: oneshot::Sender<Result<Json, Error>>,
    },
    Queue {
        cid: Option<Cid>,
        send: msg::Send,
        taken: oneshot::Sender<Result<Receipt, Error>>,
    },
    Close(oneshot::Sender<()>),
}

/// Why the loop ends.
pub(crate) enum End {
    Closed(Option<oneshot::Sender<()>>),
    Failed(Error),
}

/// Everything that the client knows.
pub(crate) struct Task {
    pub options: Options,
    pub address: Address,
    pub clock: Clock,
    pub chance: Chance,
    pub link: Link,
    /// Tries to connect since the last time that the client was in step.
    pub attempt: u32,
    pub requests: mpsc::Receiver<Request>,
    pub shared: Arc<Shared>,
    pub calls: Calls,
    pub outbox: Outbox,
    /// Those who wait for a message to be on disk.
    pub taking: HashMap<Cid, Vec<oneshot::Sender<Result<Receipt, Error>>>>,
    /// Those who wait for a message to be answered.
    pub sending: HashMap<Cid, Vec<oneshot::Sender<Result<msg::Sent, Error>>>>,
    pub sync: Sync,
    pub feed: Feed,
    pub disk: Disk,
    pub progress: Progress,
    pub unsaved: bool,
    pub save_at: Option<u64>,
    pub answering: Answering,
    pub listening: Listening,
}

/// Connects for the first time and starts the task.
pub(crate) async fn start(options: Options) -> Result<(mpsc::Sender<Request>, Arc<Shared>), Error> {
    let address = Address::of(&options.server)?;
    let (disk, Before { entries, progress }) = Disk::open(options.state_dir.as_deref()).await?;
    let mut chance = Chance::new(options.seed);
    let mut progress = progress.unwrap_or_else(|| Progress {
        device: DeviceId(chance.ulid()),
        user: None,
        sync: None,
        topics: HashMap::new(),
    });
    progress.device = options.device.unwrap_or(progress.device);
    let (socket, welcome, token) = link::first(&options, &address, &progress, &mut chance).await?;
    if progress.user.is_some_and(|user| user != welcome.user) {
        let why = "it belongs to another person: choose another folder for this token";
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, why).into());
    }
    progress.user = Some(welcome.user);
    let mut sync = Sync::new(welcome.user, progress.sync.clone(), &progress.topics);
    if token.is_none() {
        sync.forget_token();
    }

    let (feed, events) = Feed::new();
    let shared = Arc::new(Shared {
        welcome: Mutex::new(Arc::new(welcome.clone())),
        ended: OnceLock::new(),
        events: Mutex::new(Some(events)),
        #[cfg(feature = "rooms")]
        taps: feed.taps.clone(),
    });
    let (sender, requests) = mpsc::channel(CALLS_MAX);
    let mut task = Task {
        address,
        clock: Clock::start(),
        chance,
        link: Link::Waiting(0),
        attempt: 0,
        requests,
        shared: Arc::clone(&shared),
        calls: Calls::new(),
        outbox: Outbox::restore(entries),
        taking: HashMap::new(),
        sending: HashMap::new(),
        sync,
        feed,
        disk,
        progress,
        // The device and the person are to be kept from the start.
        unsaved: true,
        save_at: None,
        answering: Answering::new(),
        listening: Listening::default(),
        options,
    };
    task.up(Box::new(socket), welcome);
    tokio::spawn(task.run());
    Ok((sender, shared))
}

impl Task {
    async fn run(mut self) {
        let end = loop {
            let wake = self.pump();
            let wake_at = self.clock.at(wake.unwrap_or_default());
            let starved = self.feed.waits() || self.sync.starved(self.feed.room());
            let ended = tokio::select! {
                heard = self.link.next() => self.heard(heard),
                request = self.requests.recv() => self.request(request),
                written = self.disk.written(), if self.disk.busy() => self.written(written),
                Some(done) = self.answering.join_next() => {
                    self.answers(done);
                    None
                }
                Some(dealt) = self.listening.next() => self.dealt(dealt),
                () = self.feed.ready(), if starved => None,
                () = sleep_until(wake_at), if wake.is_some() => None,
            };
            if let Some(end) = ended {
                break end;
            }
        };
        self.finish(end).await;
    }

    /// Moves everything that can move; answers when there is more to do at the latest.
    fn pump(&mut self) -> Option<u64> {
        let now = self.clock.now();
        self.feed.flush();
        let effects = self.sync.tick(now, self.feed.room());
        self.perform(effects);
        self.send(now);
        let mut wake = [self.sync.due(self.feed.room()), self.save(now), None, None];
        match &mut self.link {
            Link::Up(_) => {
                wake[2] = self.outbox.due(now);
                wake[3] = self.calls.due(now);
            }
            Link::Waiting(until) if *until <= now => {
                let (device, chance) = (self.progress.device, self.chance.fork());
                let (options, address) = (&self.options, &self.address);
                let connecting = Link::connect(options, address, device, self.sync.token(), chance);
                self.link = Link::Connecting(connecting);
            }
            Link::Waiting(until) => wake[2] = Some(*until),
            Link::Connecting(_) => {}
        }
        wake.into_iter().flatten().min()
    }

    /// Gives the connection, if there is one, every call that the server takes now.
    fn send(&mut self, now: u64) {
        while let Link::Up(socket) = &mut self.link {
            while let Some(next) = self.outbox.next(now) {
                self.calls.add(Call {
                    op: msg::Send::OP,
                    effect: msg::Send::EFFECT,
                    cid: Some(next.cid),
                    prev: next.prev,
                    args: Json::of(&next.send),
                    to: To::Outbox(next.cid),
                    attempts: 0,
                });
            }
            match self.calls.next(self.options.codec, now) {
                Some(Ok(frame)) => socket.send(frame),
                Some(Err(large)) => {
                    let (call, error) = *large;
                    self.refused(call, error);
                }
                None => return,
            }
        }
    }

    /// Writes what has gathered for the disk; answers when to come back for that.
    fn save(&mut self, now: u64) -> Option<u64> {
        self.unsaved |= self.feed.settle(&mut self.progress);
        if self.save_at.is_some_and(|at| at <= now) {
            self.save_at = None;
            if std::mem::take(&mut self.unsaved) {
                self.disk.progress(self.progress.clone());
            }
        }
        let pending = self.disk.keeps() && (self.unsaved || self.feed.unsettled());
        if pending && self.save_at.is_none() {
            self.save_at = Some(now + SAVE_MS);
        }
        self.disk.start(&self.outbox);
        self.save_at
    }

    fn request(&mut self, request: Option<Request>) -> Option<End> {
        match request {
            None => return Some(End::Closed(None)),
            Some(Request::Close(done)) => return Some(End::Closed(Some(done))),
            Some(Request::Call { op, effect, cid, args, reply }) => {
                let new = || Cid(self.chance.ulid());
                let cid = (effect == Effect::Once).then(|| cid.unwrap_or_else(new));
                let to = To::Caller(reply);
                self.calls.add(Call { op, effect, cid, prev: None, args, to, attempts: 0 });
            }
            Some(Request::Queue { cid, send, taken }) => {
                let cid = cid.unwrap_or_else(|| Cid(self.chance.ulid()));
                self.queue(Entry { cid, send }, taken);
            }
        }
        None
    }

    fn queue(&mut self, entry: Entry, taken: oneshot::Sender<Result<Receipt, Error>>) {
        let cid = entry.cid;
        if self.outbox.contains(cid) {
            // The same intent again: it has its place in the queue.
            match self.taking.get_mut(&cid) {
                Some(taking) => taking.push(taken),
                None => self.taken(cid, taken),
            }
            return;
        }
        if self.outbox.len() >= OUTBOX_LEN_MAX {
            answer(taken, Err(Error::OutboxFull));
            return;
        }
        // Its frame at its longest: what is taken now is not refused for its length later, unless
        // a server announces less. It also bounds what a client without a connection holds.
        let (codec, op) = (self.options.codec, msg::Send::OP);
        let longest = client::call(codec, INT_MAX, op, Some(cid), Some(cid), &entry.send).len();
        if let Err(error) = self.calls.fits(longest) {
            answer(taken, Err(error.into()));
            return;
        }
        self.outbox.push(entry.clone());
        self.taking.entry(cid).or_default().push(taken);
        if self.disk.keeps() {
            self.disk.line(Line::Queued(entry));
        } else {
            self.written(Written { cids: vec![cid], result: Ok(()) });
        }
    }

    fn taken(&mut self, cid: Cid, taken: oneshot::Sender<Result<Receipt, Error>>) {
        let (sender, sent) = oneshot::channel();
        self.sending.entry(cid).or_default().push(sender);
        answer(taken, Ok(Receipt { cid, sent }));
    }

    fn written(&mut self, written: Written) -> Option<End> {
        if let Err(error) = &written.result {
            tracing::error!(%error, "the state folder cannot be written");
            // The next write puts the folder right, and is not to wait for something to write: a
            // message that is given back as failed may lie in the file.
            self.unsaved = true;
        }
        for cid in written.cids {
            let taking = self.taking.remove(&cid).unwrap_or_default();
            match &written.result {
                Ok(()) => {
                    self.outbox.saved(cid);
                    taking.into_iter().for_each(|taken| self.taken(cid, taken));
                }
                Err(error) => {
                    self.outbox.answered(cid);
                    let failed = || Err(Error::Storage(Arc::clone(error)));
                    taking.into_iter().for_each(|taken| answer(taken, failed()));
                }
            }
        }
        None
    }

    /// Writes what gathered for the disk, and with it the messages that were promised; once more
    /// if that failed.
    async fn save_all(&mut self) {
        for _ in 0..2 {
            self.save_at = Some(0);
            self.save(self.clock.now());
            while self.disk.busy() {
                let written = self.disk.written().await;
                self.written(written);
                self.disk.start(&self.outbox);
            }
            if !self.unsaved {
                return;
            }
        }
    }

    async fn finish(mut self, end: End) {
        let (error, done) = match end {
            End::Closed(done) => (Error::Stopped, done),
            End::Failed(error) => (error, None),
        };
        tracing::debug!(%error, "the client ends");
        if self.shared.ended.set(error.clone()).is_err() {
            tracing::debug!("the client ended twice");
        }
        self.requests.close();
        for call in self.calls.drain() {
            if let To::Caller(caller) = call.to {
                answer(caller, Err(error.clone()));
            }
        }
        if done.is_some() {
            self.feed.all_taken_is_dealt_with();
        }
        self.save_all().await;
        for waiting in self.sending.drain().flat_map(|(_, waiting)| waiting) {
            answer(waiting, Err(error.clone()));
        }
        if let Link::Up(socket) = self.link
            && let Ok(Err(error)) = timeout(CLOSE_TIMEOUT, socket.close()).await
        {
            tracing::debug!(%error, "the server did not hear the end");
        }
        if let Some(done) = done {
            answer(done, ());
        }
        // Last: this waits for the program, and whoever closed the client does not.
        drop(self.disk);
        self.feed.state(Update::Ended(error));
        self.feed.finish().await;
    }
}

/// Answers somebody who may have gone: then nobody misses the answer.
pub(crate) fn answer<T>(to: oneshot::Sender<T>, answer: T) {
    if to.send(answer).is_err() {
        tracing::trace!("an answer came too late");
    }
}

#[cfg(test)]
mod tests;
