use std::time::Duration;

use carillon_bus::Health;

use super::{reach::GONE_AFTER, *};

const EAST: RunId = RunId(Ulid(1));
const WEST: RunId = RunId(Ulid(2));
const ROOM: RoomId = RoomId(Ulid(7));

/// The node east, of two that share a database, which hears no other node.
fn alone() -> Carrier {
    let database = Some("postgres://db/c".to_owned().try_into().unwrap());
    let carrier = Carrier::new(EAST, &Config { database, ..Config::default() });
    let health = Health { ready: true, ..Health::default() };
    for at in [Duration::ZERO, GONE_AFTER] {
        carrier.reach.look(Some(&health), at);
    }
    assert!(!carrier.reaches(WEST));
    carrier
}

#[test]
fn of_two_nodes_that_do_not_hear_each_other_one_takes_a_room_and_the_other_leaves_it_there() {
    let carrier = alone();
    carrier.beating(&[WEST]);
    assert_eq!(carrier.place(ROOM, Some(WEST)), EAST, "whoever hears nothing of it takes it");
    carrier.rooms.joined(ROOM, 0);
    assert_eq!(carrier.place(ROOM, Some(WEST)), WEST, "it was taken from here");
    carrier.beating(&[]);
    assert_eq!(carrier.place(ROOM, Some(WEST)), EAST, "and its node has ended since");
}

#[test]
fn a_node_that_carries_nothing_gives_rooms_to_the_emptiest_that_it_reaches() {
    let carrier = Carrier::new(EAST, &Config { database: None, ..Config::default() });
    carrier.loaded(WEST, Load { people: 3, full: false });
    assert_eq!(carrier.place(ROOM, None), EAST, "it reaches nobody");
    let carrier = alone();
    carrier.loaded(WEST, Load { people: 3, full: false });
    assert_eq!(carrier.place(ROOM, None), EAST, "it does not hear the other one");
    let peers =
        vec![carillon_bus::Peer { node: carillon_bus::NodeId(WEST.0), heard: Duration::ZERO }];
    carrier.reach.look(Some(&Health { ready: true, peers, ..Health::default() }), GONE_AFTER);
    assert_eq!(carrier.place(ROOM, None), WEST);
    carrier.loads.refused(WEST);
    assert_eq!(carrier.place(ROOM, None), EAST, "nobody has room: this one says so");
}
