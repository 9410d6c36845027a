//! Programs that answer operations of their own over their socket, and those that listen.
//!
//! A call goes to the connection of the program that has the fewest under way, as a `call` frame,
//! and waits for its `ok` or `err`. Nothing of it is kept: what a program answers is passed on,
//! and a call whose connection ends has an unknown outcome.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use carillon_plugin::{Asked, Error, Result, nobody};
use carillon_protocol::{
    Codec, ErrorBody, ErrorCode, Json, OrgId, Topic, UserId,
    frame::{self, server},
    limits::CALLS_IN_FLIGHT_MAX,
};
use tokio::{
    sync::{Notify, oneshot},
    time::timeout,
};

use super::{ConnId, Hub, delivery::framed, listen::UNACKED_MAX, shard::Cmd};

/// How long a program may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// When to come back to a program that has all its hands full.
const BUSY_RETRY_MS: u64 = 500;
/// The longest verb of an operation.
const VERB_LEN_MAX: usize = 32;
/// How much a program may say of why it refuses, in characters.
const REFUSAL_LEN_MAX: usize = 500;
/// What a program may refuse with: any other code would say something of the caller's own
/// connection or session.
const REFUSALS: [ErrorCode; 8] = [
    ErrorCode::BadArg,
    ErrorCode::NotFound,
    ErrorCode::Conflict,
    ErrorCode::Forbidden,
    ErrorCode::Blocked,
    ErrorCode::Quota,
    ErrorCode::ContentRejected,
    ErrorCode::Busy,
];

/// The answer of a program, as it lay in the frame.
pub(super) type Answer = std::result::Result<Bytes, Box<ErrorBody>>;

/// The connections of programs that answer, and what they have yet to answer.
#[derive(Debug, Default)]
pub(super) struct Links {
    inner: Mutex<Inner>,
    /// How many connections listen: where none does, a commit costs nothing.
    listeners: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inner {
    /// Who answers an operation of an organisation's programs.
    by_op: HashMap<(OrgId, String), Vec<ConnId>>,
    conns: HashMap<ConnId, Link>,
    last_id: u64,
    /// The connections of a program that listen, in the order in which they are told.
    listening: HashMap<UserId, Vec<ConnId>>,
}

/// A connection of a program.
#[derive(Debug)]
struct Link {
    codec: Codec,
    org: OrgId,
    ops: Vec<String>,
    /// Who waits for the answers.
    asked: HashMap<u64, oneshot::Sender<Answer>>,
    listens: Option<Listens>,
}

/// A connection that listens.
#[derive(Debug)]
struct Listens {
    user: UserId,
    kinds: Vec<&'static str>,
    /// What it was told and has not dealt with, by the position in commit order.
    unacked: BTreeMap<u64, (Topic, u64)>,
    /// Whether it has dealt with something since its last turn.
    acked: bool,
    /// Told when there is something to look at.
    changed: Arc<Notify>,
}

/// What a listener may be told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    /// Whether it is this connection's turn, and not another one's of the same program.
    pub(super) mine: bool,
    /// The position of the oldest event that it has not dealt with.
    pub(super) oldest: Option<u64>,
    /// Whether it has dealt with something since its last turn.
    pub(super) acked: bool,
    /// How many events more it may be told.
    pub(super) room: usize,
}

/// A call that was handed to a connection. Whoever gives up takes it back.
struct Waiting<'a> {
    links: &'a Links,
    conn: ConnId,
    codec: Codec,
    id: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(link) = self.links.inner().conns.get_mut(&self.conn) {
            link.asked.remove(&self.id);
        }
    }
}

/// Checks the names of the operations that a program with this sign-in name answers.
pub(super) fn check(login: &str, handles: &[String]) -> Result<()> {
    let own = |name: &&String| {
        let verb = name.rsplit_once('.').map(|(_, verb)| verb).filter(|verb| is_verb(verb));
        verb.is_some_and(|verb| Asked::op_of(login, verb).as_ref() == Some(*name))
    };
    if handles.len() > frame::HANDLES_MAX {
        let msg = format!("a connection answers {} operations at most", frame::HANDLES_MAX);
        return Err(Error::bad_arg("handles", msg));
    }
    match handles.iter().all(|name| own(&name)) {
        true => Ok(()),
        false => {
            let like = Asked::op_of(login, "verb").unwrap_or_default();
            let msg = format!("the operations of this program are called like `{like}`");
            Err(Error::bad_arg("handles", msg))
        }
    }
}

