//! Coming into a room by a link, without an account.

use carillon_protocol::room::{Enter, Entered, Invitation, Look};

use crate::{Error, Server, http, server::Address};

/// What a link's secret opens, before a name is said.
///
/// # Errors
/// If the server cannot be reached, does not know the link, or it is over.
pub async fn look_at_link(server: impl Into<Server>, secret: &str) -> Result<Invitation, Error> {
    let look = Look { secret: secret.to_owned() };
    http::call(&Address::of(&server.into())?, &look).await
}

/// Gets a session that is good for the link's room and nothing else. Its token is for
/// [`crate::Options`]; the room in the answer is for [`crate::Client::join_room`], where guests
/// wait until somebody lets them in.
///
/// # Errors
/// As [`look_at_link`], and if the name cannot be one or no more guests may come.
pub async fn enter_as_guest(
    server: impl Into<Server>,
    secret: &str,
    name: &str,
) -> Result<Entered, Error> {
    let enter = Enter { secret: secret.to_owned(), name: name.to_owned() };
    http::call(&Address::of(&server.into())?, &enter).await
}
