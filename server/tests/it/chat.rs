//! Two people talk.

use carillon_protocol::{Codec, conv, msg};

use crate::kit::{TestClient, TestServer};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_reaches_the_other_person_and_ones_own_other_device() {
    let server = TestServer::start().await;
    let org = server.org("Harbour").await;
    let (amy, bob) = (server.person(org, "amy").await, server.person(org, "bob").await);
    let mut phone = TestClient::connect(&server, &amy).await;
    let mut desk = TestClient::resume(
        &server,
        &crate::kit::Person {
            device: carillon_protocol::DeviceId(crate::kit::new_id()),
            ..amy.clone()
        },
        Codec::MsgPack,
        None,
    )
    .await;
    let mut bobs = TestClient::connect(&server, &bob).await;

    let conv = phone.call(&conv::Open { user: bob.user }).await.unwrap().conv;
    let sent = phone.say(conv, "開會").await;
    for client in [&mut phone, &mut desk, &mut bobs] {
        let event = client.event_of(msg::kind::SENT).await;
        assert_eq!((event.seq, event.id, event.by), (sent.seq, sent.id, amy.user));
        let data: msg::SentData = event.data.to().unwrap();
        assert_eq!(data.rev, Some(sent.seq));
        assert_eq!(data.body, msg::Body::Text { text: "開會".into(), mentions: vec![] });
    }
    server.stop().await;
}