fn is_verb(verb: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
    (1..=VERB_LEN_MAX).contains(&verb.len()) && verb.bytes().all(allowed)
}

impl Links {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here panics between two changes that belong together.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection answers these operations from now on.
    pub(super) fn attach(&self, conn: ConnId, codec: Codec, (org, ops): (OrgId, Vec<String>)) {
        let mut inner = self.inner();
        for op in &ops {
            let conns = inner.by_op.entry((org, op.clone())).or_default();
            if !conns.contains(&conn) {
                conns.push(conn);
            }
        }
        inner.conns.insert(conn, Link { codec, org, ops, asked: HashMap::new(), listens: None });
    }

    /// A connection is gone, with what it has not answered.
    pub(super) fn detach(&self, conn: ConnId) {
        let mut inner = self.inner();
        let Some(link) = inner.conns.remove(&conn) else { return };
        if let Some(listens) = link.listens {
            self.listeners.fetch_sub(1, Ordering::Relaxed);
            listens.changed.notify_one();
            inner.leaves(conn, listens.user);
        }
        for op in link.ops {
            let key = (link.org, op);
            if let Some(conns) = inner.by_op.get_mut(&key) {
                conns.retain(|other| *other != conn);
                if conns.is_empty() {
                    inner.by_op.remove(&key);
                }
            }
        }
    }

    /// A connection answers; whether it was asked.
    pub(super) fn answered(&self, conn: ConnId, re: u64, answer: Answer) -> bool {
        let asked = self.inner().conns.get_mut(&conn).and_then(|link| link.asked.remove(&re));
        // Whoever waited may have given up in this moment.
        asked.map(|asked| asked.send(answer)).is_some()
    }

    /// A connection listens from now on; answers what tells it to look, if it is there.
    pub(super) fn listen(
        &self,
        conn: ConnId,
        user: UserId,
        kinds: &[&'static str],
    ) -> Option<Arc<Notify>> {
        let mut inner = self.inner();
        let link = inner.conns.get_mut(&conn)?;
        let (kinds, changed) = (kinds.to_vec(), Arc::<Notify>::default());
        let told = Arc::clone(&changed);
        let unacked = BTreeMap::new();
        link.listens = Some(Listens { user, kinds, unacked, acked: false, changed });
        inner.listening.entry(user).or_default().push(conn);
        self.listeners.fetch_add(1, Ordering::Relaxed);
        Some(told)
    }

    /// What a listener may be told now; nothing if it is gone.
    pub(super) fn turn(&self, conn: ConnId) -> Option<Turn> {
        let mut inner = self.inner();
        let user = inner.conns.get(&conn)?.listens.as_ref()?.user;
        let mine = inner.listening.get(&user).is_some_and(|all| all.first() == Some(&conn));
        let listens = inner.conns.get_mut(&conn)?.listens.as_mut()?;
        let acked = mem::take(&mut listens.acked);
        let oldest = listens.unacked.first_key_value().map(|(pos, _)| *pos);
        Some(Turn { mine, oldest, acked, room: UNACKED_MAX.saturating_sub(listens.unacked.len()) })
    }

    /// A listener is told an event.
    pub(super) fn told(&self, conn: ConnId, pos: u64, event: (Topic, u64)) {
        let mut inner = self.inner();
        let link = inner.conns.get_mut(&conn);
        if let Some(listens) = link.and_then(|link| link.listens.as_mut()) {
            listens.unacked.insert(pos, event);
        }
    }

    /// A listener has dealt with an event; whether it was told it.
    pub(super) fn acked(&self, conn: ConnId, topic: &Topic, seq: u64) -> bool {
        let mut inner = self.inner();
        let link = inner.conns.get_mut(&conn);
        let Some(listens) = link.and_then(|link| link.listens.as_mut()) else { return false };
        let told = listens.unacked.iter().find(|(_, event)| event.0 == *topic && event.1 == seq);
        let Some(pos) = told.map(|(pos, _)| *pos) else { return false };
        listens.unacked.remove(&pos);
        listens.acked = true;
        listens.changed.notify_one();
        true
    }

    /// Something was committed: whoever listens to it looks.
    pub(super) fn committed<'a>(&self, kinds: impl Iterator<Item = &'a str> + Clone) {
        if self.listeners.load(Ordering::Relaxed) == 0 {
            return;
        }
        for listens in self.inner().conns.values().filter_map(|link| link.listens.as_ref()) {
            if kinds.clone().any(|k| listens.kinds.contains(&k)) {
                listens.changed.notify_one();
            }
        }
    }

