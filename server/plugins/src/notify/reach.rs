//! Who can be reached through what, and what that costs.

use std::collections::BTreeMap;

use carillon_plugin::{
    Ctx, Error, Result, Value,
    protocol::{
        Channel, UserId,
        limits::REACH_PEOPLE_MAX,
        notify::{Reach, Reachable, Reached, Way},
    },
};

use super::{contact, places, settings::Stored};

/// So many people are looked up in one statement.
const LOOKED_UP: usize = 500;

pub(super) async fn reach(ctx: Ctx, args: Reach) -> Result<Reached> {
    if args.users.len() > REACH_PEOPLE_MAX {
        return Err(Error::bad_arg("users", format!("name at most {REACH_PEOPLE_MAX} people")));
    }
    let mut people = BTreeMap::new();
    for users in args.users.chunks(LOOKED_UP) {
        look(&ctx, users, &mut people).await?;
    }
    let stored = Stored::of(&ctx, ctx.caller().org).await?;
    Ok(Reached { people: people.into_values().collect(), ways: ways(&stored) })
}

async fn look(ctx: &Ctx, users: &[UserId], people: &mut BTreeMap<UserId, Reachable>) -> Result<()> {
    let list = places(2, users.len());
    let values = users.iter().map(|&user| Value::from(user));
    let args: Vec<Value> = [ctx.caller().org.into()].into_iter().chain(values).collect();
    let nobody = |user| Reachable { user, push: 0, email: false, phone: false };
    let sql = format!(
        "SELECT user_id, COUNT(*) FROM notify_device WHERE org = $1 AND user_id IN ({list})
         GROUP BY user_id"
    );
    for row in ctx.query(&sql, args.clone()).await? {
        let (user, count) = (row.get(0)?, row.get::<u64>(1)?);
        people.entry(user).or_insert_with(|| nobody(user)).push =
            u32::try_from(count).unwrap_or(u32::MAX);
    }
    let sql = format!(
        "SELECT user_id, kind FROM notify_contact
         WHERE org = $1 AND user_id IN ({list}) AND address IS NOT NULL"
    );
    for row in ctx.query(&sql, args).await? {
        let (user, kind) = (row.get(0)?, row.get::<String>(1)?);
        let person = people.entry(user).or_insert_with(|| nobody(user));
        match kind == contact::EMAIL {
            true => person.email = true,
            false => person.phone = true,
        }
    }
    Ok(())
}

/// The channels that somebody carries.
fn ways(stored: &Stored) -> Vec<Way> {
    let settings = &stored.settings;
    let prices = settings.prices.unwrap_or_default();
    let ways = [
        (Channel::Push, true, 0),
        (Channel::Email, settings.mail.is_some(), 0),
        (Channel::Sms, settings.sms.is_some(), prices.sms),
        (Channel::Call, settings.call.is_some(), prices.call),
    ];
    let open = ways.into_iter().filter(|(_, carried, _)| *carried);
    open.map(|(channel, _, cents)| Way { channel, cents }).collect()
}
