//! Who stands in for somebody for a time, and is called instead.

use carillon_plugin::protocol::{
    Channel::{App, Sms},
    ErrorCode, UserId,
    ding::{
        Absence, Deputy, GetDeputy, SetDeputy, Simulate,
        Whom::{self, Recipient},
    },
    org,
};

use super::world::{World, alert_to};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

fn stands_in(deputy: UserId) -> Deputy {
    Deputy { deputy, from: None, until: None }
}

#[tokio::test]
async fn who_stands_in_is_called_while_they_do_and_else_the_manager() {
    let world = World::new().await;
    world.reach_all(&[world.bob, world.carol, world.dan]);
    let steps = [(0, App, Recipient), (60, Sms, Whom::Deputy)];
    let policy = world.policy(&steps).await;
    let until = Some(world.now() + DAY);
    let deputy = Deputy { until, ..stands_in(world.dan.user) };
    world.call(world.bob, SetDeputy { user: None, deputy: Some(deputy) }).await.unwrap();
    let found = world.call(world.dan, GetDeputy::default()).await.unwrap();
    let absence = Absence { user: world.bob.user, from: None, until };
    assert_eq!((found.deputy, found.stands_in_for), (None, vec![absence]));
    let send = || {
        let mut send = alert_to([world.bob.user].into_iter());
        send.policy = Some(policy);
        send
    };
    let reached = async || {
        let said = world.call(world.amy, Simulate { ding: send() }).await.unwrap();
        world.call(world.amy, send()).await.unwrap();
        world.kit.settle().await;
        world.pass(MINUTE).await;
        let carried: Vec<UserId> = world.carried(0).into_iter().map(|it| it.2).collect();
        let said = said.people[0].tries[1].user;
        assert_eq!(carried, said.into_iter().collect::<Vec<_>>());
        said
    };
    assert_eq!(reached().await, Some(world.dan.user));
    // The sender stands in for nobody.
    let amy = Some(stands_in(world.amy.user));
    world.call(world.amy, SetDeputy { user: Some(world.bob.user), deputy: amy }).await.unwrap();
    assert_eq!(reached().await, Some(world.carol.user));
    world.call(world.bob, SetDeputy { user: None, deputy: Some(deputy) }).await.unwrap();
    world.pass(DAY).await;
    assert_eq!(world.call(world.bob, GetDeputy::default()).await.unwrap().deputy, None);
    assert_eq!(reached().await, Some(world.carol.user));
    // Who leaves stands in for nobody.
    let deputy = Some(stands_in(world.dan.user));
    world.call(world.bob, SetDeputy { user: None, deputy }).await.unwrap();
    world.call(world.amy, org::RemoveMember { user: world.dan.user }).await.unwrap();
    world.kit.settle().await;
    assert_eq!(world.call(world.bob, GetDeputy::default()).await.unwrap().deputy, None);
    assert_eq!(reached().await, Some(world.carol.user));
}

#[tokio::test]
async fn who_stands_in_is_said_for_oneself_or_by_who_administers() {
    let world = World::new().await;
    let set = |user, deputy| SetDeputy { user, deputy: Some(deputy) };
    let (bob, dan, now) = (world.bob, world.dan.user, world.now());
    let cases = [
        (bob, set(Some(dan), stands_in(bob.user)), ErrorCode::Forbidden, None),
        (bob, set(None, stands_in(bob.user)), ErrorCode::BadArg, Some("deputy.deputy")),
        (bob, set(None, stands_in(world.zoe.user)), ErrorCode::NotFound, Some("deputy.deputy")),
        (world.zoe, set(Some(dan), stands_in(world.zoe.user)), ErrorCode::NotFound, Some("user")),
        (
            bob,
            set(None, Deputy { until: Some(now), ..stands_in(dan) }),
            ErrorCode::BadArg,
            Some("deputy.until"),
        ),
        (
            bob,
            set(None, Deputy { until: Some(now + 367 * DAY), ..stands_in(dan) }),
            ErrorCode::BadArg,
            Some("deputy.until"),
        ),
        (
            bob,
            set(None, Deputy { from: Some(now + 367 * DAY), ..stands_in(dan) }),
            ErrorCode::BadArg,
            Some("deputy.from"),
        ),
    ];
    for (by, args, code, field) in cases {
        let error = world.call(by, args).await.unwrap_err();
        assert_eq!((error.code(), error.body().field.as_deref()), (code, field), "{args:?}");
    }
    let others = GetDeputy { user: Some(dan) };
    assert_eq!(world.call(bob, others).await.unwrap_err().code(), ErrorCode::Forbidden);
    let set = set(Some(dan), stands_in(bob.user));
    world.call(world.amy, set).await.unwrap();
    world.call(world.amy, set).await.unwrap();
    let found = world.call(world.amy, others).await.unwrap().deputy;
    assert_eq!(found.map(|it| it.deputy), Some(bob.user));
    world.call(world.dan, SetDeputy { user: None, deputy: None }).await.unwrap();
    assert_eq!(world.call(world.amy, others).await.unwrap().deputy, None);
}
