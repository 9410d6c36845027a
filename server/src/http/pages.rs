//! The two pages that a node shows before there is a web app: what it is, and the first set-up.

use axum::{
    extract::{Form, Query, State},
    http::StatusCode,
    response::Html,
};
use carillon_plugin::Caller;
use carillon_protocol::session::Setup;
use serde::Deserialize;

use super::Door;

/// No scripts, nothing from elsewhere; styles stand in the page.
pub const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
    frame-ancestors 'none'; base-uri 'none'";

/// What all pages have in common.
const PAGE: &str = include_str!("page.html");
const HOME: &str = include_str!("home.html");
const SETUP: &str = include_str!("setup.html");
const DONE: &str = include_str!("done.html");

/// `GET /`.
pub async fn home() -> Html<String> {
    page("Carillon", HOME)
}

/// The one-time link.
#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    token: String,
}

/// `GET /setup?token=…`.
pub async fn setup(Query(link): Query<Link>) -> Html<String> {
    form(&link.token, "")
}

/// `POST /setup`: the form as the operation `session.setup`.
pub async fn set_up(
    State(door): State<Door>,
    Form(setup): Form<Setup>,
) -> (StatusCode, Html<String>) {
    match door.0.host.call_typed(Caller::STRANGER, None, &setup).await {
        Ok(_) => {
            let done = DONE.replace("{login}", &escape(&setup.login));
            (StatusCode::OK, page("Carillon is set up", &done))
        }
        Err(error) => {
            let status = StatusCode::from_u16(error.code().http_status());
            let status = status.expect("the table has statuses");
            (status, form(&setup.token, &error.body().msg))
        }
    }
}

fn form(token: &str, wrong: &str) -> Html<String> {
    let form = SETUP.replace("{token}", &escape(token)).replace("{wrong}", &escape(wrong));
    page("Set up Carillon", &form)
}

fn page(title: &str, body: &str) -> Html<String> {
    Html(PAGE.replace("{title}", title).replace("{body}", body))
}

/// Text as HTML, also inside an attribute.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
