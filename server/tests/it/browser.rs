//! What pages in a browser may do, and how their people are signed in.

use carillon::config::Tls;
use carillon_protocol::{
    Codec, ErrorCode, Retry, ServerFrame,
    frame::{Hello, client},
    session,
};
use serde_json::{Value, json};

use crate::{
    kit::{Person, TestServer, exchange},
    page::Page,
    process::{Process, carillon},
    sessions::{PASSWORD, ended_soon, hello, person, window},
    wire::{TEXT, Wire},
};

fn credentials(login: &str) -> Value {
    json!({"login": login, "password": PASSWORD, "label": "Chrome"})
}

/// A server that people reach through a proxy with TLS.
async fn behind_tls() -> TestServer {
    TestServer::with(|config| {
        config.public_url = Some("https://chat.example.org".to_owned().try_into().unwrap());
        config.allowed_origins =
            vec!["https://intranet.example.org:8443".to_owned().try_into().unwrap()];
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_gets_a_cookie_that_no_script_reads_and_a_program_gets_a_token() {
    let server = TestServer::start().await;
    let amy = person(&server, "amy").await;
    let page = Page::of(&server);
    let signed_in = page.call("session.login", &credentials("amy")).await;
    assert_eq!((signed_in.status, &signed_in.body["user"]), (200, &json!(amy.user)));
    assert_eq!(signed_in.body.get("token"), None, "{signed_in:?}");
    let (pair, attributes) = signed_in.cookie();
    assert!(pair.starts_with("carillon=cdt_"), "{pair}");
    let (flags, seconds) = attributes.rsplit_once('=').unwrap();
    assert_eq!(flags, "HttpOnly; SameSite=Lax; Path=/; Max-Age");
    let lasts_ms = signed_in.body["expires_at"].as_i64().unwrap() - server.host().now();
    let seconds: i64 = seconds.parse().unwrap();
    assert!((seconds - lasts_ms / 1_000).abs() <= 60, "{seconds} s for {lasts_ms} ms");

    let me = page.with(&pair).whoami().await;
    assert_eq!((me.status, &me.body["user"]), (200, &json!(amy.user)), "{me:?}");
    let others = page.with(&format!("theme=dark; {pair}; carillon_x=1")).whoami().await;
    assert_eq!(others.status, 200, "{others:?}");

    let program = page.nameless().call("session.login", &credentials("amy")).await;
    assert_eq!((program.status, &program.set_cookie), (200, &None));
    let token = program.body["token"].as_str().unwrap();
    assert_eq!(server.rpc(Some(token), "session.whoami", None, &json!({})).await.0, 200);
    let wrong = page.call("session.login", &json!({"login": "amy", "password": "no"})).await;
    assert_eq!((wrong.status, &wrong.set_cookie), (401, &None));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sets_up_in_a_page_is_signed_in_by_the_cookie() {
    let server = TestServer::start().await;
    let link = server.server().setup_path.clone().unwrap();
    let setup = json!({
        "token": link.strip_prefix("/setup#").unwrap(),
        "org": "Harbour", "login": "frank", "name": "Frank", "password": PASSWORD,
    });
    let page = Page::of(&server);
    let foreign = Page { origin: Some("https://evil.example".into()), ..page.clone() };
    assert_eq!(foreign.call("session.setup", &setup).await.status, 403);
    let answer = page.call("session.setup", &setup).await;
    assert_eq!((answer.status, answer.body.get("token")), (200, None), "{answer:?}");
    let me = page.with(&answer.cookie().0).whoami().await;
    assert_eq!((me.status, &me.body["name"]), (200, &json!("Frank")), "{me:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_by_a_link_in_a_page_is_signed_in_by_the_cookie() {
    let server = TestServer::start().await;
    let admin = server.admin(server.org("Harbour").await, "frank").await;
    let (_, link) = server.rpc(Some(&admin.token), "org.invite.create", None, &json!({})).await;
    let accept = json!({
        "token": link["token"], "login": "grace", "name": "Grace", "password": PASSWORD,
    });
    let answer = Page::of(&server).call("org.invite.accept", &accept).await;
    assert_eq!((answer.status, answer.body.get("token")), (200, None), "{answer:?}");
    let me = Page::of(&server).with(&answer.cookie().0).whoami().await;
    assert_eq!((me.status, &me.body["login"]), (200, &json!("grace")), "{me:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_learns_how_to_sign_in_whatever_its_cookie_is_worth() {
    let server = TestServer::start().await;
    let page = Page::of(&server);
    let methods = async |page: &Page| {
        let answer = page.call("session.methods", &json!({})).await;
        assert_eq!((answer.status, &answer.set_cookie), (200, &None), "{answer:?}");
        answer.body
    };
    assert_eq!(methods(&page).await, json!({"setup": true}));
    server.org("Harbour").await;
    let expected = json!({"setup": false, "org": "Harbour"});
    assert_eq!(methods(&page).await, expected, "no demo, and nothing about people");
    assert_eq!(methods(&page.with("carillon=cdt_old")).await, expected);
    server.stop().await;

    let folder = tempfile::tempdir().unwrap();
    let mut serve = carillon();
    serve.args(["serve", "--demo", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path());
    let demo = Process::start(serve).await;
    let page = Page { url: demo.url.clone(), origin: Some(demo.url.clone()), cookie: None };
    let offered = methods(&page).await["demo"].clone();
    let person = &offered["people"][0];
    let args = json!({"login": person["login"], "password": offered["password"]});
    let signed_in = page.call("session.login", &args).await;
    let me = page.with(&signed_in.cookie().0).whoami().await;
    assert_eq!(me.body["name"], person["name"], "one click is enough: {me:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_tls_the_cookie_is_the_hosts_own() {
    let behind_proxy = behind_tls().await;
    let itself = TestServer::with(|config| config.tls = Some(Tls::Own)).await;
    for (server, origin) in
        [(&behind_proxy, "https://chat.example.org".to_owned()), (&itself, itself.url().to_owned())]
    {
        person(server, "amy").await;
        let page = Page { origin: Some(origin), ..Page::of(server) };
        let signed_in = page.call("session.login", &credentials("amy")).await;
        let (pair, attributes) = signed_in.cookie();
        let token = pair.strip_prefix("__Host-carillon=").unwrap();
        assert!(attributes.starts_with("HttpOnly; SameSite=Lax; Path=/; Max-Age="), "{attributes}");
        assert!(attributes.ends_with("; Secure") && !attributes.contains("Domain"), "{attributes}");
        assert_eq!(page.with(&pair).whoami().await.status, 200);
        let planted = page.with(&format!("carillon={token}")).whoami().await;
        assert_eq!(planted.status, 401, "a cookie that could be set without TLS is none");
        let without = page.origin.as_ref().map(|origin| origin.replace("https", "http"));
        let without = Page { origin: without, ..page.clone() }.with(&pair).whoami().await;
        assert_eq!(without.status, 403, "a page without TLS is another site");
        let out = page.with(&pair).call("session.logout", &json!({})).await;
        assert!(out.forgets("__Host-carillon") && out.cookie().1.ends_with("; Secure"), "{out:?}");
    }
    behind_proxy.stop().await;
    itself.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_come_back_by_tls_where_the_operator_says_that_people_do() {
    let named = behind_tls().await;
    let itself = TestServer::with(|config| config.tls = Some(Tls::Own)).await;
    for path in ["/healthz", "/", "/v1/ws"] {
        let answer = exchange(named.url(), "GET", path, &[], Vec::new()).await;
        assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000", "{path}");
        let answer = exchange(itself.url(), "GET", path, &[], Vec::new()).await;
        let demanded = answer.headers().contains_key("strict-transport-security");
        assert!(!demanded, "who does not trust the authority yet must get to its page: {path}");
    }
    named.stop().await;
    itself.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_foreign_origins_are_refused_at_both_doors() {
    let (own, listed) = (TestServer::start().await, behind_tls().await);
    person(&own, "amy").await;
    person(&listed, "amy").await;
    let at_listed = Page { origin: Some("https://chat.example.org".into()), ..Page::of(&listed) };
    let pages = [Page::of(&own).sign_in("amy").await, at_listed.sign_in("amy").await];
    let host = own.url().strip_prefix("http://").unwrap().to_owned();
    let port = host.rsplit_once(':').unwrap().1;
    let own_origins = [
        (own.url().to_owned(), true),
        (format!("https://{host}"), false),
        (format!("HTTP://{host}"), false),
        ("http://127.0.0.1".into(), false),
        ("http://127.0.0.1:1".into(), false),
        (format!("http://localhost:{port}"), false),
        (format!("http://{host}.evil.example"), false),
        (format!("http://{host}/"), false),
        (host.clone(), false),
        ("null".into(), false),
        (String::new(), false),
        ("https://evil.example".into(), false),
    ];
    let listed_origins = [
        ("https://chat.example.org", true),
        ("https://intranet.example.org:8443", true),
        ("https://intranet.example.org", false),
        ("https://intranet.example.org:8444", false),
        ("http://chat.example.org", false),
        ("https://CHAT.example.org", false),
        ("https://sub.chat.example.org", false),
        ("https://chat.example.org.evil.example", false),
        ("https://chat.example.org@evil.example", false),
        ("https://chat.example.org, https://evil.example", false),
        ("https://evilchat.example.org", false),
        ("https://good.evil", false),
        ("null", false),
        (listed.url(), false),
    ];
    let own_origins = own_origins.map(|(origin, good)| (&pages[0], origin, good));
    let listed_origins = listed_origins.map(|(origin, good)| (&pages[1], origin.to_owned(), good));
    for (page, origin, good) in own_origins.into_iter().chain(listed_origins) {
        let page = Page { origin: Some(origin.clone()), ..page.clone() };
        let head = page.upgrade().await;
        let expected = if good { "HTTP/1.1 101" } else { "HTTP/1.1 403" };
        assert!(head.starts_with(expected), "{origin}: {head}");
        let answer = page.whoami().await;
        assert_eq!(answer.status, if good { 200 } else { 403 }, "{origin}: {answer:?}");
        let signing_in = page.call("session.login", &json!({"login": "amy", "password": ""})).await;
        assert_eq!(signing_in.status, if good { 401 } else { 403 }, "{origin}: {signing_in:?}");
        assert!(good || signing_in.body["code"] == "E_FORBIDDEN", "{signing_in:?}");
    }
    for page in &pages {
        let head = page.nameless().upgrade().await;
        assert!(head.starts_with("HTTP/1.1 101"), "a program says no origin: {head}");
        let answer = page.nameless().whoami().await;
        assert_eq!((answer.status, &answer.body["code"]), (403, &json!("E_FORBIDDEN")));
        assert_eq!(page.whoami().await.status, 200, "no refusal costs the session");
    }
    own.stop().await;
    listed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_foreign_form_can_send_does_nothing() {
    let server = TestServer::start().await;
    person(&server, "amy").await;
    let page = Page::of(&server).sign_in("amy").await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
        let answer = page.call_as(kind, None, "session.logout", &json!({})).await;
        let field = &answer.body["field"];
        assert_eq!((answer.status, field), (400, &json!("Content-Type")), "{kind}: {answer:?}");
    }
    let path = "/v1/rpc/session.logout";
    let headers = [("cookie", page.cookie.as_deref().unwrap()), ("origin", server.url())];
    for method in ["GET", "HEAD", "PUT", "OPTIONS"] {
        let answer = exchange(server.url(), method, path, &headers, Vec::new()).await;
        assert_eq!(answer.status(), 405, "{method}");
        assert!(!answer.headers().contains_key("access-control-allow-origin"), "{method}");
    }
    assert_eq!(page.whoami().await.status, 200, "nobody was signed out");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_opens_its_socket_by_a_ticket_and_never_by_the_cookie() {
    let server = TestServer::start().await;
    let amy = person(&server, "amy").await;
    let page = Page::of(&server).sign_in("amy").await;
    let mut socket = Wire::connect(&page.url).await;
    assert!(page.upgrade_on(&mut socket).await.starts_with("HTTP/1.1 101"));
    let silent = Hello { token: None, ..hello(&amy, "", None) };
    socket.frame(TEXT, &client::hello(Codec::Json, &silent)).await;
    let Ok(ServerFrame::Err { error, .. }) = socket.protocol_frame().await else {
        panic!("a hello without a token is refused");
    };
    assert_eq!((error.code, error.retry), (ErrorCode::Unauth, Retry::Reauth));

    let ticket = page.call("session.token", &json!({})).await;
    let token = ticket.body["token"].as_str().unwrap().to_owned();
    let socket = window(&server, &Person { token, ..amy }, None).await;
    let out = page.call("session.logout", &json!({})).await;
    assert!(out.status == 200 && out.forgets("carillon"), "{out:?}");
    assert_eq!(ended_soon(socket).await, (4502, 4502), "the other window goes too");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_clears_no_cookie_for_it_may_come_after_a_sign_in() {
    let server = TestServer::start().await;
    let amy = person(&server, "amy").await;
    let page = Page::of(&server).sign_in("amy").await;
    assert!(page.call("session.logout", &json!({})).await.forgets("carillon"));
    let issue = session::Issue {
        org: Some(amy.org),
        user: Some("amy".into()),
        app: None,
        scopes: None,
        ttl_ms: Some(1),
    };
    let short = server.system(&issue).await;
    while server.host().now() <= short.expires_at {
        tokio::task::yield_now().await;
    }
    let good = page.cookie.clone().unwrap();
    for (cookie, code) in [
        (good.clone(), "E_TOKEN_EXPIRED"),
        (format!("carillon={}", short.token), "E_TOKEN_EXPIRED"),
        (format!("{}x", &good[..good.len() - 1]), "E_UNAUTH"),
        ("carillon=".into(), "E_UNAUTH"),
        ("carillon=x; carillon=y".into(), "E_UNAUTH"),
    ] {
        let page = page.with(&cookie);
        let answer = page.whoami().await;
        assert_eq!((answer.status, &answer.body["code"]), (401, &json!(code)), "{cookie}");
        assert_eq!(answer.set_cookie, None, "the browser may have another one by now");
        let signing_in = page.call("session.login", &credentials("amy")).await;
        assert_eq!(signing_in.status, 200, "it does not stand in the way: {signing_in:?}");
    }
    let out = page.with(&good).call("session.logout", &json!({})).await;
    assert_eq!((out.status, &out.set_cookie), (401, &None), "nor when signed out already: {out:?}");
    let other = page.with("theme=dark").whoami().await;
    assert_eq!((other.status, &other.set_cookie), (401, &None), "{other:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_always_makes_a_new_session_and_ends_the_one_before() {
    let server = TestServer::start().await;
    let amy = person(&server, "amy").await;
    let bob = person(&server, "bob").await;
    let planted = Page::of(&server).sign_in("bob").await;
    let ticket = planted.call("session.token", &json!({})).await;
    let token = ticket.body["token"].as_str().unwrap().to_owned();
    let bobs = window(&server, &Person { token, ..bob }, None).await;

    let wrong = planted.call("session.login", &json!({"login": "amy", "password": "no"})).await;
    assert_eq!((wrong.status, &wrong.set_cookie), (401, &None));
    assert_eq!(planted.whoami().await.status, 200, "who fails to sign in stays who they were");
    let page = planted.sign_in("amy").await;
    assert_ne!(page.cookie, planted.cookie);
    assert_eq!(page.whoami().await.body["user"], json!(amy.user));
    assert_eq!(ended_soon(bobs).await, (4502, 4502));
    assert_eq!(planted.whoami().await.body["code"], "E_TOKEN_EXPIRED");
    let devices = page.call("session.devices", &json!({})).await.body["devices"].clone();
    assert_eq!(devices.as_array().unwrap().len(), 1, "{devices}");

    let again = page.sign_in("amy").await;
    let devices = again.call("session.devices", &json!({})).await.body["devices"].clone();
    assert_eq!(devices.as_array().unwrap().len(), 1, "the same browser is one device: {devices}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_token_beats_the_cookie() {
    let server = TestServer::start().await;
    person(&server, "amy").await;
    let bob = server.person(server.org("Other").await, "bob").await;
    let page = Page::of(&server).sign_in("amy").await;
    let whoami = async |page: &Page, token: &str| {
        page.call_as("application/json", Some(token), "session.whoami", &json!({})).await
    };
    for page in [&page, &page.nameless()] {
        assert_eq!(whoami(page, &bob.token).await.body["user"], json!(bob.user));
        let answer = whoami(page, "cdt_x").await;
        assert_eq!((answer.status, &answer.set_cookie), (401, &None), "{answer:?}");
    }
    let out =
        page.call_as("application/json", Some(&bob.token), "session.logout", &json!({})).await;
    assert_eq!((out.status, &out.set_cookie), (200, &None), "that was Bob's session");
    assert_eq!(page.whoami().await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_signed_in_guesses_no_faster_than_a_stranger() {
    let server = TestServer::start().await;
    person(&server, "amy").await;
    let guess = json!({
        "token": "cst_guess", "org": "x", "login": "xx", "name": "x", "password": PASSWORD,
    });
    let page = Page::of(&server).sign_in("amy").await;
    let mut refused = 0;
    for _ in 0..40 {
        let answer = page.call("session.setup", &guess).await;
        assert!(answer.status == 401 || answer.status == 429, "{answer:?}");
        assert_eq!(answer.set_cookie, None, "a wrong guess costs no session");
        refused += usize::from(answer.status == 429);
    }
    assert!(refused >= 10, "{refused} of 40 were refused unseen");
    assert_eq!(page.whoami().await.status, 200, "what is the person's own goes on");
    server.stop().await;
}
