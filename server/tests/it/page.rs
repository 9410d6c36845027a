//! A window of a browser, as far as the server can tell.

use serde_json::{Value, json};

use crate::{
    kit::{TestServer, exchange},
    sessions::PASSWORD,
    wire::Wire,
};

/// A window of a browser: it says whose page calls, and brings the cookie along.
#[derive(Clone)]
pub struct Page {
    pub url: String,
    pub origin: Option<String>,
    pub cookie: Option<String>,
}

/// What a page gets.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub set_cookie: Option<String>,
}

impl Answer {
    /// The cookie by name and value, as a browser returns it, and its attributes.
    pub fn cookie(&self) -> (String, &str) {
        let line = self.set_cookie.as_deref().unwrap_or_else(|| panic!("no cookie: {self:?}"));
        let (pair, attributes) = line.split_once("; ").unwrap();
        (pair.to_owned(), attributes)
    }

    pub fn forgets(&self, name: &str) -> bool {
        let (pair, attributes) = self.cookie();
        pair == format!("{name}=") && attributes.contains("Max-Age=0")
    }
}

impl Page {
    /// A page of the server itself.
    pub fn of(server: &TestServer) -> Page {
        let url = server.url().to_owned();
        Page { origin: Some(url.clone()), url, cookie: None }
    }

    /// The same page without saying whose it is.
    pub fn nameless(&self) -> Page {
        Page { origin: None, ..self.clone() }
    }

    pub fn with(&self, cookie: &str) -> Page {
        Page { cookie: Some(cookie.to_owned()), ..self.clone() }
    }

    pub async fn call(&self, op: &str, args: &Value) -> Answer {
        self.call_as("application/json", None, op, args).await
    }

    pub async fn call_as(
        &self,
        kind: &str,
        bearer: Option<&str>,
        op: &str,
        args: &Value,
    ) -> Answer {
        let bearer = bearer.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("content-type", kind)];
        headers.extend(self.origin.as_deref().map(|origin| ("origin", origin)));
        headers.extend(self.cookie.as_deref().map(|cookie| ("cookie", cookie)));
        headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        let path = format!("/v1/rpc/{op}");
        let answer = exchange(&self.url, "POST", &path, &headers, args.to_string().into()).await;
        let cookies: Vec<_> = answer.headers().get_all("set-cookie").iter().collect();
        assert!(cookies.len() <= 1, "{cookies:?}");
        let set_cookie = cookies.first().map(|line| line.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        Answer { status, body: serde_json::from_slice(answer.body()).unwrap(), set_cookie }
    }

    pub async fn whoami(&self) -> Answer {
        self.call("session.whoami", &json!({})).await
    }

    /// Signs in; the page with the cookie from then on.
    pub async fn sign_in(&self, login: &str) -> Page {
        let args = json!({"login": login, "password": PASSWORD});
        let answer = self.call("session.login", &args).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        self.with(&answer.cookie().0)
    }

    /// Asks to become a WebSocket, with nothing but what a browser sends by itself.
    pub async fn upgrade(&self) -> String {
        self.upgrade_on(&mut Wire::connect(&self.url).await).await
    }

    pub async fn upgrade_on(&self, wire: &mut Wire) -> String {
        let host = self.url.strip_prefix("http://").unwrap();
        let origin = self.origin.as_ref().map(|origin| format!("Origin: {origin}\r\n"));
        let cookie = self.cookie.as_ref().map(|cookie| format!("Cookie: {cookie}\r\n"));
        let more = [Some(format!("Host: {host}\r\n")), origin, cookie];
        let more: String = more.into_iter().flatten().collect();
        wire.ask_upgrade(&more).await
    }
}
