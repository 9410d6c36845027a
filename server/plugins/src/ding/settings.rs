//! The settings of an organisation: who may alert whom, how often, and when people are left in
//! peace.

use std::collections::BTreeSet;

use carillon_plugin::{Audited, Caller, Ctx, Error, Result};
use carillon_protocol::{
    OrgId, RoleId,
    ding::{Done, GetSettings, Quiet, Reach, RulesChangedData, Settings},
    limits::DING_SOURCES_MAX,
    role,
};

use super::{
    policy,
    revision::{Rules, json, read},
};

/// The minutes of a day.
const DAY_MIN: u16 = 1_440;

/// What holds where nothing was settled: at night what makes a noise waits.
fn usual() -> Settings {
    Settings {
        reach: Reach::Everybody,
        senders: Vec::new(),
        overriders: Vec::new(),
        quiet: Some(Quiet { from_min: 22 * 60, until_min: 7 * 60 }),
        sent_a_day: 50,
        paid_a_day: 10,
        first: policy::USUAL,
    }
}

/// The settings of an organisation.
pub(super) async fn load(ctx: &Ctx, org: OrgId) -> Result<Settings> {
    let sql = "SELECT settings FROM ding_rules WHERE org = $1";
    let row = ctx.query_one(sql, [org.into()]).await?;
    match row.map(|row| row.get::<Option<String>>(0)).transpose()?.flatten() {
        Some(settings) => read(&settings),
        None => Ok(usual()),
    }
}

/// `ding.settings.get`.
pub(super) async fn get(ctx: Ctx, _: GetSettings) -> Result<Settings> {
    load(&ctx, ctx.caller().org).await
}

/// `ding.settings.set`.
pub(super) async fn set(ctx: Ctx, args: Settings) -> Result<Done> {
    let rules = Rules::permitted(&ctx).await?;
    check(&args)?;
    let roles = known_roles(&ctx).await?;
    for (field, named) in [("senders", &args.senders), ("overriders", &args.overriders)] {
        if let Some(at) = named.iter().position(|role| !roles.contains(role)) {
            return Err(Error::not_found("role").field(&format!("{field}[{at}]")));
        }
    }
    let named = policy::load(&ctx, rules.org, Some(args.first)).await;
    named.map_err(|error| error.field("first"))?;
    let before = load(&ctx, rules.org).await?;
    if before == args {
        return Ok(Done {});
    }
    let mut tx = rules.tx(&ctx, RulesChangedData::default());
    tx.run_one(
        "UPDATE ding_rules SET settings = $2 WHERE org = $1",
        [rules.org.into(), json(&args)?.into()],
    );
    tx.audit(Audited::of("ding_settings", rules.org).before(&before).after(&args));
    ctx.commit(tx).await?;
    Ok(Done {})
}

fn check(args: &Settings) -> Result<()> {
    for (field, named) in [("senders", &args.senders), ("overriders", &args.overriders)] {
        if named.len() > DING_SOURCES_MAX {
            let msg = format!("name at most {DING_SOURCES_MAX} roles");
            return Err(Error::too_large(field, msg));
        }
    }
    if let Some(Quiet { from_min, until_min }) = args.quiet {
        for (field, minute) in [("quiet.from_min", from_min), ("quiet.until_min", until_min)] {
            if minute >= DAY_MIN {
                return Err(Error::bad_arg(field, "a day has the minutes 0 to 1,439"));
            }
        }
    }
    if args.quiet.is_some_and(|quiet| quiet.from_min == quiet.until_min) {
        let msg = "quiet hours end at another time than they begin; leave them out for none";
        return Err(Error::bad_arg("quiet.until_min", msg));
    }
    if !(1..=1_000).contains(&args.sent_a_day) {
        return Err(Error::bad_arg("sent_a_day", "allow 1 to 1,000 alerts a day"));
    }
    if args.paid_a_day > 100 {
        return Err(Error::bad_arg("paid_a_day", "allow 0 to 100 texts and calls a day"));
    }
    Ok(())
}

async fn known_roles(ctx: &Ctx) -> Result<BTreeSet<RoleId>> {
    let Caller { user, org, .. } = ctx.caller();
    let listed = ctx.call_as(Caller::on_behalf_of(user, org), None, &role::List {}).await?;
    Ok(listed.roles.into_iter().map(|role| role.role).collect())
}
