//! Cursors and receipts, as open windows see them move.

use carillon_protocol::{
    Codec, DeviceId, Ephemeral, ServerFrame, Topic,
    conv::{
        MembersChangedData, Read, ReadData, RemoveMembers, Update, UpdatedData, ephemeral::READ,
        kind,
    },
    receipt::{Counted, Watch, ephemeral::RECEIPTS},
};

use crate::kit::{Person, TestClient, TestServer, new_id};

/// More than see each other's cursors move.
const OTHERS: usize = 55;

/// The next counts of receipts.
async fn counts(client: &mut TestClient) -> Vec<(u64, u64, u64)> {
    loop {
        if let ServerFrame::Eph(Ephemeral { k, data, .. }) = client.frame().await
            && &*k == RECEIPTS
        {
            return data.to::<Counted>().unwrap().counts;
        }
    }
}

/// Everything about receipts before the next event of this kind, and that event's data.
async fn until(client: &mut TestClient, k: &str) -> (Vec<Ephemeral>, carillon_protocol::Json) {
    let mut told = Vec::new();
    loop {
        match client.frame().await {
            ServerFrame::Eph(eph) if &*eph.k == RECEIPTS => told.push(eph),
            ServerFrame::Ev(event) if &*event.k == k => return (told, event.data),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_in_one_window_is_read_in_all_of_them() {
    let server = TestServer::start().await;
    let org = server.org("Harbour").await;
    let (amy, bob) = (server.person(org, "amy").await, server.person(org, "bob").await);
    let conv = server.group(&[&amy, &bob]).await;
    let mut first = TestClient::connect(&server, &bob).await;
    // The windows of a browser share its session.
    let other = Person { device: DeviceId(new_id()), ..bob.clone() };
    let mut second = TestClient::resume(&server, &other, Codec::MsgPack, None).await;
    let seq = TestClient::connect(&server, &amy).await.say(conv, "早晨").await.seq;
    let done = first.call(&Read { conv, from: Some(seq), seq }).await.unwrap();
    let read = loop {
        match second.frame().await {
            ServerFrame::Eph(eph) if &*eph.k == READ => break eph,
            _ => {}
        }
    };
    let data: ReadData = read.data.to().unwrap();
    assert_eq!((read.topic, data.user), (Some(Topic::Conv(conv)), bob.user));
    assert_eq!((data.read_seq, data.unread), (done.read_seq, 0));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_is_told_on_every_device_and_who_does_not_is_not() {
    let server = TestServer::start().await;
    let org = server.org("Harbour").await;
    let mut people = Vec::new();
    for index in 0..OTHERS {
        people.push(server.person(org, &format!("p{index}")).await);
    }
    let conv = server.group(&people.iter().collect::<Vec<_>>()).await;
    let (amy, bob, carol) = (&people[0], &people[1], &people[2]);
    let mut phone = TestClient::connect(&server, amy).await;
    let other = Person { device: DeviceId(new_id()), ..amy.clone() };
    let mut desk = TestClient::resume(&server, &other, Codec::MsgPack, None).await;
    let mut bobs = TestClient::connect(&server, bob).await;
    let mut carols = TestClient::connect(&server, carol).await;

    let seq = phone.say(conv, "開會").await.seq;
    let total = OTHERS as u64 - 1;
    for client in [&mut phone, &mut bobs] {
        let watch = Watch { conv, seqs: vec![seq] };
        assert_eq!(client.call(&watch).await.unwrap().counts, [(seq, 0, total)]);
    }
    carols.call(&Read { conv, from: Some(seq), seq }).await.unwrap();
    for client in [&mut phone, &mut desk, &mut bobs] {
        assert_eq!(counts(client).await, [(seq, 1, total)]);
    }

    let leave = RemoveMembers { conv, users: vec![bob.user] };
    bobs.call(&leave).await.unwrap();
    assert_eq!(counts(&mut phone).await, [(seq, 1, total - 1)]);
    let (told, data) = until(&mut bobs, kind::MEMBERS_CHANGED).await;
    assert_eq!((told, data.to::<MembersChangedData>().unwrap().removed), (vec![], vec![bob.user]));
    assert_eq!(bobs.call(&Watch { conv, seqs: vec![seq] }).await.unwrap_err().field, None);

    let title = "門市 Shop 3".to_owned();
    phone.call(&Update { conv, title: title.clone() }).await.unwrap();
    let (told, data) = until(&mut carols, kind::UPDATED).await;
    assert_eq!((told, data.to::<UpdatedData>().unwrap().title), (vec![], title));
    // Of the group nothing reaches who left, nor counts who does not watch.
    let direct = phone.call(&carillon_protocol::conv::Open { user: bob.user }).await.unwrap().conv;
    phone.say(direct, "bye").await;
    loop {
        match bobs.frame().await {
            ServerFrame::Ev(event) if &*event.k == carillon_protocol::msg::kind::SENT => break,
            ServerFrame::Eph(eph) => assert_ne!(eph.topic, Some(Topic::Conv(conv)), "{eph:?}"),
            ServerFrame::Ev(event) => assert_ne!(event.topic, Topic::Conv(conv), "{event:?}"),
            _ => {}
        }
    }
    server.stop().await;
}
