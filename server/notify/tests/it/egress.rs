//! How requests are made, and when they are not.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use carillon_notify::egress::{ANSWER_LEN_MAX, Denied, Egress, Error, Guard, Terms, tls};
use http::{Method, Request, Response, StatusCode, header};
use tokio::{io::AsyncReadExt, net::TcpListener, task::JoinSet};

use crate::listener::{Identity, Listener, Script, answer, get, local, repeatable};

fn redirects(to: String) -> impl Fn(&Request<Bytes>) -> Response<Bytes> + Send + Sync {
    move |_| {
        let leads = Response::builder().status(302).header(header::LOCATION, &to);
        leads.body(Bytes::new()).unwrap()
    }
}

#[tokio::test]
async fn a_request_arrives_as_it_was_meant() {
    let listener = Listener::plain(|_| answer(201, "made")).await;
    let egress = local(listener.port(), None);
    let url = format!("http://bücher.example:{}/a%20b?c=d#e", listener.port());
    let target = egress.check(&url).unwrap();
    let url = format!("{}/a%20b?c=d#e", target.origin());
    let request = Request::post(url).header("x-own", "1").body(Bytes::from("hello")).unwrap();
    let answered = egress.send(request, &Terms::default()).await.unwrap();
    assert_eq!((answered.status(), answered.body().as_ref()), (StatusCode::CREATED, &b"made"[..]));
    let seen = listener.seen().pop().unwrap();
    assert_eq!(seen.uri(), "/a%20b?c=d");
    let header = |name: &str| seen.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("host"), format!("xn--bcher-kva.example:{}", listener.port()));
    assert_eq!((header("x-own"), header("content-length")), ("1".into(), "5".into()));
    assert!(header("user-agent").starts_with("Carillon/"));
    assert_eq!(seen.body().as_ref(), b"hello");
}

#[tokio::test]
async fn a_name_that_resolves_differently_the_second_time_wins_nothing() {
    let listener = Listener::plain(|_| answer(200, "inside")).await;
    // Outside while it is checked, inside when somebody asks again: nobody does. What it is
    // connected to is an address of the internet, where this test does not wait for an answer.
    let script = Script::says(&[&["192.0.0.9"], &["127.0.0.1"]]);
    let public: IpAddr = "192.0.0.9".parse().unwrap();
    let guard = Guard::new(vec![public.into()], vec![listener.port()]);
    let egress = Egress::new(guard, tls(None).unwrap(), script.clone());
    let url = format!("http://rebind.example:{}/", listener.port());
    let terms = Terms { within: Duration::from_millis(1), ..Terms::default() };
    let refused = egress.send(get(&url), &terms).await.unwrap_err();
    assert!(matches!(refused, Error::Unconnected { .. }), "{refused}");
    assert_eq!((script.asked(), listener.connections()), (1, 0));
    // The next request resolves anew, and is checked anew.
    let refused = egress.send(get(&url), &Terms::default()).await.unwrap_err();
    assert!(matches!(refused, Error::Denied(_)), "{refused}");
    assert_eq!((script.asked(), listener.connections()), (2, 0));
}

#[tokio::test]
async fn the_address_that_was_checked_is_the_one_that_is_connected_to() {
    let listener = Listener::plain(|_| answer(200, "")).await;
    // The system's resolver knows no such name: only the checked address can have been used.
    let egress = local(listener.port(), None);
    let url = format!("http://no-such-name.invalid:{}/", listener.port());
    assert!(egress.send(get(&url), &Terms::default()).await.is_ok());
    assert_eq!(listener.connections(), 1);
}

#[tokio::test]
async fn a_name_with_one_inner_address_is_refused_whole() {
    let listener = Listener::plain(|_| answer(200, "inside")).await;
    let guard = Guard::new(Vec::new(), vec![listener.port()]);
    let script = Script::says(&[&["1.1.1.1", "2606:4700::1111", "127.0.0.1"]]);
    let egress = Egress::new(guard, tls(None).unwrap(), script);
    let url = format!("http://both.example:{}/", listener.port());
    let refused = egress.send(get(&url), &Terms::default()).await.unwrap_err();
    assert!(matches!(refused, Error::Denied(Denied { range: "a loopback address", .. })));
    assert_eq!(listener.connections(), 0);
}

