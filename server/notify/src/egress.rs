//! The one client through which Carillon asks other servers anything.
//!
//! Addresses come from people: an endpoint of a browser's push service, a hook, a provider. So the
//! name is resolved here, every address is checked, and the connection is made to a checked
//! address: a name that resolves differently the second time is never resolved a second time. What
//! is inside the operator's networks is refused unless the operator lists it.
//!
//! Redirects are refused unless a caller allows some: nothing that Carillon calls by design
//! redirects. Followed ones are checked like the first address, keep no credentials for another
//! origin, and never lead from TLS to plain text. Environment variables for proxies are not read.

mod address;
mod connection;
mod error;
mod lanes;
mod resolve;
mod target;
mod tls;

use std::{
    net::IpAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use rustls::ClientConfig;
use tokio::time::{Sleep, sleep, timeout};

pub use self::{
    address::{BadNetwork, Denied, Guard},
    error::Error,
    resolve::{Resolve, System},
    target::{BadUrl, Target, URL_LEN_MAX},
    tls::{BadTls, distrustful, tls},
};
use self::{
    connection::{Kept, Sender},
    lanes::{Lanes, Place},
};

/// The longest body of a request, in bytes: what Carillon sends are texts.
pub const REQUEST_LEN_MAX: usize = 1024 * 1024;
/// The longest body of an answer, in bytes.
pub const ANSWER_LEN_MAX: usize = 2 * 1024 * 1024;
/// How long a request may take when a caller does not say.
pub const WITHIN: Duration = Duration::from_secs(5);
/// How long a request waits for its turn: a large alert goes to one push service in some seconds.
const TURN_WITHIN: Duration = Duration::from_secs(30);
/// The most addresses of one name that are looked at.
const ADDRESSES_MAX: usize = 16;
/// Who asks.
const USER_AGENT: &str = concat!("Carillon/", env!("CARGO_PKG_VERSION"));

/// How a request is made.
#[derive(Debug, Clone)]
pub struct Terms {
    /// How long it may take once it has its turn: resolving, connecting, the whole answer. The same
    /// for each redirect that is followed.
    pub within: Duration,
    /// How many redirects are followed, for `GET` and `HEAD`.
    pub redirects: u8,
    /// Whether receiving it twice does the other end no harm. Then a connection that is still open
    /// is used, and if that one breaks before the answer, the request is made once more.
    pub repeatable: bool,
    /// The longest body of an answer, in bytes.
    pub answer_max: usize,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms { within: WITHIN, redirects: 0, repeatable: false, answer_max: ANSWER_LEN_MAX }
    }
}

/// The client. Cheap to share behind an `Arc`; there is one in a process, so that its limits hold.
pub struct Egress {
    guard: Guard,
    tls: Arc<ClientConfig>,
    resolver: Box<dyn Resolve>,
    lanes: Lanes,
}

impl Egress {
    /// A client that may talk to what `guard` allows, trusts whom `tls` trusts (see [`tls()`]), and
    /// asks `resolver` for addresses.
    pub fn new(guard: Guard, tls: ClientConfig, resolver: impl Resolve) -> Egress {
        Egress { guard, tls: Arc::new(tls), resolver: Box::new(resolver), lanes: Lanes::new() }
    }

    /// Reads a URL that somebody configures, and says at once what is wrong with it. What its name
    /// resolves to is only known, and checked, when it is used.
    ///
    /// # Errors
    /// [`BadUrl`].
    pub fn check(&self, url: &str) -> Result<Target, BadUrl> {
        Target::parse(url, &self.guard)
    }

    /// Whether this port may be talked to.
    pub fn allows_port(&self, port: u16) -> bool {
        self.guard.allows_port(port)
    }

