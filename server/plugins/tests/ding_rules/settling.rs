//! What an organisation settles: policies, rights and rotas.

use carillon_plugin::{
    Error, Storage as _,
    protocol::{
        Channel::{App, Call, Push},
        DutyId, ErrorCode, PolicyId, RoleId, Topic, UserId,
        conv::{self, Callers, SetLimits},
        ding::{
            CreateDuty, CreatePolicy, Deputy, GetSettings, ListDuties, ListPolicies, Quiet, Reach,
            RemoveDuty, RemovePolicy, Rota, Rules, SetDeputy, Settings, Simulate, Step, Turn,
            UpdateDuty, UpdatePolicy, Whom, kind,
        },
        id::Ulid,
        org, role,
    },
};

use super::world::{World, alert_to};

const DAY: i64 = 24 * 3_600_000;

fn step(after_s: u32, channel: carillon_plugin::protocol::Channel, whom: Whom) -> Step {
    Step { after_s, channel, whom, times: 1, every_s: 60 }
}

fn rules(name: &str, steps: Vec<Step>) -> Rules {
    super::world::rules(name, steps)
}

fn first() -> Step {
    step(0, App, Whom::Recipient)
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Error>) -> (ErrorCode, String) {
    let error = answer.unwrap_err();
    (error.code(), error.body().field.clone().unwrap_or_default())
}

async fn settings(world: &World) -> Settings {
    world.call(world.amy, GetSettings {}).await.unwrap()
}

async fn settle(world: &World, change: impl FnOnce(&mut Settings)) {
    let mut settings = settings(world).await;
    change(&mut settings);
    world.call(world.amy, settings).await.unwrap();
}

/// A role that only names people, and who has it.
async fn role(world: &World, name: &str, has: UserId) -> RoleId {
    let create = role::Create { name: name.into(), permissions: Vec::new() };
    let role = world.call(world.amy, create).await.unwrap().role;
    let args = org::UpdateMember { user: Some(has), roles: Some(vec![role]), ..<_>::default() };
    world.call(world.amy, args).await.unwrap();
    role
}

#[tokio::test]
async fn three_policies_ship_with_carillon_and_stay_as_they_are() {
    let world = World::new().await;
    let listed = world.call(world.bob, ListPolicies {}).await.unwrap();
    let names: Vec<_> = listed.policies.iter().filter_map(|it| it.builtin.as_deref()).collect();
    assert_eq!(names, ["usual", "calm", "urgent"]);
    assert_eq!(listed.first, listed.policies[0].policy);
    for policy in &listed.policies {
        let first = &policy.rules.steps[0];
        assert_eq!((first.after_s, first.channel, first.whom), (0, App, Whom::Recipient));
        assert_eq!(policy.rules.overrides_quiet, policy.builtin.as_deref() == Some("urgent"));
        let rules = rules("Mine", vec![first.clone()]);
        let update = UpdatePolicy { policy: policy.policy, rules };
        assert_eq!(refused(world.call(world.amy, update).await).0, ErrorCode::Forbidden);
        let remove = RemovePolicy { policy: policy.policy };
        assert_eq!(refused(world.call(world.amy, remove).await).0, ErrorCode::Forbidden);
    }
}

