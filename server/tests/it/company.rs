//! What happens in a company counts at once, on every device.

use carillon_protocol::{
    ErrorCode, org,
    role::{self, PEOPLE},
    session,
};
use serde_json::json;

use crate::{
    client::TestClient,
    kit::{TestServer, cid},
    sessions::{PASSWORD, ended_soon, person, refusal, sign_in, window},
};

#[tokio::test(flavor = "multi_thread")]
async fn who_is_let_go_is_cut_off_within_a_second_and_cannot_come_back_alone() {
    let server = TestServer::start().await;
    let amy = person(&server, "amy").await;
    let boss = server.admin(amy.org, "boss").await;
    let (phone, desk) = (sign_in(&server, &amy, "amy").await, sign_in(&server, &amy, "amy").await);
    let clients = [window(&server, &phone, None).await, window(&server, &desk, None).await];
    let mut boss = TestClient::connect(&server, &boss).await;

    let left = boss.call(&org::RemoveMember { user: amy.user }).await.unwrap();
    assert!(!left.member.active);
    for client in clients {
        assert_eq!(ended_soon(client).await, (4502, 4502));
    }
    assert_eq!(refusal(&server, &phone, &phone.token).await, (ErrorCode::TokenExpired, 4501));
    let right = json!({"login": "amy", "password": PASSWORD});
    let wrong = json!({"login": "amy", "password": "wrong horse"});
    let refused = server.rpc(None, "session.login", None, &right).await;
    assert_eq!(refused.0, 401);
    assert_eq!(refused, server.rpc(None, "session.login", None, &wrong).await);

    boss.call(&org::RestoreMember { user: amy.user }).await.unwrap();
    let back = sign_in(&server, &amy, "amy").await;
    drop((window(&server, &back, None).await, boss));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_closes_every_other_window() {
    let server = TestServer::start().await;
    let amy = person(&server, "amy").await;
    let (here, there) = (sign_in(&server, &amy, "amy").await, sign_in(&server, &amy, "amy").await);
    let (mut stays, goes) =
        (window(&server, &here, None).await, window(&server, &there, None).await);
    let change = session::Password { old: PASSWORD.into(), new: "battery staple".into() };
    stays.call(&change).await.unwrap();
    assert_eq!(ended_soon(goes).await, (4502, 4502));
    stays.call(&session::Whoami {}).await.unwrap();
    drop(stays);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_counts_on_open_sockets_from_the_moment_it_is_given_until_it_is_taken() {
    let server = TestServer::start().await;
    let amy = person(&server, "amy").await;
    let boss = server.admin(amy.org, "boss").await;
    let amys = sign_in(&server, &amy, "amy").await;
    let (mut boss, mut amys) =
        (TestClient::connect(&server, &boss).await, window(&server, &amys, None).await);
    let hr = role::Create { name: "HR".into(), permissions: vec![PEOPLE.into()] };
    let role = boss.call(&hr).await.unwrap().role;
    for round in 0..3 {
        let add = |number| org::AddMember {
            org: None,
            login: format!("p{round}.{number}"),
            name: "P".into(),
            password: None,
            title: None,
            admin: false,
            locale: None,
            tz: None,
            departments: Vec::new(),
        };
        let give = |roles| org::UpdateMember {
            user: Some(amy.user),
            roles: Some(roles),
            ..org::UpdateMember::default()
        };
        let refused = amys.call(&add(1)).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::Forbidden, "{refused:?}");
        boss.call(&give(vec![role])).await.unwrap();
        amys.call_as(Some(cid()), None, &add(2)).await.unwrap();
        boss.call(&give(Vec::new())).await.unwrap();
    }
    drop((amys, boss));
    server.stop().await;
}
