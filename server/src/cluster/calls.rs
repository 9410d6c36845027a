//! Calls to programs that are connected to another node.
//!
//! No node knows what programs of the others answer: the one that has the call asks all of them who
//! does, and hands it to the first that says so. Those without the program say that too, so that a
//! call for nobody is refused at once. The call itself goes to one node only, since each program
//! that is asked does it. A word that the bus loses costs a refusal, or after the call was handed
//! over an unknown outcome: whoever called asks again with the same `cid`, as ever.

use std::{fmt, sync::Arc, time::Duration};

use carillon_bus::{Bus, Part};
use carillon_plugin::{Asked, Caller, Error, Live as _, Result, nobody};
use carillon_protocol::{Cid, ErrorBody, ErrorCode, Json, OrgId, RunId, UserId};
use serde::{Deserialize, Serialize};
use tokio::{sync::oneshot, time::timeout};

use super::{
    GONE_AFTER, message,
    pending::{BUSY_RETRY_MS, Pending, Ticket},
};
use crate::gateway::Hub;

/// How long the others may take to say whether they have the program: they answer from memory, so
/// one that takes longer would not answer the call in time either.
const FIND_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the other node may take to answer: the program has as much there.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// When to come back if the others cannot be asked.
const UNREACHED_RETRY_MS: u64 = 2_000;

/// A call as one node hands it to another.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Who calls.
    pub user: UserId,
    /// Of which organisation.
    pub org: OrgId,
    /// The operation.
    pub op: String,
    /// The intent, if there is one.
    pub cid: Option<Cid>,
    /// The arguments.
    pub args: Json,
}

/// What became of it.
pub type Answer = std::result::Result<Json, ErrorBody>;

/// The calls of this node that others answer, and those of others that this one answers.
pub(super) struct Calls {
    run: RunId,
    bus: Arc<dyn Bus>,
    waiting: Pending<Stage>,
}

/// What a call waits for.
enum Stage {
    /// The first node that has the program, or these to say that they have not.
    Found(Vec<RunId>, oneshot::Sender<Option<RunId>>),
    /// The answer.
    Answered(oneshot::Sender<Answer>),
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").field("run", &self.run).finish_non_exhaustive()
    }
}

impl Calls {
    pub(super) fn new(run: RunId, bus: Arc<dyn Bus>) -> Calls {
        Calls { run, bus, waiting: Pending::default() }
    }

    /// Asks a program that is connected to another node, and waits for what it says.
    pub(super) async fn ask(&self, asked: Asked) -> Result<Json> {
        let health = self.bus.health();
        if !health.ready {
            let msg = format!("no program answers `{}` here, and the others do not hear", asked.op);
            let error = Error::new(ErrorCode::Unavailable, msg + ": see that Redis runs");
            return Err(error.retry_ms(UNREACHED_RETRY_MS));
        }
        let lately = health.peers.iter().filter(|peer| peer.heard < GONE_AFTER);
        let others: Vec<RunId> = lately.map(|peer| RunId(peer.node.0)).collect();
        if others.is_empty() {
            return Err(nobody(&asked.op));
        }
        let (found, who) = oneshot::channel();
        let ticket = self.begin(Stage::Found(others, found))?;
        let part = Part::of_bytes(asked.op.as_bytes());
        let Asked { caller, op, cid, args } = asked;
        self.bus.publish(part, message::wanted(self.run, ticket.id, (caller.org, &op)));
        let Ok(Ok(Some(to))) = timeout(FIND_TIMEOUT, who).await else { return Err(nobody(&op)) };
        let (answer, answered) = oneshot::channel();
        ticket.waits(Stage::Answered(answer));
        let call = Call { user: caller.user, org: caller.org, op, cid, args };
        self.bus.publish(part, message::asked(to, (self.run, ticket.id), &call));
        match timeout(ANSWER_TIMEOUT, answered).await {
            Ok(Ok(answer)) => Ok(answer?),
            Ok(Err(_)) | Err(_) => Err(Error::new(
                ErrorCode::TimeoutUnknown,
                "the program, or the node that it is connected to, did not answer in time: \
                 it may have happened or not; try again",
            )),
        }
    }

