//! What the node counts, and what it logs.

mod backlog;
mod rooms;

use std::{
    fmt::Write as _,
    io::IsTerminal as _,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use carillon_bus::Health;
use carillon_plugin::Host;
use carillon_protocol::{CloseCode, ErrorCode};
use carillon_store::{Asked, Tail};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use tracing_subscriber::EnvFilter;

use self::{backlog::Backlog, rooms::Rooms};
use crate::{
    apart::Places,
    config::{Log, LogFormat},
    media::Carrier,
};

/// Bounds of the latency histogram, in seconds: from a call answered from memory to the time-out.
const CALL_BOUNDS_S: [f64; 12] =
    [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    op: &'static str,
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OpLabels {
    op: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PluginLabels {
    plugin: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CloseLabels {
    code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueryLabels {
    kind: &'static str,
}

/// Everything that `/metrics` shows, declared here and nowhere else.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    call_seconds: Family<OpLabels, Histogram, fn() -> Histogram>,
    closes: Family<CloseLabels, Counter>,
    dead_letters: Family<PluginLabels, Counter>,
    forgotten_letters: Family<PluginLabels, Counter>,
    linked_processes: Family<PluginLabels, Gauge>,
    /// Writes of events to sockets.
    pub deliveries: Counter,
    /// Connections that were cut off because their readers were too slow.
    pub slow: Counter,
    /// How often the writer waited for a shard.
    pub inbox_full: Counter,
    /// Sockets that are open now.
    pub connections: Gauge,
    /// Reports that were not a provider's.
    pub forged_reports: Counter,
    /// Sockets refused because there were too many.
    pub refused_connections: Counter,
    db_queries: Family<QueryLabels, Counter>,
    /// The position in the log up to which everybody who listens here was told.
    pub log_applied: Gauge,
    /// The newest position that this node knows of.
    pub log_newest: Gauge,
    /// Commits of other nodes that were found by looking, because no word of them came.
    pub lost_hints: Counter,
    /// Answers that were given although what came before them had not been applied here.
    pub late_answers: Counter,
    /// How long a probe takes through Redis and back, in seconds; -1 if it does not come back.
    pub bus_seconds: Gauge<f64, AtomicU64>,
    /// What could not be handed to Redis, or came and found no room.
    pub bus_dropped: Counter,
    /// How much this machine's clock is ahead of the database's, in milliseconds.
    pub clock_ahead_ms: Gauge,
    backlog: Backlog,
    rooms: Rooms,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut registry = Registry::with_prefix("carillon");
        let histogram: fn() -> Histogram = || Histogram::new(CALL_BOUNDS_S);
        let metrics = Metrics {
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(histogram),
            closes: Family::default(),
            dead_letters: Family::default(),
            forgotten_letters: Family::default(),
            linked_processes: Family::default(),
            deliveries: Counter::default(),
            slow: Counter::default(),
            inbox_full: Counter::default(),
            connections: Gauge::default(),
            forged_reports: Counter::default(),
            refused_connections: Counter::default(),
            db_queries: Family::default(),
            log_applied: Gauge::default(),
            log_newest: Gauge::default(),
            lost_hints: Counter::default(),
            late_answers: Counter::default(),
            bus_seconds: Gauge::default(),
            bus_dropped: Counter::default(),
            clock_ahead_ms: Gauge::default(),
            backlog: Backlog::default(),
            rooms: Rooms::default(),
            registry: Registry::default(),
        };
        registry.register("calls", "Calls by operation and outcome", metrics.calls.clone());
        registry.register(
            "call_seconds",
            "Time from a call to its answer",
            metrics.call_seconds.clone(),
        );
        registry.register("closes", "Connections ended by the server", metrics.closes.clone());
        let dead = metrics.dead_letters.clone();
        registry.register("dead_letters", "What plugins put aside after it failed for good", dead);
        let forgotten = metrics.forgotten_letters.clone();
        let help = "What was put aside and went to make room before anybody looked";
        registry.register("forgotten_letters", help, forgotten);
        let linked = metrics.linked_processes.clone();
        let help = "Processes linked to this node, of plugins that run apart";
        registry.register("linked_processes", help, linked);
        registry.register("deliveries", "Writes of events to sockets", metrics.deliveries.clone());
        registry.register("slow_readers", "Connections cut off as too slow", metrics.slow.clone());
        let full = metrics.inbox_full.clone();
        registry.register("inbox_full", "Times the writer waited for a shard", full);
        registry.register("connections", "Sockets open now", metrics.connections.clone());
        registry.register(
            "forged_reports",
            "Reports about messages and calls that were not a provider's",
            metrics.forged_reports.clone(),
        );
        registry.register(
            "refused_connections",
            "Sockets refused because there were too many",
            metrics.refused_connections.clone(),
        );
        registry.register(
            "db_queries",
            "Statements sent to the database, to read or by the connection that writes",
            metrics.db_queries.clone(),
        );
        metrics.register_cluster(&mut registry);
        metrics.backlog.register(&mut registry);
        metrics.rooms.register(&mut registry);
        Metrics { registry, ..metrics }
    }
}

impl Metrics {
    /// Takes over how many processes are linked.
    pub fn linked(&self, places: &Places) {
        for (plugin, processes) in places.iter() {
            let linked = self.linked_processes.get_or_create(&PluginLabels { plugin });
            linked.set(i64::from(processes.count()));
        }
    }

    /// Takes over what the threads that carry rooms have counted.
    pub fn carried(&self, media: &Carrier) {
        self.rooms.follow(media.stats().unwrap_or_default(), media.untold());
    }

    fn register_cluster(&self, registry: &mut Registry) {
        let applied = self.log_applied.clone();
        registry.register("log_applied", "Position up to which listeners were told", applied);
        let newest = self.log_newest.clone();
        registry.register("log_newest", "Newest position that is known", newest);
        let lost = self.lost_hints.clone();
        registry.register("lost_hints", "Commits of others found by looking", lost);
        let late = self.late_answers.clone();
        registry.register("late_answers", "Answers before what they follow was applied", late);
        let seconds = self.bus_seconds.clone();
        registry.register("bus_seconds", "A probe through Redis and back; -1 if lost", seconds);
        let dropped = self.bus_dropped.clone();
        registry.register("bus_dropped", "Hints that found no room or no Redis", dropped);
        let ahead = self.clock_ahead_ms.clone();
        let help = "How much this machine's clock is ahead of the shared database's";
        registry.register("clock_ahead_ms", help, ahead);
    }

    /// Takes over what the store and the bus have counted.
    pub fn follow(&self, asked: Asked, tail: &Tail, bus: Option<&Health>) {
        for (kind, count) in [("read", asked.reads), ("write", asked.writes)] {
            let queries = self.db_queries.get_or_create(&QueryLabels { kind });
            queries.inner().store(count, Ordering::Relaxed);
        }
        let position = |pos: u64| i64::try_from(pos).unwrap_or(i64::MAX);
        self.log_applied.set(position(tail.applied));
        self.log_newest.set(position(tail.newest));
        self.lost_hints.inner().store(tail.lost_hints, Ordering::Relaxed);
        self.late_answers.inner().store(tail.late_answers, Ordering::Relaxed);
        if let Some(bus) = bus {
            self.bus_seconds.set(bus.round_trip.map_or(-1.0, |probe| probe.as_secs_f64()));
            self.bus_dropped.inner().store(bus.dropped, Ordering::Relaxed);
        }
    }

    /// Looks what plugins have yet to do, if that was long enough ago; what is found is shown to
    /// whoever asks next.
    pub fn look_at_plugins(&self, host: &Host) {
        self.backlog.look(host);
    }

    /// Counts a call.
    pub fn called(&self, op: &'static str, error: Option<ErrorCode>, took: Duration) {
        let code = error.map_or("ok", ErrorCode::as_str);
        self.calls.get_or_create(&CallLabels { op, code }).inc();
        self.call_seconds.get_or_create(&OpLabels { op }).observe(took.as_secs_f64());
    }

    /// Counts what a plugin put aside.
    pub fn buried(&self, plugin: &'static str) {
        self.dead_letters.get_or_create(&PluginLabels { plugin }).inc();
    }

    /// Counts what of it went to make room.
    pub fn forgotten(&self, plugin: &'static str) {
        self.forgotten_letters.get_or_create(&PluginLabels { plugin }).inc();
    }

    /// Counts a connection that the server ended.
    pub fn closed(&self, code: CloseCode) {
        self.closes.get_or_create(&CloseLabels { code: code.number() }).inc();
    }

    /// The text that Prometheus reads.
    pub fn text(&self) -> String {
        let mut out = String::new();
        if text::encode(&mut out, &self.registry).is_err() {
            let _infallible = writeln!(out, "# the metrics could not be written");
        }
        out
    }
}

/// Starts logging to standard error; `RUST_LOG`, if it is set, replaces the configured level.
pub fn log(config: &Log) {
    let level = config.level.as_str();
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("{level},sqlx=warn,hyper=warn")));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second start in one process, as in tests, keeps the first one's settings.
    let _started = match config.format {
        LogFormat::Text => lines.with_target(false).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}
