//! Presence: who is connected now.
//!
//! It is nobody's history and nothing that must be kept, so it has no table and no events: each
//! node knows its own windows, and tells the others what changed ([`Presence`]). What `watch` does
//! on a socket beyond answering is the gateway's, which knows the connection.

mod others;
mod people;

use std::{collections::HashSet, sync::Arc};

use carillon_plugin::{Ctx, Error, Plugin, Result};
use carillon_protocol::{
    UserId,
    limits::WATCHED_PEOPLE_MAX,
    org,
    presence::{Connected, Person, Sessions, Watch, Watched},
};

pub use self::people::{PARTS, Presence, Said, Turn, part};

/// The plugin, over what the node knows of who is connected.
pub fn plugin(presence: Arc<Presence>) -> Plugin {
    Plugin::new("presence").state(presence).command(watch).command(sessions)
}

/// The people of the caller's organisation among those asked for, each once.
async fn watch(ctx: Ctx, args: Watch) -> Result<Watched> {
    if args.users.len() > WATCHED_PEOPLE_MAX {
        let msg = format!("at most {WATCHED_PEOPLE_MAX} people a connection");
        return Err(Error::too_large("users", msg));
    }
    let mut asked = HashSet::new();
    let users: Vec<UserId> = args.users.into_iter().filter(|user| asked.insert(*user)).collect();
    let named = ctx.call(&org::Names { org: ctx.caller().org, users }).await?;
    let presence = ctx.state::<Presence>();
    // Names come in the order asked, without those who are not there.
    let ours = named.names.into_iter().map(|(user, _)| user);
    let people = ours.map(|user| Person { user, online: presence.online(user) });
    Ok(Watched { people: people.collect() })
}

async fn sessions(ctx: Ctx, args: Sessions) -> Result<Connected> {
    let (sessions, complete) = ctx.state::<Presence>().sessions(args.user);
    Ok(Connected { sessions, complete })
}

#[cfg(test)]
mod tests;
