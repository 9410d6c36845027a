//! What the node counts, and what it logs.

use std::{fmt::Write as _, io::IsTerminal as _, time::Duration};

use carillon_protocol::{CloseCode, ErrorCode};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

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
struct CloseLabels {
    code: u16,
}

/// Everything that `/metrics` shows, declared here and nowhere else.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    call_seconds: Family<OpLabels, Histogram, fn() -> Histogram>,
    closes: Family<CloseLabels, Counter>,
    /// Writes of events to sockets.
    pub deliveries: Counter,
    /// Connections that were cut off because their readers were too slow.
    pub slow: Counter,
    /// How often the writer waited for a shard.
    pub inbox_full: Counter,
    /// Sockets that are open now.
    pub connections: Gauge,
    /// Sockets refused because there were too many.
    pub refused_connections: Counter,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut registry = Registry::with_prefix("carillon");
        let histogram: fn() -> Histogram = || Histogram::new(CALL_BOUNDS_S);
        let metrics = Metrics {
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(histogram),
            closes: Family::default(),
            deliveries: Counter::default(),
            slow: Counter::default(),
            inbox_full: Counter::default(),
            connections: Gauge::default(),
            refused_connections: Counter::default(),
            registry: Registry::default(),
        };
        registry.register("calls", "Calls by operation and outcome", metrics.calls.clone());
        registry.register(
            "call_seconds",
            "Time from a call to its answer",
            metrics.call_seconds.clone(),
        );
        registry.register("closes", "Connections ended by the server", metrics.closes.clone());
        registry.register("deliveries", "Writes of events to sockets", metrics.deliveries.clone());
        registry.register("slow_readers", "Connections cut off as too slow", metrics.slow.clone());
        registry.register(
            "inbox_full",
            "Times the writer waited for a shard",
            metrics.inbox_full.clone(),
        );
        registry.register("connections", "Sockets open now", metrics.connections.clone());
        registry.register(
            "refused_connections",
            "Sockets refused because there were too many",
            metrics.refused_connections.clone(),
        );
        Metrics { registry, ..metrics }
    }
}

impl Metrics {
    /// Counts a call.
    pub fn called(&self, op: &'static str, error: Option<ErrorCode>, took: Duration) {
        let code = error.map_or("ok", ErrorCode::as_str);
        self.calls.get_or_create(&CallLabels { op, code }).inc();
        self.call_seconds.get_or_create(&OpLabels { op }).observe(took.as_secs_f64());
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
