//! Who is signed in: sessions open sockets, and take them along when they end.

use std::time::Duration;

use carillon_protocol::{Codec, DeviceId, ErrorCode, SessionId, frame::Hello, org, session};
use serde_json::json;

use crate::{
    client::{Closed, TestClient},
    kit::{PATIENCE, Person, TestServer, new_id},
    shop::goodbye,
};

pub const PASSWORD: &str = "harbour-light-7";

/// A person with a password.
pub async fn person(server: &TestServer, login: &str) -> Person {
    let org = server.org(login).await;
    let add = org::AddMember {
        org: Some(org),
        login: login.into(),
        name: login.into(),
        password: Some(PASSWORD.into()),
        title: None,
        admin: false,
        locale: None,
        tz: None,
        departments: Vec::new(),
    };
    let user = server.system(&add).await.user;
    Person { user, org, token: String::new(), device: DeviceId(new_id()) }
}

/// Signs in over HTTP: a new session of the person, on a new device.
pub async fn sign_in(server: &TestServer, person: &Person, login: &str) -> Person {
    let args = json!({"login": login, "password": PASSWORD});
    let (status, grant) = server.rpc(None, "session.login", None, &args).await;
    assert_eq!((status, &grant["user"]), (200, &json!(person.user)), "{grant}");
    let token = grant["token"].as_str().unwrap().to_owned();
    Person { token, device: DeviceId(new_id()), ..person.clone() }
}

pub fn hello(person: &Person, token: &str, tab: Option<&str>) -> Hello {
    let (token, tab) = (Some(token.to_owned()), tab.map(str::to_owned));
    let (caps, handles, listens) = (Vec::new(), Vec::new(), Vec::new());
    Hello { v: 1, token, device: person.device, tab, sync: None, caps, handles, listens }
}

/// A connection of one window.
pub async fn window(server: &TestServer, person: &Person, tab: Option<&str>) -> TestClient {
    let mut client = TestClient::open(server.url(), Codec::Json).await;
    client.hello(&hello(person, &person.token, tab)).await;
    client.synced().await;
    client
}

/// A connection whose session has ended is ended by the server within a second; this is that much
/// longer for a machine that is busy, and still sooner than a heartbeat would find out.
const ENDED_WITHIN: Duration = Duration::from_secs(15);

/// Waits until the connection is ended; answers the code.
pub async fn ended_soon(client: TestClient) -> (u16, u16) {
    let until = tokio::time::timeout(ENDED_WITHIN, client.until_closed());
    let (frames, Closed { code }) = until.await.expect("it is ended at once");
    goodbye(&frames, code)
}

