//! Any order of setting, taking back, stepping on two nodes, restarting, and clocks that are set:
//! each timer fires once, none before it is due by the clock at that time, none is missing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use carillon_plugin::{Caller, Host, Next};
use carillon_store::kit::Kit;
use proptest::{prelude::*, test_runner::Config};

use super::{
    call, count,
    ledger::{self, Chain, Link, Plan, World},
    now, rows,
};

/// More keys than are commonly set at once, few enough to be set again.
const KEYS: u8 = 4;

#[derive(Debug, Clone)]
enum Action {
    Set(u8, i64),
    /// What is called then sets its own key again, or takes it back.
    Chain(u8, i64, Option<i64>),
    TakeBack(u8),
    /// The clock goes on, or is set back.
    Clock(i64),
    /// One node looks what is due, or both at once.
    Step(Nodes),
    /// While one node fires, after it decided, a key is set again or taken back.
    Meanwhile(u8, Option<i64>),
    Restart,
}

#[derive(Debug, Clone, Copy)]
enum Nodes {
    First,
    Second,
    Both,
}

fn action() -> impl Strategy<Value = Action> {
    let nodes = prop_oneof![Just(Nodes::First), Just(Nodes::Second), Just(Nodes::Both)];
    prop_oneof![
        6 => (0..KEYS, -500_i64..3_000).prop_map(|(key, delay)| Action::Set(key, delay)),
        3 => (0..KEYS, -500_i64..3_000, prop::option::of(1_i64..1_000))
            .prop_map(|(key, delay, again)| Action::Chain(key, delay, again)),
        2 => (0..KEYS).prop_map(Action::TakeBack),
        4 => (-2_000_i64..3_000).prop_map(Action::Clock),
        6 => nodes.prop_map(Action::Step),
        3 => (0..KEYS, prop::option::of(-500_i64..1_000))
            .prop_map(|(key, delay)| Action::Meanwhile(key, delay)),
        1 => Just(Action::Restart),
    ]
}

/// What a key is set to.
struct Setting {
    /// Names it.
    text: String,
    due_at: i64,
    /// After how long its call sets the key again.
    again_ms: Option<i64>,
}

/// Two nodes on one database, and what should be.
struct Bed {
    kit: Kit,
    second: Host,
    set: BTreeMap<u8, Setting>,
    fired: BTreeSet<String>,
    settings: u32,
}

fn plugins() -> Vec<carillon_plugin::Plugin> {
    vec![ledger::plugin(Arc::new(World::default()))]
}

impl Bed {
    async fn new() -> Bed {
        let kit = Kit::new(plugins()).await;
        let second = kit.another_host(plugins());
        let (set, fired) = (BTreeMap::new(), BTreeSet::new());
        Bed { kit, second, set, fired, settings: 0 }
    }

    /// The call that sets a key, or takes it back; what is set then.
    fn plan(&mut self, key: u8, delay: Option<i64>) -> (Plan, Option<Setting>) {
        let text = self.name(key);
        let due_at = delay.map(|delay| now(&self.kit) + delay);
        let plan = Plan { key: key.to_string(), due_at, text: text.clone(), state: false };
        (plan, due_at.map(|due_at| Setting { text, due_at, again_ms: None }))
    }

    fn name(&mut self, key: u8) -> String {
        self.settings += 1;
        format!("{key}: {}", self.settings)
    }

    async fn chain(&mut self, key: u8, delay: i64, again_ms: Option<i64>) {
        let (text, due_at) = (self.name(key), now(&self.kit) + delay);
        let link = Link { key: key.to_string(), text: text.clone(), again_ms };
        call(&self.kit, Chain { due_at, link }).await.unwrap();
        self.put(key, Some(Setting { text, due_at, again_ms }));
    }

    fn put(&mut self, key: u8, setting: Option<Setting>) {
        match setting {
            Some(setting) => drop(self.set.insert(key, setting)),
            None => drop(self.set.remove(&key)),
        }
    }

    async fn act(mut self, action: Action) -> Bed {
        match action {
            Action::Set(key, delay) => {
                let (plan, setting) = self.plan(key, Some(delay));
                call(&self.kit, plan).await.unwrap();
                self.put(key, setting);
            }
            Action::Chain(key, delay, again) => self.chain(key, delay, again).await,
            Action::TakeBack(key) => {
                let (plan, setting) = self.plan(key, None);
                call(&self.kit, plan).await.unwrap();
                self.put(key, setting);
            }
            Action::Clock(ms) => self.kit.clock().advance(ms),
            Action::Step(nodes) => {
                self.step(nodes).await;
                self.fire_due();
            }
            Action::Meanwhile(key, delay) => self.meanwhile(key, delay).await,
            Action::Restart => {
                self.kit = self.kit.restarted(plugins()).await;
                self.second = self.kit.another_host(plugins());
            }
        }
        let wrong = "what fired is what was due";
        assert_eq!(rows(&self.kit, "fired").await, Vec::from_iter(self.fired.clone()), "{wrong}");
        self
    }

    async fn step(&self, nodes: Nodes) {
        let (first, second) = (self.kit.host(), &self.second);
        match nodes {
            Nodes::First => drop(first.timer_step("ledger").await.unwrap()),
            Nodes::Second => drop(second.timer_step("ledger").await.unwrap()),
            Nodes::Both => {
                let (a, b) = tokio::join!(first.timer_step("ledger"), second.timer_step("ledger"));
                a.unwrap();
                b.unwrap();
            }
        }
    }

    fn fire_due(&mut self) {
        let now = now(&self.kit);
        let due: Vec<_> = self.set.extract_if(.., |_, setting| setting.due_at <= now).collect();
        for (key, Setting { text, again_ms, .. }) in due {
            if let Some(ms) = again_ms {
                let (text, due_at) = (format!("{text} again"), now + ms);
                self.put(key, Some(Setting { text, due_at, again_ms: None }));
            }
            self.fired.insert(text);
        }
    }

    /// The old setting may have fired before, or not, since other keys fire at the same time; the
    /// new one has not.
    async fn meanwhile(&mut self, key: u8, delay: Option<i64>) {
        if !self.set.values().any(|setting| setting.due_at <= now(&self.kit)) {
            return;
        }
        let (plan, setting) = self.plan(key, delay);
        let host = self.second.clone();
        self.kit.before_next_commit(async move {
            host.call_typed(Caller::SYSTEM, None, &plan).await.unwrap();
        });
        self.step(Nodes::First).await;
        let old = self.set.remove(&key);
        self.fire_due();
        if let Some(Setting { text, due_at, .. }) = old
            && rows(&self.kit, "fired").await.contains(&text)
        {
            assert!(due_at <= now(&self.kit), "{text} was not due");
            self.fired.insert(text);
        }
        self.put(key, setting);
    }

    /// The time comes for everything.
    async fn end(mut self) {
        // Twice: what is due then may set its key again.
        for _ in 0..2 {
            self.kit.clock().advance(1_000_000);
            while self.second.timer_step("ledger").await.unwrap() == Next::Now {}
            self.fire_due();
        }
        assert_eq!(rows(&self.kit, "fired").await, Vec::from_iter(self.fired.clone()));
        assert_eq!(count(&self.kit, "plugin_timer").await, 0);
        assert_eq!(count(&self.kit, "plugin_dead").await, 0);
    }
}

proptest! {
    #![proptest_config(Config { cases: 48, ..Config::default() })]

    #[test]
    fn every_timer_fires_once_when_it_is_due(actions in prop::collection::vec(action(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut bed = Bed::new().await;
            for action in actions {
                bed = bed.act(action).await;
            }
            bed.end().await;
        });
    }
}
