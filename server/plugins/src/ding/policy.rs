//! Policies: the three that ship with Carillon, and those of an organisation.

use std::sync::LazyLock;

use carillon_plugin::{Audited, Committed, Ctx, Decision, Error, Result};
use carillon_protocol::{
    Channel, OrgId, PolicyId, UserId,
    ding::{
        CreatePolicy, Done, ListPolicies, PoliciesListed, Policy, PolicyCreated, RemovePolicy,
        Rules as Ladder, RulesChangedData, Step, UpdatePolicy, Whom,
    },
    id::Ulid,
    limits::{DING_POLICIES_MAX, DING_QUIET_MAX, DING_STEPS_MAX, NAME_LEN_MAX},
};

use super::{
    audience, duty, quiet,
    revision::{Rules, json, read},
    settings,
};
use crate::plain::plain;

/// What is chosen where nobody has chosen anything.
pub(super) const USUAL: PolicyId = PolicyId(Ulid(1));
const CALM: PolicyId = PolicyId(Ulid(2));
const URGENT: PolicyId = PolicyId(Ulid(3));
const TEXT: PolicyId = PolicyId(Ulid(4));
const CALL: PolicyId = PolicyId(Ulid(5));

/// The last moment of a ladder's last step, in seconds after it began: a week.
const AFTER_MAX_S: u32 = 604_800;
/// What an alert may be allowed to cost at most, in hundredths: a million.
const COST_MAX: u64 = 100_000_000;

/// Those that people choose, of [`BUILTIN`].
const LISTED: usize = 3;

/// The three that ship with Carillon, and two for programs that ask for a text or a call at once,
/// as DingTalk's robots do: nobody is shown those to choose from.
static BUILTIN: LazyLock<[Policy; 5]> = LazyLock::new(|| {
    use Channel::{App, Call, Push, Sms};
    use Whom::{Deputy, ManagerAbove, Recipient};
    let policy =
        |policy, name: &str, (overrides_quiet, cost_max), steps: &[(u32, Channel, Whom)]| {
            let step =
                |&(after_s, channel, whom)| Step { after_s, channel, whom, times: 1, every_s: 300 };
            let steps = steps.iter().map(step).collect();
            let (name, quiet, overriders) = (name.into(), Vec::new(), Vec::new());
            let rules = Ladder { name, steps, overrides_quiet, quiet, overriders, cost_max };
            Policy { policy, builtin: Some(rules.name.clone()), rules }
        };
    // A deputy is whoever stands in for the recipient, or else their manager.
    let usual = [
        (0, App, Recipient),
        (0, Push, Recipient),
        (120, Push, Recipient),
        (300, Sms, Recipient),
        (600, Call, Recipient),
        (900, App, Deputy),
        (900, Push, Deputy),
    ];
    let calm = [(0, App, Recipient), (0, Push, Recipient), (1_800, Push, Recipient)];
    let at_once = |channel| [(0, App, Recipient), (0, Push, Recipient), (0, channel, Recipient)];
    let urgent = [
        (0, App, Recipient),
        (0, Push, Recipient),
        (30, Push, Recipient),
        (60, Sms, Recipient),
        (120, Call, Recipient),
        (300, App, Deputy),
        (300, Push, Deputy),
        (420, Call, Deputy),
        (600, App, ManagerAbove),
        (600, Push, ManagerAbove),
    ];
    [
        policy(USUAL, "usual", (false, 20_000), &usual),
        policy(CALM, "calm", (false, 0), &calm),
        policy(URGENT, "urgent", (true, 50_000), &urgent),
        policy(TEXT, "text", (false, 20_000), &at_once(Sms)),
        policy(CALL, "call", (false, 20_000), &at_once(Call)),
    ]
});

fn unknown() -> Error {
    Error::not_found("policy")
}

/// A policy; without a name, the organisation's first choice.
pub(super) async fn load(ctx: &Ctx, org: OrgId, policy: Option<PolicyId>) -> Result<Policy> {
    let policy = match policy {
        Some(policy) => policy,
        None => settings::load(ctx, org).await?.first,
    };
    if let Some(builtin) = BUILTIN.iter().find(|it| it.policy == policy) {
        return Ok(builtin.clone());
    }
    let sql = "SELECT rules FROM ding_policy WHERE id = $1 AND org = $2";
    let row = ctx.query_one(sql, [policy.into(), org.into()]).await?.ok_or_else(unknown)?;
    Ok(Policy { policy, builtin: None, rules: read(&row.get::<String>(0)?)? })
}

