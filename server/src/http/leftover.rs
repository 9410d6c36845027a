//! What a client still sends when its answer is on the way.
//!
//! A socket that is closed over unread bytes is reset, and an answer that the client has not read
//! is lost with it: who sends too much would never learn that it was too much. So the rest of a
//! body that nobody wants is read and thrown away, up to so much and for so long.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::http::{Request, header};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::runtime::Handle;

use super::accept::{GoingDown, told};

/// The most that is thrown away: what somebody may take for a file that can be imported. It costs
/// the way here and no memory.
const LEFT_LEN_MAX: usize = 16 * 1024 * 1024;

/// A body whose rest is read when nobody wants it any more.
pub struct Unwanted {
    /// None at its end.
    body: Option<Incoming>,
    /// Whether the client sends it only when asked to.
    waits: bool,
    patience: Duration,
    going_down: GoingDown,
}

impl Unwanted {
    /// The same request, whose client has so long to send what nobody wants.
    pub fn of(
        request: Request<Incoming>,
        patience: Duration,
        going_down: GoingDown,
    ) -> Request<Unwanted> {
        let waits = request.headers().contains_key(header::EXPECT);
        request.map(|body| Unwanted { body: Some(body), waits, patience, going_down })
    }
}

impl Body for Unwanted {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.waits = false;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Unwanted {
    fn drop(&mut self) {
        let rest = self.body.take().filter(|body| !body.is_end_stream() && !self.waits);
        // Without a runtime the connection has ended, too.
        if let (Some(rest), Ok(runtime)) = (rest, Handle::try_current()) {
            let (patience, going_down) = (self.patience, self.going_down.clone());
            runtime.spawn(async move {
                tokio::select! {
                    // Enough was read, or the client had its time: it may be reset now.
                    _enough = tokio::time::timeout(patience, throw_away(rest)) => {}
                    () = told(going_down) => {}
                }
            });
        }
    }
}

async fn throw_away(mut body: Incoming) {
    let mut left = LEFT_LEN_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let len = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(len) {
            Some(less) => left = less,
            None => return,
        }
    }
}
