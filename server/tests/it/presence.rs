//! Who is online, as those see it who look at them, on whichever nodes both are.

use carillon_protocol::{
    DeviceId, ServerFrame, UserId,
    presence::{Person as Presence, Watch, ephemeral::PRESENCE},
    session,
};
use tokio::time::timeout;

use crate::kit::{PATIENCE, Person, TestClient, TestServer, new_id};

fn on_another_device(person: &Person) -> Person {
    Person { device: DeviceId(new_id()), ..person.clone() }
}

/// Watches some people: how they are now.
async fn watch(client: &mut TestClient, users: &[UserId]) -> Vec<Option<bool>> {
    let watched = client.call(&Watch { users: users.to_vec() }).await.unwrap();
    assert!(watched.people.iter().map(|person| &person.user).eq(users), "in the order asked");
    watched.people.into_iter().map(|person| person.online).collect()
}

/// Watches some people until they are like this.
async fn seen(client: &mut TestClient, users: &[UserId], how: &[Option<bool>]) {
    let until = async { while watch(client, users).await != how {} };
    timeout(PATIENCE, until).await.expect("they become so");
}

/// Waits until one's own sessions, the newest first, are connected or not like this.
async fn connected(client: &mut TestClient, how: &[Option<bool>]) {
    let until = async {
        loop {
            let listed = client.call(&session::Devices::default()).await.unwrap();
            if listed.devices.iter().map(|device| &device.connected).eq(how) {
                return;
            }
        }
    };
    timeout(PATIENCE, until).await.expect("they become so");
}

/// Waits for a word of somebody whom the connection watches; answers those before it.
async fn told(
    client: &mut TestClient,
    word: (UserId, Option<bool>),
) -> Vec<(UserId, Option<bool>)> {
    let mut before = Vec::new();
    loop {
        if let ServerFrame::Eph(eph) = client.frame().await
            && &*eph.k == PRESENCE
        {
            let Presence { user, online } = eph.data.to().unwrap();
            if (user, online) == word {
                return before;
            }
            before.push((user, online));
        }
    }
}

/// Servers that are one, with three people of an organisation.
struct World {
    servers: Vec<TestServer>,
    amy: Person,
    bob: Person,
    carol: Person,
}

impl World {
    async fn of(servers: Vec<TestServer>) -> World {
        let org = servers[0].org("Harbour").await;
        let amy = servers[0].person(org, "amy").await;
        let bob = servers[0].person(org, "bob").await;
        let carol = servers[0].person(org, "carol").await;
        World { servers, amy, bob, carol }
    }

