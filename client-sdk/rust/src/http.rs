//! The door for those who have no token yet: one call over HTTP.

use std::time::Duration;

use carillon_protocol::{Codec, Command, ErrorBody};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::{Error, server::Address};

/// The whole call takes at most so long.
const TIMEOUT: Duration = Duration::from_secs(30);
/// An answer holds at most so many bytes: those that need no token are small.
const ANSWER_LEN_MAX: usize = 64 * 1024;

/// Calls an operation as nobody in particular.
pub(crate) async fn call<C: Command>(address: &Address, args: &C) -> Result<C::Reply, Error> {
    timeout(TIMEOUT, post(address, args))
        .await
        .unwrap_or_else(|_| Err(Error::Connect("no answer within 30 s".into())))
}

async fn post<C: Command>(address: &Address, args: &C) -> Result<C::Reply, Error> {
    let failed = |e: &dyn std::fmt::Display| Error::Connect(format!("{}: {e}", address.authority));
    let stream = address.connect().await.map_err(|e| failed(&e))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|e| failed(&e))?;
    let request = Request::post(format!("{}/v1/rpc/{}", address.base, C::OP))
        .header(header::HOST, &address.authority)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::<Bytes>::from(Codec::Json.encode(args)))
        .map_err(|e| failed(&e))?;
    let answer = async move {
        let response = sender.send_request(request).await.map_err(|e| failed(&e))?;
        let status = response.status();
        let body = Limited::new(response, ANSWER_LEN_MAX).collect().await;
        // With the sender the connection ends.
        drop(sender);
        Ok::<_, Error>((status, body.map_err(|e| failed(&e))?.to_bytes()))
    };
    let (answer, ended) = tokio::join!(answer, connection);
    if let Err(error) = ended {
        tracing::debug!(%error, "the connection did not end well");
    }
    let (status, body) = answer?;
    let unreadable = |why| Error::Reply { op: C::OP, why };
    if status.is_success() {
        return Codec::Json.decode(&body).map_err(|e| unreadable(e.to_string()));
    }
    let error: Result<ErrorBody, _> = Codec::Json.decode(&body);
    Err(error.map_or_else(|_| unreadable(format!("the server answered {status}")), Error::from))
}
