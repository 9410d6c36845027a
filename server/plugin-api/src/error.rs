//! How a handler refuses, and how the machinery under it fails.

use std::{fmt, sync::Arc};

use carillon_protocol::{ErrorBody, ErrorCode, codec::BadValue};
use serde::{Deserialize, Serialize};

/// When to ask again for what is away: it may be about to come back.
const AWAY_RETRY_MS: u64 = 2_000;

/// The result of a handler.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the host does about an error besides answering it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cause {
    #[default]
    Other,
    /// Somebody else was faster: the handler runs again.
    Raced,
    /// Nothing of it was begun, since what it needs is away: it waits, and no failure is counted.
    Away,
    /// It was begun, and nobody will say how it ended.
    Lost,
}

/// A refusal or a failure. The source is logged once, by the host, and never sent.
#[derive(Debug, Clone)]
pub struct Error {
    body: Box<ErrorBody>,
    cause: Cause,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with this code; `msg` is lower-case, without a full stop, and says what to do.
    pub fn new(code: ErrorCode, msg: impl Into<String>) -> Error {
        Error::from(ErrorBody::new(code, msg))
    }

    /// There is no such thing, or it is not the caller's to know of. The message never tells which.
    pub fn not_found(what: &str) -> Error {
        Error::new(ErrorCode::NotFound, format!("there is no such {what}"))
    }

    /// The caller may see it but not do this.
    pub fn denied(msg: impl Into<String>) -> Error {
        Error::new(ErrorCode::Forbidden, msg)
    }

    /// It exists already, or somebody else changed it first.
    pub fn conflict(msg: impl Into<String>) -> Error {
        Error::new(ErrorCode::Conflict, msg)
    }

    /// An argument is out of range.
    pub fn bad_arg(field: &str, msg: impl Into<String>) -> Error {
        let mut error = Error::new(ErrorCode::BadArg, msg);
        error.body.field = Some(field.to_owned());
        error
    }

    /// Something is larger than the limits allow.
    pub fn too_large(field: &str, msg: impl Into<String>) -> Error {
        let mut error = Error::new(ErrorCode::TooLarge, msg);
        error.body.field = Some(field.to_owned());
        error
    }

    /// A fault of the server: what went wrong is logged, not sent.
    pub fn internal(source: impl std::error::Error + Send + Sync + 'static) -> Error {
        let mut error = Error::new(ErrorCode::Unavailable, "the server could not do it; try again");
        error.body.retry_ms = Some(1_000);
        error.source = Some(Arc::new(source));
        error
    }

    /// A statement that must change one row changed none: the host runs the handler again.
    pub fn raced() -> Error {
        Error::conflict("somebody else changed it first; look again").because(Cause::Raced)
    }

    /// What it needs is away, and nothing of it was begun: events, timers and effects wait for it,
    /// and no failure of theirs is counted.
    pub fn away(msg: impl Into<String>) -> Error {
        Error::new(ErrorCode::Unavailable, msg).retry_ms(AWAY_RETRY_MS).because(Cause::Away)
    }

    /// It was handed to somebody who ended, or went silent, before saying how it went.
    pub fn lost(msg: impl Into<String>) -> Error {
        Error::new(ErrorCode::TimeoutUnknown, msg).because(Cause::Lost)
    }

    /// The same error, as a handler meets it: what it finds away, it finds after it began, and that
    /// counts as a failure.
    pub(crate) fn begun(self) -> Error {
        match self.cause {
            Cause::Away => self.because(Cause::Other),
            _ => self,
        }
    }

    /// The same error, of another cause.
    pub(crate) fn because(self, cause: Cause) -> Error {
        Error { cause, ..self }
    }

    /// Adds which argument it is about.
    pub fn field(mut self, field: &str) -> Error {
        self.body.field = Some(field.to_owned());
        self
    }

    /// Adds how long to wait before trying again.
    pub fn retry_ms(mut self, retry_ms: u64) -> Error {
        self.body.retry_ms = Some(retry_ms);
        self
    }

    /// Adds what support looks up in the server's log.
    pub(crate) fn reference(mut self, reference: String) -> Error {
        self.body.reference = Some(reference);
        self
    }

    /// The code.
    pub fn code(&self) -> ErrorCode {
        self.body.code
    }

    /// Whether the host should run the handler again.
    pub fn is_raced(&self) -> bool {
        self.cause == Cause::Raced
    }

    /// Whether nothing of it was begun, and it is to wait.
    pub fn is_away(&self) -> bool {
        self.cause == Cause::Away
    }

    pub(crate) fn cause(&self) -> Cause {
        self.cause
    }

    /// What went wrong underneath, for the server's own log.
    pub fn source(&self) -> Option<&(dyn std::error::Error + Send + Sync)> {
        self.source.as_deref()
    }

    /// What is answered.
    pub fn body(&self) -> &ErrorBody {
        &self.body
    }

    /// What is answered.
    pub fn into_body(self) -> ErrorBody {
        *self.body
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.fmt(f)
    }
}

impl std::error::Error for Error {}

impl From<BadValue> for Error {
    fn from(bad: BadValue) -> Error {
        Error::from(ErrorBody::from(bad))
    }
}

impl From<ErrorBody> for Error {
    fn from(body: ErrorBody) -> Error {
        Error { body: Box::new(body), cause: Cause::Other, source: None }
    }
}
