//! `GET /v1/plugin/{name}`: where a process of a plugin that runs apart links itself to this node.

use std::{net::IpAddr, sync::Arc, sync::atomic::Ordering};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{Response, header},
};
use carillon_plugin::Error;
use carillon_plugins::plugin::TokenDigest;
use carillon_protocol::{Codec, ErrorBody, ErrorCode};
use hyper_util::rt::TokioIo;
use tungstenite::handshake::server::create_response;

use super::{Admitted, Door, bearer, refuse};
use crate::apart::Processes;

/// When to come back to a node that goes down.
const RESTART_RETRY_MS: u64 = 1_000;

/// Links a process, or says why not.
pub(super) async fn link(
    State(door): State<Door>,
    Path(name): Path<String>,
    request: Request,
) -> Response<Body> {
    match door.link(&name, request).await {
        Ok(response) => response,
        Err(error) => refuse(Codec::Json, &error),
    }
}

impl Door {
    async fn link(&self, name: &str, mut request: Request) -> Result<Response<Body>, ErrorBody> {
        if request.headers().contains_key(header::ORIGIN) {
            let msg = "a page links no plugin: run `carillon plugin NAME --node URL`";
            return Err(ErrorBody::new(ErrorCode::Forbidden, msg));
        }
        if self.0.draining.load(Ordering::Relaxed) {
            let error = ErrorBody::new(ErrorCode::Unavailable, "the server is restarting");
            return Err(ErrorBody { retry_ms: Some(RESTART_RETRY_MS), ..error });
        }
        let address = self.address(&request);
        let token = bearer(request.headers()).map(TokenDigest::of);
        let token = self.known(name, token, address).await?;
        let processes = self.processes(name)?;
        processes.admits()?;
        let on_upgrade = hyper::upgrade::on(&mut request);
        let admitted = request.extensions_mut().remove::<Admitted>();
        let (parts, _) = request.into_parts();
        let response = create_response(&Request::from_parts(parts, ())).map_err(|error| {
            ErrorBody::new(ErrorCode::BadFrame, format!("not a WebSocket: {error}"))
        })?;
        let store = self.0.store.clone();
        tokio::spawn(async move {
            match on_upgrade.await {
                Ok(socket) => processes.serve(TokioIo::new(socket), store, token).await,
                Err(error) => tracing::debug!(%error, "an upgrade was not completed"),
            }
            drop(admitted);
        });
        Ok(response.map(|()| Body::empty()))
    }

    /// The token that was shown, if it is the plugin's. Any other costs what a stranger's call
    /// does: nobody guesses tokens, or which plugins there are.
    async fn known(
        &self,
        name: &str,
        token: Option<TokenDigest>,
        address: Option<IpAddr>,
    ) -> Result<TokenDigest, ErrorBody> {
        if let Some(token) = token
            && token.is_of(name, &self.0.store).await.map_err(Error::into_body)?
        {
            return Ok(token);
        }
        self.0.rates.failed(address, self.0.host.now())?;
        let msg = "this is not the plugin's token; make one beside the node: \
                   `carillon plugins token NAME`";
        Err(ErrorBody::new(ErrorCode::Unauth, msg))
    }

    fn processes(&self, name: &str) -> Result<Arc<Processes>, ErrorBody> {
        self.0.places.get(name).cloned().ok_or_else(|| {
            let name = name.escape_debug();
            let msg = format!(
                "`{name}` does not run apart on this node: say `[plugins.{name}] run = \"remote\"` \
                 in its configuration, and start it again"
            );
            ErrorBody::new(ErrorCode::Conflict, msg)
        })
    }
}
