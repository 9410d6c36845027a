//! The settings of an organisation: who may alert whom, how often, and when people are left in
//! peace.

use std::collections::BTreeSet;

use carillon_plugin::{Audited, Caller, Ctx, Error, Result};
use carillon_protocol::{
    OrgId, RoleId,
    ding::{Done, GetSettings, Quiet, Reach, RulesChangedData, Settings},
    limits::{DING_BUDGET_MAX, DING_SOURCES_MAX},
    role,
};

use super::{
    policy, quiet,
    revision::{Rules, json, read},
};

/// What holds where nothing was settled: at night what makes a noise waits.
fn usual() -> Settings {
    Settings {
        reach: Reach::Everybody,
        senders: Vec::new(),
        overriders: Vec::new(),
        quiet: Some(Quiet { from_min: 22 * 60, until_min: 7 * 60, days: Vec::new() }),
        sent_a_day: 50,
        paid_a_day: 10,
        cost_a_day: None,
        cost_a_month: None,
        currency: "HKD".into(),
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
    let before = load(&ctx, rules.org).await?;
    check_roles(&ctx, "senders", (&before.senders, &args.senders)).await?;
    check_roles(&ctx, "overriders", (&before.overriders, &args.overriders)).await?;
    let first = policy::load(&ctx, rules.org, Some(args.first)).await;
    first.map_err(|error| error.field("first"))?;
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
    if let Some(hours) = &args.quiet {
        quiet::check("quiet", hours)?;
        if !quiet::leave_time(std::slice::from_ref(hours)) {
            let msg = "quiet hours that never end; leave them out for none";
            return Err(Error::bad_arg("quiet.until_min", msg));
        }
    }
    for (field, max) in [("cost_a_day", args.cost_a_day), ("cost_a_month", args.cost_a_month)] {
        if max.is_some_and(|max| max > DING_BUDGET_MAX) {
            return Err(Error::bad_arg(field, format!("at most {DING_BUDGET_MAX} hundredths")));
        }
    }
    let is_code = args.currency.len() == 3 && args.currency.bytes().all(|b| b.is_ascii_uppercase());
    if !is_code {
        let msg = "name a currency by its three letters, as `HKD` or `EUR`";
        return Err(Error::bad_arg("currency", msg));
    }
    if !(1..=1_000).contains(&args.sent_a_day) {
        return Err(Error::bad_arg("sent_a_day", "allow 1 to 1,000 alerts a day"));
    }
    if args.paid_a_day > 100 {
        return Err(Error::bad_arg("paid_a_day", "allow 0 to 100 texts and calls a day"));
    }
    Ok(())
}

/// Refuses more roles than may be named, and those that are not there, by the field that has them.
/// Which was named before may have been removed since: nobody has it, and it stays until it is
/// taken out.
pub(super) async fn check_roles(
    ctx: &Ctx,
    field: &str,
    (before, named): (&[RoleId], &[RoleId]),
) -> Result<()> {
    if named.len() > DING_SOURCES_MAX {
        return Err(Error::too_large(field, format!("name at most {DING_SOURCES_MAX} roles")));
    }
    if named.iter().all(|role| before.contains(role)) {
        return Ok(());
    }
    let Caller { user, org, .. } = ctx.caller();
    let listed = ctx.call_as(Caller::on_behalf_of(user, org), None, &role::List {}).await?;
    let roles: BTreeSet<RoleId> = listed.roles.into_iter().map(|role| role.role).collect();
    let is_there = |role: &RoleId| roles.contains(role) || before.contains(role);
    match named.iter().position(|role| !is_there(role)) {
        Some(at) => Err(Error::not_found("role").field(&format!("{field}[{at}]"))),
        None => Ok(()),
    }
}
