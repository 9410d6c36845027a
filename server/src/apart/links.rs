//! The node's side: which processes of a plugin are linked, and what each has under way.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use carillon_plugin::{
    BoxFuture, Error, Result,
    apart::{Ask, Done, Link, Node, Order, Outcome, Place},
};
use carillon_plugins::plugin::TokenDigest;
use carillon_protocol::{ErrorBody, ErrorCode};
use carillon_store::Store;
use futures_util::SinkExt as _;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Semaphore, mpsc, oneshot, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_tungstenite::WebSocketStream;
use tungstenite::{Message, protocol::Role};

use super::{
    frame::{
        ASKS_IN_ALL_MAX, ASKS_MAX, ASKS_SLACK, FromNode, FromProcess, HELLO_TIMEOUT, ORDERS_MAX,
        PROGRAM, PROTOCOL, QUEUE_MAX, encode,
    },
    talk::{Mouth, Say, config, converse, hear_one},
};

/// The most processes of one plugin on one node: more only share the same work.
const PROCESSES_MAX: usize = 16;
/// How often it is looked whether the token of a link still counts.
const TOKEN_EVERY: Duration = Duration::from_secs(2);

/// The processes of a plugin that are linked to this node.
#[derive(Debug)]
pub struct Processes {
    plugin: &'static str,
    linked: Mutex<Linked>,
    /// True when the node ends.
    down: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Linked {
    last_id: u64,
    processes: BTreeMap<u64, Process>,
}

#[derive(Debug)]
struct Process {
    say: Mouth,
    orders: HashMap<u64, Underway>,
    /// A place for each question of its orders.
    places: Arc<Semaphore>,
    /// It ends, and takes nothing more.
    leaving: bool,
}

/// An order that a process works on.
struct Underway {
    done: oneshot::Sender<Result<Done>>,
    /// Answers what its handler asks.
    node: Arc<dyn Node>,
    /// Questions that wait for their answers: they end with the order.
    asks: JoinSet<()>,
    /// Whether the process may have it.
    begun: Arc<AtomicBool>,
}

impl std::fmt::Debug for Underway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Underway").field("begun", &self.begun).finish_non_exhaustive()
    }
}

/// An order that was given to a process. Whoever gives up waiting takes it back.
struct Given<'a> {
    processes: &'a Processes,
    process: u64,
    order: u64,
    say: Mouth,
    begun: Arc<AtomicBool>,
}

impl Drop for Given<'_> {
    fn drop(&mut self) {
        if self.processes.take(self.process, self.order).is_some() {
            // If there is no room to say so, its handler ends by itself.
            let dropped = encode(&FromNode::Drop { id: self.order });
            let _full = dropped.map(|frame| self.say.try_send(Say::Frame(frame)));
        }
    }
}

impl Link for Processes {
    fn perform(&self, order: Order, node: Arc<dyn Node>) -> BoxFuture<'_, Result<Done>> {
        Box::pin(async move {
            let (given, done) = self.hand_out(node)?;
            let order = FromNode::Order { id: given.order, order: Box::new(order) };
            // Whoever cannot be told any more has its link ended, and `done` says so.
            let order = Say::Order(encode(&order)?, Arc::clone(&given.begun));
            let _ended = given.say.send(order).await;
            done.await.unwrap_or_else(|_| Err(self.none()))
        })
    }

    fn place(&self) -> Place {
        Place::Remote { linked: self.count() }
    }
}

impl Processes {
    /// Those of a plugin; none yet.
    pub fn new(plugin: &'static str) -> Processes {
        Processes { plugin, linked: Mutex::default(), down: watch::Sender::new(false) }
    }

    fn linked(&self) -> MutexGuard<'_, Linked> {
        // Nothing in here panics between two changes that belong together.
        self.linked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn none(&self) -> Error {
        let plugin = self.plugin;
        Error::away(format!(
            "`{plugin}` runs apart, and no process of it is linked here: see that \
             `carillon plugin {plugin}` runs"
        ))
    }

