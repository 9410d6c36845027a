//! What a simulation says is what happens.

use std::collections::BTreeMap;

use carillon_plugin::{
    Caller, Clock as _, Row, Storage as _,
    protocol::{
        Channel::{self, App, Call, Email, Push, Sms},
        DingId, DutyId, PolicyId, UserId,
        ding::{
            CreateDuty, CreatePolicy, Deputy, PersonPlan, Planned, Quiet, RemovePolicy, Rota,
            Rules, Send, SetDeputy, Settings, Simulate, Simulated, Skip, Step, Turn, Whom,
        },
        org,
    },
};
use serde_json::{Value as Json, json};

use super::world::{World, alert_to, person};

/// Policies, people, hours and prices that each test tries: 500 together.
const CASES: u64 = 125;

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn upto(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % (most + 1)
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.upto(all.len() as u64 - 1) as usize].clone()
    }

    fn minute(&mut self) -> u16 {
        self.upto(1439) as u16
    }
}

/// People around the world, and a rota.
struct Scene {
    world: World,
    people: Vec<Caller>,
    duty: DutyId,
}

impl Scene {
    async fn new() -> Scene {
        let world = World::new().await;
        let mut people = vec![world.bob, world.carol, world.dan];
        for (login, tz) in [
            ("eve", "Europe/London"),
            ("fay", "America/New_York"),
            ("gus", "Pacific/Kiritimati"),
            ("hal", "Australia/Lord_Howe"),
        ] {
            people.push(person(&world.kit, world.org, login, tz, false).await);
        }
        let turns = people.iter().zip((0u16..).step_by(1_440)).map(|(person, from_min)| Turn {
            user: person.user,
            from_min,
            until_min: from_min + 1_000,
        });
        let rota = Rota { name: "Night".into(), turns: turns.collect() };
        let duty = world.call(world.amy, CreateDuty { rota }).await.unwrap().duty;
        Scene { world, people, duty }
    }

    /// Everything is different from before.
    async fn shuffle(&self, dice: &mut Dice) {
        let World { carrier, amy, .. } = &self.world;
        let price = |dice: &mut Dice| dice.of(&[0, 5, 30, 100]);
        carrier.prices(&[(Push, 0), (Email, 0), (Sms, price(dice)), (Call, price(dice))]);
        for person in &self.people {
            let all = [Push, Email, Sms];
            let has: Vec<Channel> = all.into_iter().filter(|_| dice.upto(3) > 0).collect();
            carrier.reaches(person.user, &has);
        }
        let (user, manager) = (dice.of(&self.people).user, dice.of(&self.people).user);
        let update =
            org::UpdateMember { user: Some(user), manager: Some(Some(manager)), ..<_>::default() };
        // Who would manage themselves stays as they are.
        drop(self.world.call(*amy, update).await);
        let (user, deputy) = (dice.of(&self.people).user, dice.of(&self.people).user);
        let from = self.world.now() + dice.upto(20_000) as i64 * 1_000;
        let until = Some(from + 60_000 + dice.upto(90_000) as i64 * 1_000);
        let deputy = Deputy { deputy, from: Some(from), until };
        // Whoever would stand in for themselves has nobody.
        let set = SetDeputy { user: Some(user), deputy: Some(deputy).filter(|_| dice.upto(5) > 0) };
        drop(self.world.call(*amy, set).await);
        let quiet = Some(hours(dice)).filter(|_| dice.upto(2) > 0);
        let paid_a_day = dice.upto(6) as u32;
        let (a_day, a_month) =
            (dice.of(&[None, Some(0), Some(500)]), dice.of(&[None, Some(9_000)]));
        let settle = |it: &mut Settings| {
            (it.quiet, it.paid_a_day) = (quiet, paid_a_day);
            (it.cost_a_day, it.cost_a_month) = (a_day, a_month);
        };
        self.world.settle_on(settle).await;
    }

    async fn policy(&self, dice: &mut Dice) -> PolicyId {
        let mut steps = vec![step(0, App, Whom::Recipient, (1, 60))];
        for _ in 0..dice.upto(5) {
            let whom = match dice.upto(8) {
                4 => Whom::Deputy,
                0 => Whom::Manager,
                1 => Whom::ManagerAbove,
                2 => Whom::OnDuty { duty: self.duty },
                3 => Whom::User { user: dice.of(&self.people).user },
                _ => Whom::Recipient,
            };
            let channel = dice.of(&[App, Push, Email, Sms, Call]);
            let after_s = dice.of(&[0, 30, 60, 60, 300, 3_600, 20_000]);
            let times = dice.upto(2) as u8 + 1;
            let every_s = dice.of(&[60, 90, 3_600]);
            steps.push(step(after_s, channel, whom, (times, every_s)));
        }
        let rules = Rules {
            name: self.world.kit.host().new_id().to_string(),
            steps,
            overrides_quiet: dice.upto(5) == 0,
            quiet: (0..dice.of(&[0, 0, 1, 3])).map(|_| hours(dice)).collect(),
            overriders: Vec::new(),
            cost_max: dice.of(&[0, 60, 200, 100_000]),
        };
        let made = self.world.call(self.world.amy, CreatePolicy { rules }).await.unwrap();
        made.policy
    }

    async fn send(&self, dice: &mut Dice, policy: PolicyId) -> Send {
        let to = self.people.iter().filter(|_| dice.upto(2) > 0).map(|person| person.user);
        let mut to: Vec<UserId> = to.collect();
        to.push(self.world.bob.user);
        let mut send = alert_to(to.into_iter());
        send.policy = Some(policy);
        send.within_ms =
            Some(dice.upto(100_000) as i64 * 1_000 + 60_000).filter(|_| dice.upto(2) == 0);
        send.urgent = dice.upto(6) == 0;
        send.at =
            Some(self.world.now() + dice.upto(90_000) as i64 * 1_000).filter(|_| dice.upto(3) == 0);
        send
    }

