//! What a plugin that runs apart may touch: its own tables and topics.

use std::collections::BTreeSet;

use carillon_protocol::Topic;

use crate::{Error, Plugin, Result, Storage};

pub(crate) struct Confined {
    plugin: &'static str,
    nouns: Vec<&'static str>,
    own: BTreeSet<String>,
}

impl Confined {
    pub(crate) fn of(plugin: &Plugin) -> Confined {
        Confined { plugin: plugin.name, nouns: plugin.nouns.clone(), own: BTreeSet::new() }
    }

    pub(crate) async fn reads(&self, _: &dyn Storage, _: &str) -> Result<()> {
        Ok(())
    }

    pub(crate) fn speaks_in(&self, topic: &Topic) -> Result<()> {
        Ok(())
    }
}