#[tokio::test]
async fn a_policy_is_made_changed_and_removed_by_who_administers_and_everybody_hears() {
    let world = World::new().await;
    let create = |name: &str| CreatePolicy { rules: rules(name, vec![first()]) };
    assert_eq!(refused(world.call(world.bob, create("Mine")).await).0, ErrorCode::Forbidden);
    let policy = world.call(world.amy, create(" Fire drill ")).await.unwrap().policy;
    let twice = world.call(world.amy, create("Fire drill")).await;
    assert_eq!(refused(twice), (ErrorCode::Conflict, "rules.name".into()));
    let update =
        UpdatePolicy { policy, rules: rules("Fire", vec![first(), step(60, Push, Whom::Manager)]) };
    world.call(world.amy, update.clone()).await.unwrap();
    let listed = world.call(world.bob, ListPolicies {}).await.unwrap().policies;
    assert_eq!(listed[3].rules, update.rules);
    // It does not exist for others.
    assert_eq!(refused(world.call(world.zoe, update).await).0, ErrorCode::NotFound);
    let theirs = world.call(world.zoe, ListPolicies {}).await.unwrap().policies;
    assert_eq!(theirs.len(), 3);
    let mut send = alert_to([world.amy.user].into_iter());
    send.policy = Some(policy);
    let foreign = world.call(world.zoe, Simulate { ding: send }).await;
    assert_eq!(refused(foreign).0, ErrorCode::NotFound);

    settle(&world, |settings| settings.first = policy).await;
    let remove = || RemovePolicy { policy };
    assert_eq!(refused(world.call(world.amy, remove()).await).0, ErrorCode::Conflict);
    settle(&world, |settings| settings.first = PolicyId(Ulid(1))).await;
    world.call(world.amy, remove()).await.unwrap();
    assert_eq!(refused(world.call(world.amy, remove()).await).0, ErrorCode::NotFound);
    let told = world.events(world.bob, Topic::Org(world.org), kind::RULES_CHANGED).await;
    // Made, changed, chosen, not chosen any more, and removed; the first is the world's own.
    assert_eq!(told.len(), 1 + 5);
}

#[tokio::test]
async fn a_policy_that_cannot_be_is_refused_with_the_place() {
    let world = World::new().await;
    let duty = DutyId(Ulid(7));
    let after = |mut it: Step, change: fn(&mut Step)| {
        change(&mut it);
        vec![first(), it]
    };
    let push = step(60, Push, Whom::Recipient);
    let cases = [
        (rules("", vec![first()]), "rules.name"),
        (rules("a\nb", vec![first()]), "rules.name"),
        (rules(&"x".repeat(101), vec![first()]), "rules.name"),
        (rules("A", vec![]), "rules.steps"),
        (rules("A", vec![first(); 11]), "rules.steps"),
        (rules("A", vec![push.clone()]), "rules.steps[0]"),
        (rules("A", vec![step(0, App, Whom::Manager)]), "rules.steps[0]"),
        (rules("A", after(push.clone(), |it| it.after_s = 604_801)), "rules.steps[1].after_s"),
        (rules("A", after(push.clone(), |it| it.times = 0)), "rules.steps[1].times"),
        (rules("A", after(push.clone(), |it| it.times = 6)), "rules.steps[1].times"),
        (rules("A", after(push.clone(), |it| it.every_s = 59)), "rules.steps[1].every_s"),
        (rules("A", after(push.clone(), |it| it.every_s = 86_401)), "rules.steps[1].every_s"),
        (
            rules("A", vec![first(), step(60, Call, Whom::OnDuty { duty })]),
            "rules.steps[1].whom.duty",
        ),
        (
            rules("A", vec![first(), step(60, Call, Whom::User { user: world.zoe.user })]),
            "rules.steps[1].whom.user",
        ),
        (Rules { cost_max: 100_000_001, ..rules("A", vec![first()]) }, "rules.cost_max"),
    ];
    for (rules, field) in cases {
        let (code, at) = refused(world.call(world.amy, CreatePolicy { rules }).await);
        assert_eq!(at, field);
        assert!(matches!(code, ErrorCode::BadArg | ErrorCode::NotFound), "{field}: {code}");
    }
}

#[tokio::test]
async fn there_are_fifty_policies_and_of_two_at_once_both_count() {
    let world = World::new().await;
    for n in 0..49 {
        let rules = rules(&format!("Policy {n}"), vec![first()]);
        world.call(world.amy, CreatePolicy { rules }).await.unwrap();
    }
    let create = |name: &str| CreatePolicy { rules: rules(name, vec![first()]) };
    let (host, amy) = (world.kit.host().clone(), world.amy);
    let other = create("Quick");
    let cid = Some(carillon_plugin::protocol::Cid(host.new_id()));
    world.kit.before_next_commit(async move {
        host.call_typed(amy, cid, &other).await.unwrap();
    });
    let slow = world.call(world.amy, create("Slow")).await;
    assert_eq!(refused(slow).0, ErrorCode::Conflict);
}