    /// Lets time pass from one thing that is due to the next, until nothing is.
    async fn to_the_end(&self) {
        let kit = &self.world.kit;
        loop {
            kit.settle().await;
            let sql = "SELECT MIN(due_at) FROM plugin_timer WHERE plugin = 'ding'";
            let rows = kit.store().query(sql, Vec::new()).await.unwrap();
            let Some(due) = rows[0].get::<Option<i64>>(0).unwrap() else { return };
            kit.clock().advance(due - kit.clock().now());
        }
    }

    /// What was done, by recipient.
    async fn done(&self, ding: DingId) -> BTreeMap<UserId, Vec<Planned>> {
        let sql = "SELECT user_id, at, step, nth, channel, reached, skip, cost FROM ding_attempt
                   WHERE ding = $1";
        let rows = self.world.kit.store().query(sql, vec![ding.into()]).await.unwrap();
        let mut done: BTreeMap<UserId, Vec<Planned>> = BTreeMap::new();
        for row in rows {
            done.entry(row.get(0).unwrap()).or_default().push(planned(&row));
        }
        done
    }
}

/// Quiet hours of all days or of some, which leave Sundays.
fn hours(dice: &mut Dice) -> Quiet {
    let days = (1..=6).filter(|_| dice.upto(2) > 0).collect();
    let (from_min, length) = (dice.minute(), dice.upto(460) as u16);
    Quiet { from_min, until_min: (from_min + 1 + length) % 1_440, days }
}

fn step(after_s: u32, channel: Channel, whom: Whom, (times, every_s): (u8, u32)) -> Step {
    Step { after_s, channel, whom, times, every_s }
}

fn planned(row: &Row) -> Planned {
    let word = |column| row.get::<String>(column).unwrap();
    let skip: Option<String> = row.get(6).unwrap();
    let user: Option<UserId> = row.get(5).unwrap();
    let (at, step, nth, cost): (i64, u64, u64, u64) =
        (row.get(1).unwrap(), row.get(2).unwrap(), row.get(3).unwrap(), row.get(7).unwrap());
    let mut planned: Json = json!({
        "at": at, "step": step, "nth": nth, "channel": word(4), "cost": cost, "user": user,
    });
    if let Some(skip) = skip {
        planned["skip"] = skip.into();
    }
    serde_json::from_value(planned).unwrap()
}

fn sorted(mut tries: Vec<Planned>) -> Vec<Planned> {
    tries.sort_by_key(|it| (it.at, it.step, it.nth));
    tries
}

/// Of each step of a plan: how many are tried, how many are not and why, and what it costs.
type Steps = BTreeMap<(u32, u32), (u32, BTreeMap<String, u32>, u64)>;

fn steps_of<'a>(done: impl Iterator<Item = &'a Planned>) -> Steps {
    let mut steps = Steps::new();
    for it in done {
        let (people, skipped, cost) = steps.entry((it.step, it.nth)).or_default();
        *cost += it.cost;
        match it.skip {
            None => *people += 1,
            Some(skip) => *skipped.entry(name(skip)).or_default() += 1,
        }
    }
    steps
}

fn name(skip: Skip) -> String {
    format!("{skip:?}")
}

/// Simulates and does what this part of all cases comes to.
async fn compare(part: u64) {
    let scene = Scene::new().await;
    let (mut skips, mut tries) = (BTreeMap::<String, u32>::new(), 0);
    for case in part * CASES..(part + 1) * CASES {
        let mut dice = Dice(case);
        scene.shuffle(&mut dice).await;
        let policy = scene.policy(&mut dice).await;
        let send = scene.send(&mut dice, policy).await;
        let simulate = Simulate { ding: send.clone() };
        let said: Simulated = scene.world.call(scene.world.amy, simulate).await.unwrap();
        let ding = scene.world.call(scene.world.amy, send).await.unwrap().ding;
        // What was sent under it goes on as it was.
        scene.world.call(scene.world.amy, RemovePolicy { policy }).await.unwrap();
        scene.to_the_end().await;
        let done = scene.done(ding).await;
        for PersonPlan { user, tries } in &said.people {
            let happened = done.get(user).cloned().unwrap_or_default();
            assert_eq!(sorted(happened), sorted(tries.clone()), "case {case}, {user}");
        }
        let all = || done.values().flatten();
        let said_steps = said.steps.iter().map(|it| {
            let skipped = it.skipped.iter().map(|&(skip, people)| (name(skip), people)).collect();
            ((it.step, it.nth), (it.people, skipped, it.cost))
        });
        assert_eq!(steps_of(all()), said_steps.collect(), "case {case}");
        assert_eq!(all().map(|it| it.cost).sum::<u64>(), said.cost, "case {case}");
        tries += all().count();
        for skip in all().filter_map(|it| it.skip) {
            *skips.entry(name(skip)).or_default() += 1;
        }
    }
    // It would say nothing if nothing happened.
    assert!(tries as u64 > 10 * CASES, "{tries}");
    assert!(skips.len() == 5 && skips.values().all(|times| *times > 5), "{skips:?}");
}

#[tokio::test]
async fn what_a_simulation_says_is_what_happens() {
    compare(0).await;
}

#[tokio::test]
async fn also_with_other_people() {
    compare(1).await;
}

#[tokio::test]
async fn also_at_other_hours() {
    compare(2).await;
}

#[tokio::test]
async fn also_at_other_prices() {
    compare(3).await;
}
