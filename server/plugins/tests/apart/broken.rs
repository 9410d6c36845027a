//! The connection breaks at any point, in the middle of calls, events, timers and effects: the end
//! is the same as of a plugin that runs in the node.

use carillon_plugin::{
    Clock as _, Look, Plugin, Window,
    protocol::{OrgId, UserId, id::Ulid},
};
use carillon_store::kit::Break;
use proptest::{prelude::*, test_runner::Config};

use super::{
    ledger::{Note, Owe, Pass, Plan, Tell},
    *,
};

/// What is called, and what happens beside.
#[derive(Debug, Clone)]
enum Action {
    Note(bool),
    Pass,
    Tell(u8),
    Plan(u8, i64),
    Owe,
    /// Time passes, and everything is done that is due.
    Settle(i64),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => any::<bool>().prop_map(Action::Note),
        2 => Just(Action::Pass),
        2 => (0..3_u8).prop_map(Action::Tell),
        2 => (0..3_u8, 0..5_000_i64).prop_map(|(key, delay)| Action::Plan(key, delay)),
        1 => Just(Action::Owe),
        3 => (0..5_000_i64).prop_map(Action::Settle),
    ]
}

/// Fewer than failures that put something aside.
const BREAKS_MAX: usize = 9;

fn breaks() -> impl Strategy<Value = Vec<(usize, Break)>> {
    let at = prop_oneof![
        Just(Break::Away),
        Just(Break::BeforeHandler),
        (0..2_usize).prop_map(Break::BeforeAsk),
        (0..2_usize).prop_map(Break::AfterAsk),
        Just(Break::BeforeDone),
    ];
    prop::collection::vec((0..4_usize, at), 0..=BREAKS_MAX)
}

/// Calls, and sends the same again while it is not known to have happened.
async fn call_until_done<C: Command>(kit: &Kit, args: C) {
    let cid = Some(Cid(kit.host().new_id()));
    for _ in 0..=BREAKS_MAX {
        match kit.host().call_typed(Caller::SYSTEM, cid, &args).await {
            Ok(_) => return,
            Err(error) => {
                let broken = [ErrorCode::Unavailable, ErrorCode::TimeoutUnknown];
                assert!(broken.contains(&error.code()), "{error}");
            }
        }
    }
    panic!("there were fewer breaks than that");
}

async fn act(kit: &Kit, step: usize, action: &Action) {
    let text = format!("{step}");
    match *action {
        Action::Note(false) => call_until_done(kit, Note { text }).await,
        Action::Note(true) => call_until_done(kit, Note { text: format!("mark {step}") }).await,
        Action::Pass => call_until_done(kit, Pass { text }).await,
        Action::Tell(key) => call_until_done(kit, Tell { key: format!("tell {key}"), text }).await,
        Action::Plan(key, delay) => {
            // Only what is asked for depends on the clock, and it is the same in both runs.
            let due_at = Some(kit.clock().now() + delay);
            let plan = Plan { key: format!("plan {key}"), due_at, text, state: false };
            call_until_done(kit, plan).await;
        }
        Action::Owe => {
            let (user, org) = (UserId(Ulid(7)), OrgId(Ulid(8)));
            call_until_done(kit, Owe { text, user, org }).await;
        }
        Action::Settle(ms) => pass(kit, ms).await,
    }
}

/// What there is in the end: rows, and events with what they say.
type End = (Vec<(String, String)>, Vec<(String, String)>);

async fn end(kit: &Kit) -> End {
    // Whatever failed is tried again, and an effect that was cut off ten seconds later.
    for _ in 0..40 {
        pass(kit, 60_000).await;
        let unread = kit.host().behind("ledger").await.unwrap().map(|behind| behind.positions);
        if (unread, count(kit, "plugin_timer").await, count(kit, "plugin_outbox").await)
            == (Some(0), 0, 0)
        {
            break;
        }
    }
    for table in ["plugin_timer", "plugin_outbox", "plugin_dead"] {
        assert_eq!(count(kit, table).await, 0, "{table}");
    }
    let look = kit.store().events(ledger::topic(), Window::all(), Look::After(0), false, 1_000);
    let event = |event: carillon_plugin::protocol::Event| {
        (event.k.to_string(), event.data.as_str().to_owned())
    };
    let mut events: Vec<_> = look.await.unwrap().into_iter().map(event).collect();
    events.sort();
    (rows(kit).await, events)
}

/// What is replaced before it happened did not happen, and where things wait longer more is
/// replaced: each action has a key of its own.
fn apart_keys(actions: Vec<Action>) -> Vec<Action> {
    let mut own = 0..;
    let mut key = || own.next().unwrap_or_default();
    let keyed = |action| match action {
        Action::Tell(_) => Action::Tell(key()),
        Action::Plan(_, delay) => Action::Plan(key(), delay),
        action => action,
    };
    actions.into_iter().map(keyed).collect()
}

/// A topic is its first writer's organisation's, and who is first among timers and effects may
/// differ: it is settled before.
async fn begin(kit: &Kit) {
    call_until_done(kit, Note { text: "the first".into() }).await;
}

async fn in_the_node(actions: &[Action]) -> End {
    let plugins: Vec<Plugin> = vec![ledger::plugin(Arc::default())];
    let kit = Kit::new(plugins).await;
    begin(&kit).await;
    for (step, action) in actions.iter().enumerate() {
        act(&kit, step, action).await;
    }
    end(&kit).await
}

async fn apart(actions: &[Action], breaks: &[(usize, Break)]) -> End {
    let (kit, wire, world) = ledger_apart().await;
    begin(&kit).await;
    for &(well, at) in breaks {
        wire.breaks(std::iter::repeat_n(None, well).chain([Some(at)]));
    }
    for (step, action) in actions.iter().enumerate() {
        act(&kit, step, action).await;
    }
    let end = end(&kit).await;
    let told = world.seen.lock().unwrap().len();
    let shouted = end.0.iter().filter(|(what, _)| what == "shouted").count();
    assert!(told >= shouted, "what was written down was told");
    end
}

proptest! {
    #![proptest_config(Config { cases: 16, ..Config::default() })]

    #[test]
    fn each_effect_happens_once_wherever_the_connection_breaks(
        actions in prop::collection::vec(action(), 1..16), breaks in breaks()
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let actions = apart_keys(actions);
        runtime.block_on(async {
            assert_eq!(apart(&actions, &breaks).await, in_the_node(&actions).await);
        });
    }
}