#[tokio::test]
async fn settings_are_checked_and_set_by_who_administers() {
    let world = World::new().await;
    let usual = settings(&world).await;
    assert_eq!(usual.reach, Reach::Everybody);
    assert_eq!(refused(world.call(world.bob, usual.clone()).await).0, ErrorCode::Forbidden);
    let quiet = |from_min, until_min| Some(Quiet { from_min, until_min, days: Vec::new() });
    let foreign = RoleId(Ulid(9));
    let cases: [(Settings, &str); 12] = [
        (Settings { quiet: quiet(1_440, 0), ..usual.clone() }, "quiet.from_min"),
        (Settings { quiet: quiet(0, 1_440), ..usual.clone() }, "quiet.until_min"),
        (Settings { quiet: quiet(60, 60), ..usual.clone() }, "quiet.until_min"),
        (Settings { cost_a_day: Some(100_000_000_001), ..usual.clone() }, "cost_a_day"),
        (Settings { cost_a_month: Some(100_000_000_001), ..usual.clone() }, "cost_a_month"),
        (Settings { currency: "hkd".into(), ..usual.clone() }, "currency"),
        (Settings { currency: "HK$".into(), ..usual.clone() }, "currency"),
        (Settings { sent_a_day: 0, ..usual.clone() }, "sent_a_day"),
        (Settings { sent_a_day: 1_001, ..usual.clone() }, "sent_a_day"),
        (Settings { paid_a_day: 101, ..usual.clone() }, "paid_a_day"),
        (Settings { senders: vec![foreign], ..usual.clone() }, "senders[0]"),
        (Settings { first: PolicyId(Ulid(8)), ..usual.clone() }, "first"),
    ];
    for (settings, field) in cases {
        assert_eq!(refused(world.call(world.amy, settings).await).1, field);
    }
    settle(&world, |settings| settings.quiet = None).await;
    assert_eq!(settings(&world).await.quiet, None);
    assert!(world.call(world.zoe, GetSettings {}).await.unwrap().quiet.is_some());
}

#[tokio::test]
async fn whom_people_may_alert_is_settled() {
    let world = World::new().await;
    // `carol` manages `bob`; `bob` and `dan` are in the shop.
    let create = carillon_plugin::protocol::department::Create {
        name: "Shop".into(),
        parent: None,
        head: None,
    };
    let shop = world.call(world.amy, create).await.unwrap().department;
    for person in [world.bob, world.dan] {
        let departments = Some(vec![shop]);
        let user = Some(person.user);
        let args = org::UpdateMember { user, departments, ..<_>::default() };
        world.call(world.amy, args).await.unwrap();
    }
    let may = async |by, to| world.send(by, &[to], |_| {}).await.map(drop);
    let (amy, bob, carol, dan) = (world.amy, world.bob, world.carol, world.dan);

    settle(&world, |settings| settings.reach = Reach::Department).await;
    for (by, to) in [(bob, dan), (bob, carol), (carol, bob), (amy, dan)] {
        may(by, to).await.unwrap();
    }
    for (by, to) in [(bob, amy), (dan, carol), (carol, dan)] {
        assert_eq!(refused(may(by, to).await), (ErrorCode::Forbidden, "to".into()));
    }
    settle(&world, |settings| settings.reach = Reach::Managed).await;
    may(carol, bob).await.unwrap();
    assert_eq!(refused(may(bob, dan).await).0, ErrorCode::Forbidden);
    settle(&world, |settings| settings.reach = Reach::Nobody).await;
    assert_eq!(refused(may(carol, bob).await).0, ErrorCode::Forbidden);
    may(amy, bob).await.unwrap();

    let sender = role(&world, "Shift managers", dan.user).await;
    settle(&world, |settings| settings.senders = vec![sender]).await;
    may(dan, amy).await.unwrap();
}