    /// Gives an order to the process with the fewest under way.
    fn hand_out(
        &self,
        node: Arc<dyn Node>,
    ) -> Result<(Given<'_>, oneshot::Receiver<Result<Done>>)> {
        let mut linked = self.linked();
        linked.last_id += 1;
        let order = linked.last_id;
        let able = linked.processes.iter_mut().filter(|(_, process)| !process.leaving);
        let least = able.min_by_key(|(_, process)| process.orders.len());
        let (&process, least) = least.ok_or_else(|| self.none())?;
        if least.orders.len() >= ORDERS_MAX {
            let msg = format!("`{}` has too much to do; try again soon", self.plugin);
            return Err(Error::away(msg));
        }
        let (answer, done) = oneshot::channel();
        let begun = Arc::<AtomicBool>::default();
        let underway =
            Underway { done: answer, node, asks: JoinSet::new(), begun: Arc::clone(&begun) };
        least.orders.insert(order, underway);
        Ok((Given { processes: self, process, order, say: least.say.clone(), begun }, done))
    }

    fn take(&self, process: u64, order: u64) -> Option<Underway> {
        let mut linked = self.linked();
        let process = linked.processes.get_mut(&process)?;
        let taken = process.orders.remove(&order);
        process.let_go();
        taken
    }

    /// Answers a question of an order, if the order is still under way.
    ///
    /// # Errors
    /// Why the link ends.
    fn answer(&self, process: u64, order: u64, (id, ask): (u64, Ask)) -> Result<(), String> {
        let mut linked = self.linked();
        let Some(process) = linked.processes.get_mut(&process) else { return Ok(()) };
        let Some(underway) = process.orders.get_mut(&order) else { return Ok(()) };
        while underway.asks.try_join_next().is_some() {}
        if underway.asks.len() >= ASKS_MAX * ASKS_SLACK {
            return Err(format!("an order asks more than {ASKS_MAX} things at once"));
        }
        let place = Arc::clone(&process.places).try_acquire_owned();
        let place = place.map_err(|_| format!("it asks more than {ASKS_IN_ALL_MAX} at once"))?;
        let (node, say) = (Arc::clone(&underway.node), process.say.clone());
        underway.asks.spawn(async move {
            let frame = told(id, &*node, ask).await;
            // Whoever asked may be gone.
            let _gone = say.send(Say::Frame(frame)).await;
            drop(place);
        });
        Ok(())
    }

    /// How many are linked.
    pub fn count(&self) -> u32 {
        // There are at most `PROCESSES_MAX`.
        self.linked().processes.len() as u32
    }

    /// Whether one process more may be linked.
    ///
    /// # Errors
    /// `E_BUSY`.
    pub fn admits(&self) -> Result<(), ErrorBody> {
        if self.linked().processes.len() < PROCESSES_MAX {
            return Ok(());
        }
        let msg = format!("{PROCESSES_MAX} processes of `{}` are linked already", self.plugin);
        Err(ErrorBody::new(ErrorCode::Busy, msg))
    }

    /// Ends all links: the node ends.
    pub fn close(&self) {
        self.down.send_replace(true);
    }

