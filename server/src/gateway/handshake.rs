//! From HTTP to WebSocket: RFC 6455 section 4, and who may ask.

use std::{net::IpAddr, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header},
};
use bytes::Bytes;
use carillon_protocol::{Codec, ErrorBody, ErrorCode};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use rustls::ServerConnection;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tungstenite::handshake::server::create_response;

use super::{
    Hub,
    conn::Origin,
    shard::{Adopted, Cmd},
};
use crate::http::{Admitted, bearer, refuse};

/// What the kernel may hold for a reader that takes nothing: by default it is 4 MB on loopback.
const SEND_BUFFER_LEN: usize = 64 * 1024;

/// Answers an upgrade from a network and hands the socket to a shard. The caller has checked the
/// `Origin`.
pub async fn upgrade(
    hub: Arc<Hub>,
    mut request: Request<Body>,
    network: Option<IpAddr>,
) -> Response<Body> {
    let codec = match negotiate(request.headers()) {
        Ok(codec) => codec,
        Err(error) => return refuse(Codec::Json, &error),
    };
    let bearer = bearer(request.headers()).map(Into::into);
    let on_upgrade = hyper::upgrade::on(&mut request);
    let admitted = request.extensions_mut().remove::<Admitted>();
    let (parts, _) = request.into_parts();
    let answer = create_response(&Request::from_parts(parts, ()));
    let mut response = match answer {
        Ok(response) => response.map(|()| Body::empty()),
        Err(error) => {
            let error = ErrorBody::new(ErrorCode::BadFrame, format!("not a WebSocket: {error}"));
            return refuse(Codec::Json, &error);
        }
    };
    if let Some(codec) = codec {
        let name = HeaderValue::from_static(codec.subprotocol());
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, name);
    }
    tokio::spawn(async move {
        let upgraded = match on_upgrade.await {
            Ok(upgraded) => upgraded,
            Err(error) => return tracing::debug!(%error, "an upgrade was not completed"),
        };
        match into_socket(upgraded) {
            Ok((stream, tls, early)) => {
                let codec = codec.unwrap_or(Codec::Json);
                let origin = Origin { codec, bearer, network, admitted };
                let adopted = Adopted { stream, tls, early, origin };
                hub.send(hub.least_loaded(), Cmd::Adopt(Box::new(adopted))).await;
            }
            Err(error) => tracing::warn!(%error, "an upgraded socket could not be taken over"),
        }
    });
    debug_assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    response
}

/// The codec of the first subprotocol *of the client's list* that is known; `None` if it offers
/// none, which means JSON.
fn negotiate(headers: &HeaderMap) -> Result<Option<Codec>, ErrorBody> {
    let offers = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let mut names = offers.iter().filter_map(|offer| offer.to_str().ok());
    let mut names = names.by_ref().flat_map(|offer| offer.split(',')).map(str::trim).peekable();
    if names.peek().is_none() {
        return Ok(None);
    }
    names.find_map(Codec::from_subprotocol).map(Some).ok_or_else(|| {
        let [json, msgpack] = Codec::ALL.map(Codec::subprotocol);
        let msg = format!("offer {json} or {msgpack} in Sec-WebSocket-Protocol, or nothing");
        ErrorBody::new(ErrorCode::BadFrame, msg)
    })
}

/// The socket under an upgraded connection, TLS if it stands between, and what was read too early.
type Parts = (std::net::TcpStream, Option<Box<ServerConnection>>, Bytes);

fn into_socket(upgraded: Upgraded) -> std::io::Result<Parts> {
    let (stream, tls, early) = match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(plain) => (plain.io.into_inner(), None, plain.read_buf),
        Err(upgraded) => {
            let sealed = upgraded
                .downcast::<TokioIo<TlsStream<TcpStream>>>()
                .map_err(|_| std::io::Error::other("not a TCP connection"))?;
            let (stream, session) = sealed.io.into_inner().into_inner();
            (stream, Some(Box::new(session)), sealed.read_buf)
        }
    };
    let stream = stream.into_std()?;
    let socket = socket2::SockRef::from(&stream);
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(SEND_BUFFER_LEN)?;
    Ok((stream, tls, early))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(offer: &'static str) -> Result<Option<Codec>, ErrorBody> {
        let mut headers = HeaderMap::new();
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(offer));
        negotiate(&headers)
    }

    #[test]
    fn the_first_known_subprotocol_of_the_clients_list_is_taken() {
        assert_eq!(offered("x, carillon.v1.msgpack, carillon.v1.json"), Ok(Some(Codec::MsgPack)));
        assert_eq!(offered("carillon.v1.json,carillon.v1.msgpack"), Ok(Some(Codec::Json)));
        assert_eq!(negotiate(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn an_offer_of_unknown_subprotocols_is_refused_with_the_names_of_both() {
        let msg = offered("graphql-ws").unwrap_err().msg;
        assert!(msg.contains("carillon.v1.json") && msg.contains("carillon.v1.msgpack"));
    }
}