#[tokio::test]
async fn quiet_hours_are_passed_over_by_who_may_only() {
    let world = World::new().await;
    let urgent = async |by| world.send(by, &[world.dan], |send| send.urgent = true).await;
    assert_eq!(refused(urgent(world.bob).await), (ErrorCode::Forbidden, "urgent".into()));
    let chosen = PolicyId(Ulid(3));
    let by_policy = world.send(world.bob, &[world.dan], |send| send.policy = Some(chosen)).await;
    assert_eq!(refused(by_policy), (ErrorCode::Forbidden, "policy".into()));
    let role = role(&world, "Guards", world.bob.user).await;
    settle(&world, |settings| settings.overriders = vec![role]).await;
    urgent(world.bob).await.unwrap();
    urgent(world.amy).await.unwrap();
}

#[tokio::test]
async fn so_many_alerts_a_day_and_no_more() {
    let world = World::new().await;
    settle(&world, |settings| settings.sent_a_day = 2).await;
    let send = async || world.send(world.bob, &[world.dan], |_| {}).await.map(drop);
    send().await.unwrap();
    send().await.unwrap();
    assert_eq!(refused(send().await).0, ErrorCode::Quota);
    // Others have their own, and looking at a plan costs nothing.
    world.send(world.carol, &[world.dan], |_| {}).await.unwrap();
    let ding = alert_to([world.dan.user].into_iter());
    world.call(world.bob, Simulate { ding }).await.unwrap();
    world.pass(DAY).await;
    send().await.unwrap();
}

fn rota(name: &str, turns: &[(UserId, u16, u16)]) -> Rota {
    let turn = |&(user, from_min, until_min)| Turn { user, from_min, until_min };
    Rota { name: name.into(), turns: turns.iter().map(turn).collect() }
}

#[tokio::test]
async fn a_rota_says_who_is_on_duty_and_stays_while_a_policy_names_it() {
    let world = World::new().await;
    let all_week = |user| rota("Front desk", &[(user, 0, 0)]);
    let rota_of = |user| CreateDuty { rota: all_week(user) };
    assert_eq!(
        refused(world.call(world.bob, rota_of(world.bob.user)).await).0,
        ErrorCode::Forbidden
    );
    let foreign = world.call(world.amy, rota_of(world.zoe.user)).await;
    assert_eq!(refused(foreign), (ErrorCode::NotFound, "rota.turns[0].user".into()));
    let beyond = CreateDuty { rota: rota("Desk", &[(world.bob.user, 0, 10_080)]) };
    let beyond = world.call(world.amy, beyond).await;
    assert_eq!(refused(beyond), (ErrorCode::BadArg, "rota.turns[0].until_min".into()));

    let duty = world.call(world.amy, rota_of(world.bob.user)).await.unwrap().duty;
    let listed = world.call(world.dan, ListDuties {}).await.unwrap().duties;
    assert_eq!((listed.len(), listed[0].now), (1, Some(world.bob.user)));
    let steps = vec![first(), step(60, Call, Whom::OnDuty { duty })];
    let create = CreatePolicy { rules: rules("Escalate", steps) };
    let policy = world.call(world.amy, create).await.unwrap().policy;
    let remove = || RemoveDuty { duty };
    assert_eq!(refused(world.call(world.amy, remove()).await).0, ErrorCode::Conflict);
    let update = UpdateDuty { duty, rota: all_week(world.carol.user) };
    world.call(world.amy, update).await.unwrap();
    let listed = world.call(world.dan, ListDuties {}).await.unwrap().duties;
    assert_eq!(listed[0].now, Some(world.carol.user));
    world.call(world.amy, RemovePolicy { policy }).await.unwrap();
    world.call(world.amy, remove()).await.unwrap();
    assert!(world.call(world.dan, ListDuties {}).await.unwrap().duties.is_empty());
    assert_eq!(refused(world.call(world.amy, remove()).await).0, ErrorCode::NotFound);
}

