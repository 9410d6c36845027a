//! What was planned, and what has become of its sender's rights when it begins.

use carillon_plugin::{
    Caller, Storage as _,
    protocol::{
        Channel::App,
        ConvId, DingId, PolicyId, RoleId,
        conv::{AddMembers, Callers, Create, History, RemoveMembers, RulesChange, SetRules},
        ding::{
            Audience, CreatePolicy, Ding, EndedData, ListSeries, MsgRef, Reach, RemovePolicy,
            Rules, Send, Step, UpdatePolicy, Which, Whom,
        },
        msg, org, role,
    },
};

use super::world::{World, alert_to, rules};

const DAY: i64 = 24 * 3_600_000;

impl World {
    /// Somebody plans an alert for tomorrow, at a full minute.
    async fn plans(&self, by: Caller, with: impl FnOnce(&mut Send)) -> DingId {
        let mut send = alert_to([].into_iter());
        send.at = Some((self.now() + DAY).div_euclid(60_000) * 60_000);
        with(&mut send);
        self.call(by, send).await.unwrap().ding
    }

    /// What somebody's alerts of tomorrow have come to by then: the newest.
    async fn tomorrow(&self, by: Caller) -> Ding {
        self.pass(DAY).await;
        self.list(by, Which::Sent).await.swap_remove(0)
    }

    /// How often an alert was taken back in nobody's name.
    async fn refused(&self, ding: DingId) -> usize {
        let sql = "SELECT object FROM audit_row WHERE op = 'ding.refused'";
        let rows = self.kit.store().query(sql, Vec::new()).await.unwrap();
        let of = format!("ding:{ding}");
        rows.iter().filter(|row| row.get::<String>(0).unwrap() == of).count()
    }

    async fn role(&self, has: Caller) -> RoleId {
        let create = role::Create { name: "Guards".into(), permissions: Vec::new() };
        let role = self.call(self.amy, create).await.unwrap().role;
        let roles = Some(vec![role]);
        let give = org::UpdateMember { user: Some(has.user), roles, ..<_>::default() };
        self.call(self.amy, give).await.unwrap();
        role
    }

    /// A group of amy's, in which something was said.
    async fn group(&self, members: &[Caller]) -> ConvId {
        let members = members.iter().map(|caller| caller.user).collect();
        let create = Create { title: "Shop".into(), members, history: History::All };
        self.call(self.amy, create).await.unwrap().conv
    }
}

fn to_all(conv: ConvId) -> Audience {
    Audience { convs: vec![conv], ..<_>::default() }
}

#[tokio::test]
async fn who_is_out_of_the_senders_reach_since_is_left_out_and_the_others_are_alerted() {
    let world = World::new().await;
    world.manages(world.carol.user, world.dan.user).await;
    world.settle_on(|settings| settings.reach = Reach::Managed).await;
    let to = [world.bob.user, world.dan.user];
    let ding = world.plans(world.carol, |send| send.to.users = to.to_vec()).await;
    world.manages(world.amy.user, world.dan.user).await;
    let begun = world.tomorrow(world.carol).await;
    let tally = begun.sent.unwrap();
    assert_eq!((begun.recalled_at, tally.withdrawn), (None, 1));
    assert_eq!((world.called(world.bob).await.len(), world.called(world.dan).await.len()), (1, 0));
    // They never heard of it, so they hear of no end.
    assert_eq!(world.ended(world.dan).await, [] as [EndedData; 0]);
    assert!(world.list(world.dan, Which::Received).await.is_empty());
    assert_eq!(world.refused(ding).await, 0);
}

#[tokio::test]
async fn what_is_left_with_nobody_is_taken_back() {
    let world = World::new().await;
    world.manages(world.carol.user, world.dan.user).await;
    world.settle_on(|settings| settings.reach = Reach::Managed).await;
    let to = [world.bob.user, world.dan.user];
    let ding = world.plans(world.carol, |send| send.to.users = to.to_vec()).await;
    for user in to {
        world.manages(world.amy.user, user).await;
    }
    assert!(world.tomorrow(world.carol).await.recalled_at.is_some());
    assert_eq!(world.refused(ding).await, 1);
    assert!(world.called(world.bob).await.is_empty());
}

