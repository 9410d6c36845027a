//! Who may alert whom, who may pass over quiet hours, and how many alerts somebody may send.

use std::collections::BTreeSet;

use carillon_plugin::{Caller, Ctx, Error, Result, Tx};
use carillon_protocol::{
    ErrorCode, RoleId, UserId,
    ding::{Policy, Reach, Settings},
    org::{GetMembers, Member, Recipients},
};
use jiff::Timestamp;

use super::audience;

/// How many of the recipients the sender must be allowed to alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// All of them: somebody chooses them now.
    All,
    /// Any: they were chosen earlier, and who is out of reach since is left out.
    Any,
}

/// Those of the recipients whom the sender may alert. Refused, if these are too few, or if the
/// sender may not send such an alert to anybody.
pub(super) async fn check(
    ctx: &Ctx,
    by: Caller,
    settings: &Settings,
    policy: &Policy,
    urgent: bool,
    (to, need): (&[UserId], Need),
) -> Result<Vec<UserId>> {
    let sender = member(ctx, by).await?;
    let overrides =
        [&settings.overriders, &policy.rules.overriders].iter().any(|it| has_any(&sender, it));
    if urgent && !overrides {
        let msg = "you may not pass over quiet hours; ask an administrator";
        return Err(Error::denied(msg).field("urgent"));
    }
    if policy.rules.overrides_quiet && !overrides {
        let msg = "this policy passes over quiet hours, which you may not; choose another one";
        return Err(Error::denied(msg).field("policy"));
    }
    if settings.reach == Reach::Everybody || has_any(&sender, &settings.senders) {
        return Ok(to.to_vec());
    }
    let within = within_reach(ctx, by, settings.reach, &sender, to).await?;
    let too_few = match need {
        Need::All => within.len() < to.len(),
        Need::Any => within.is_empty() && !to.is_empty(),
    };
    if !too_few {
        return Ok(within);
    }
    let whom = match settings.reach {
        Reach::Department => "people of your departments, whom you manage or who manage you",
        Reach::Managed => "people whom you manage",
        Reach::Nobody | Reach::Everybody => "nobody",
    };
    let msg = format!("you may alert {whom}; {} of these are others", to.len() - within.len());
    Err(Error::denied(msg).field("to"))
}

/// The sender, who is still there.
async fn member(ctx: &Ctx, by: Caller) -> Result<Member> {
    let here = Caller::on_behalf_of(by.user, by.org);
    let got = ctx.call_as(here, None, &GetMembers { users: vec![by.user] }).await?;
    let gone = || Error::denied("you are not in the organisation any more");
    got.members.into_iter().find(|member| member.active).ok_or_else(gone)
}

/// Whether somebody has one of these roles. Administrators have all.
fn has_any(sender: &Member, roles: &[RoleId]) -> bool {
    sender.admin || sender.roles.iter().any(|role| roles.contains(role))
}

/// Those of these people whom the sender may alert.
async fn within_reach(
    ctx: &Ctx,
    by: Caller,
    reach: Reach,
    sender: &Member,
    to: &[UserId],
) -> Result<Vec<UserId>> {
    if reach == Reach::Nobody {
        return Ok(Vec::new());
    }
    let mut near = BTreeSet::new();
    if reach == Reach::Department {
        let own = audience::people(ctx, by.org, &BTreeSet::from([by.user])).await?;
        near.extend(own.values().flat_map(|it| [it.manager, it.manager_above]).flatten());
        near.extend(colleagues(ctx, by, sender).await?);
    }
    let people = audience::people(ctx, by.org, &to.iter().copied().collect()).await?;
    let manages = |user: &UserId| {
        let person = people.get(user);
        person.is_some_and(|it| [it.manager, it.manager_above].contains(&Some(by.user)))
    };
    Ok(to.iter().copied().filter(|user| near.contains(user) || manages(user)).collect())
}

/// Who is in a department of the sender's, or in one below.
async fn colleagues(ctx: &Ctx, by: Caller, sender: &Member) -> Result<Vec<UserId>> {
    let (users, roles, departments) = (Vec::new(), Vec::new(), sender.departments.clone());
    let asked = Recipients { org: by.org, users, roles, departments, max: u32::MAX };
    Ok(ctx.call(&asked).await?.people.into_iter().map(|it| it.user).collect())
}

/// Counts an alert that is sent, unless its sender has sent as many today as are allowed.
pub(super) async fn count(ctx: &Ctx, by: Caller, settings: &Settings, tx: &mut Tx) -> Result<()> {
    let zone = audience::zone(ctx, by.org).await?;
    let now = Timestamp::from_millisecond(ctx.now()).map_err(Error::internal)?;
    let today = zone.to_datetime(now).date();
    let today = i64::from(today.year()) * 1_000 + i64::from(today.day_of_year());
    let sql = "SELECT day, alerts FROM ding_sender WHERE user_id = $1";
    let (day, alerts): (i64, u64) = match ctx.query_one(sql, [by.user.into()]).await? {
        Some(row) => (row.get(0)?, row.get(1)?),
        None => (today, 0),
    };
    let sent = if day == today { alerts } else { 0 };
    if sent >= u64::from(settings.sent_a_day) {
        let msg = format!("you have sent {sent} alerts today, as many as a day allows");
        return Err(Error::new(ErrorCode::Quota, msg));
    }
    tx.run_one(
        "INSERT INTO ding_sender (user_id, day, alerts) VALUES ($1, $2, $3)
         ON CONFLICT (user_id) DO UPDATE SET day = $2, alerts = $3
             WHERE ding_sender.day = $4 AND ding_sender.alerts = $5",
        [by.user.into(), today.into(), (sent + 1).into(), day.into(), alerts.into()],
    );
    Ok(())
}
