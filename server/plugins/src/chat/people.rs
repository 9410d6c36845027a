//! What chat asks the directory about people: what they are called, and whether they left.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use carillon_plugin::{Ctx, Result};
use carillon_protocol::{Event, OrgId, UserId, limits::USERS_PER_CALL_MAX, org};

use super::rules;

/// So many who left lately are remembered: more than leave while a call lasts.
const LATELY_MAX: usize = 256;

/// Some people of an organisation; whoever does not exist is missing.
#[derive(Debug, Default)]
pub(crate) struct People {
    names: BTreeMap<UserId, String>,
    left: BTreeSet<UserId>,
}

impl People {
    /// As the directory says, which answers from memory if it was asked lately.
    pub(crate) async fn ask(ctx: &Ctx, org: OrgId, users: &[UserId]) -> Result<People> {
        let mut people = People::default();
        for users in users.chunks(USERS_PER_CALL_MAX) {
            let named = ctx.call(&org::Names { org, users: users.to_vec() }).await?;
            people.names.extend(named.names);
            people.left.extend(named.left);
        }
        Ok(people)
    }

    /// The same of the caller's organisation.
    pub(crate) async fn ours(ctx: &Ctx, users: &[UserId]) -> Result<People> {
        People::ask(ctx, ctx.caller().org, users).await
    }

    /// Somebody's name; whoever is gone from the directory is called by the id.
    pub(crate) fn name(&self, user: UserId) -> String {
        self.names.get(&user).cloned().unwrap_or_else(|| user.to_string())
    }

    /// Whether somebody left.
    pub(crate) fn has_left(&self, user: UserId) -> bool {
        self.left.contains(&user)
    }
}

/// Refuses people who do not exist in the caller's organisation.
pub(crate) async fn all_exist(
    ctx: &Ctx,
    field: &str,
    asked: &[UserId],
    users: &[UserId],
) -> Result<People> {
    let people = People::ours(ctx, users).await?;
    match users.iter().find(|user| !people.names.contains_key(user)) {
        Some(&user) => Err(rules::nobody(field, asked, user)),
        None => Ok(people),
    }
}

/// Refuses also those who left.
pub(crate) async fn all_are_here(
    ctx: &Ctx,
    field: &str,
    asked: &[UserId],
    users: &[UserId],
) -> Result<()> {
    let people = all_exist(ctx, field, asked, users).await?;
    match users.iter().find(|user| people.has_left(**user)) {
        Some(&user) => Err(rules::left(field, asked, user)),
        None => Ok(()),
    }
}

/// Somebody left the organisation, or came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Went {
    pub(crate) user: UserId,
    pub(crate) away: bool,
}

impl Went {
    /// What an event says of it.
    pub(crate) fn of(event: &Event) -> Option<Went> {
        let away = match &*event.k {
            org::kind::MEMBER_LEFT => true,
            org::kind::MEMBER_RETURNED => false,
            _ => return None,
        };
        let data = event.data.to::<org::MemberChangedData>();
        data.inspect_err(|error| tracing::error!(%error, id = %event.id, "unreadable event"))
            .ok()
            .map(|data| Went { user: data.user, away })
    }
}

/// Those who left lately: somebody may have looked before, and be adding them to a group.
#[derive(Debug, Default)]
pub(crate) struct Leavers(Mutex<VecDeque<UserId>>);

impl Leavers {
    fn lock(&self) -> MutexGuard<'_, VecDeque<UserId>> {
        // Nothing in here panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(&self, Went { user, away }: Went) {
        let mut lately = self.lock();
        lately.retain(|other| *other != user);
        if away {
            lately.push_back(user);
        }
        if lately.len() > LATELY_MAX {
            lately.pop_front();
        }
    }

    /// Those of some people who left lately.
    pub(crate) fn among(&self, users: &[UserId]) -> Vec<UserId> {
        let lately = self.lock();
        users.iter().copied().filter(|user| lately.contains(user)).collect()
    }
}
