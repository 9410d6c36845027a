//! How a connection joins: who it is, what it listens to, and what it missed.
//!
//! Subscribe, read, merge: live events are held back from the moment the connection listens, what
//! was missed is read, and then what was held back flows, less what was read. Nothing falls
//! between.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use carillon_plugin::{Caller, Error, Head, Host, Listening, Result, Tail};
use carillon_protocol::{
    CloseCode, Codec, ErrorCode, Event, Topic, VERSION,
    frame::{Hello, TopicPage, Welcome, server},
    limits::{Limits, PAGE_LEN_MAX},
    operation::{GUESTS_READ, READ},
    org::GetMembers,
    session::{Resolve, Resolved},
};
use tokio::sync::oneshot;

use super::{
    ConnId, HEARTBEAT_MS, Hub,
    delivery::framed,
    link, listen,
    progress::token_of,
    shard::{Attach, Cmd},
    windows::Window,
};

/// What an event takes in a page besides its data, and a topic besides its events, in bytes.
const EVENT_LEN: usize = 256;
const TOPIC_LEN: usize = 160;
/// What this server can do beyond version 1, of what a client may offer.
const CAPS: [&str; 1] = ["dirty"];
/// The longest name of a tab: the hub keeps it for as long as the connection lives.
const TAB_LEN_MAX: usize = 64;
/// How many of the newest topics come with more than their last event.
const FULL_TOPICS: usize = 10;
/// How many events those have.
const FULL_EVENTS: u32 = 20;
/// When who met a node that is behind comes back.
const BEHIND_RETRY_MS: u64 = 1_000;
/// Topics read from the log at a time: the first page must not wait for the last.
const TOPICS_PER_READ: usize = 200;

/// A connection that said `hello`.
pub(super) struct Joining {
    pub(super) hub: Arc<Hub>,
    pub(super) host: Host,
    pub(super) limits: Limits,
    pub(super) conn: ConnId,
    pub(super) codec: Codec,
}

/// A topic with what the client has to know of it.
struct Missed {
    listening: Listening,
    head: Head,
}

impl Joining {
    /// Welcomes the connection and brings it up to date, or says why not.
    pub(super) async fn run(self, hello: Hello, bearer: Option<Box<str>>) {
        if let Err(error) = self.join(hello, bearer).await {
            let code = match error.code() {
                ErrorCode::Unauth | ErrorCode::TokenExpired | ErrorCode::Forbidden => {
                    CloseCode::BadToken
                }
                ErrorCode::Version | ErrorCode::BadArg => CloseCode::Protocol,
                ErrorCode::TooFar | ErrorCode::Busy | ErrorCode::Unavailable => {
                    CloseCode::Rebalance
                }
                _ => CloseCode::ServerError,
            };
            let frame = self.frame(&server::err(self.codec, None, error.body()));
            let retry_ms = error.body().retry_ms;
            self.send(Cmd::Refuse { conn: self.conn, frame, code, retry_ms }).await;
        }
    }