    /// Serves one process over the socket that it opened, until it is gone or its token is not the
    /// plugin's any more.
    pub async fn serve<S>(self: Arc<Self>, stream: S, store: Store, token: TokenDigest)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut socket =
            WebSocketStream::from_raw_socket(stream, Role::Server, Some(config())).await;
        let greeted = timeout(HELLO_TIMEOUT, greet(&mut socket)).await;
        let greeted = greeted.unwrap_or_else(|_| Err("it did not say which version it is".into()));
        if let Err(why) = greeted {
            return tracing::warn!(plugin = self.plugin, why, "a process was not linked");
        }
        let (say, said) = mpsc::channel(QUEUE_MAX);
        let Some(process) = self.enter(say) else {
            return tracing::warn!(plugin = self.plugin, "a process is one too many");
        };
        tracing::info!(plugin = self.plugin, process, "a process is linked");
        let mut down = self.down.subscribe();
        let hears = Arc::clone(&self);
        let hear = move |frame| hears.hear(process, frame);
        let why = tokio::select! {
            why = converse(socket, said, hear) => why,
            () = until_replaced(self.plugin, &store, &token) => "its token was replaced".to_owned(),
            () = async { drop(down.wait_for(|down| *down).await) } => "the node ends".to_owned(),
        };
        self.leave(process);
        tracing::info!(plugin = self.plugin, process, why, "a process is not linked any more");
    }

    /// Gives a process its place, if there is one: several may have been admitted at once.
    fn enter(&self, say: Mouth) -> Option<u64> {
        let mut linked = self.linked();
        if linked.processes.len() >= PROCESSES_MAX {
            return None;
        }
        linked.last_id += 1;
        let id = linked.last_id;
        let places = Arc::new(Semaphore::new(ASKS_IN_ALL_MAX * ASKS_SLACK));
        let process = Process { say, orders: HashMap::new(), places, leaving: false };
        linked.processes.insert(id, process);
        Some(id)
    }

    /// A process is gone: nobody will say what became of the orders that it may have.
    fn leave(&self, process: u64) {
        let gone = self.linked().processes.remove(&process);
        for (_, underway) in gone.into_iter().flat_map(|process| process.orders) {
            let msg = format!("the process of `{}` went away; try again", self.plugin);
            let error = match underway.begun.load(Ordering::Acquire) {
                true => Error::lost(msg),
                false => Error::away(msg),
            };
            // Whoever waited may have given up in this moment.
            let _gone = underway.done.send(Err(error));
        }
    }

    /// A frame of a process.
    ///
    /// # Errors
    /// Why the link ends.
    fn hear(&self, process: u64, frame: FromProcess) -> Result<(), String> {
        match frame {
            FromProcess::Hello { .. } => Err("it said twice which version it is".into()),
            FromProcess::Leaving {} => {
                let mut linked = self.linked();
                if let Some(process) = linked.processes.get_mut(&process) {
                    process.leaving = true;
                    process.let_go();
                }
                Ok(())
            }
            FromProcess::Done { id, done } => {
                // Nobody may wait for it any more.
                if let Some(underway) = self.take(process, id) {
                    let _gone = underway.done.send(done.map_err(Error::from));
                }
                Ok(())
            }
            FromProcess::Ask { id, order, ask } => self.answer(process, order, (id, ask)),
        }
    }
}

impl Process {
    /// Ends the link of a process that wants to end, once nothing of it is under way.
    fn let_go(&self) {
        if self.leaving && self.orders.is_empty() {
            // If there is no room for this, the process ends by itself.
            let _full = self.say.try_send(Say::End);
        }
    }
}

/// The answer to a question, or why there is none.
async fn told(id: u64, node: &dyn Node, ask: Ask) -> String {
    let told = |told: Outcome<_>| encode(&FromNode::Told { id, told });
    let answer = node.ask(ask).await.map_err(Into::into);
    told(answer)
        .or_else(|error| told(Err(error.into())))
        .expect("a refusal is shorter than the longest frame")
}

/// Hears which version a process is of, and says whether that is this node's.
async fn greet<S>(socket: &mut WebSocketStream<S>) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let FromProcess::Hello { protocol, program } = hear_one(socket).await? else {
        return Err("it did not say first which version it is".into());
    };
    let fits = protocol == PROTOCOL && program == PROGRAM;
    let frame = match fits {
        true => FromNode::Welcome {},
        false => FromNode::Refused { error: other_version(&program) },
    };
    let frame = encode(&frame).map_err(|error| error.to_string())?;
    socket.send(Message::Text(frame.into())).await.map_err(|error| error.to_string())?;
    if !fits {
        let _gone = socket.close(None).await;
        return Err(format!("it is of version {program}"));
    }
    Ok(())
}

fn other_version(program: &str) -> ErrorBody {
    let program: String = program.chars().take(32).collect();
    let msg = format!(
        "this node is of version {PROGRAM} and the process of {}: run the same program there",
        program.escape_debug()
    );
    ErrorBody::new(ErrorCode::Version, msg)
}

/// Waits until a token is not a plugin's any more.
async fn until_replaced(plugin: &str, store: &Store, token: &TokenDigest) {
    loop {
        sleep(TOKEN_EVERY).await;
        // If the database is away, /readyz says so, and the link stays.
        if matches!(token.is_of(plugin, store).await, Ok(false)) {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
