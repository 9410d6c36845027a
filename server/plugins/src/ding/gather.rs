//! What a plan is made from, out of the directory, the settings and the plugin `notify`.

use std::collections::{BTreeMap, BTreeSet};

use carillon_plugin::{Caller, Ctx, Result, Value};
use carillon_protocol::{
    OrgId, UserId,
    ding::{Channel, Rules, Whom},
    limits::REACH_PEOPLE_MAX,
    notify::Reach,
};

use super::{
    audience,
    budget::Budget,
    deputy, duty,
    ladder::{Ladder, day},
    plan::{Plan, Spent},
    rows::Alert,
    settings,
};

/// How many people one question names.
pub(super) const ASKED_MAX: usize = 500;

/// An alert as a plan needs it, sent or only thought of.
pub(super) struct Outline<'a> {
    pub org: OrgId,
    pub by: UserId,
    pub begins_at: i64,
    pub rules: &'a Rules,
    /// Whether quiet hours are passed over.
    pub urgent: bool,
}

impl<'a> From<&'a Alert> for Outline<'a> {
    fn from(alert: &'a Alert) -> Outline<'a> {
        let Alert { org, by, begins_at, rules, urgent, .. } = alert;
        Outline { org: *org, by: *by, begins_at: *begins_at, rules, urgent: *urgent }
    }
}

/// The plan of an alert for some of its recipients.
pub(super) async fn plan(
    ctx: &Ctx,
    outline: Outline<'_>,
    recipients: &BTreeSet<UserId>,
) -> Result<Plan> {
    let Outline { org, by, begins_at, rules, urgent } = outline;
    let settings = settings::load(ctx, org).await?;
    let rotas = duty::load(ctx, org).await?;
    let mut people = audience::people(ctx, org, recipients).await?;
    let mut others = BTreeSet::new();
    let has_deputies = rules.steps.iter().any(|step| step.whom == Whom::Deputy);
    let deputies = match has_deputies {
        true => deputy::load(ctx, org, recipients).await?,
        false => BTreeMap::new(),
    };
    for step in &rules.steps {
        match step.whom {
            Whom::Recipient => {}
            Whom::Manager => others.extend(people.values().filter_map(|it| it.manager)),
            Whom::ManagerAbove => others.extend(people.values().filter_map(|it| it.manager_above)),
            Whom::Deputy => {
                others.extend(people.values().filter_map(|it| it.manager));
                others.extend(deputies.values().map(|it| it.deputy));
            }
            Whom::OnDuty { duty } => others.extend(rotas.users(duty)),
            Whom::User { user } => drop(others.insert(user)),
        }
    }
    let strangers = others.into_iter().filter(|user| !people.contains_key(user)).collect();
    people.extend(audience::people(ctx, org, &strangers).await?);
    let quiet = match (urgent, rules.quiet.is_empty()) {
        (true, _) => Vec::new(),
        (false, true) => settings.quiet.iter().cloned().collect(),
        (false, false) => rules.quiet.clone(),
    };
    let mut plan = Plan {
        sender: by,
        starts_at: begins_at,
        ladder: Ladder::new(&rules.steps),
        quiet: quiet.into(),
        people,
        rotas,
        deputies,
        reach: BTreeMap::new(),
        prices: BTreeMap::new(),
        cost_max: rules.cost_max,
        budget: Budget::new(org, audience::zone(ctx, org).await?, &settings),
        paid_a_day: settings.paid_a_day,
    };
    let users: Vec<UserId> = plan.people.keys().copied().collect();
    for users in users.chunks(REACH_PEOPLE_MAX) {
        let asks = Caller::for_plugin(by, org);
        let reached = ctx.call_as(asks, None, &Reach { users: users.to_vec() }).await?;
        plan.reached(reached);
    }
    Ok(plan)
}

/// What was spent until now, by an alert that has cost so much.
pub(super) async fn spent(ctx: &Ctx, plan: &Plan, cost: u64) -> Result<Spent> {
    let mut spent = Spent { cost, all: plan.budget.spent(ctx).await?, ..<_>::default() };
    let has = |user: &UserId| plan.has(*user, Channel::Sms) || plan.has(*user, Channel::Call);
    let users: Vec<UserId> = plan.people.keys().copied().filter(has).collect();
    // It is today or yesterday, wherever they are.
    let since = day(ctx.now(), &jiff::tz::TimeZone::UTC) - 1;
    for users in users.chunks(ASKED_MAX) {
        let places: Vec<String> = (0..users.len()).map(|place| format!("${}", place + 2)).collect();
        let sql = format!(
            "SELECT user_id, day, tries FROM ding_spending WHERE day >= $1 AND user_id IN ({})",
            places.join(", ")
        );
        let mut row: Vec<Value> = vec![since.into()];
        row.extend(users.iter().map(|&user| Value::from(user)));
        for row in ctx.query(&sql, row).await? {
            spent.paid.insert((row.get(0)?, row.get(1)?), row.get::<u64>(2)? as u32);
        }
    }
    Ok(spent)
}
