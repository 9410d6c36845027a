//! What pages in a browser may do: which of them may call, and the cookie that signs a person in.

use axum::http::{HeaderMap, HeaderValue, header};
use carillon_protocol::{ErrorBody, ErrorCode};

use crate::config::{Config, WebOrigin};

/// Whose pages may call, and how their people are known.
pub struct Browser {
    public_url: Option<WebOrigin>,
    allowed_origins: Vec<WebOrigin>,
    /// Whether people reach the server over TLS.
    secure: bool,
}

impl Browser {
    /// As it is configured.
    pub fn new(config: &Config) -> Browser {
        let public_url = config.public_url.clone();
        let secure = config.tls.is_some() || public_url.as_ref().is_some_and(WebOrigin::is_https);
        Browser { public_url, allowed_origins: config.allowed_origins.clone(), secure }
    }

    /// Whether a page calls: browsers say whose it is.
    ///
    /// # Errors
    /// `E_FORBIDDEN` if it is not the server's own, nor in the list.
    pub fn page(&self, headers: &HeaderMap) -> Result<bool, ErrorBody> {
        match headers.get(header::ORIGIN) {
            None => Ok(false),
            Some(origin) if self.is_ours(origin, headers.get(header::HOST)) => Ok(true),
            Some(_) => {
                let msg = "this site may not connect; the server's own address is public_url, \
                    others belong in allowed_origins";
                Err(ErrorBody::new(ErrorCode::Forbidden, msg))
            }
        }
    }

    /// Byte for byte: what is only like an origin of ours is not one.
    fn is_ours(&self, origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
        let mut listed = self.public_url.iter().chain(&self.allowed_origins);
        if listed.any(|ours| ours.as_str().as_bytes() == origin.as_bytes()) {
            return true;
        }
        let scheme: &[u8] = if self.secure { b"https://" } else { b"http://" };
        let own = host.map(|host| [scheme, host.as_bytes()].concat());
        self.public_url.is_none() && own.as_deref() == Some(origin.as_bytes())
    }

    /// The token that a cookie carries.
    ///
    /// # Errors
    /// `E_FORBIDDEN` if it comes without an origin: a browser sends a cookie along whoever caused
    /// the request, so the cookie alone says nothing about who did.
    pub fn token<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a str>, ErrorBody> {
        let token = self.carried(headers);
        if token.is_some() && !headers.contains_key(header::ORIGIN) {
            let msg = "a call with a cookie must have an Origin; programs send a bearer token";
            return Err(ErrorBody::new(ErrorCode::Forbidden, msg));
        }
        Ok(token)
    }

    /// The token that a cookie carries, for what is only shown: pictures and downloads come without
    /// an origin. They change nothing, and no page of others can read them.
    ///
    /// # Errors
    /// `E_FORBIDDEN` if the browser says that a page of others asks.
    pub fn reader<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a str>, ErrorBody> {
        self.page(headers)?;
        match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
            None | Some(b"same-origin" | b"none") => Ok(self.carried(headers)),
            Some(_) => {
                Err(ErrorBody::new(ErrorCode::Forbidden, "this site may not show what is here"))
            }
        }
    }

    fn carried<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let lines = headers.get_all(header::COOKIE).into_iter();
        // What others keep under the same host may be in any encoding, and is passed over.
        let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
        let mut pairs = pairs.filter_map(|pair| str::from_utf8(pair).ok()?.trim().split_once('='));
        pairs.find(|(name, _)| *name == self.cookie()).map(|(_, token)| token)
    }

    /// The line that keeps a token for so long.
    pub fn keep(&self, token: &str, for_ms: i64) -> HeaderValue {
        self.line(token, for_ms / 1_000)
    }

    /// The line that forgets the token.
    pub fn forget(&self) -> HeaderValue {
        self.line("", 0)
    }

    fn line(&self, token: &str, seconds: i64) -> HeaderValue {
        let (name, secure) = (self.cookie(), if self.secure { "; Secure" } else { "" });
        let line =
            format!("{name}={token}; HttpOnly; SameSite=Lax; Path=/; Max-Age={seconds}{secure}");
        HeaderValue::try_from(line).expect("tokens are of letters, digits, `-` and `_`")
    }

    /// With the prefix no sub-domain and no page without TLS can set it in the person's place.
    fn cookie(&self) -> &'static str {
        if self.secure { "__Host-carillon" } else { "carillon" }
    }

    /// Whether browsers must come over TLS from now on: only where the operator says that the
    /// name has a certificate.
    pub fn demands_tls(&self) -> bool {
        self.public_url.as_ref().is_some_and(WebOrigin::is_https)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_keep_under_the_same_host_does_not_hide_the_token() {
        let browser = Browser::new(&Config::default());
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, HeaderValue::from_static("http://localhost"));
        for line in [
            "name=陳大文; carillon=cdt_x".as_bytes(),
            b"carillon=cdt_x; other=\xff\xfe",
            b"\xff; a; =; xcarillon=1;carillon=cdt_x",
        ] {
            headers.insert(header::COOKIE, HeaderValue::from_bytes(line).expect("it can travel"));
            let token = browser.token(&headers).expect("it comes with an origin");
            assert_eq!(token, Some("cdt_x"), "{line:?}");
        }
        headers.insert(header::COOKIE, HeaderValue::from_static("Carillon=cdt_x; carillonx=y"));
        assert_eq!(browser.token(&headers), Ok(None));
    }
}
