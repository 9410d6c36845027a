//! The end of a session.

use carillon_plugin::LiveChange;

use crate::*;

#[tokio::test]
async fn a_session_that_was_signed_out_is_over_at_once() {
    let world = World::new().await;
    assert!(world.resolve(&world.amy_token).await.is_ok(), "now it is cached");
    world.call(world.amy, Logout {}).await.unwrap();
    assert_eq!(code(world.resolve(&world.amy_token).await), ErrorCode::TokenExpired);
    let session = world.amy.session.unwrap();
    assert_eq!(ended_events(&world.kit, world.amy.user).await, [session]);
    let committed = world.kit.committed();
    let own = Topic::User(world.amy.user);
    let (_, means) = committed.iter().rfind(|(event, _)| event.topic == own).unwrap();
    assert_eq!(*means, [LiveChange::End(session)], "its sockets close");
}

#[tokio::test]
async fn signing_out_twice_tells_once() {
    let world = World::new().await;
    for _ in 0..3 {
        world.call(world.amy, Logout {}).await.unwrap();
    }
    assert_eq!(ended_events(&world.kit, world.amy.user).await.len(), 1);
}

#[tokio::test]
async fn one_cid_for_two_sign_outs_ends_both_sessions() {
    let world = World::new().await;
    let (one, two) = (sign_in(&world.kit, "amy").await, sign_in(&world.kit, "amy").await);
    let same = Some(cid());
    for grant in [one.unwrap(), two.unwrap()] {
        let args = Revoke { session: grant.session };
        world.kit.host().call_typed(world.amy, same, &args).await.unwrap();
        assert_eq!(code(world.resolve(&grant.token).await), ErrorCode::TokenExpired);
    }
}

#[tokio::test]
async fn an_administrator_ends_sessions_of_the_organisation_and_of_no_other() {
    let world = World::new().await;
    let (bob, bob_token) = world.joins("bob").await;
    let (carol, _) = world.joins("carol").await;
    let session = bob.session.unwrap();
    for stranger in [carol, world.zoe] {
        let refused = world.call(stranger, Revoke { session }).await.unwrap_err();
        let nothing = SessionId(Ulid::from_parts(1, 1));
        let unknown = world.call(stranger, Revoke { session: nothing }).await.unwrap_err();
        assert_eq!(refused.body(), unknown.body(), "the same as what does not exist");
        assert_eq!(refused.code(), ErrorCode::NotFound);
    }
    assert!(world.resolve(&bob_token).await.is_ok());
    world.call(world.amy, Revoke { session }).await.unwrap();
    assert_eq!(code(world.resolve(&bob_token).await), ErrorCode::TokenExpired);
    assert_eq!(ended_events(&world.kit, bob.user).await, [session], "told in bob's own log");
}