#[tokio::test]
async fn whoever_left_is_put_on_no_rota() {
    let world = World::new().await;
    world.call(world.amy, org::RemoveMember { user: world.dan.user }).await.unwrap();
    let create =
        CreateDuty { rota: rota("Desk", &[(world.bob.user, 0, 60), (world.dan.user, 60, 0)]) };
    let left = world.call(world.amy, create).await;
    assert_eq!(refused(left), (ErrorCode::Conflict, "rota.turns[1].user".into()));
}

#[tokio::test]
async fn a_role_that_was_removed_since_keeps_nobody_from_changing_something_else() {
    let world = World::new().await;
    let guards = role(&world, "Guards", world.bob.user).await;
    settle(&world, |settings| settings.senders = vec![guards]).await;
    settle(&world, |settings| settings.overriders = vec![guards]).await;
    let guarded = Rules { overriders: vec![guards], ..rules("Night", vec![first()]) };
    let create = CreatePolicy { rules: guarded.clone() };
    let policy = world.call(world.amy, create).await.unwrap().policy;
    world.call(world.amy, role::Remove { role: guards }).await.unwrap();

    settle(&world, |settings| settings.sent_a_day = 3).await;
    let renamed = Rules { name: "Nights".into(), ..guarded.clone() };
    let update = |rules| UpdatePolicy { policy, rules };
    world.call(world.amy, update(renamed.clone())).await.unwrap();
    // What names it anew is told which one is gone.
    let other = RoleId(Ulid(9));
    let two = Rules { overriders: vec![guards, other], ..renamed.clone() };
    let gone = (ErrorCode::NotFound, "rules.overriders[1]".to_owned());
    assert_eq!(refused(world.call(world.amy, update(two)).await), gone);
    let copied = CreatePolicy { rules: guarded };
    let gone = (ErrorCode::NotFound, "rules.overriders[0]".to_owned());
    assert_eq!(refused(world.call(world.amy, copied).await), gone);

    let cleared = Rules { overriders: Vec::new(), ..renamed };
    world.call(world.amy, update(cleared)).await.unwrap();
    settle(&world, |settings| settings.senders.clear()).await;
    let mut again = settings(&world).await;
    again.senders = vec![guards];
    let gone = (ErrorCode::NotFound, "senders[0]".to_owned());
    assert_eq!(refused(world.call(world.amy, again).await), gone);
}

/// What two changes at once came to, as the audit log has them: each what was before and after.
async fn changes(world: &World, op: &str) -> Vec<[Option<String>; 2]> {
    let sql = "SELECT before, after FROM audit_row WHERE op = $1 ORDER BY n";
    let rows = world.kit.store().query(sql, vec![op.into()]).await.unwrap();
    rows.iter().map(|row| [row.get(0).unwrap(), row.get(1).unwrap()]).collect()
}

#[tokio::test]
async fn of_two_changes_at_once_the_second_is_made_to_what_the_first_has_left() {
    let world = World::new().await;
    let user = Some(world.bob.user);
    let stands_in = |deputy| Deputy { deputy, from: None, until: None };
    let deputy = |of: UserId| SetDeputy { user, deputy: Some(stands_in(of)) };
    let (one, other) = tokio::join!(
        world.call(world.amy, deputy(world.dan.user)),
        world.call(world.amy, deputy(world.amy.user)),
    );
    one.and(other).unwrap();
    let (members, owners) = (Callers::Members, Callers::Owners);
    let limit = |mention_all, ding_all| SetLimits { rules: conv::Rules { mention_all, ding_all } };
    let (one, other) = tokio::join!(
        world.call(world.amy, limit(owners, members)),
        world.call(world.amy, limit(members, owners)),
    );
    one.and(other).unwrap();
    world.kit.settle().await;
    for op in ["ding.deputy.set", "conv.limits.set"] {
        let changes = changes(&world, op).await;
        assert_eq!(changes.len(), 2, "{op}");
        assert_eq!(changes[0][1], changes[1][0], "{op}");
    }
}
