//! The web app, as browsers get it from the server.
