//! What the threads that carry the media of rooms have counted.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use carillon_sfu::{FORWARD_SECONDS, Stats};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

/// The newest counts. They are taken over as a whole: nothing of it is counted twice.
#[derive(Debug, Clone, Default)]
pub(super) struct Rooms(Arc<Mutex<Counts>>);

#[derive(Debug, Clone, Default)]
struct Counts {
    stats: Stats,
    /// What of media's own facts was not told.
    untold: u64,
}

impl Rooms {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.clone()));
    }

    pub(super) fn follow(&self, stats: Stats, untold: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Counts { stats, untold };
    }
}

impl Collector for Rooms {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Counts { stats, untold } =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut say =
            |name, help, metric: &dyn Metric| metric.say(&mut encoder, name, &format!("{help}."));
        say("room_open", "Rooms with somebody in them", &Gauge(stats.rooms as f64))?;
        say("room_participants", "People in rooms", &Gauge(stats.participants as f64))?;
        say(
            "room_connections",
            "Connections of people in rooms",
            &Gauge(stats.connections as f64),
        )?;
        say("room_packets_in", "Datagrams of media received", &Counter(stats.packets_in))?;
        say("room_bytes_in", "Bytes of media received", &Counter(stats.bytes_in))?;
        say("room_packets_out", "Datagrams of media sent", &Counter(stats.packets_out))?;
        say("room_bytes_out", "Bytes of media sent", &Counter(stats.bytes_out))?;
        say("room_packets_refused", "Datagrams of nobody, or unreadable", &Counter(stats.refused))?;
        say("room_packets_muted", "Media that were not permitted", &Counter(stats.muted))?;
        let excess = Counter(stats.excess);
        say("room_packets_excess", "Media beyond what a publisher may send", &excess)?;
        say("room_packets_dropped", "Datagrams not sent, or too late", &Counter(stats.dropped))?;
        let keyframes = Counter(stats.keyframes_asked);
        say("room_keyframes_asked", "Key frames asked of publishers", &keyframes)?;
        let turned_away = Counter(stats.turned_away);
        say("room_turned_away", "Rooms refused because there was too much to do", &turned_away)?;
        say("room_facts_dropped", "Who speaks or is seen, not told", &Counter(untold))?;
        let lap = Gauge(stats.lap_p99.as_secs_f64());
        say("room_lap_p99_seconds", "99th percentile of a thread's lap", &lap)?;
        let forward = Histogram { classes: &stats.forward, sum: stats.forward_sum };
        say("room_forward_seconds", "From the kernel's receiving to the end of sending", &forward)
    }
}

/// Something that is written as it is now.
trait Metric {
    fn say(&self, encoder: &mut DescriptorEncoder, name: &str, help: &str) -> fmt::Result;
}

struct Gauge(f64);
struct Counter(u64);
struct Histogram<'a> {
    classes: &'a [u64],
    sum: Duration,
}

impl Metric for Gauge {
    fn say(&self, encoder: &mut DescriptorEncoder, name: &str, help: &str) -> fmt::Result {
        let gauge = ConstGauge::new(self.0);
        gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
    }
}

impl Metric for Counter {
    fn say(&self, encoder: &mut DescriptorEncoder, name: &str, help: &str) -> fmt::Result {
        let counter = ConstCounter::new(self.0);
        counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
    }
}

impl Metric for Histogram<'_> {
    fn say(&self, encoder: &mut DescriptorEncoder, name: &str, help: &str) -> fmt::Result {
        let bounds = FORWARD_SECONDS.into_iter().chain([f64::INFINITY]);
        let classes: Vec<_> = bounds.zip(self.classes.iter().copied()).collect();
        let count = self.classes.iter().sum();
        let mut encoder = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        encoder.encode_histogram::<NoLabelSet>(self.sum.as_secs_f64(), count, &classes, None)
    }
}