    /// The addresses of a host, all of them checked. For what does not speak HTTP.
    ///
    /// # Errors
    /// [`Error::Unresolved`], and [`Error::Denied`] if any one of them is denied: a name that leads
    /// to both sides of a wall is a trap or a mistake.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Error> {
        let unresolved = |why: String| Error::Unresolved { host: host.to_owned(), why };
        let literal = host.parse::<IpAddr>().map(|address| vec![address]);
        let mut found = match literal {
            Ok(address) => address,
            Err(_) => {
                self.resolver.resolve(host).await.map_err(|why| unresolved(why.to_string()))?
            }
        };
        if found.is_empty() {
            return Err(unresolved("there is none".to_owned()));
        }
        for address in &found {
            self.guard.allowed(*address)?;
        }
        found.truncate(ADDRESSES_MAX);
        Ok(found)
    }

    /// Makes a request: the URL of `request` is absolute, and its body is sent with its length.
    ///
    /// # Errors
    /// Any [`Error`]. An answer with any status, other than a redirect, is an answer.
    pub async fn send(
        &self,
        request: Request<Bytes>,
        terms: &Terms,
    ) -> Result<Response<Bytes>, Error> {
        let size = request.body().len();
        if size > REQUEST_LEN_MAX {
            return Err(Error::RequestTooLarge { size, most: REQUEST_LEN_MAX });
        }
        let mut target = self.check(&request.uri().to_string())?;
        let mut request = request;
        let mut left = terms.redirects;
        loop {
            let answer = self.once(&target, &request, terms).await?;
            let Some(location) = redirect(&answer) else { return Ok(answer) };
            let elsewhere = || Error::Redirected { host: target.host() };
            let safe = matches!(*request.method(), Method::GET | Method::HEAD);
            if left == 0 || !safe {
                return Err(elsewhere());
            }
            let next = target.join(&location, &self.guard)?;
            if target.is_tls() && !next.is_tls() {
                return Err(elsewhere());
            }
            if next.origin() != target.origin() {
                for secret in [header::AUTHORIZATION, header::COOKIE] {
                    request.headers_mut().remove(secret);
                }
            }
            left -= 1;
            target = next;
        }
    }

    /// Asks one target, on a kept connection if that is harmless and there is one.
    async fn once(
        &self,
        target: &Target,
        request: &Request<Bytes>,
        terms: &Terms,
    ) -> Result<Response<Bytes>, Error> {
        let host = target.host();
        let busy = || Error::Busy { host: host.clone() };
        let place = self.lanes.enter(target.origin()).ok_or_else(busy)?;
        let _turn = timeout(TURN_WITHIN, place.turn()).await.map_err(|_| busy())?;
        let deadline = &mut pin!(sleep(terms.within));
        let late = || Error::Unanswered { host: host.clone() };
        let ask = async |sender: &mut Sender| {
            let whole = prepared(target, request);
            connection::exchange(sender, whole, &host, terms.answer_max).await
        };
        if terms.repeatable
            && let Some((kept, mut sender)) = place.lane.take()
        {
            match before(deadline, ask(&mut sender), late).await {
                Ok(answer) => {
                    keep(&place, kept, sender, deadline).await;
                    return Ok(answer);
                }
                // The other end had closed it: that is what a new one is for.
                Err(Error::Broken { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let unconnected =
            || Error::Unconnected { host: host.clone(), why: "it took too long".to_owned() };
        let connecting = async {
            let addresses = self.addresses(&host).await?;
            connection::connect(target, &addresses, &self.tls).await
        };
        let (kept, mut sender) = before(deadline, connecting, unconnected).await?;
        let answer = before(deadline, ask(&mut sender), late).await?;
        if terms.repeatable {
            keep(&place, kept, sender, deadline).await;
        }
        Ok(answer)
    }
}

/// Keeps a connection for the next request, once it is ready for one. If that takes until the
/// deadline, or the other end closes it, there will be another.
async fn keep(
    place: &Place<'_>,
    kept: Arc<Kept>,
    mut sender: Sender,
    deadline: &mut Pin<&mut Sleep>,
) {
    let ready = tokio::select! {
        ready = sender.ready() => ready.is_ok(),
        () = deadline.as_mut() => false,
    };
    if ready {
        place.lane.put(kept, sender);
    }
}

/// Waits for this, but not beyond the deadline.
async fn before<T>(
    deadline: &mut Pin<&mut Sleep>,
    wait: impl Future<Output = Result<T, Error>>,
    late: impl FnOnce() -> Error,
) -> Result<T, Error> {
    tokio::select! {
        biased;
        done = wait => done,
        () = deadline.as_mut() => Err(late()),
    }
}

/// The request as it goes over the wire. Host and path come from the target, which was checked.
fn prepared(target: &Target, request: &Request<Bytes>) -> Request<Full<Bytes>> {
    let mut whole = Request::new(Full::new(request.body().clone()));
    *whole.method_mut() = request.method().clone();
    *whole.headers_mut() = request.headers().clone();
    let never = "a parsed URL has only characters of a URL";
    *whole.uri_mut() = target.path_and_query().parse().expect(never);
    let host = HeaderValue::from_str(&target.authority()).expect(never);
    whole.headers_mut().insert(header::HOST, host);
    let agent = whole.headers_mut().entry(header::USER_AGENT);
    agent.or_insert(HeaderValue::from_static(USER_AGENT));
    whole
}

/// Where an answer leads, if it leads elsewhere.
fn redirect(answer: &Response<Bytes>) -> Option<String> {
    let leads = matches!(
        answer.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let location = answer.headers().get(header::LOCATION).filter(|_| leads)?;
    // Bytes that are no text lead nowhere, and are refused as such.
    Some(String::from_utf8_lossy(location.as_bytes()).into_owned())
}