/// The policies that an organisation made itself, by name.
pub(super) async fn own(ctx: &Ctx, org: OrgId) -> Result<Vec<Policy>> {
    let sql = "SELECT id, rules FROM ding_policy WHERE org = $1 ORDER BY id";
    let mut policies = Vec::new();
    for row in ctx.query(sql, [org.into()]).await? {
        let rules = read(&row.get::<String>(1)?)?;
        policies.push(Policy { policy: row.get(0)?, builtin: None, rules });
    }
    policies.sort_by(|one, other| one.rules.name.cmp(&other.rules.name));
    Ok(policies)
}

/// `ding.policy.list`.
pub(super) async fn list(ctx: Ctx, _: ListPolicies) -> Result<PoliciesListed> {
    let org = ctx.caller().org;
    let mut policies = BUILTIN[..LISTED].to_vec();
    policies.extend(own(&ctx, org).await?);
    Ok(PoliciesListed { policies, first: settings::load(&ctx, org).await?.first })
}

/// `ding.policy.create`.
pub(super) async fn create(ctx: Ctx, args: CreatePolicy) -> Result<Decision<PolicyCreated>> {
    let rules = Rules::permitted(&ctx).await?;
    let others = own(&ctx, rules.org).await?;
    if others.len() >= DING_POLICIES_MAX {
        let msg = format!("there are at most {DING_POLICIES_MAX} policies; remove one first");
        return Err(Error::conflict(msg));
    }
    let ladder = checked(&ctx, (&others, None), args.rules).await?;
    let policy = PolicyId(ctx.new_id());
    let mut tx = rules.tx(&ctx, changed(policy));
    tx.run(
        "INSERT INTO ding_policy (id, org, rules) VALUES ($1, $2, $3)",
        [policy.into(), rules.org.into(), json(&ladder)?.into()],
    );
    tx.audit(Audited::of("policy", policy).after(&ladder));
    Ok(tx.into())
}

/// The answer of `ding.policy.create`.
pub(super) fn created(done: &Committed) -> Result<PolicyCreated> {
    let event = done.events.first().ok_or_else(unknown)?;
    let data: RulesChangedData = event.data.to().map_err(Error::internal)?;
    Ok(PolicyCreated { policy: data.policy.ok_or_else(unknown)? })
}

/// `ding.policy.update`. What was sent keeps the rules that it was sent with.
pub(super) async fn update(ctx: Ctx, args: UpdatePolicy) -> Result<Done> {
    let rules = Rules::permitted(&ctx).await?;
    let mut others = own(&ctx, rules.org).await?;
    let before = take(&mut others, args.policy)?;
    let ladder = checked(&ctx, (&others, Some(&before.rules)), args.rules).await?;
    if ladder == before.rules {
        return Ok(Done {});
    }
    let mut tx = rules.tx(&ctx, changed(args.policy));
    tx.run_one(
        "UPDATE ding_policy SET rules = $2 WHERE id = $1",
        [args.policy.into(), json(&ladder)?.into()],
    );
    tx.audit(Audited::of("policy", args.policy).before(&before.rules).after(&ladder));
    ctx.commit(tx).await?;
    Ok(Done {})
}

/// `ding.policy.remove`.
pub(super) async fn remove(ctx: Ctx, args: RemovePolicy) -> Result<Done> {
    let rules = Rules::permitted(&ctx).await?;
    let before = take(&mut own(&ctx, rules.org).await?, args.policy)?;
    if settings::load(&ctx, rules.org).await?.first == args.policy {
        return Err(Error::conflict("this is the first choice; make another one that first"));
    }
    let mut tx = rules.tx(&ctx, changed(args.policy));
    tx.run_one("DELETE FROM ding_policy WHERE id = $1", [args.policy.into()]);
    tx.audit(Audited::of("policy", args.policy).before(&before.rules));
    ctx.commit(tx).await?;
    Ok(Done {})
}

fn changed(policy: PolicyId) -> RulesChangedData {
    RulesChangedData { policy: Some(policy), duty: None }
}

