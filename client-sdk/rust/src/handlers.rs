//! The operations that a program answers itself.

use std::{collections::BTreeMap, fmt, panic::AssertUnwindSafe, pin::Pin, sync::Arc};

use carillon_protocol::{
    ErrorBody, ErrorCode, Json,
    frame::{Asked, server},
};
use futures_util::FutureExt;
use tokio::task::{JoinError, JoinSet};

use crate::{link::Link, task::Task};

type Running = Pin<Box<dyn Future<Output = Result<Json, ErrorBody>> + Send>>;
type Handler = dyn Fn(Asked) -> Running + Send + Sync;

/// Who answers what.
#[derive(Clone, Default)]
pub(crate) struct Handlers(BTreeMap<String, Arc<Handler>>);

impl Handlers {
    /// Takes the handler of an operation.
    pub fn add<F>(&mut self, op: String, handler: impl Fn(Asked) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<Json, ErrorBody>> + Send + 'static,
    {
        self.0.insert(op, Arc::new(move |asked| Box::pin(handler(asked))));
    }

    /// What `hello` says.
    pub fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// What the program answers; a handler that panics is a program that failed.
    fn run(&self, asked: Asked) -> impl Future<Output = Answer> + Send + 'static {
        let Asked { id, ref op, .. } = asked;
        let unknown = format!("this program does not answer `{op}`");
        let running = self.0.get(op).map(|handler| handler(asked));
        async move {
            let Some(running) = running else {
                return (id, Err(ErrorBody::new(ErrorCode::NotFound, unknown)));
            };
            let failed = |_| Err(ErrorBody::new(ErrorCode::Unavailable, "the program failed"));
            (id, AssertUnwindSafe(running).catch_unwind().await.unwrap_or_else(failed))
        }
    }
}

/// To which call of the server, and what.
type Answer = (u64, Result<Json, ErrorBody>);
/// The calls of the server that the program works on.
pub(crate) type Answering = JoinSet<Answer>;

impl Task {
    /// The server asks.
    pub fn asked(&mut self, asked: Asked) {
        self.answering.spawn(self.options.handlers.run(asked));
    }

    /// The program answers.
    pub fn answers(&mut self, done: Result<Answer, JoinError>) {
        let (Ok((re, result)), Link::Up(socket)) = (done, &mut self.link) else { return };
        let codec = self.options.codec;
        let frame = match result {
            Ok(data) => server::ok(codec, re, &codec.encode(&data)),
            Err(error) => server::err(codec, Some(re), &error),
        };
        match self.calls.fits(frame.len()) {
            Ok(()) => socket.send(frame),
            Err(error) => socket.send(server::err(codec, Some(re), &error)),
        }
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}
