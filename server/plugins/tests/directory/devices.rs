//! The list of devices, and when each was used last.

use carillon_protocol::session::Device;

use crate::*;

const HOUR: i64 = 60 * MINUTE;

async fn listed(world: &World) -> Vec<Device> {
    world.call(world.amy, Devices::default()).await.unwrap().devices
}

/// What the row says: it is written behind the caller's back.
async fn written(world: &World, session: SessionId) -> i64 {
    let sql = "SELECT seen_at FROM directory_session WHERE id = $1";
    let rows = world.kit.host().storage().query(sql, vec![session.into()]).await.unwrap();
    rows[0].get(0).unwrap()
}

#[tokio::test]
async fn the_last_use_is_told_to_the_hour() {
    let world = World::new().await;
    let (session, made_at) = (world.amy.session.unwrap(), world.kit.host().now());
    assert_eq!(listed(&world).await[0].seen_at, made_at);
    for (advance, seen) in [(HOUR - 1, 0), (1, HOUR), (HOUR - 1, HOUR), (5 * HOUR, 7 * HOUR - 1)] {
        world.kit.clock().advance(advance);
        world.resolve(&world.amy_token).await.unwrap();
        assert_eq!(listed(&world).await[0].seen_at, made_at + seen);
    }
    while written(&world, session).await < made_at + 7 * HOUR - 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_last_use_outlives_a_restart_and_other_sessions_keep_theirs() {
    let world = World::new().await;
    let other = sign_in(&world.kit, "amy").await.unwrap();
    let (session, made_at) = (world.amy.session.unwrap(), world.kit.host().now());
    world.kit.clock().advance(2 * HOUR);
    world.resolve(&world.amy_token).await.unwrap();
    while written(&world, session).await == made_at {
        tokio::task::yield_now().await;
    }
    let amy = world.amy;
    let kit = world.kit.restarted(plugins(None)).await;
    let devices = kit.host().call_typed(amy, None, &Devices::default()).await.unwrap().devices;
    let seen: Vec<_> = devices.iter().map(|it| (it.session, it.seen_at - made_at)).collect();
    assert_eq!(seen, [(other.session, 0), (session, 2 * HOUR)]);
}

#[tokio::test]
async fn a_session_that_is_used_all_the_time_is_noted_once_an_hour() {
    let world = World::new().await;
    let session = world.amy.session.unwrap();
    world.kit.clock().advance(HOUR);
    world.resolve(&world.amy_token).await.unwrap();
    while written(&world, session).await < world.kit.host().now() {
        tokio::task::yield_now().await;
    }
    let mut shown = Vec::new();
    for _ in 0..50 {
        world.kit.clock().advance(MINUTE);
        world.resolve(&world.amy_token).await.unwrap();
        shown.push(listed(&world).await[0].seen_at);
    }
    let noted = world.kit.host().now() - 50 * MINUTE;
    assert!(shown.iter().all(|seen| *seen == noted), "{shown:?}");
}

#[tokio::test]
async fn of_more_sessions_than_people_have_devices_those_end_that_were_not_used_for_longest() {
    let world = World::new().await;
    let (session, made_at) = (world.amy.session.unwrap(), world.kit.host().now());
    let mut others = Vec::new();
    for _ in 1..100 {
        others.push(sign_in(&world.kit, "amy").await.unwrap());
    }
    assert!(world.resolve(&others[0].token).await.is_ok());
    world.kit.clock().advance(2 * HOUR);
    world.resolve(&world.amy_token).await.unwrap();
    while written(&world, session).await == made_at {
        tokio::task::yield_now().await;
    }
    world.kit.committed();
    let newest = sign_in(&world.kit, "amy").await.unwrap();
    assert_eq!(code(world.resolve(&others[0].token).await), ErrorCode::TokenExpired);
    let closed: usize = world.kit.committed().iter().map(|(_, means)| means.len()).sum();
    assert_eq!(closed, 1, "its sockets close");
    for token in [&world.amy_token, &others[1].token, &newest.token] {
        assert!(world.resolve(token).await.is_ok());
    }
    assert_eq!(listed(&world).await.len(), 100, "the list shows all of them");
}
