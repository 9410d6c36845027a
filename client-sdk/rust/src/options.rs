//! How a client is set up.

use std::path::PathBuf;

use carillon_protocol::{Codec, DeviceId, ErrorBody, Event, Json, frame::Asked};

use crate::{Server, handlers::Handlers, listener::Listener};

/// Where to connect, as whom, and how.
#[derive(Clone)]
pub struct Options {
    pub(crate) server: Server,
    pub(crate) token: String,
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) codec: Codec,
    pub(crate) device: Option<DeviceId>,
    pub(crate) tab: Option<String>,
    pub(crate) seed: Option<u64>,
    pub(crate) handlers: Handlers,
    pub(crate) listener: Option<Listener>,
}

impl Options {
    /// A server, or its address like `https://chat.example.org`, and a bearer token or ticket.
    pub fn new(server: impl Into<Server>, token: impl Into<String>) -> Options {
        Options {
            server: server.into(),
            token: token.into(),
            state_dir: None,
            codec: Codec::MsgPack,
            device: None,
            tab: None,
            seed: None,
            handlers: Handlers::default(),
            listener: None,
        }
    }

    /// As [`Server::ca`].
    pub fn ca(mut self, pem: impl Into<Vec<u8>>) -> Options {
        self.server = self.server.ca(pem);
        self
    }

    /// Keeps the outbox, the device id and what has been dealt with in this folder, so that a
    /// restart goes on where the program stopped. One program at a time; made if it is missing.
    pub fn state_dir(mut self, path: impl Into<PathBuf>) -> Options {
        self.state_dir = Some(path.into());
        self
    }

    /// How frames are written; MessagePack if not said.
    pub fn codec(mut self, codec: Codec) -> Options {
        self.codec = codec;
        self
    }

    /// The installation; if not said, the state folder's, or a new one for each client.
    pub fn device(mut self, device: DeviceId) -> Options {
        self.device = Some(device);
        self
    }

    /// Tells several connections of one installation apart.
    pub fn tab(mut self, tab: impl Into<String>) -> Options {
        self.tab = Some(tab.into());
        self
    }

    /// Answers an operation of the program's own, `app.{name}.{verb}`, that others of its
    /// organisation call; `app.{name}.act` is told what people do with the program's cards, as
    /// [`carillon_protocol::card::Acting`].
    ///
    /// The same intent, as `cid` names it, may come more than once. An error with a code like
    /// `E_BAD_ARG`, `E_NOT_FOUND`, `E_CONFLICT` or `E_FORBIDDEN` is told to the caller; any other
    /// one says that the program failed. An answer takes at most 10 seconds and fits into a frame.
    pub fn handle<F>(
        mut self,
        op: impl Into<String>,
        handler: impl Fn(Asked) -> F + Send + Sync + 'static,
    ) -> Options
    where
        F: Future<Output = Result<Json, ErrorBody>> + Send + 'static,
    {
        self.handlers.add(op.into(), handler);
        self
    }

    /// Is told every event of these kinds that the program may see until it has dealt with it,
    /// also what happened while it was away; one after the other, at least once. All connections
    /// of a program listen to the same kinds, and one of them is told.
    ///
    /// When the connection is lost, the future is dropped where it waits, and the event is told
    /// again. When it fails, the client connects anew after a while and is told the event again.
    /// A new call of this function replaces the one before.
    pub fn listen<F, E>(
        mut self,
        kinds: impl IntoIterator<Item = impl Into<String>>,
        hear: impl Fn(Event) -> F + Send + Sync + 'static,
    ) -> Options
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: std::fmt::Display,
    {
        let kinds = kinds.into_iter().map(Into::into).collect();
        self.listener = Some(Listener::new(kinds, hear));
        self
    }

    /// Makes jitter and the random part of new ids repeatable, for tests. Clients of one person
    /// need different seeds.
    pub fn seed(mut self, seed: u64) -> Options {
        self.seed = Some(seed);
        self
    }
}

/// The token stays out of logs.
impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("url", &self.server.url)
            .field("state_dir", &self.state_dir)
            .field("codec", &self.codec)
            .field("device", &self.device)
            .field("tab", &self.tab)
            .field("handlers", &self.handlers)
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_not_shown() {
        assert!(!format!("{:?}", Options::new("http://h", "secret")).contains("secret"));
    }
}