    async fn stop(self) {
        for server in self.servers {
            server.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_at_somebody_sees_them_come_and_go() {
    let world = World::of(vec![TestServer::start().await]).await;
    let (server, bob) = (&world.servers[0], &world.bob);
    let mut amys = TestClient::connect(server, &world.amy).await;
    let mut with_others = TestClient::connect(server, bob).await;
    seen(&mut amys, &[bob.user], &[Some(true)]).await;
    with_others.call(&session::Logout {}).await.unwrap();
    told(&mut amys, (bob.user, Some(false))).await;
    let bob = Person { token: server.token(bob.org, "bob", false).await, ..bob.clone() };
    let bobs = TestClient::connect(server, &bob).await;
    told(&mut amys, (bob.user, Some(true))).await;
    // A page that is loaded again, and a second device.
    drop(bobs);
    let phone = TestClient::connect(server, &on_another_device(&bob)).await;
    let carols = TestClient::connect(server, &world.carol).await;
    drop(phone);
    let desk = TestClient::connect(server, &bob).await;
    drop(carols);
    seen(&mut amys, &[world.carol.user, bob.user], &[Some(true); 2]).await;
    let before = told(&mut amys, (world.carol.user, Some(false))).await;
    assert!(!before.contains(&(bob.user, Some(false))), "bob never went: {before:?}");
    drop((amys, with_others, desk));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_hears_of_those_whom_it_named_last_and_of_nobody_else() {
    let world = World::of(vec![TestServer::start().await]).await;
    let (server, bob, carol) = (&world.servers[0], &world.bob, &world.carol);
    let mut profile = TestClient::connect(server, &on_another_device(&world.amy)).await;
    // A node that may have others beside it listens first, and says when it knows.
    seen(&mut profile, &[bob.user, carol.user], &[Some(false); 2]).await;
    let mut list = TestClient::connect(server, &world.amy).await;
    assert_eq!(watch(&mut list, &[bob.user, carol.user]).await, [Some(false); 2]);
    assert_eq!(watch(&mut list, &[carol.user]).await, [Some(false)]);
    assert_eq!(watch(&mut profile, &[bob.user, carol.user]).await, [Some(false); 2]);
    let bobs = TestClient::connect(server, bob).await;
    told(&mut profile, (bob.user, Some(true))).await;
    let carols = TestClient::connect(server, carol).await;
    told(&mut profile, (carol.user, Some(true))).await;
    let before = told(&mut list, (carol.user, Some(true))).await;
    assert_eq!(before, [], "bob is not on the screen there");
    let elsewhere = server.org("Peak").await;
    let zoe = server.person(elsewhere, "zoe").await.user;
    let stranger = list.call(&Watch { users: vec![zoe] }).await.unwrap();
    assert_eq!(stranger.people, [], "there is nobody else in the world");
    let too_many = Watch { users: (0..201).map(|_| UserId(new_id())).collect() };
    let refused = list.call(&too_many).await.unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("users"));
    drop((list, profile, bobs, carols));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_all_nodes_see_each_other_and_where_they_are_signed_in() {
    let mut world = World::of(TestServer::cluster(2).await).await;
    let mut amys = TestClient::connect(&world.servers[0], &world.amy).await;
    let bobs = TestClient::connect(&world.servers[1], &world.bob).await;
    while watch(&mut amys, &[world.bob.user, world.carol.user]).await != [Some(true), Some(false)] {
    }
    let carols = TestClient::connect(&world.servers[1], &world.carol).await;
    told(&mut amys, (world.carol.user, Some(true))).await;
    // Carol is at both; what of her is at the node that goes down is no loss.
    let token = world.servers[0].token(world.carol.org, "carol", false).await;
    let phone = Person { token, ..on_another_device(&world.carol) };
    let mut phone = TestClient::connect(&world.servers[0], &phone).await;
    connected(&mut phone, &[Some(true), Some(true)]).await;
    drop((bobs, carols));
    world.servers.pop().unwrap().stop().await;
    let before = told(&mut amys, (world.bob.user, Some(false))).await;
    let is_known = before.iter().all(|(_, online)| online.is_some());
    assert!(is_known, "of nobody it is doubtful where they are: {before:?}");
    connected(&mut phone, &[Some(true), Some(false)]).await;
    assert_eq!(watch(&mut amys, &[world.carol.user]).await, [Some(true)]);
    drop((amys, phone));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_share_a_database_and_no_redis_say_of_nobody_that_they_are_away() {
    let mut world = World::of(TestServer::pair_on(None).await.into()).await;
    let mut amys = TestClient::connect(&world.servers[0], &world.amy).await;
    let bobs = TestClient::connect(&world.servers[1], &world.bob).await;
    seen(&mut amys, &[world.amy.user, world.bob.user], &[Some(true), None]).await;
    drop(bobs);
    world.servers.pop().unwrap().stop().await;
    told(&mut amys, (world.bob.user, Some(false))).await;
    drop(amys);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_node_says_what_it_sees_and_nothing_of_the_others() {
    let mut redis = carillon_rig::Redis::start();
    let world = World::of(TestServer::pair_on(Some(redis.url())).await.into()).await;
    let mut amys = TestClient::connect(&world.servers[0], &world.amy).await;
    let bobs = TestClient::connect(&world.servers[1], &world.bob).await;
    let carols = TestClient::connect(&world.servers[0], &world.carol).await;
    let both = [world.bob.user, world.carol.user];
    seen(&mut amys, &both, &[Some(true), Some(true)]).await;
    tokio::task::block_in_place(|| redis.stop());
    told(&mut amys, (world.bob.user, None)).await;
    assert_eq!(watch(&mut amys, &both).await, [None, Some(true)]);
    tokio::task::block_in_place(|| redis.begin());
    told(&mut amys, (world.bob.user, Some(true))).await;
    drop((amys, bobs, carols));
    world.stop().await;
}