    fn begin(&self, stage: Stage) -> Result<Ticket<'_, Stage>> {
        self.waiting.begin(stage).ok_or_else(|| {
            let msg = "too many calls wait for programs at other nodes; try again soon";
            Error::new(ErrorCode::Busy, msg).retry_ms(BUSY_RETRY_MS)
        })
    }

    /// A node has the program, or has it not.
    pub(super) fn found(&self, id: u64, run: RunId, here: bool) {
        let is_known = |stage: &mut Stage| match stage {
            Stage::Found(others, _) => {
                others.retain(|other| *other != run);
                here || others.is_empty()
            }
            Stage::Answered(_) => false,
        };
        if let Some(Stage::Found(_, found)) = self.waiting.take_if(id, is_known) {
            // Whoever waited may have given up in this moment.
            let _gone = found.send(here.then_some(run));
        }
    }

    /// A node answers.
    pub(super) fn answered(&self, id: u64, answer: Answer) {
        let waits = |stage: &mut Stage| matches!(stage, Stage::Answered(_));
        if let Some(Stage::Answered(waits)) = self.waiting.take_if(id, waits) {
            let _gone = waits.send(answer);
        }
    }

    /// Another node looks for whoever answers an operation.
    pub(super) fn wanted(&self, (run, id): (RunId, u64), (org, op): (OrgId, &str), hub: &Hub) {
        let here = hub.has_program(org, op);
        let part = Part::of_bytes(op.as_bytes());
        self.bus.publish(part, message::found((run, id), self.run, here));
    }

    /// Another node hands over a call. A connection takes so many at a time, so no more than that
    /// wait here.
    pub(super) async fn answer(&self, (run, id): (RunId, u64), call: Call, hub: &Hub) {
        let Call { user, org, op, cid, args } = call;
        let part = Part::of_bytes(op.as_bytes());
        let asked = Asked { caller: Caller::on_behalf_of(user, org), op, cid, args };
        let answer = hub.ask(asked).await.map_err(Error::into_body);
        self.bus.publish(part, message::answered((run, id), &answer));
    }
}

#[cfg(test)]
mod tests {
    use carillon_bus::{NodeId, Signal, Subscription};
    use carillon_protocol::id::Ulid;

    use super::{super::pending::CALLS_MAX, message::Message, *};

    const EAST: RunId = RunId(Ulid(1));
    const WEST: RunId = RunId(Ulid(2));

    /// Two nodes: the calls of the first, and the second by hand.
    fn nodes() -> (Arc<Calls>, Arc<dyn Bus>, Subscription) {
        let hub = carillon_bus::Hub::default();
        let (east, mut hears) = hub.join(NodeId(EAST.0));
        let (west, heard) = hub.join(NodeId(WEST.0));
        let calls = Arc::new(Calls::new(EAST, east));
        let told = Arc::clone(&calls);
        tokio::spawn(async move {
            while let Some(Signal::Arrived { payload, .. }) = hears.next().await {
                match message::read(&payload).unwrap() {
                    Message::Found { call, run, here } => told.found(call.1, run, here),
                    Message::Answered { call, answer } => told.answered(call.1, answer),
                    other => panic!("{other:?}"),
                }
            }
        });
        (calls, west, heard)
    }

    fn asked() -> Asked {
        let caller = Caller::on_behalf_of(UserId(Ulid(3)), OrgId(Ulid(4)));
        let op = "app.weather.today".to_owned();
        Asked { caller, op, cid: None, args: Json::default() }
    }

    async fn next(heard: &mut Subscription) -> Message {
        let Some(Signal::Arrived { payload, .. }) = heard.next().await else { panic!("a message") };
        message::read(&payload).unwrap()
    }

    /// Says what a node says that has the program, or has it not; answers which call it is.
    async fn offer(bus: &dyn Bus, heard: &mut Subscription, here: bool) -> (RunId, u64) {
        let Message::Wanted { call, .. } = next(heard).await else { panic!("who has it") };
        bus.publish(Part::of_bytes(b""), message::found(call, WEST, here));
        call
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_says_nothing_more_leaves_the_outcome_unknown() {
        let (calls, bus, mut heard) = nodes();
        let silent = async {
            let call = offer(&*bus, &mut heard, true).await;
            let Message::Asked { to, call: again, .. } = next(&mut heard).await else { panic!() };
            assert_eq!((to, again), (WEST, call));
        };
        let (answer, ()) = tokio::join!(calls.ask(asked()), silent);
        assert_eq!(answer.unwrap_err().code(), ErrorCode::TimeoutUnknown);
        assert!(calls.waiting.is_empty(), "nothing is kept of it");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_has_happened_where_no_node_has_the_program_or_none_says_so() {
        let (calls, bus, mut heard) = nodes();
        let refuses = offer(&*bus, &mut heard, false);
        let both = async { tokio::join!(calls.ask(asked()), refuses).0 };
        let answer = timeout(FIND_TIMEOUT / 2, both).await.expect("nobody is waited for");
        assert_eq!(answer.unwrap_err().code(), ErrorCode::Unavailable);

        let answer = timeout(FIND_TIMEOUT * 2, calls.ask(asked())).await.expect("it gives up");
        assert_eq!(answer.unwrap_err().code(), ErrorCode::Unavailable);
        assert!(calls.waiting.is_empty(), "nothing is kept of it");
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_calls_wait() {
        let (calls, _bus, _heard) = nodes();
        let ask = || Box::pin(calls.ask(asked()));
        let mut waiting: Vec<_> = (0..CALLS_MAX).map(|_| ask()).collect();
        for call in &mut waiting {
            assert!(futures_util::poll!(call).is_pending());
        }
        assert_eq!(ask().await.unwrap_err().code(), ErrorCode::Busy);
        drop(waiting);
        assert_eq!(ask().await.unwrap_err().code(), ErrorCode::Unavailable, "there is room again");
    }
}
