//! The plugins of this node, a line each.

use std::sync::Arc;

use carillon_plugin::Plugin;
use carillon_plugins::{
    audit, bot, chat, directory, log, node, plugin, poll,
    presence::{self, Presence},
};

/// The plugins that may run apart from the node, as a process of their own runs them.
pub fn apart() -> Vec<Plugin> {
    let all = plugins(<_>::default(), <_>::default(), <_>::default());
    all.into_iter().filter(Plugin::may_run_apart).collect()
}

/// Every plugin, in the order in which their tables are made.
pub fn plugins(
    directory: directory::Settings,
    chat: chat::Settings,
    presence: Arc<Presence>,
) -> Vec<Plugin> {
    vec![
        audit::plugin(),
        directory::plugin(directory),
        chat::plugin(chat),
        bot::plugin(),
        log::plugin(),
        node::plugin(),
        plugin::plugin(),
        poll::plugin(),
        presence::plugin(presence),
    ]
}