#[tokio::test]
async fn a_redirect_is_refused_unless_a_caller_allows_it() {
    let end = Listener::plain(|_| answer(200, "end")).await;
    let start = Listener::plain(redirects(format!("http://127.0.0.1:{}/", end.port()))).await;
    let ports = vec![start.port(), end.port()];
    let guard = Guard::new(vec!["127.0.0.1/32".parse().unwrap()], ports);
    let egress = Egress::new(guard, tls(None).unwrap(), Script::says(&[&["127.0.0.1"]]));
    let url = format!("http://start.example:{}/", start.port());
    let refused = egress.send(get(&url), &Terms::default()).await.unwrap_err();
    assert!(matches!(refused, Error::Redirected { .. }), "{refused}");
    assert_eq!(end.connections(), 0);
    let follow = Terms { redirects: 1, ..Terms::default() };
    let mut request = get(&url);
    request.headers_mut().insert(header::AUTHORIZATION, "Bearer secret".parse().unwrap());
    assert_eq!(egress.send(request, &follow).await.unwrap().body().as_ref(), b"end");
    // Another origin does not learn the secret.
    assert_eq!(start.seen()[1].headers()[header::AUTHORIZATION], "Bearer secret");
    assert!(!end.seen()[0].headers().contains_key(header::AUTHORIZATION));
    // What changes something is not asked of somebody else, and the first one may have done it.
    let post = Request::post(&url).body(Bytes::new()).unwrap();
    let refused = egress.send(post, &follow).await.unwrap_err();
    assert!(matches!(refused, Error::Redirected { .. }) && refused.may_have_arrived());
    assert_eq!(end.connections(), 1);
}

#[tokio::test]
async fn each_step_of_a_chain_is_checked_like_the_first() {
    let follow = Terms { redirects: 5, ..Terms::default() };
    for (to, inside) in [
        ("http://10.0.0.1/", true),
        ("http://[::ffff:7f00:1]/", true),
        ("//169.254.169.254/latest/meta-data/", true),
        ("http://2130706433/", true),
        ("http://me@start.example/", false),
        ("file:///etc/passwd", false),
        ("http://start.example:22/", false),
        ("http:\\\\127.0.0.1\\", true),
    ] {
        let start = Listener::plain(redirects(to.to_owned())).await;
        let guard = Guard::new(vec!["127.0.0.1/32".parse().unwrap()], vec![start.port()]);
        let script = Script::says(&[&["127.0.0.1"], &["10.0.0.1"]]);
        let egress = Egress::new(guard, tls(None).unwrap(), script);
        let url = format!("http://start.example:{}/", start.port());
        let refused = egress.send(get(&url), &follow).await.unwrap_err();
        let bad =
            matches!(refused, Error::BadUrl(_) | Error::Denied(_) | Error::Unconnected { .. });
        assert!(bad, "{to}: {refused}");
        assert!(inside || matches!(refused, Error::BadUrl(_)), "{to}: {refused}");
        assert_eq!(start.connections(), 1, "{to}");
    }
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let listener = Listener::plain(redirects("/again".to_owned())).await;
    let egress = local(listener.port(), None);
    let url = format!("http://circle.example:{}/", listener.port());
    let follow = Terms { redirects: 3, ..Terms::default() };
    let refused = egress.send(get(&url), &follow).await.unwrap_err();
    assert!(matches!(refused, Error::Redirected { .. }), "{refused}");
    assert_eq!(listener.seen().len(), 4);
}

#[tokio::test]
async fn a_redirect_may_name_only_a_path() {
    let listener = Listener::plain(|request| match request.uri().path() {
        "/a/b" => redirects("c?next=https://elsewhere.example/".to_owned())(request),
        _ => answer(200, "there"),
    })
    .await;
    let egress = local(listener.port(), None);
    let url = format!("http://start.example:{}/a/b", listener.port());
    let follow = Terms { redirects: 1, ..Terms::default() };
    assert_eq!(egress.send(get(&url), &follow).await.unwrap().body().as_ref(), b"there");
    assert_eq!(listener.seen()[1].uri(), "/a/c?next=https://elsewhere.example/");
}

#[tokio::test]
async fn who_never_answers_delays_nobody_else() {
    let (port, _listener) = silent().await;
    let alive = Listener::plain(|_| answer(201, "")).await;
    let guard = Guard::new(vec!["127.0.0.1/32".parse().unwrap()], vec![port, alive.port()]);
    let resolver = Script::says(&[&["127.0.0.1"]]);
    let egress = Arc::new(Egress::new(guard, tls(None).unwrap(), resolver));
    let mut dead = JoinSet::new();
    for _ in 0..1000 {
        let egress = Arc::clone(&egress);
        let url = format!("http://dead.example:{port}/");
        let patient = Terms { within: Duration::from_secs(3600), ..repeatable() };
        dead.spawn(async move { egress.send(get(&url), &patient).await.map(drop) });
    }
    // All of them have begun, or wait.
    tokio::task::yield_now().await;
    for _ in 0..100 {
        let url = format!("http://alive.example:{}/", alive.port());
        assert!(egress.send(get(&url), &repeatable()).await.is_ok());
    }
    assert!(dead.try_join_next().is_none(), "the dead ones were waited for");
}

#[tokio::test]
async fn redirects_do_not_lead_from_tls_to_plain_text() {
    let plain = Listener::plain(|_| answer(200, "")).await;
    let identity = Identity::of(&["start.example"]);
    let to = format!("http://start.example:{}/", plain.port());
    let start = Listener::secure(&identity, redirects(to)).await;
    let guard = Guard::new(vec!["127.0.0.1/32".parse().unwrap()], vec![start.port(), plain.port()]);
    let tls = tls(Some(identity.authority.as_bytes())).unwrap();
    let egress = Egress::new(guard, tls, Script::says(&[&["127.0.0.1"]]));
    let url = format!("https://start.example:{}/", start.port());
    let follow = Terms { redirects: 3, ..Terms::default() };
    let refused = egress.send(get(&url), &follow).await.unwrap_err();
    assert!(matches!(refused, Error::Redirected { .. }), "{refused}");
    assert_eq!(plain.connections(), 0);
}

