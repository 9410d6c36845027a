//! Signing in over HTTP.

use carillon_client::{Error, login};
use carillon_protocol::{Codec, ErrorBody, ErrorCode, SessionId, UserId, id::Ulid, session::Grant};
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Answers one request; gives back its text.
async fn answer<T: Serialize>(listener: TcpListener, status: &str, body: &T) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = String::new();
    while !request.ends_with('}') {
        let mut bytes = [0; 512];
        let read = stream.read(&mut bytes).await.unwrap();
        request.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
    }
    let body = String::from_utf8(Codec::Json.encode(body)).unwrap();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    request
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/chat", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test]
async fn a_name_and_a_password_give_a_token() {
    let (listener, url) = listen().await;
    let (session, user) = (SessionId(Ulid(1)), UserId(Ulid(2)));
    let grant = Grant { token: "cdt_x".into(), session, user, expires_at: 5 };
    let (request, granted) =
        tokio::join!(answer(listener, "200 OK", &grant), login(&url, "amy", "secret"));
    assert_eq!(granted.unwrap().token, "cdt_x");
    assert!(request.starts_with("POST /chat/v1/rpc/session.login HTTP/1.1\r\n"), "{request}");
    assert!(request.ends_with(r#"{"login":"amy","password":"secret"}"#), "{request}");
}

#[tokio::test]
async fn a_wrong_password_is_the_servers_refusal() {
    let (listener, url) = listen().await;
    let error = ErrorBody::new(ErrorCode::Unauth, "wrong name or password");
    let (_, refused) =
        tokio::join!(answer(listener, "401 Unauthorized", &error), login(&url, "amy", "guess"));
    assert!(matches!(refused, Err(Error::Refused(body)) if body.code == ErrorCode::Unauth));
}
