//! A process that is away, or ends in the middle.

use std::sync::Mutex;

use carillon_plugin::{
    BoxFuture, Clock as _, Period,
    apart::{Ask, Done, Link, Node, Order, Told},
    protocol::{OrgId, id::Ulid},
};
use carillon_store::kit::Break;
use tokio::sync::Notify;

use super::{
    ledger::{Fault, Fire, Note, Plan, Tell},
    *,
};

fn plan(kit: &Kit, text: &str) -> Plan {
    let due_at = Some(kit.clock().now() + 1_000);
    Plan { key: text.into(), due_at, text: text.into(), state: false }
}

#[tokio::test]
async fn while_no_process_is_linked_calls_are_refused_and_what_is_owed_waits() {
    let (kit, wire, _) = ledger_apart().await;
    call(&kit, Note { text: "read later".into() }).await.unwrap();
    call(&kit, Tell { key: "k".into(), text: "told later".into() }).await.unwrap();
    call(&kit, plan(&kit, "called later")).await.unwrap();
    wire.breaks([Some(Break::Away); 1_000]);

    let refused = call(&kit, Note { text: "not now".into() }).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Unavailable);
    assert!(refused.body().retry_ms.is_some());
    let before = wire.orders();
    for _ in 0..40 {
        pass(&kit, 2_000).await;
    }
    assert!(wire.orders() > before + 3 * 11, "each was tried more often than failures are");
    for table in ["plugin_cursor", "plugin_timer", "plugin_outbox"] {
        assert_eq!(count(&kit, table).await, 1, "{table}");
        assert_eq!(sum(&kit, "SUM(failures)", table).await, 0, "{table}");
    }
    assert_eq!(count(&kit, "plugin_dead").await, 0);
    assert_eq!(rows(&kit).await, []);

    wire.mends();
    pass(&kit, 2_000).await;
    let done = rows(&kit).await;
    let done: Vec<_> = done.iter().map(|(what, said)| (&**what, &**said)).collect();
    let wanted = [("fired", "called later"), ("read", "read later"), ("shouted", "told later")];
    assert_eq!(done, wanted);
}

#[tokio::test]
async fn a_call_is_unknown_only_if_its_handler_may_have_done_something_by_itself() {
    let (kit, wire, _) = ledger_apart().await;
    // What a handler decided is committed by the node, or not at all.
    for at in [Break::Away, Break::BeforeHandler, Break::BeforeDone] {
        wire.breaks([Some(at)]);
        let lost = call(&kit, Note { text: "x".into() }).await;
        assert_eq!(code(lost), ErrorCode::Unavailable, "{at:?}");
    }
    wire.breaks([Some(Break::BeforeAsk(0))]);
    assert_eq!(code(call(&kit, plan(&kit, "p")).await), ErrorCode::Unavailable);
    assert_eq!((rows(&kit).await.len(), count(&kit, "plugin_timer").await), (0, 0));

    for at in [Break::AfterAsk(0), Break::BeforeDone] {
        wire.breaks([Some(at)]);
        assert_eq!(code(call(&kit, plan(&kit, "p")).await), ErrorCode::TimeoutUnknown, "{at:?}");
    }
    assert_eq!(count(&kit, "plugin_timer").await, 1, "it was set");
}

#[tokio::test]
async fn an_event_that_ends_its_process_each_time_is_put_aside_and_the_next_has_its_turn() {
    let (kit, wire, _) = ledger_apart().await;
    call(&kit, Note { text: "mark the worst".into() }).await.unwrap();
    call(&kit, Note { text: "mark the next".into() }).await.unwrap();
    wire.breaks([Some(Break::BeforeDone); 10]);
    for _ in 0..20 {
        pass(&kit, 60_000).await;
    }
    assert_eq!(count(&kit, "plugin_dead").await, 1);
    let wanted = ["fired", "marked", "shouted"].map(|what| (what.into(), "mark the next".into()));
    assert_eq!(rows(&kit).await, wanted);
}

