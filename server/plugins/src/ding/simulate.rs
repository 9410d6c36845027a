//! `ding.simulate`: who would be reached when, through what, at what cost, if nobody answered.

use std::collections::BTreeMap;

use carillon_plugin::{Caller, Ctx, Error, Result};
use carillon_protocol::{
    UserId,
    ding::{Channel, PersonPlan, Simulate, Simulated, Skip, StepPlan},
    id::Ulid,
};
use tokio::task::spawn_blocking;

use super::{
    gather::{self, Outline},
    ladder::Climb,
    plan::{Plan, Spent, Try},
    rights::Need,
    send, series, settings,
};

/// How many people are shown one by one.
const PEOPLE_SHOWN: usize = 20;
/// How many times of a recurring alert are shown.
const TIMES_SHOWN: usize = 5;
/// A plan for more people is made beside the runtime's threads, on which others wait for answers.
const HERE_MAX: usize = 500;
/// The place after everything.
pub(super) const LAST: UserId = UserId(Ulid(u128::MAX));

/// `ding.simulate`.
pub(super) async fn simulate(ctx: Ctx, args: Simulate) -> Result<Simulated> {
    let Caller { user, org, .. } = ctx.caller();
    let by = Caller::on_behalf_of(user, org);
    let at = send::first_at(&ctx, by, &args.ding).await?;
    let mut would = args.ding;
    if would.text.trim().is_empty() {
        // What it will say is written last.
        "…".clone_into(&mut would.text);
    }
    let draft = send::prepare(&ctx, by, &would, at, Need::All).await?;
    let outline =
        Outline { org, by: user, begins_at: at, rules: &draft.policy.rules, urgent: draft.urgent };
    let recipients = draft.to.len();
    let plan = gather::plan(&ctx, outline, &draft.to.iter().copied().collect()).await?;
    let spent = gather::spent(&ctx, &plan, 0).await?;
    let end = draft.confirm_by.map_or(i64::MAX, |by| by - 1);
    let to = draft.to;
    let run = move || Sums::of(plan, spent, to, end);
    let mut sums = match recipients > HERE_MAX {
        true => spawn_blocking(run).await.map_err(Error::internal)?,
        false => run(),
    };
    let next = match &would.repeat {
        Some(repeat) => series::times(&ctx, org, repeat, at, TIMES_SHOWN).await?,
        None => Vec::new(),
    };
    Ok(Simulated {
        recipients: recipients as u32,
        begins_at: at,
        steps: sums.steps(),
        people: sums.people,
        app_only: sums.app_only,
        cost: sums.cost,
        currency: settings::load(&ctx, org).await?.currency,
        next,
    })
}

fn only_app(plan: &Plan, user: UserId) -> bool {
    let others = [Channel::Push, Channel::Email, Channel::Sms, Channel::Call];
    !others.into_iter().any(|channel| plan.has(user, channel))
}

/// How many people a step leaves out, by the place of the reason.
type Skipped = BTreeMap<u8, (Skip, u32)>;

/// What all tries come to.
struct Sums {
    /// By step and try.
    steps: BTreeMap<(u32, u32), (StepPlan, Skipped)>,
    people: Vec<PersonPlan>,
    /// How many people can be reached in the app only.
    app_only: u32,
    /// What everything costs.
    cost: u64,
}

impl Sums {
    /// What comes of a plan for these people until a moment, if nobody answers.
    fn of(plan: Plan, mut spent: Spent, to: Vec<UserId>, end: i64) -> Sums {
        let shown = to.iter().take(PEOPLE_SHOWN);
        let people = shown.map(|&user| PersonPlan { user, tries: Vec::new() }).collect();
        let app_only = to.iter().filter(|user| only_app(&plan, **user)).count() as u32;
        let mut climbs: BTreeMap<UserId, Climb> =
            to.into_iter().map(|user| (user, Climb::default())).collect();
        let mut sums = Sums { steps: BTreeMap::new(), people, app_only, cost: 0 };
        plan.run(&mut climbs, &mut spent, ((end, LAST), None), |it| sums.add(&it));
        sums.cost = spent.cost;
        sums
    }

    fn add(&mut self, it: &Try) {
        let planned = &it.planned;
        let (step, skipped) = self.steps.entry((planned.step, planned.nth)).or_insert_with(|| {
            let step = StepPlan {
                step: planned.step,
                nth: planned.nth,
                channel: planned.channel,
                first_at: planned.at,
                last_at: planned.at,
                people: 0,
                skipped: Vec::new(),
                cost: 0,
            };
            (step, BTreeMap::new())
        });
        step.first_at = step.first_at.min(planned.at);
        step.last_at = step.last_at.max(planned.at);
        step.cost += planned.cost;
        match planned.skip {
            None => step.people += 1,
            Some(skip) => skipped.entry(skip as u8).or_insert((skip, 0)).1 += 1,
        }
        // They are in the order of their ids.
        let place = self.people.binary_search_by_key(&it.recipient, |person| person.user);
        if let Ok(place) = place {
            self.people[place].tries.push(planned.clone());
        }
    }

    /// By time.
    fn steps(&mut self) -> Vec<StepPlan> {
        let steps = std::mem::take(&mut self.steps)
            .into_values()
            .map(|(step, skipped)| StepPlan { skipped: skipped.into_values().collect(), ..step });
        let mut steps: Vec<StepPlan> = steps.collect();
        steps.sort_by_key(|step| (step.first_at, step.step, step.nth));
        steps
    }
}