#[tokio::test]
async fn a_series_leaves_out_who_is_out_of_reach_and_goes_on() {
    let world = World::new().await;
    world.manages(world.carol.user, world.dan.user).await;
    world.settle_on(|settings| settings.reach = Reach::Managed).await;
    let to = vec![world.bob.user, world.dan.user];
    let repeat = Some("FREQ=DAILY".to_owned());
    world.plans(world.carol, |send| (send.to.users, send.repeat) = (to, repeat)).await;
    world.pass(DAY).await;
    assert_eq!((world.called(world.bob).await.len(), world.called(world.dan).await.len()), (1, 1));
    world.manages(world.amy.user, world.dan.user).await;
    world.pass(DAY).await;
    assert_eq!((world.called(world.bob).await.len(), world.called(world.dan).await.len()), (2, 1));
    let series = world.call(world.carol, ListSeries {}).await.unwrap().series;
    assert!(series[0].next_at.is_some(), "it goes on: {:?}", series[0].stopped);
}

/// A policy under which a role may pass over quiet hours.
fn guarded(overriders: Vec<RoleId>) -> Rules {
    let first = Step { after_s: 0, channel: App, whom: Whom::Recipient, times: 1, every_s: 60 };
    Rules { overriders, ..rules("Night", vec![first]) }
}

#[tokio::test]
async fn who_passes_over_quiet_hours_must_still_be_allowed_to_when_it_begins() {
    for taken in [None, Some(false), Some(true)] {
        let world = World::new().await;
        let guards = world.role(world.bob).await;
        let create = CreatePolicy { rules: guarded(vec![guards]) };
        let policy = world.call(world.amy, create).await.unwrap().policy;
        let urgent = |send: &mut Send| {
            send.to.users = vec![world.dan.user];
            (send.policy, send.urgent) = (Some(policy), true);
        };
        let ding = world.plans(world.bob, urgent).await;
        take_away(&world, policy, taken).await;
        let begun = world.tomorrow(world.bob).await;
        assert_eq!(begun.recalled_at.is_some(), taken.is_some(), "{taken:?}");
        assert_eq!(world.refused(ding).await, usize::from(taken.is_some()));
    }
}

/// The policy lets nobody pass over quiet hours any more, or is removed.
async fn take_away(world: &World, policy: PolicyId, removed: Option<bool>) {
    match removed {
        None => {}
        Some(false) => {
            let update = UpdatePolicy { policy, rules: guarded(Vec::new()) };
            world.call(world.amy, update).await.unwrap();
        }
        Some(true) => {
            world.call(world.amy, RemovePolicy { policy }).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_group_that_only_its_owner_alerts_by_then_is_not_alerted_by_others() {
    let world = World::new().await;
    let conv = world.group(&[world.bob, world.dan]).await;
    let body = msg::Body::Text { text: "Stocktake".into(), mentions: Vec::new() };
    let said = msg::Send { conv, body, reply_to: None, everybody: false };
    let seq = world.call(world.amy, said).await.unwrap().seq;
    let unread = Audience { unread_of: Some(MsgRef { conv, seq }), ..<_>::default() };
    let planned = [
        world.plans(world.bob, |send| send.to = to_all(conv)).await,
        world.plans(world.bob, |send| send.to = unread).await,
    ];
    let by_name = world.plans(world.bob, |send| send.to.users = vec![world.dan.user]).await;
    let own = world.plans(world.amy, |send| send.to = to_all(conv)).await;
    let rules = RulesChange { ding_all: Some(Callers::Owners), ..<_>::default() };
    world.call(world.amy, SetRules { conv, rules }).await.unwrap();
    world.pass(DAY).await;
    for ding in planned {
        assert_eq!(world.refused(ding).await, 1);
    }
    for ding in [by_name, own] {
        assert_eq!(world.refused(ding).await, 0);
    }
    assert_eq!((world.called(world.dan).await.len(), world.called(world.bob).await.len()), (2, 1));
}

#[tokio::test]
async fn a_group_that_the_sender_is_not_in_any_more_is_not_alerted() {
    let world = World::new().await;
    let conv = world.group(&[world.bob, world.dan]).await;
    let ding = world.plans(world.bob, |send| send.to = to_all(conv)).await;
    let users = vec![world.bob.user];
    world.call(world.amy, RemoveMembers { conv, users: users.clone() }).await.unwrap();
    assert!(world.tomorrow(world.bob).await.recalled_at.is_some());
    assert_eq!(world.refused(ding).await, 1);
    assert!(world.called(world.dan).await.is_empty());
    // Who is in it again may plan again.
    world.call(world.amy, AddMembers { conv, users }).await.unwrap();
    world.plans(world.bob, |send| send.to = to_all(conv)).await;
    assert_eq!(world.tomorrow(world.bob).await.recalled_at, None);
}