    async fn join(&self, hello: Hello, bearer: Option<Box<str>>) -> Result<()> {
        let mut turn = self.hub.admission.enter(self.host.now()).await?;
        if hello.v != VERSION {
            let msg = format!("this server speaks version {VERSION}; update the client");
            return Err(Error::new(ErrorCode::Version, msg));
        }
        if hello.tab.as_ref().is_some_and(|tab| tab.len() > TAB_LEN_MAX) {
            let msg = format!("a tab's name may have {TAB_LEN_MAX} bytes");
            return Err(Error::bad_arg("tab", msg));
        }
        let token = hello.token.clone().or_else(|| bearer.map(String::from));
        let token = token.ok_or_else(|| Error::new(ErrorCode::Unauth, "sign in first"))?;
        let who =
            self.host.call_typed(Caller::SYSTEM, None, &Resolve { token, ticket: true }).await?;
        let scopes = who.scopes.iter().map(String::as_str);
        let caller = Caller::signed_in(who.user, who.org, who.session, scopes);
        let kinds = self.check_program(caller, &hello).await?;
        let since = self.since(hello.sync.as_deref())?;
        if since > Some(self.host.storage().position().0) {
            // It comes from a node that is ahead, or from nowhere: nobody else waits for it.
            drop(turn);
            self.known(since).await?;
            turn = self.hub.admission.enter(self.host.now()).await?;
        }
        if !self.attach(&hello, caller, &who).await {
            return Ok(());
        }

        let listening = self.listening(caller).await?;
        // Who came back to a conversation must not hear what was said before, which the hub may
        // have yet to deliver if another node committed it a moment ago.
        self.told(listening.iter().map(|one| one.changed_pos).max()).await?;
        let live = listening.iter().filter(|one| one.live);
        let topics = live.map(|one| one.topic.clone()).collect();
        let (done, subscribed) = oneshot::channel();
        self.send(Cmd::Subscribe { conn: self.conn, topics, done }).await;
        if subscribed.await.is_err() {
            return Ok(());
        }
        // Everything up to here can be read; everything after it is delivered or held back.
        let (pos, epoch) = self.host.storage().position();
        let topics = listening.iter().map(|one| one.topic.clone()).collect();
        let heads = self.host.storage().heads(topics).await?;
        // Nor may what goes into a page be delivered after it.
        self.told(heads.iter().map(|head| head.pos).max()).await?;
        let listening = self.still_seen(caller, listening).await?;
        drop(turn);
        let missed = listening.into_iter().zip(heads);
        let missed =
            missed.filter_map(|(listening, head)| Some(Missed { listening: listening?, head }));
        let missed: Vec<_> = missed.collect();
        let Some(sent) = self.catch_up(missed, since).await? else { return Ok(()) };
        let synced = self.frame(&server::synced(self.codec, &token_of(epoch, pos)));
        self.send(Cmd::Release { conn: self.conn, sent, synced, position: pos }).await;
        if !kinds.is_empty() {
            let (hub, host) = (Arc::clone(&self.hub), self.host.clone());
            let Joining { conn, codec, .. } = *self;
            listen::Listener { hub, host, conn, codec, caller, kinds }.run().await;
        }
        Ok(())
    }

