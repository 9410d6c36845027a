//! What plugins have yet to do, as gauges. Each count is a question to the database, so it is asked
//! beside the scrape, not by it: a scrape shows what was counted last, and never waits.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use carillon_plugin::{Caller, Host};
use carillon_protocol::plugin::{List, Plugin};
use prometheus_client::{
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};
use tokio::sync::Mutex;

use super::PluginLabels;

/// It is counted so often at most, however often somebody scrapes.
const EVERY: Duration = Duration::from_secs(5);
/// After a count that took long, at least so many times as long: at most a twentieth of the time is
/// spent on it, however much waits.
const REST: u32 = 20;

/// What waits, by plugin.
#[derive(Debug, Clone, Default)]
pub(super) struct Backlog {
    timers: Family<PluginLabels, Gauge>,
    timers_due: Family<PluginLabels, Gauge>,
    outbox: Family<PluginLabels, Gauge>,
    dead: Family<PluginLabels, Gauge>,
    behind: Family<PluginLabels, Gauge>,
    behind_seconds: Family<PluginLabels, Gauge<f64, AtomicU64>>,
    /// When it was counted last and when it may be again, in milliseconds since the epoch.
    counted: Arc<Mutex<Option<(i64, i64)>>>,
}

impl Backlog {
    pub(super) fn register(&self, registry: &mut Registry) {
        let lengths = [
            ("plugin_timers", "Calls that are owed to a plugin, due or not", &self.timers),
            ("plugin_timers_due", "Calls that are due and not made yet", &self.timers_due),
            ("plugin_outbox", "Effects of a plugin that have not happened yet", &self.outbox),
            ("plugin_dead", "What of a plugin failed for good and waits for somebody", &self.dead),
            ("plugin_behind", "Positions of the log that a plugin is behind", &self.behind),
        ];
        for (name, help, family) in lengths {
            registry.register(name, help, family.clone());
        }
        let help = "Age of the oldest event that a plugin has yet to handle";
        registry.register("plugin_behind_seconds", help, self.behind_seconds.clone());
    }

    /// Counts again beside whoever asks, if that was long enough ago.
    pub(super) fn look(&self, host: &Host) {
        let (backlog, host) = (self.clone(), host.clone());
        // Who comes while somebody counts is shown what was counted before.
        let Ok(mut counted) = Arc::clone(&self.counted).try_lock_owned() else { return };
        let begun = host.now();
        if counted.is_some_and(|(at, next)| (at..next).contains(&begun)) {
            return;
        }
        tokio::spawn(async move {
            match host.call_typed(Caller::SYSTEM, None, &List {}).await {
                Ok(listed) => backlog.set(&host, &listed.plugins),
                // The database is away, which /readyz says.
                Err(error) => tracing::debug!(%error, "what plugins have to do was not counted"),
            }
            let took = (host.now() - begun).max(0);
            let pause = (took * i64::from(REST)).max(EVERY.as_millis() as i64);
            *counted = Some((begun, begun + took + pause));
        });
    }

    fn set(&self, host: &Host, plugins: &[Plugin]) {
        let int = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for portrait in host.plugins() {
            let Some(it) = plugins.iter().find(|it| it.name == portrait.name) else { continue };
            let labels = PluginLabels { plugin: portrait.name };
            self.timers.get_or_create(&labels).set(int(it.timers));
            self.timers_due.get_or_create(&labels).set(int(it.timers_due));
            self.outbox.get_or_create(&labels).set(int(it.outbox));
            self.dead.get_or_create(&labels).set(int(it.dead));
            if let Some(reading) = &it.reading {
                self.behind.get_or_create(&labels).set(int(reading.behind));
                let seconds = Duration::from_millis(reading.behind_ms.max(0) as u64).as_secs_f64();
                self.behind_seconds.get_or_create(&labels).set(seconds);
            }
        }
    }
}
