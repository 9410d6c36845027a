//! Which plugin runs where.

use std::{
    collections::{BTreeMap, btree_map},
    sync::Arc,
};

use carillon_plugin::{
    BoxFuture, Error, Plugin, Result,
    apart::{Done, Link, Node, Order, Place},
};

use super::Processes;
use crate::config::{PluginSettings, Run};

/// Why a plugin cannot run where the settings say, in a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Misplaced {
    /// There is no such plugin.
    #[error("`plugins.{name}`: there is no such plugin; those that may run elsewhere are {able}")]
    Unknown {
        /// What was written.
        name: String,
        /// Those that there are.
        able: String,
    },
    /// It runs in the node or not at all.
    #[error("`plugins.{name}.run`: `{name}` runs in the node always; leave this out")]
    Bound {
        /// Which.
        name: String,
    },
}

/// The plugins of this node that run apart, with the processes that are linked.
#[derive(Debug, Clone, Default)]
pub struct Places(BTreeMap<&'static str, Arc<Processes>>);

impl Places {
    /// The processes of a plugin, if it runs apart.
    pub fn get(&self, plugin: &str) -> Option<&Arc<Processes>> {
        self.0.get(plugin)
    }

    /// All of them.
    pub fn iter(&self) -> btree_map::Iter<'_, &'static str, Arc<Processes>> {
        self.0.iter()
    }

    /// Ends all links: the node ends.
    pub fn close(&self) {
        self.0.values().for_each(|processes| processes.close());
    }
}

/// The plugins as they run on this node.
///
/// # Errors
/// [`Misplaced`].
pub fn place(
    plugins: Vec<Plugin>,
    settings: &BTreeMap<String, PluginSettings>,
) -> Result<(Vec<Plugin>, Places), Misplaced> {
    let known = |name: &String| plugins.iter().any(|plugin| plugin.name() == name);
    if let Some(name) = settings.keys().find(|name| !known(name)) {
        let able = plugins.iter().filter(|plugin| plugin.may_run_apart());
        let able: Vec<_> = able.map(|plugin| format!("`{}`", plugin.name())).collect();
        return Err(Misplaced::Unknown { name: name.clone(), able: able.join(", ") });
    }
    let mut places = BTreeMap::new();
    let placed = plugins.into_iter().map(|plugin| {
        let name = plugin.name();
        let run = settings.get(name).map_or(Run::Local, |settings| settings.run);
        match run {
            Run::Local => Ok(plugin),
            _ if !plugin.may_run_apart() => Err(Misplaced::Bound { name: name.into() }),
            Run::Off => Ok(plugin.elsewhere(Arc::new(Off(name)))),
            Run::Remote => {
                let processes = Arc::new(Processes::new(name));
                places.insert(name, Arc::clone(&processes));
                Ok(plugin.elsewhere(processes))
            }
        }
    });
    let placed = placed.collect::<Result<_, _>>()?;
    Ok((placed, Places(places)))
}

/// Where the handlers of a plugin are that is switched off: nowhere. What it is owed waits.
struct Off(&'static str);

impl Link for Off {
    fn perform(&self, _: Order, _: Arc<dyn Node>) -> BoxFuture<'_, Result<Done>> {
        let msg = format!("`{}` is switched off on this server; ask whoever runs it", self.0);
        Box::pin(async move { Err(Error::away(msg)) })
    }

    fn place(&self) -> Place {
        Place::Off
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(name: &str, run: Run) -> Result<Vec<&'static str>, String> {
        let plugins = vec![Plugin::new("core"), Plugin::new("poll").apart()];
        let settings = BTreeMap::from([(name.to_owned(), PluginSettings { run })]);
        let placed = place(plugins, &settings).map_err(|error| error.to_string())?;
        Ok(placed.1.iter().map(|(name, _)| *name).collect())
    }

    #[test]
    fn only_what_may_run_apart_runs_apart_or_is_switched_off() {
        assert_eq!(placed("poll", Run::Remote), Ok(vec!["poll"]));
        assert_eq!(placed("poll", Run::Off), Ok(vec![]));
        assert_eq!(placed("core", Run::Local), Ok(vec![]));
        for run in [Run::Remote, Run::Off] {
            let refused = placed("core", run).unwrap_err();
            assert_eq!(
                refused,
                "`plugins.core.run`: `core` runs in the node always; leave this out"
            );
        }
        assert_eq!(
            placed("pol", Run::Local).unwrap_err(),
            "`plugins.pol`: there is no such plugin; those that may run elsewhere are `poll`"
        );
    }
}
