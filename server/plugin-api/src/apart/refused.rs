//! Errors as they travel.

use carillon_protocol::ErrorBody;
use serde::{Deserialize, Serialize};

use crate::{Error, error::Cause};

/// A result as it travels.
pub type Outcome<T> = std::result::Result<T, Refused>;

/// An error as it travels: what went wrong underneath is logged where it did, and stays there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    body: ErrorBody,
    cause: Cause,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        let cause = error.cause();
        Refused { body: error.into_body(), cause }
    }
}

impl From<Refused> for Error {
    fn from(Refused { body, cause }: Refused) -> Error {
        // What comes from the other end was begun there.
        Error::from(body).because(cause).begun()
    }
}