    /// Refuses operations that are not this program's own; answers what it listens to.
    async fn check_program(&self, caller: Caller, hello: &Hello) -> Result<Vec<&'static str>> {
        let Hello { handles, listens, .. } = hello;
        if handles.is_empty() && listens.is_empty() {
            return Ok(Vec::new());
        }
        let asks = Caller::on_behalf_of(caller.user, caller.org);
        let got = GetMembers { users: vec![caller.user] };
        let got = self.host.call_typed(asks, None, &got).await?;
        let field = if handles.is_empty() { "listens" } else { "handles" };
        let Some(program) = got.members.first().filter(|member| member.app) else {
            return Err(Error::bad_arg(field, "only programs answer operations, or listen"));
        };
        link::check(&program.login, handles)?;
        if !listens.is_empty() && !caller.may(READ) {
            return Err(Error::bad_arg("listens", "this needs a token of the scope `read`"));
        }
        listen::check(listens)
    }

    /// Waits until the hub was told of everything up to a position that was read.
    async fn told(&self, newest: Option<u64>) -> Result<()> {
        if self.host.storage().reaches(newest.unwrap_or(0)).await {
            return Ok(());
        }
        let error = Error::new(ErrorCode::Unavailable, "this node is behind; try another one");
        Err(error.retry_ms(BEHIND_RETRY_MS))
    }

    /// Waits until this node knows the position of a token.
    async fn known(&self, since: Option<u64>) -> Result<()> {
        match self.host.storage().reaches(since.unwrap_or(0)).await {
            true => Ok(()),
            false => Err(too_far()),
        }
    }

    /// The position of a `sync` token: `epoch.xid.pos`.
    fn since(&self, sync: Option<&str>) -> Result<Option<u64>> {
        let Some(sync) = sync else { return Ok(None) };
        let (_, epoch) = self.host.storage().position();
        let mut parts = sync.split('.').map(str::parse::<u64>);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(e)), Some(Ok(_)), Some(Ok(pos)), None) if e == epoch => Ok(Some(pos)),
            _ => Err(too_far()),
        }
    }

    /// Gives the connection its name and answers whether it is still there.
    async fn attach(&self, hello: &Hello, caller: Caller, who: &Resolved) -> bool {
        let caps: Vec<String> =
            hello.caps.iter().filter(|cap| CAPS.contains(&cap.as_str())).cloned().collect();
        let dirty_ok = caps.iter().any(|cap| cap == "dirty");
        let welcome = Welcome {
            session: who.session,
            hb_ms: HEARTBEAT_MS,
            caps,
            limits: self.limits.clone(),
            now: self.host.now(),
            user: who.user,
            org: who.org,
            server: concat!("carillon/", env!("CARGO_PKG_VERSION")).into(),
        };
        let (user, device, at) = (who.user, hello.device, welcome.now);
        let window = Window { user, device, tab: hello.tab.as_deref().map(Into::into), at };
        for replaced in self.hub.windows.attach(window, who.session, self.conn) {
            self.hub.bye(replaced, CloseCode::Replaced).await;
        }
        let is_program = !hello.handles.is_empty() || !hello.listens.is_empty();
        let (done, attached) = oneshot::channel();
        let attach = Attach {
            conn: self.conn,
            caller,
            device: hello.device,
            expires_at: who.expires_at,
            dirty_ok,
            handles: is_program.then(|| hello.handles.clone()),
            welcome: self.frame(&server::welcome(self.codec, &welcome)),
            done,
        };
        self.send(Cmd::Attach(Box::new(attach))).await;
        let attached = attached.await.is_ok();
        if !attached {
            // It was gone before it had a name: nobody else takes the window off the list.
            self.hub.windows.detach(user, device, self.conn);
        }
        attached
    }

    /// What the caller listens to. Who may not read may still call: a program that only writes, for
    /// example.
    async fn listening(&self, caller: Caller) -> Result<Vec<Listening>> {
        if caller.may(GUESTS_READ) { self.host.listening(caller).await } else { Ok(Vec::new()) }
    }

    /// Looks again at what the caller listens to, now that everything else comes live: the person
    /// may have been removed from a topic meanwhile, and must not be sent what came after; or may
    /// have read something, which other devices were told while this one did not listen yet.
    async fn still_seen(
        &self,
        caller: Caller,
        before: Vec<Listening>,
    ) -> Result<Vec<Option<Listening>>> {
        let now = self.listening(caller).await?.into_iter().map(|one| (one.topic.clone(), one));
        let mut now: HashMap<_, _> = now.collect();
        let again = |one: Listening| {
            if !one.live {
                return Some(one);
            }
            now.remove(&one.topic).filter(|one| one.live)
        };
        Ok(before.into_iter().map(again).collect())
    }

    /// Sends what moved since the token, newest first; answers up to where, for each topic, or
    /// nothing if the connection is gone.
    async fn catch_up(
        &self,
        mut missed: Vec<Missed>,
        since: Option<u64>,
    ) -> Result<Option<HashMap<Topic, u64>>> {
        // Not of what the person left: whoever is added again meanwhile hears that.
        let live = missed.iter().filter(|one| one.listening.live);
        let sent = live.map(|one| (one.listening.topic.clone(), one.head.head)).collect();
        missed.retain(|one| one.moved(since));
        missed.sort_by_key(|one| std::cmp::Reverse(one.pos()));
        let full = missed.len().min(FULL_TOPICS);
        let rest = missed.split_off(full);
        let mut there = self.send_pages(missed, since, FULL_EVENTS).await?;
        let mut rest = rest.into_iter().peekable();
        while there && rest.peek().is_some() {
            let some = rest.by_ref().take(TOPICS_PER_READ).collect();
            there = self.send_pages(some, since, 1).await?;
        }
        Ok(there.then_some(sent))
    }

    /// Reads the ends of some topics and sends them in frames of a bounded size, no faster than
    /// the client reads; answers whether the connection is still there.
    async fn send_pages(
        &self,
        missed: Vec<Missed>,
        since: Option<u64>,
        limit: u32,
    ) -> Result<bool> {
        let tails = missed.iter().map(|one| one.tail(since, limit)).collect();
        let turn = self.hub.admission.again().await;
        let ends = self.host.storage().news(tails, since).await?;
        drop(turn);
        let (mut page, mut len) = (Vec::new(), 0);
        for (one, last) in missed.into_iter().zip(ends) {
            let (topic, topic_len) = one.page(last);
            if len + topic_len > PAGE_LEN_MAX && !page.is_empty() {
                if !self.send_page(&std::mem::take(&mut page)).await {
                    return Ok(false);
                }
                len = 0;
            }
            len += topic_len;
            page.push(topic);
        }
        Ok(page.is_empty() || self.send_page(&page).await)
    }

    async fn send_page(&self, topics: &[TopicPage]) -> bool {
        let frame = self.frame(&server::page(self.codec, topics));
        let (done, taken) = oneshot::channel();
        self.send(Cmd::Page { conn: self.conn, frame, done }).await;
        taken.await.is_ok()
    }

    fn frame(&self, body: &[u8]) -> Bytes {
        framed(self.codec, body)
    }

    async fn send(&self, cmd: Cmd) {
        self.hub.send(self.conn.shard, cmd).await;
    }
}