    /// Gives a call to the connection with the fewest under way.
    fn hand_out(&self, asked: &Asked) -> Result<(Waiting<'_>, oneshot::Receiver<Answer>)> {
        let mut inner = self.inner();
        let key = (asked.caller.org, asked.op.clone());
        let conns = inner.by_op.get(&key).into_iter().flatten().copied();
        let load = |conn: &ConnId| inner.conns.get(conn).map_or(0, |link| link.asked.len());
        let conn = conns.min_by_key(load).ok_or_else(|| nobody(&asked.op))?;
        inner.last_id += 1;
        let id = inner.last_id;
        let link = inner.conns.get_mut(&conn).ok_or_else(|| nobody(&asked.op))?;
        if link.asked.len() >= CALLS_IN_FLIGHT_MAX {
            let msg = "the program has too much to do; try again soon";
            return Err(Error::new(ErrorCode::Busy, msg).retry_ms(BUSY_RETRY_MS));
        }
        let (answer, answered) = oneshot::channel();
        link.asked.insert(id, answer);
        Ok((Waiting { links: self, conn, codec: link.codec, id }, answered))
    }
}

impl Inner {
    /// A listener is gone: the next connection of the program goes on.
    fn leaves(&mut self, conn: ConnId, user: UserId) {
        let Some(conns) = self.listening.get_mut(&user) else { return };
        conns.retain(|other| *other != conn);
        match conns.first() {
            None => {
                self.listening.remove(&user);
            }
            Some(next) => {
                let next = self.conns.get(next).and_then(|link| link.listens.as_ref());
                next.into_iter().for_each(|listens| listens.changed.notify_one());
            }
        }
    }
}

impl Hub {
    /// Whether a program that answers this operation is connected to this node.
    pub fn has_program(&self, org: OrgId, op: &str) -> bool {
        self.links.inner().by_op.contains_key(&(org, op.to_owned()))
    }

    /// Asks the program that answers an operation, and waits for what it says.
    pub(super) async fn ask_program(&self, asked: Asked) -> Result<Json> {
        let (waiting, answered) = self.links.hand_out(&asked)?;
        let Asked { caller, op, cid, args } = asked;
        let caller = frame::Asker { user: caller.user, org: caller.org };
        let call = frame::Asked { id: waiting.id, op, cid, args, caller };
        let frame = framed(waiting.codec, &server::call(waiting.codec, &call));
        self.send(waiting.conn.shard, Cmd::Ask { conn: waiting.conn, frame }).await;
        match timeout(ANSWER_TIMEOUT, answered).await {
            Ok(Ok(Ok(data))) => read(waiting.codec, &data),
            Ok(Ok(Err(refusal))) => Err(passed_on(*refusal)),
            Ok(Err(_)) => Err(unknown("the program went away before it answered")),
            Err(_) => Err(unknown("the program did not answer in time")),
        }
    }
}

fn read(codec: Codec, data: &[u8]) -> Result<Json> {
    if data.is_empty() {
        return Ok(Json::default());
    }
    codec.decode(data).map_err(|_| failed())
}

/// What a program refuses with, as far as it may say that.
fn passed_on(refusal: ErrorBody) -> Error {
    let ErrorBody { code, msg, retry_ms, field, data, .. } = refusal;
    if !REFUSALS.contains(&code) {
        return failed();
    }
    let short = |text: String| text.chars().take(REFUSAL_LEN_MAX).collect::<String>();
    let field = field.map(short);
    ErrorBody { retry_ms, field, data, ..ErrorBody::new(code, short(msg)) }.into()
}

fn failed() -> Error {
    Error::new(ErrorCode::Unavailable, "the program failed; ask whoever runs it")
}

fn unknown(why: &str) -> Error {
    let msg = format!("{why}: it may have happened or not; try again");
    Error::new(ErrorCode::TimeoutUnknown, msg)
}
