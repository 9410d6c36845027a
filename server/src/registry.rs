//! The plugins of this node, a line each.

use std::sync::Arc;

use carillon_plugin::{Media, Plugin};
use carillon_plugins::{
    audit, bot, chat, ding, directory, log, node,
    notify::{self, Ways},
    plugin, poll,
    presence::{self, Presence},
    room,
};

use crate::media::Carrier;

/// The plugins that may run apart from the node, as a process of their own runs them.
pub fn apart() -> Vec<Plugin> {
    unused().into_iter().filter(Plugin::may_run_apart).collect()
}

/// Every plugin, for those who only look at them.
pub fn unused() -> Vec<Plugin> {
    plugins(<_>::default(), <_>::default(), (<_>::default(), Carrier::closed()), Ways::closed())
}

/// Every plugin, in the order in which their tables are made.
pub fn plugins(
    directory: directory::Settings,
    chat: chat::Settings,
    (presence, media): (Arc<Presence>, Arc<dyn Media>),
    ways: Ways,
) -> Vec<Plugin> {
    vec![
        audit::plugin(),
        directory::plugin(directory),
        chat::plugin(chat),
        bot::plugin(),
        ding::plugin(),
        log::plugin(),
        node::plugin(),
        notify::plugin(ways),
        plugin::plugin(),
        poll::plugin(),
        presence::plugin(presence),
        room::plugin(media),
    ]
}