#[tokio::test]
async fn whoever_answers_must_be_who_was_asked() {
    let identity = Identity::of(&["good.example"]);
    let listener = Listener::secure(&identity, |_| answer(200, "")).await;
    let asked = async |authorities: Option<&str>, host: &str| {
        let egress = local(listener.port(), authorities);
        let url = format!("https://{host}:{}/", listener.port());
        egress.send(get(&url), &Terms::default()).await
    };
    let authority = Some(identity.authority.as_str());
    assert!(asked(authority, "good.example").await.is_ok());
    assert!(asked(authority, "good.example.").await.is_ok());
    for refused in [asked(authority, "evil.example").await, asked(None, "good.example").await] {
        assert!(matches!(refused, Err(Error::Untrusted { .. })), "{refused:?}");
    }
    assert_eq!(listener.seen().len(), 2);
}

/// A server that takes a connection, reads, and says nothing.
async fn silent() -> (u16, Arc<TcpListener>) {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
    let port = listener.local_addr().unwrap().port();
    let accepting = Arc::clone(&listener);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = accepting.accept().await {
            tokio::spawn(async move { stream.read_to_end(&mut Vec::new()).await });
        }
    });
    (port, listener)
}

#[tokio::test]
async fn who_does_not_answer_is_not_waited_for() {
    let (port, _listener) = silent().await;
    let egress = local(port, None);
    let brief = Terms { within: Duration::from_millis(50), ..Terms::default() };
    let late = egress.send(get(&format!("http://slow.example:{port}/")), &brief).await.unwrap_err();
    assert!(matches!(late, Error::Unanswered { .. }), "{late}");
    assert!(late.may_have_arrived());
    // A handshake that never ends: nothing was asked yet.
    let late =
        egress.send(get(&format!("https://slow.example:{port}/")), &brief).await.unwrap_err();
    assert!(matches!(late, Error::Unconnected { .. }), "{late}");
    assert!(!late.may_have_arrived());
}

#[tokio::test]
async fn an_answer_has_a_longest_length() {
    let listener = Listener::plain(|request| {
        let length: usize = request.uri().path()[1..].parse().unwrap();
        answer(200, vec![b'x'; length])
    })
    .await;
    let egress = local(listener.port(), None);
    let url = |length: usize| format!("http://long.example:{}/{length}", listener.port());
    let whole = egress.send(get(&url(ANSWER_LEN_MAX)), &Terms::default()).await.unwrap();
    assert_eq!(whole.body().len(), ANSWER_LEN_MAX);
    let long = egress.send(get(&url(ANSWER_LEN_MAX + 1)), &Terms::default()).await.unwrap_err();
    assert!(matches!(long, Error::AnswerTooLarge { most: ANSWER_LEN_MAX, .. }), "{long}");
    let request = Request::put(url(0)).body(Bytes::from(vec![0; 1024 * 1024 + 1])).unwrap();
    let long = egress.send(request, &Terms::default()).await.unwrap_err();
    assert!(matches!(long, Error::RequestTooLarge { .. }), "{long}");
}

#[tokio::test]
async fn what_may_be_repeated_shares_a_connection_and_nothing_else_does() {
    let listener = Listener::plain(|_| answer(200, "")).await;
    let egress = local(listener.port(), None);
    let url = format!("http://push.example:{}/", listener.port());
    for _ in 0..5 {
        egress.send(get(&url), &Terms::default()).await.unwrap();
    }
    assert_eq!(listener.connections(), 5);
    for _ in 0..100 {
        egress.send(get(&url), &repeatable()).await.unwrap();
    }
    assert_eq!(listener.connections(), 6);
    // Another origin has its own.
    let other = format!("http://other.example:{}/", listener.port());
    egress.send(get(&other), &repeatable()).await.unwrap();
    assert_eq!(listener.connections(), 7);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_costs_no_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // Answers once a connection, promises to keep it, and closes it upon the next request.
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let mut stream = stream;
            if stream.read(&mut request).await.is_ok() {
                let kept = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                tokio::io::AsyncWriteExt::write_all(&mut stream, kept).await.unwrap();
                assert!(stream.read(&mut request).await.is_ok());
            }
        }
    });
    let egress = local(port, None);
    for _ in 0..10 {
        let url = format!("http://push.example:{port}/");
        let answered = egress.send(get(&url), &repeatable()).await.unwrap();
        assert_eq!(answered.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn what_is_not_http_is_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"-ERR unknown command\r\n")
                .await
                .ok();
        }
    });
    let request =
        Request::builder().method(Method::GET).uri(format!("http://redis.example:{port}"));
    let sent = local(port, None).send(request.body(Bytes::new()).unwrap(), &Terms::default()).await;
    assert!(matches!(sent, Err(Error::Broken { .. })), "{sent:?}");
}