#[tokio::test]
async fn what_a_handler_refuses_or_panics_over_is_answered_as_in_the_node() {
    let (kit, _, world) = ledger_apart().await;
    world.breaks("no", Fault::Refuse);
    world.breaks("worse", Fault::Panic);
    let refused = call(&kit, Fire { text: "no".into() }).await.unwrap_err();
    assert_eq!(refused.to_string(), "E_CONFLICT: not no");
    let panicked = call(&kit, Fire { text: "worse".into() }).await;
    assert_eq!(code(panicked), ErrorCode::Unavailable);
    call(&kit, Fire { text: "yes".into() }).await.unwrap();
    let period = Period { org: OrgId(Ulid::nil()), conv: None, from: 0, to: i64::MAX };
    let fact = kit.host().fact("ledger.rows", period).await.unwrap();
    assert_eq!(serde_json::to_value(fact).unwrap()["points"][0]["value"], 1.0);
}

/// An ask that is on its way while its process ends.
type Held = Arc<Mutex<Option<(Ask, Arc<dyn Node>)>>>;

/// A process whose first ask arrives too late.
struct Late {
    wire: Arc<Wire>,
    held: Held,
}

struct LateNode {
    node: Arc<dyn Node>,
    held: Held,
    asked: Notify,
}

impl Node for LateNode {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Told>> {
        *self.held.lock().unwrap() = Some((ask, self.node.clone()));
        self.asked.notify_one();
        Box::pin(std::future::pending())
    }
}

impl Link for Late {
    fn perform(&self, order: Order, node: Arc<dyn Node>) -> BoxFuture<'_, Result<Done>> {
        let node = LateNode { node, held: self.held.clone(), asked: Notify::new() };
        let node = Arc::new(node);
        Box::pin(async move {
            tokio::select! {
                done = self.wire.perform(order, node.clone()) => done,
                () = node.asked.notified() => Err(Error::lost("it ended")),
            }
        })
    }
}

#[tokio::test]
async fn what_was_said_not_to_have_happened_does_not_happen_later() {
    let (wire, held) = (Wire::to(ledger::plugin(Arc::default())), Held::default());
    let link = Arc::new(Late { wire, held: held.clone() });
    let kit = Kit::new(vec![ledger::plugin(Arc::default()).elsewhere(link)]).await;
    let lost = call(&kit, plan(&kit, "p")).await;
    assert_eq!(code(lost), ErrorCode::Unavailable, "nothing was done");
    let (ask, node) = held.lock().unwrap().take().expect("it asked to commit");
    node.ask(ask).await.expect_err("the order has come to its end");
    assert_eq!(count(&kit, "plugin_timer").await, 0);
}

/// Answers every order with what became of the first one.
struct Mistaken {
    wire: Arc<Wire>,
    first: Mutex<Option<Done>>,
}

impl Link for Mistaken {
    fn perform(&self, order: Order, node: Arc<dyn Node>) -> BoxFuture<'_, Result<Done>> {
        Box::pin(async move {
            let done = self.wire.perform(order, node).await?;
            Ok(self.first.lock().unwrap().get_or_insert(done).clone())
        })
    }
}

#[tokio::test]
async fn what_does_not_fit_what_was_asked_is_a_failure_and_loses_nothing() {
    let wire = Wire::to(ledger::plugin(Arc::default()));
    let link = Arc::new(Mistaken { wire, first: Mutex::default() });
    let kit = Kit::new(vec![ledger::plugin(Arc::default()).elsewhere(link.clone())]).await;
    call(&kit, Note { text: "read".into() }).await.unwrap();
    *link.first.lock().unwrap() = None;
    // The first answer is a transaction: no operation that sets a state has one.
    pass(&kit, 1_000).await;
    assert_eq!(code(call(&kit, plan(&kit, "p")).await), ErrorCode::Unavailable);
    *link.first.lock().unwrap() = None;
    call(&kit, Note { text: "mark".into() }).await.unwrap();
    *link.first.lock().unwrap() = None;
    // And this one is an answer: no event has one.
    call(&kit, plan(&kit, "p")).await.unwrap();
    pass(&kit, 500).await;
    assert!(sum(&kit, "SUM(failures)", "plugin_cursor").await > 0);
    assert_eq!(rows(&kit).await, [("read".into(), "read".into())]);
}
