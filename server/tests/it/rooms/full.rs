//! Nodes that have too much to do.

use carillon_protocol::{ErrorCode, room::Join};
use tokio::time::timeout;

use super::{
    attendee::{Attendee, at},
    open, rooms_of,
};
use crate::kit::{PATIENCE, TestServer};

#[tokio::test(flavor = "multi_thread")]
async fn a_meeting_begins_at_a_node_that_can_carry_it() {
    let servers = TestServer::cluster_with(2, |config| config.rooms.people_max = 1).await;
    let [east, west] = &servers[..] else { unreachable!("there are two") };
    let org = east.org("Harbour").await;
    let (amy, bob) = (east.person(org, "amy").await, east.person(org, "bob").await);
    let conv = east.group(&[&amy, &bob]).await;
    let mut calls = at(east, &amy).await;
    let room = open(&mut calls, conv).await;
    let amys = Attendee::join(calls, "amy", room).await;
    assert_eq!([rooms_of(east.url()).await, rooms_of(west.url()).await], [1.0, 0.0]);

    let mut calls = at(east, &bob).await;
    let refused = calls.call(&Join { room, participant: None }).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Busy, "this room stays where it is: {}", refused.msg);
    // Nodes tell each other how they are; until then there is nobody to take it.
    let room = open(&mut calls, east.group(&[&bob, &amy]).await).await;
    let come = async {
        loop {
            match calls.call(&Join { room, participant: None }).await {
                Ok(_) => break,
                Err(refused) => assert_eq!(refused.code, ErrorCode::Busy, "{}", refused.msg),
            }
        }
    };
    timeout(PATIENCE, come).await.expect("another node takes it");
    assert_eq!([rooms_of(east.url()).await, rooms_of(west.url()).await], [1.0, 1.0]);
    drop((amys, calls));
    for server in servers {
        server.stop().await;
    }
}
