//! How the command line reaches the operations: through a running server, or in its own process.

use bytes::Bytes;
use carillon_plugin::{Caller, Clock as _};
use carillon_protocol::{Cid, Codec, Command, ErrorBody, id::Ulid};
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::{Failure, in_use};
use crate::{
    clock::SystemClock,
    config::Config,
    node::{self, Node, StartError},
};

/// The system, wherever it runs.
pub(super) enum System<'a> {
    /// A server has the data folder: through its socket.
    Running(&'a Config),
    /// No server runs: this process is the node for as long as it lives.
    Own(Box<Node>),
}

impl<'a> System<'a> {
    /// Finds a running server, or becomes the node.
    pub(super) async fn reach(config: &'a Config) -> Result<System<'a>, Failure> {
        match Node::open(config, Default::default()).await {
            Ok(node) => Ok(System::Own(Box::new(node))),
            Err(error) if in_use(&error) => Ok(System::Running(config)),
            Err(error) => Err(error.into()),
        }
    }

    /// Calls an operation as the system.
    pub(super) async fn call<C: Command>(&self, args: &C) -> Result<C::Reply, Failure> {
        let cid = Cid(new_id());
        match self {
            System::Own(node) => Ok(node.host.call_typed(Caller::SYSTEM, Some(cid), args).await?),
            System::Running(config) => {
                let body = post::<C>(config, cid, args).await?;
                Ok(Codec::Json.decode(&body)?)
            }
        }
    }

    /// Ends the node, if it is this process.
    pub(super) async fn close(self) {
        if let System::Own(node) = self {
            node.store.close().await;
        }
    }
}

fn new_id() -> Ulid {
    SystemClock::default().new_id()
}

async fn post<C: Command>(config: &Config, cid: Cid, args: &C) -> Result<Vec<u8>, Failure> {
    let path = node::socket_path(&config.data);
    let silent = |error: std::io::Error| {
        let in_use = StartError::InUse(config.data.clone());
        Failure(format!("{in_use} (it does not answer at {}: {error})", path.display()))
    };
    let stream = UnixStream::connect(&path).await.map_err(silent)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driven = tokio::spawn(connection);
    let request = Request::post(format!("/v1/rpc/{}", C::OP))
        .header(header::HOST, "carillon")
        .header(header::CONTENT_TYPE, "application/json")
        .header("Idempotency-Key", cid.to_string())
        .body(Full::<Bytes>::from(Codec::Json.encode(args)))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    drop(sender);
    driven.await??;
    if status != StatusCode::OK {
        let error: ErrorBody = Codec::Json.decode(&body)?;
        return Err(Failure(error.msg));
    }
    Ok(body.into())
}
