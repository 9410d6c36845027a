//! Who may call everybody of a group at once: what its owner settles, and the most that the
//! organisation allows. Strictest wins; the one does not write over the other.

use carillon_plugin::{Audited, Ctx, Decision, Error, Result};
use carillon_protocol::{
    OrgId, Topic,
    conv::{
        Callers, Changed, GetLimits, LimitsSet, Rules, RulesChangedData, SetLimits, SetRules, kind,
    },
    role::ORGANISATION,
    session::Whoami,
};

use super::{Chat, load, rules, who};

/// What an organisation allows.
pub(super) async fn of(ctx: &Ctx, org: OrgId) -> Result<Rules> {
    let sql = "SELECT mention_all, ding_all FROM chat_limit WHERE org = $1";
    let row = ctx.query_one(sql, [org.into()]).await?;
    row.map_or(Ok(Rules::default()), |row| load::rules(&row, 0))
}

/// `conv.limits.get`.
pub(super) async fn get(ctx: Ctx, _: GetLimits) -> Result<Rules> {
    of(&ctx, ctx.caller().org).await
}

/// `conv.limits.set`.
pub(super) async fn set(ctx: Ctx, args: SetLimits) -> Result<LimitsSet> {
    let (org, limit) = (ctx.caller().org, args.rules);
    // Read first: who changes it meanwhile undoes this, and then the permission is asked for again.
    let before = of(&ctx, org).await?;
    let identity = ctx.call_as(ctx.caller(), None, &Whoami {}).await?;
    if !identity.permissions.iter().any(|permission| permission == ORGANISATION) {
        return Err(Error::denied("this needs the permission `organisation`"));
    }
    if before == limit {
        return Ok(LimitsSet {});
    }
    let mut tx = ctx.tx();
    tx.emit(Topic::Org(org), kind::LIMITS_CHANGED, &RulesChangedData { rules: limit });
    tx.audit(Audited::of("org", org).before(&before).after(&limit));
    tx.run_one(
        "INSERT INTO chat_limit (org, mention_all, ding_all) VALUES ($1, $2, $3)
         ON CONFLICT (org) DO UPDATE SET mention_all = $2, ding_all = $3
             WHERE chat_limit.mention_all = $4 AND chat_limit.ding_all = $5",
        vec![
            org.into(),
            text(limit.mention_all).into(),
            text(limit.ding_all).into(),
            text(before.mention_all).into(),
            text(before.ding_all).into(),
        ],
    );
    ctx.commit(tx).await?;
    Ok(LimitsSet {})
}

/// `conv.rules.set`.
pub(super) async fn set_rules(ctx: Ctx, args: SetRules) -> Result<Decision<Changed>> {
    let conv = ctx.state::<Chat>().conversation(&ctx, args.conv).await?;
    let (head, changed_seq, before) = {
        let roster = conv.read();
        let caller = rules::member((&conv, &roster), who(&ctx))?;
        rules::may_rule((&conv, &roster), caller)?;
        (roster.head, roster.changed_seq, roster.rules)
    };
    let rules = Rules {
        mention_all: args.rules.mention_all.unwrap_or(before.mention_all),
        ding_all: args.rules.ding_all.unwrap_or(before.ding_all),
    };
    if before == rules {
        return Ok(Decision::Answer(Changed { seq: head }));
    }
    let mut tx = ctx.tx();
    tx.emit(conv.topic(), kind::RULES_CHANGED, &RulesChangedData { rules });
    tx.audit(Audited::of("conv", conv.id).before(&before).after(&rules));
    // Whoever owned it a moment ago may not own it any more: then the members have changed.
    tx.run_one(
        "UPDATE chat_conversation SET mention_all = $1, ding_all = $2
         WHERE id = $3 AND changed_seq = $4 AND mention_all = $5 AND ding_all = $6",
        vec![
            text(rules.mention_all).into(),
            text(rules.ding_all).into(),
            conv.id.into(),
            changed_seq.into(),
            text(before.mention_all).into(),
            text(before.ding_all).into(),
        ],
    );
    Ok(tx.into())
}

/// Who may, as the tables have it.
fn text(callers: Callers) -> &'static str {
    match callers {
        Callers::Members => "members",
        Callers::Owners => "owners",
    }
}
