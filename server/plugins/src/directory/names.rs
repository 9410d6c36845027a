//! The names of people, for other plugins: also of those who left, who wrote things.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use carillon_plugin::{Ctx, Error, Result};
use carillon_protocol::{
    Event, OrgId, UserId,
    limits::USERS_PER_CALL_MAX,
    org::{Named, Names as AskNames, kind},
};

use super::{Directory, batch, member::changed, memory::Memory};

/// The most names kept in memory, at some 150 bytes each.
const NAMES_MAX: usize = 50_000;

/// The names that were asked for lately.
pub(super) struct Names(Memory<UserId, Arc<Name>>);

struct Name {
    org: OrgId,
    name: String,
    left: bool,
}

impl Default for Names {
    fn default() -> Names {
        Names(Memory::new(NAMES_MAX))
    }
}

impl Names {
    /// Forgets who was renamed, left or came back, on whichever node.
    pub(super) fn observe(&self, event: &Event) {
        match (&*event.k, changed(event)) {
            (kind::IMPORTED, _) => self.0.forget_all(),
            (_, Some(user)) => self.0.forget(&user),
            _ => {}
        }
    }
}

static LOOK_UP: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT id, org, name, left_at FROM directory_user WHERE id IN {}", batch::places())
});

/// The names of some people, and who of them left. Those of another organisation are left out like
/// those who do not exist.
pub(super) async fn names(ctx: Ctx, args: AskNames) -> Result<Named> {
    if args.users.len() > USERS_PER_CALL_MAX {
        let msg = format!("at most {USERS_PER_CALL_MAX} people a call");
        return Err(Error::bad_arg("users", msg));
    }
    let memory = &ctx.state::<Directory>().names.0;
    let since = memory.since();
    let mut found: HashMap<UserId, Arc<Name>> = HashMap::with_capacity(args.users.len());
    let mut missing = Vec::new();
    for user in &args.users {
        match memory.get(user) {
            Some(name) => drop(found.insert(*user, name)),
            None => missing.push(*user),
        }
    }
    for row in batch::query(&ctx, &LOOK_UP, &missing).await? {
        let left = row.get::<Option<i64>>(3)?.is_some();
        let (user, org, name) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let name = Arc::new(Name { org, name, left });
        memory.keep(since, user, Arc::clone(&name));
        found.insert(user, name);
    }
    let here = |user: &UserId| found.get_key_value(user).filter(|(_, it)| it.org == args.org);
    let asked = || args.users.iter().filter_map(here);
    let names = asked().map(|(user, it)| (*user, it.name.clone())).collect();
    let left = asked().filter(|(_, it)| it.left).map(|(user, _)| *user).collect();
    Ok(Named { names, left })
}
