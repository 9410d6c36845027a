//! What digests are told about meetings.

use carillon_plugin::{Clock as _, Period, protocol::fact::Fact};

use crate::*;

const MINUTE_MS: i64 = 60_000;

#[tokio::test]
async fn a_meeting_counts_where_it_began_and_its_minutes_where_they_passed() {
    let world = World::new().await;
    let number = async |name: &str, from: i64, to: i64| {
        let conv = (!name.contains("all_")).then_some(world.conv);
        let period = Period { org: world.amy.org, conv, from, to };
        match world.kit.host().fact(name, period).await.unwrap() {
            Fact::Number { value, .. } => value,
            other => panic!("{other:?}"),
        }
    };
    let start = world.kit.clock().now();
    let room = world.opens(world.now_here()).await;
    world.joins(world.amy, room).await.unwrap();
    let after = |minutes: i64| start + minutes * MINUTE_MS;
    world.kit.clock().advance(20 * MINUTE_MS);
    // It is still open: its minutes last until now.
    for (from, to, meetings, minutes) in [
        (0, 60, 1.0, 20.0),
        (5, 10, 0.0, 5.0),
        (15, 60, 0.0, 5.0),
        (30, 60, 0.0, 0.0),
        (-9, 0, 0.0, 0.0),
    ] {
        for (what, expected) in [("meetings", meetings), ("minutes", minutes)] {
            for name in [format!("room.{what}"), format!("room.all_{what}")] {
                let value = number(&name, after(from), after(to)).await;
                assert_eq!(value, expected, "{name} from {from} to {to}");
            }
        }
    }
    world.call(world.amy, End { room }).await.unwrap();
    world.kit.clock().advance(20 * MINUTE_MS);
    assert_eq!(number("room.minutes", after(0), after(60)).await, 20.0);
    assert_eq!(number("room.minutes", after(20), after(60)).await, 0.0);
}
