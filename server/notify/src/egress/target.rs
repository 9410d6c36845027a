//! What an address says: one reader of URLs decides whom to connect to, whom to name in the
//! handshake and what to ask for, so that no two of them can understand it differently.

use std::net::IpAddr;

use url::{Host, Url};

use super::address::{Denied, Guard};

/// The longest URL, in bytes. Endpoints of push services have about 250.
pub const URL_LEN_MAX: usize = 2048;

/// Whom a URL names, checked as far as that goes without asking a resolver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    url: Url,
    host: Host<String>,
    port: u16,
}

/// It is not an address that can be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// It is too long.
    #[error("the URL is longer than {URL_LEN_MAX} bytes: use a shorter one")]
    TooLong,
    /// It has no form, or one that readers of URLs understand differently.
    #[error("the URL cannot be read: write it as https://HOST/PATH ({0})")]
    Form(&'static str),
    /// A scheme that is not of the web.
    #[error("the URL must begin with https:// or http://")]
    Scheme,
    /// A name and a password belong into settings of their own: a URL is shown and logged.
    #[error("the URL must not contain a user name or a password")]
    Credentials,
    /// A port that the operator has not allowed.
    #[error(
        "port {0} is not one of the web: use 443 or 80, or ask the operator to list it in \
         `egress.ports`"
    )]
    Port(u16),
    /// An address instead of a name, that may not be talked to.
    #[error(transparent)]
    Denied(#[from] Denied),
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`BadUrl`], when it must not be asked whatever its name resolves to.
    pub fn parse(text: &str, guard: &Guard) -> Result<Target, BadUrl> {
        if text.len() > URL_LEN_MAX {
            return Err(BadUrl::TooLong);
        }
        plain(text)?;
        let url = Url::parse(text).map_err(|_| BadUrl::Form("it has no host, or a broken one"))?;
        let host = url.host().ok_or(BadUrl::Form("it has no host"))?.to_owned();
        // What reads URLs takes `"` and `{` too; certificates and headers do not.
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if matches!(&host, Host::Domain(name) if !name.chars().all(named)) {
            return Err(BadUrl::Form("its host has characters that no name has"));
        }
        let port = url.port_or_known_default().ok_or(BadUrl::Scheme)?;
        if !guard.allows_port(port) {
            return Err(BadUrl::Port(port));
        }
        let target = Target { url, host, port };
        if let Some(address) = target.address() {
            guard.allowed(address)?;
        }
        Ok(target)
    }

    /// Where a redirect leads from here.
    pub(super) fn join(&self, location: &str, guard: &Guard) -> Result<Target, BadUrl> {
        // A location may be relative, and is then of the same origin. One that stands for itself is
        // read as it was written: what is unclear must not be made clear before it is refused.
        if Url::parse(location).is_ok() {
            return Target::parse(location, guard);
        }
        let absolute = self.url.join(location).map_err(|_| BadUrl::Form("a redirect's"))?;
        Target::parse(absolute.as_str(), guard)
    }

    /// The host, when it is an address and not a name.
    pub fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }

    /// The name or the address, an IPv6 address without its brackets.
    pub fn host(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        }
    }

    /// The URL as it is asked for: in ASCII, its host in one form only.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether TLS is spoken.
    pub fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Scheme, host and port: what a connection belongs to, and VAPID's audience.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The host and a port that is not the usual one, for the header `Host`.
    pub(super) fn authority(&self) -> String {
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}{port}", self.host)
    }

    /// The path and the query.
    pub(super) fn path_and_query(&self) -> String {
        let query = self.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", self.url.path())
    }
}

/// Refuses what readers of URLs repair in different ways, and what hides where one leads.
fn plain(text: &str) -> Result<(), BadUrl> {
    let unclear = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    if text.contains(unclear) {
        return Err(BadUrl::Form("it contains spaces, control characters or backslashes"));
    }
    let (scheme, rest) = text.split_once("://").ok_or(BadUrl::Scheme)?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(BadUrl::Scheme);
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err(BadUrl::Form("it has no host"));
    }
    if authority.contains('@') {
        return Err(BadUrl::Credentials);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Uri};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_read_can_be_asked_for(rest in "[!-~é一]{0,40}", path in "/[ -~é]{0,40}") {
            for text in [format!("https://{rest}"), format!("https://a.example{path}")] {
                let Ok(target) = Target::parse(&text, &Guard::default()) else { continue };
                prop_assert!(target.url().parse::<Uri>().is_ok(), "{text}");
                prop_assert!(target.path_and_query().parse::<Uri>().is_ok(), "{text}");
                prop_assert!(HeaderValue::from_str(&target.authority()).is_ok(), "{text}");
                // Read again, it says the same.
                let again = Target::parse(target.url(), &Guard::default());
                prop_assert_eq!(again.map(|target| target.url), Ok(target.url));
            }
        }
    }
}
