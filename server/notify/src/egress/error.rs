//! Why there is no answer.

use super::{address::Denied, target::BadUrl};

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not an address that can be asked.
    #[error(transparent)]
    BadUrl(#[from] BadUrl),
    /// It leads to where nobody may ask.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The name has no address.
    #[error("{host} has no address: check the name, or the resolver of this server ({why})")]
    Unresolved {
        /// The name.
        host: String,
        /// What the resolver said.
        why: String,
    },
    /// Nobody could be connected to.
    #[error("{host} cannot be connected to: check that it is up and open to this server ({why})")]
    Unconnected {
        /// The name.
        host: String,
        /// What was tried last.
        why: String,
    },
    /// The other end does not prove who it is.
    #[error("the certificate of {host} cannot be trusted, or it does not speak TLS: {why}")]
    Untrusted {
        /// The name.
        host: String,
        /// What was wrong.
        why: String,
    },
    /// Too many wait already, and none of them came to an end in time.
    #[error("too many requests wait for {host}: try again later")]
    Busy {
        /// The name.
        host: String,
    },
    /// The request is larger than any that Carillon has to send.
    #[error("the request has {size} bytes: send at most {most}")]
    RequestTooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit.
        most: usize,
    },
    /// It was sent, and there was no whole answer in time.
    #[error("{host} did not answer in time: it may have received the request")]
    Unanswered {
        /// The name.
        host: String,
    },
    /// It was sent, and the connection broke, or what came back is not HTTP.
    #[error("{host} broke off: it may have received the request ({why})")]
    Broken {
        /// The name.
        host: String,
        /// What the client saw.
        why: String,
    },
    /// The answer is longer than anybody has use for.
    #[error("the answer of {host} is longer than {most} bytes")]
    AnswerTooLarge {
        /// The name.
        host: String,
        /// The limit.
        most: usize,
    },
    /// It leads elsewhere, and this request does not follow.
    #[error("{host} answers with a redirect that is not followed: configure where it leads to")]
    Redirected {
        /// The name.
        host: String,
    },
}

impl Error {
    /// Whether the other end may have received the request. If not, sending it once more cannot
    /// double anything.
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Error::Unanswered { .. }
            | Error::Broken { .. }
            | Error::AnswerTooLarge { .. }
            | Error::Redirected { .. } => true,
            Error::BadUrl(_)
            | Error::Denied(_)
            | Error::Unresolved { .. }
            | Error::Unconnected { .. }
            | Error::Untrusted { .. }
            | Error::Busy { .. }
            | Error::RequestTooLarge { .. } => false,
        }
    }

    /// Whether the same request may succeed later without anybody changing a setting.
    pub fn may_pass(&self) -> bool {
        !matches!(
            self,
            Error::BadUrl(_)
                | Error::Denied(_)
                | Error::RequestTooLarge { .. }
                | Error::Redirected { .. }
        )
    }
}