/// The policy that is to be changed, out of those of the organisation.
fn take(own: &mut Vec<Policy>, policy: PolicyId) -> Result<Policy> {
    if BUILTIN.iter().any(|it| it.policy == policy) {
        let msg = "a policy that ships with Carillon stays as it is; make one of your own";
        return Err(Error::denied(msg));
    }
    let at = own.iter().position(|it| it.policy == policy).ok_or_else(unknown)?;
    Ok(own.swap_remove(at))
}

/// What a policy may say, as it is kept, beside the others of the organisation and after what it
/// said before.
async fn checked(
    ctx: &Ctx,
    (others, before): (&[Policy], Option<&Ladder>),
    mut ladder: Ladder,
) -> Result<Ladder> {
    ladder.name = name("rules.name", &ladder.name)?;
    if others.iter().any(|it| it.rules.name == ladder.name) {
        let msg = "there is a policy of this name; choose another one";
        return Err(Error::conflict(msg).field("rules.name"));
    }
    if !(1..=DING_STEPS_MAX).contains(&ladder.steps.len()) {
        return Err(Error::bad_arg("rules.steps", format!("give it 1 to {DING_STEPS_MAX} steps")));
    }
    if ladder.cost_max > COST_MAX {
        return Err(Error::bad_arg("rules.cost_max", format!("at most {COST_MAX} hundredths")));
    }
    let first = &ladder.steps[0];
    if (first.after_s, first.channel, first.whom) != (0, Channel::App, Whom::Recipient) {
        let msg = "every policy begins with the alert in the app, for the recipient, at once";
        return Err(Error::bad_arg("rules.steps[0]", msg));
    }
    for (at, step) in ladder.steps.iter().enumerate() {
        let field = |name: &str| format!("rules.steps[{at}].{name}");
        if step.after_s > AFTER_MAX_S {
            let msg = format!("a step comes at most {AFTER_MAX_S} seconds after the beginning");
            return Err(Error::bad_arg(&field("after_s"), msg));
        }
        if !(1..=5).contains(&step.times) {
            return Err(Error::bad_arg(&field("times"), "a step is tried 1 to 5 times"));
        }
        if !(60..=86_400).contains(&step.every_s) {
            let msg = "leave 60 to 86,400 seconds between the tries of a step";
            return Err(Error::bad_arg(&field("every_s"), msg));
        }
    }
    check_quiet(&ladder)?;
    let overriders = before.map_or(&[][..], |before| &before.overriders);
    let named = (overriders, &*ladder.overriders);
    settings::check_roles(ctx, "rules.overriders", named).await?;
    all_are_there(ctx, &ladder.steps).await?;
    Ok(ladder)
}

fn check_quiet(ladder: &Ladder) -> Result<()> {
    let (field, hours) = ("rules.quiet", &ladder.quiet);
    if hours.len() > DING_QUIET_MAX {
        return Err(Error::too_large(field, format!("name at most {DING_QUIET_MAX} quiet hours")));
    }
    for (at, hours) in hours.iter().enumerate() {
        quiet::check(&format!("{field}[{at}]"), hours)?;
    }
    match quiet::leave_time(hours) {
        true => Ok(()),
        false => Err(Error::bad_arg(field, "together they never end; leave some time in a week")),
    }
}

/// Refuses steps that name rotas or people that are not there.
async fn all_are_there(ctx: &Ctx, steps: &[Step]) -> Result<()> {
    let org = ctx.caller().org;
    let (rotas, mut users) = (duty::load(ctx, org).await?, Vec::<(usize, UserId)>::new());
    for (at, step) in steps.iter().enumerate() {
        match step.whom {
            Whom::OnDuty { duty } if !rotas.has(duty) => {
                let field = format!("rules.steps[{at}].whom.duty");
                return Err(Error::not_found("rota").field(&field));
            }
            Whom::User { user } => users.push((at, user)),
            _ => {}
        }
    }
    let named: Vec<UserId> = users.iter().map(|(_, user)| *user).collect();
    let place = |at: usize| format!("rules.steps[{}].whom.user", users[at].0);
    audience::all_are_here(ctx, org, &named, place).await
}

/// The name of a policy or a rota, as people read it.
pub(super) fn name(field: &str, name: &str) -> Result<String> {
    let name = plain(name);
    let fits = (1..=NAME_LEN_MAX).contains(&name.chars().count());
    match fits && !name.chars().any(char::is_control) {
        true => Ok(name),
        false => {
            let msg = format!("give it a name of 1 to {NAME_LEN_MAX} characters, in one line");
            Err(Error::bad_arg(field, msg))
        }
    }
}
