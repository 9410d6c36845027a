//! Whom an alert is for.

use std::collections::{BTreeMap, BTreeSet};

use carillon_plugin::{Caller, Ctx, Error, Result};
use carillon_protocol::{
    OrgId, UserId, conv,
    ding::Audience,
    limits::{DING_PEOPLE_MAX, DING_SOURCES_MAX},
    org::{self, Recipient, Recipients},
};
use jiff::tz::TimeZone;

use super::board;

/// Somebody who is to be reached.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) user: UserId,
    pub(super) name: String,
    pub(super) locale: String,
    pub(super) tz: TimeZone,
    pub(super) manager: Option<UserId>,
    pub(super) manager_above: Option<UserId>,
}

impl Person {
    fn of(found: Recipient) -> Person {
        Person {
            user: found.user,
            name: found.name,
            locale: found.locale,
            tz: zone_of(&found.tz),
            manager: found.manager,
            manager_above: found.manager_above,
        }
    }
}

/// A time zone by its name. What no database of zones knows is as good as UTC: an alert is not held
/// up by that.
fn zone_of(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// The organisation's time zone.
pub(super) async fn zone(ctx: &Ctx, org: OrgId) -> Result<TimeZone> {
    let here = Caller::on_behalf_of(ctx.caller().user, org);
    Ok(zone_of(&ctx.call_as(here, None, &org::Get {}).await?.tz))
}

/// People of an organisation who are still there, as many as are asked for.
pub(super) async fn people(
    ctx: &Ctx,
    org: OrgId,
    users: &BTreeSet<UserId>,
) -> Result<BTreeMap<UserId, Person>> {
    let users = users.iter().copied().collect();
    let found = ask(ctx, Recipients { users, max: u32::MAX, ..nobody(org) }).await?;
    Ok(found.into_iter().map(|it| (it.user, Person::of(it))).collect())
}

/// Refuses people who do not exist here, or have left; `place` says where each stands.
pub(super) async fn all_are_here(
    ctx: &Ctx,
    org: OrgId,
    users: &[UserId],
    place: impl Fn(usize) -> String,
) -> Result<()> {
    if users.is_empty() {
        return Ok(());
    }
    let asked = Recipients { users: users.to_vec(), max: u32::MAX, ..nobody(org) };
    let here: BTreeSet<UserId> = match ask(ctx, asked).await {
        Ok(found) => found.into_iter().map(|it| it.user).collect(),
        Err(error) => {
            // Where the directory says that somebody stands, in the words of the caller.
            let field = error.body().field.as_deref().and_then(index).map(&place);
            return Err(match field {
                Some(field) => error.field(&field),
                None => error,
            });
        }
    };
    match users.iter().position(|user| !here.contains(user)) {
        Some(at) => {
            let msg = "this person has left the organisation; name somebody else";
            Err(Error::conflict(msg).field(&place(at)))
        }
        None => Ok(()),
    }
}

/// The number in `users[7]`.
fn index(field: &str) -> Option<usize> {
    field.strip_prefix("users[")?.strip_suffix(']')?.parse().ok()
}

fn nobody(org: OrgId) -> Recipients {
    let (users, roles, departments) = (Vec::new(), Vec::new(), Vec::new());
    Recipients { org, users, roles, departments, max: 0 }
}

async fn ask(ctx: &Ctx, recipients: Recipients) -> Result<Vec<Recipient>> {
    Ok(ctx.call(&recipients).await?.people)
}

/// Everybody whom an alert is for, by id, each once: without its sender, and without who left. What
/// belongs to another organisation does not exist.
pub(super) async fn resolve(ctx: &Ctx, by: Caller, to: &Audience) -> Result<Vec<UserId>> {
    check(to)?;
    let mut users: BTreeSet<UserId> = to.users.iter().copied().collect();
    for (at, conv) in to.convs.iter().enumerate() {
        let found = talking(ctx, by, conv::Audience { conv: *conv, unread: None }).await;
        users.extend(found.map_err(|error| error.field(&format!("to.convs[{at}]")))?);
    }
    if let Some(message) = to.unread_of {
        let unread = conv::Audience { conv: message.conv, unread: Some(message.seq) };
        let found = talking(ctx, by, unread).await;
        users.extend(found.map_err(|error| error.field("to.unread_of"))?);
    }
    if let Some(ding) = to.unconfirmed_of {
        let found = board::unanswered(ctx, by, ding).await;
        users.extend(found.map_err(|error| error.field("to.unconfirmed_of"))?);
    }
    users.remove(&by.user);
    let asked = Recipients {
        org: by.org,
        users: users.into_iter().collect(),
        roles: to.roles.clone(),
        departments: to.departments.clone(),
        // The sender may be among them, and is taken out after that.
        max: DING_PEOPLE_MAX as u32 + 1,
    };
    let named = |error: Error| match error.body().field.as_deref().and_then(index) {
        Some(_) => error.field("to.users"),
        None => error.field("to"),
    };
    let found = ask(ctx, asked).await.map_err(named)?;
    let here: Vec<UserId> =
        found.into_iter().map(|it| it.user).filter(|user| *user != by.user).collect();
    match here.len() {
        0 => Err(Error::bad_arg("to", "this reaches nobody: name somebody besides yourself")),
        1..=DING_PEOPLE_MAX => Ok(here),
        _ => Err(too_many()),
    }
}

fn too_many() -> Error {
    let msg = format!("an alert is for at most {DING_PEOPLE_MAX} people; choose fewer");
    Error::too_large("to", msg)
}

/// Lists that are longer than can be meant are refused before anybody is asked.
fn check(to: &Audience) -> Result<()> {
    if to.users.len() > DING_PEOPLE_MAX {
        return Err(too_many());
    }
    let lists = [
        ("to.roles", to.roles.len()),
        ("to.departments", to.departments.len()),
        ("to.convs", to.convs.len()),
    ];
    match lists.into_iter().find(|(_, len)| *len > DING_SOURCES_MAX) {
        Some((field, _)) => {
            Err(Error::too_large(field, format!("name at most {DING_SOURCES_MAX}")))
        }
        None => Ok(()),
    }
}

/// People of a conversation, as the sender may call them.
async fn talking(ctx: &Ctx, by: Caller, asked: conv::Audience) -> Result<Vec<UserId>> {
    Ok(ctx.call_as(Caller::let_in(by.user, by.org), None, &asked).await?.users)
}