fn too_far() -> Error {
    Error::new(ErrorCode::TooFar, "start again without a `sync` token")
}

impl Missed {
    /// Whether the topic, or the person's own cursor in it, moved since a position.
    fn moved(&self, since: Option<u64>) -> bool {
        if !self.listening.live {
            // A device that comes for the first time has nothing to forget.
            return since.is_some_and(|pos| self.listening.changed_pos > pos);
        }
        let something = self.head.head > 0;
        something
            && since.is_none_or(|pos| self.head.pos > pos || self.listening.changed_pos >= pos)
    }

    /// The position of the newest thing that happened in it, as far as the person is told.
    fn pos(&self) -> u64 {
        if self.listening.live { self.head.pos } else { self.listening.changed_pos }
    }

    /// Which events go into a page: none if only the person's own cursor moved.
    fn tail(&self, since: Option<u64>, limit: u32) -> Tail {
        let Listening { topic, window, live, .. } = &self.listening;
        let rests = *live && since.is_some_and(|pos| self.head.pos <= pos);
        let limit = if rests { 0 } else { limit };
        Tail { topic: topic.clone(), window: window.clone(), limit }
    }

    /// The topic with as many of its newest events as one frame takes, and its length in bytes.
    fn page(self, mut last: Vec<Event>) -> (TopicPage, usize) {
        let Missed { listening, head } = self;
        last.retain(|event| event.seq <= head.head);
        let mut len = TOPIC_LEN;
        let fits = |event: &&Event| {
            len += event.data.as_str().len() + EVENT_LEN;
            len <= PAGE_LEN_MAX
        };
        // The newest one always goes, however long it is: a message fits into a frame.
        let count = last.iter().rev().take_while(fits).count().max(last.len().min(1));
        let last = last.split_off(last.len() - count);
        let len = TOPIC_LEN + last.iter().map(|e| e.data.as_str().len() + EVENT_LEN).sum::<usize>();
        // How much was said since a person left is nothing to them.
        let n = match listening.live {
            true => head.n,
            false => last.last().map_or(0, |event| event.n),
        };
        let page = TopicPage {
            topic: listening.topic,
            head: listening.window.head(head.head),
            n,
            read_seq: listening.read.map(|(seq, _)| seq),
            unread: listening.read.map(|(_, read_n)| n.saturating_sub(read_n)),
            last,
        };
        (page, len)
    }
}
