//! Signing in, and short forms of the session's operations.

use carillon_protocol::session::{self, Grant, Identity};

use crate::{Client, Error, Server, http, server::Address};

/// Signs a person in by name and password; the token in the answer is for [`crate::Options`].
///
/// # Errors
/// If the server cannot be reached, or refuses the name or the password.
pub async fn login(server: impl Into<Server>, login: &str, password: &str) -> Result<Grant, Error> {
    let (login, password) = (login.to_owned(), password.to_owned());
    http::call(&Address::of(&server.into())?, &session::Login { login, password, label: None })
        .await
}

impl Client {
    /// The name, language and scopes of the one who is signed in.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn whoami(&self) -> Result<Identity, Error> {
        self.call(&session::Whoami {}).await
    }

    /// The sessions of the one who is signed in, newest first.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn devices(&self) -> Result<Vec<session::Device>, Error> {
        Ok(self.call(&session::Devices::default()).await?.devices)
    }

    /// A ticket with which another socket of the same session opens within 60 seconds.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn ticket(&self) -> Result<session::Ticketed, Error> {
        self.call(&session::Ticket {}).await
    }

    /// Ends the session: the server closes this client's connection for good.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn logout(&self) -> Result<(), Error> {
        self.call(&session::Logout {}).await.map(|session::Ended {}| ())
    }
}
