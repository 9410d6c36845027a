//! What a plugin does besides answering: it reads events, is owed calls, has effects on the
//! outside, and offers facts.

use std::{
    any::Any,
    collections::BTreeSet,
    mem::take,
    sync::{Arc, atomic::AtomicU64},
};

use crate::{
    Host, Plugin,
    apart::{Link, Place},
    backlog::Backlog,
    fact::Offer,
    outbox::Outlets,
    reader::Reader,
    step::Wakes,
};

/// Whose handler runs.
pub(crate) struct Owner {
    pub(crate) name: &'static str,
    pub(crate) state: Arc<dyn Any + Send + Sync>,
    pub(crate) wakes: Arc<Wakes>,
    pub(crate) backlog: Backlog,
}

/// What a plugin does besides answering.
pub(crate) struct Duties {
    pub(crate) owner: Arc<Owner>,
    pub(crate) readers: Vec<Reader>,
    pub(crate) from_the_beginning: bool,
    /// Up to this position, after the cursor, nothing concerns the readers.
    pub(crate) looked_through: AtomicU64,
    pub(crate) outlets: Outlets,
    pub(crate) facts: Vec<Offer>,
    operations: Vec<&'static str>,
    link: Option<Arc<dyn Link>>,
}

/// A plugin as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portrait {
    /// Its name.
    pub name: &'static str,
    /// Its operations.
    pub operations: Vec<&'static str>,
    /// The kinds of events that it reads.
    pub reads: Vec<&'static str>,
    /// The kinds of effects that it has on the outside.
    pub effects: Vec<&'static str>,
    /// Where it runs.
    pub place: Place,
}

impl Duties {
    /// Those of a plugin.
    pub(crate) fn take(plugin: &mut Plugin) -> Duties {
        let (state, wakes) = (plugin.state.clone(), plugin.wakes.clone());
        Duties {
            owner: Arc::new(Owner { name: plugin.name, state, wakes, backlog: <_>::default() }),
            readers: take(&mut plugin.readers),
            from_the_beginning: plugin.from_the_beginning,
            looked_through: AtomicU64::new(0),
            outlets: take(&mut plugin.outlets),
            facts: take(&mut plugin.facts),
            operations: plugin.entries.keys().copied().collect(),
            link: plugin.link.take(),
        }
    }

    /// All kinds of events that the plugin reads.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        let kinds: BTreeSet<_> = self.readers.iter().flat_map(|reader| &reader.kinds).collect();
        kinds.into_iter().copied().collect()
    }

    /// What handles a kind of events.
    pub(crate) fn reader(&self, k: &str) -> Option<&Reader> {
        self.readers.iter().find(|reader| reader.kinds.contains(&k))
    }
}

impl Host {
    pub(crate) fn duties(&self, plugin: &str) -> Option<&Duties> {
        self.all_duties().find(|duties| duties.owner.name == plugin)
    }

    pub(crate) fn all_duties(&self) -> impl Iterator<Item = &Duties> {
        self.0.table.duties.iter()
    }

    /// The plugins, in the order of the registry.
    pub fn plugins(&self) -> impl Iterator<Item = Portrait> + '_ {
        self.all_duties().map(|duties| Portrait {
            name: duties.owner.name,
            operations: duties.operations.clone(),
            reads: duties.kinds(),
            effects: duties.outlets.keys().copied().collect(),
            place: duties.link.as_ref().map_or(Place::Local, |link| link.place()),
        })
    }
}