/// Why a connection with this token is refused.
pub async fn refusal(server: &TestServer, person: &Person, token: &str) -> (ErrorCode, u16) {
    let mut client = TestClient::open(server.url(), Codec::Json).await;
    client.hello(&hello(person, token, None)).await;
    let (_, error) = crate::shop::refusal(&mut client).await;
    let (frames, closed) = client.until_closed().await;
    (error.code, goodbye(&frames, closed.code).1)
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_sockets_of_that_session_and_no_others() {
    let server = TestServer::start().await;
    let amy = person(&server, "amy").await;
    let phone = sign_in(&server, &amy, "amy").await;
    let desk = sign_in(&server, &amy, "amy").await;
    let (first, second) =
        (window(&server, &phone, Some("1")).await, window(&server, &phone, Some("2")).await);
    let mut stays = window(&server, &desk, None).await;

    let (status, _) = server.rpc(Some(&phone.token), "session.logout", None, &json!({})).await;
    assert_eq!(status, 200);
    for client in [first, second] {
        assert_eq!(ended_soon(client).await, (4502, 4502));
    }
    stays.call(&session::Whoami {}).await.unwrap();
    let refused = refusal(&server, &phone, &phone.token).await;
    assert_eq!(refused, (ErrorCode::TokenExpired, 4501));
    let (status, body) = server.rpc(Some(&phone.token), "session.whoami", None, &json!({})).await;
    assert_eq!((status, &body["code"]), (401, &json!("E_TOKEN_EXPIRED")));
    drop(stays);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_over_a_socket_gets_the_answer_before_the_end() {
    let server = TestServer::start().await;
    let amy = person(&server, "amy").await;
    for _ in 0..10 {
        let phone = sign_in(&server, &amy, "amy").await;
        let mut client = window(&server, &phone, None).await;
        let other = window(&server, &phone, Some("2")).await;
        client.call(&session::Logout {}).await.expect("the answer comes first");
        for client in [client, other] {
            assert_eq!(ended_soon(client).await, (4502, 4502));
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_revoked_from_another_one_is_gone_at_once() {
    let server = TestServer::start().await;
    let amy = person(&server, "amy").await;
    let lost = sign_in(&server, &amy, "amy").await;
    let kept = sign_in(&server, &amy, "amy").await;
    let thief = window(&server, &lost, None).await;
    let mut owner = window(&server, &kept, None).await;
    let stranger = server.admin(server.org("Elsewhere").await, "dan").await;
    let mut stranger = TestClient::connect(&server, &stranger).await;

    let devices = owner.call(&session::Devices::default()).await.unwrap().devices;
    let other = devices.iter().find(|device| !device.current).unwrap().session;
    assert_eq!(Some(other), thief.welcome.as_ref().map(|welcome| welcome.session));
    let error = stranger.call(&session::Revoke { session: other }).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound, "another tenant's session does not exist");
    owner.call(&session::Revoke { session: other }).await.unwrap();
    assert_eq!(ended_soon(thief).await, (4502, 4502));
    owner.call(&session::Revoke { session: other }).await.unwrap();
    let unknown = session::Revoke { session: SessionId(new_id()) };
    assert_eq!(owner.call(&unknown).await.unwrap_err().code, ErrorCode::NotFound);
    assert_eq!(owner.call(&session::Devices::default()).await.unwrap().devices.len(), 1);
    drop((owner, stranger));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_opens_one_socket_and_ends_with_its_session() {
    let server = TestServer::start().await;
    let amy = person(&server, "amy").await;
    let desk = sign_in(&server, &amy, "amy").await;
    let ticket = async || {
        let (status, body) = server.rpc(Some(&desk.token), "session.token", None, &json!({})).await;
        assert_eq!(status, 200, "{body}");
        body["token"].as_str().unwrap().to_owned()
    };
    let (used, unused) = (ticket().await, ticket().await);
    let client = window(&server, &Person { token: used.clone(), ..desk.clone() }, None).await;
    assert_eq!(refusal(&server, &desk, &used).await, (ErrorCode::Unauth, 4501), "a second time");

    server.rpc(Some(&desk.token), "session.logout", None, &json!({})).await;
    assert_eq!(ended_soon(client).await, (4502, 4502));
    let (code, closed) = refusal(&server, &desk, &unused).await;
    assert!(matches!(code, ErrorCode::Unauth | ErrorCode::TokenExpired), "{code}");
    assert_eq!(closed, 4501);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_window_is_one_connection_and_a_ninth_replaces_the_oldest() {
    let server = TestServer::start().await;
    let org = server.org("Harbour").await;
    let amy = server.person(org, "amy").await;
    let other_device = Person { device: DeviceId(new_id()), ..amy.clone() };
    let mut elsewhere = window(&server, &other_device, Some("t0")).await;

    let untabbed = window(&server, &amy, None).await;
    let again = window(&server, &amy, None).await;
    assert_eq!(ended_soon(untabbed).await, (4504, 4504));
    drop(again);
    // Its window is free when the server has seen it go.
    while server.server().node.hub.connections() > 1 {
        tokio::task::yield_now().await;
    }

    let mut windows = Vec::new();
    for tab in 0..8 {
        windows.push(window(&server, &amy, Some(&format!("t{tab}"))).await);
    }
    for client in &mut windows {
        client.call(&session::Whoami {}).await.unwrap();
    }
    let same = window(&server, &amy, Some("t3")).await;
    assert_eq!(ended_soon(windows.remove(3)).await, (4504, 4504));
    windows.push(same);
    let ninth = window(&server, &amy, Some("t8")).await;
    assert_eq!(ended_soon(windows.remove(0)).await, (4504, 4504));
    windows.push(ninth);
    for client in &mut windows {
        client.call(&session::Whoami {}).await.unwrap();
    }
    elsewhere.call(&session::Whoami {}).await.unwrap();
    drop((windows, elsewhere));
    server.stop().await;
}

/// Long enough to come in with, on any machine.
const LASTS_MS: i64 = 3_000;

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_session_ends_its_socket() {
    let server = TestServer::start().await;
    let org = server.org("Harbour").await;
    let amy = server.person(org, "amy").await;
    let issue = session::Issue {
        org: Some(org),
        user: Some("amy".into()),
        app: None,
        scopes: None,
        ttl_ms: Some(LASTS_MS),
    };
    let grant = server.system(&issue).await;
    let client = window(&server, &Person { token: grant.token, ..amy }, None).await;
    let (frames, closed) = client.until_closed().await;
    let late = server.host().now() - grant.expires_at;
    assert_eq!(goodbye(&frames, closed.code), (4501, 4501));
    let within = 0..ENDED_WITHIN.as_millis() as i64;
    assert!(within.contains(&late), "it ended {late} ms after its session");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_while_its_connection_joins_does_not_stay() {
    let server = TestServer::start().await;
    let amy = person(&server, "amy").await;
    for _ in 0..20 {
        let phone = sign_in_quickly(&server, &amy).await;
        let mut client = TestClient::open(server.url(), Codec::Json).await;
        client.hello(&hello(&phone, &phone.token, None)).await;
        // The end of the session meets the join wherever it is.
        let (status, _) = server.rpc(Some(&phone.token), "session.logout", None, &json!({})).await;
        assert_eq!(status, 200);
        let closed = tokio::time::timeout(PATIENCE, client.until_closed()).await;
        let (frames, closed) = closed.expect("it does not stay");
        let (bye, code) = goodbye(&frames, closed.code);
        assert!(bye == code && matches!(code, 4501 | 4502), "{frames:?}");
    }
    server.stop().await;
}

/// A session without the cost of a password.
async fn sign_in_quickly(server: &TestServer, person: &Person) -> Person {
    let issue = session::Issue {
        org: Some(person.org),
        user: Some("amy".into()),
        app: None,
        scopes: None,
        ttl_ms: None,
    };
    Person { token: server.system(&issue).await.token, ..person.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_the_scope_read_hears_nothing() {
    let server = TestServer::start().await;
    let org = server.org("Harbour").await;
    let (amy, bob) = (server.person(org, "amy").await, server.person(org, "bob").await);
    let conv = server.group(&[&amy, &bob]).await;
    let issue = session::Issue {
        org: Some(org),
        user: Some("bob".into()),
        app: None,
        scopes: Some(vec!["write".into()]),
        ttl_ms: None,
    };
    let token = server.system(&issue).await.token;
    let mut writer = window(&server, &Person { token, ..bob.clone() }, None).await;
    assert!(writer.pages.is_empty(), "{:?}", writer.pages);
    let mut amys = TestClient::connect(&server, &amy).await;
    let new = server.group(&[&amy, &bob]).await;
    amys.say(conv, "a secret").await;
    amys.say(new, "another").await;
    let sent = writer.say(conv, "I only write").await;
    assert_eq!(amys.event_of("msg.sent").await.seq + 2, sent.seq + 1);
    let error = writer.call(&session::Whoami {}).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);
    drop(amys);
    let closing = server.stop();
    let (frames, ()) = tokio::join!(writer.until_closed(), closing);
    let heard =
        frames.0.iter().filter(|frame| matches!(frame, carillon_protocol::ServerFrame::Ev(_)));
    assert_eq!(heard.count(), 0, "{:?}", frames.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_name_are_answered_alike() {
    let server = TestServer::start().await;
    person(&server, "amy").await;
    let no_password = server.org("Other").await;
    server.person(no_password, "bob").await;
    let mut answers = Vec::new();
    for (login, password) in [
        ("amy", "wrong-password"),
        ("nobody", PASSWORD),
        ("bob", PASSWORD),
        ("amy", ""),
        ("bob", ""),
    ] {
        let args = json!({"login": login, "password": password});
        let (status, mut body) = server.rpc(None, "session.login", None, &args).await;
        body.as_object_mut().unwrap().remove("ref");
        answers.push((status, body));
    }
    assert_eq!((answers[0].0, &answers[0].1["code"]), (401, &json!("E_UNAUTH")));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_a_password_is_slowed_down_and_others_are_not() {
    let server = TestServer::start().await;
    let amy = person(&server, "amy").await;
    let phone = sign_in_quickly(&server, &amy).await;
    let mut client = TestClient::connect(&server, &phone).await;
    let mut refused = 0;
    for guess in 0..12 {
        let args = json!({"login": "amy", "password": format!("guess-{guess}")});
        let (status, body) = server.rpc(None, "session.login", None, &args).await;
        assert!(status == 401 || status == 429, "{body}");
        refused += usize::from(status == 429);
    }
    assert!(refused >= 6, "{refused} of 12 guesses were refused unseen");
    client.call(&session::Whoami {}).await.unwrap();
    drop(client);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setup_link_works_once_and_there_is_no_default_password() {
    let server = TestServer::start().await;
    let link = server.server().setup_path.clone().expect("a link at the first start");
    let token = link.strip_prefix("/setup#").unwrap();
    assert!(token.len() > 40, "256 bits");
    for (login, password) in
        [("admin", "admin"), ("admin", "password"), ("admin", ""), ("root", "carillon")]
    {
        let args = json!({"login": login, "password": password});
        let (status, _) = server.rpc(None, "session.login", None, &args).await;
        assert!(matches!(status, 401 | 429), "{status}");
    }
    let setup = |token: &str, password: &str| {
        json!({
            "token": token, "org": "Harbour", "login": "frank", "name": "Frank",
            "password": password,
        })
    };
    let (status, _) = server.rpc(None, "session.setup", None, &setup("cst_guess", PASSWORD)).await;
    assert_eq!(status, 401);
    for weak in ["", "short", "frank"] {
        let (status, body) = server.rpc(None, "session.setup", None, &setup(token, weak)).await;
        assert_eq!((status, &body["field"]), (400, &json!("password")), "{weak}");
    }
    let good = setup(token, PASSWORD);
    let set_up = || server.rpc(None, "session.setup", None, &good);
    let (first, second) = tokio::join!(set_up(), set_up());
    let mut statuses = [first.0, second.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "two at once make one organisation");
    let args = json!({"login": "frank", "password": PASSWORD});
    let (status, grant) = server.rpc(None, "session.login", None, &args).await;
    assert_eq!(status, 200, "{grant}");
    let server = server.restart().await;
    assert_eq!(server.server().setup_path, None);
    let (status, _) = server.rpc(None, "session.setup", None, &setup(token, PASSWORD)).await;
    assert_eq!(status, 401, "the old link is nothing after a restart");
    server.stop().await;
}
