//! Web Push (RFC 8030): a message to a browser that may be closed, through the push service of its
//! vendor, which cannot read it.
//!
//! [`request`] builds what is sent and [`read`] says what an answer means; [`send`] does both with
//! the guarded client. A later message with the same tag takes the place of one that has not been
//! delivered yet, so "take it away again" is such a message.

mod encryption;
mod vapid;

use aws_lc_rs::{
    agreement::{ECDH_P256, ParsedPublicKey, ParsedPublicKeyFormat, PrivateKey, UnparsedPublicKey},
    digest::{SHA256, digest},
    rand,
};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_URL_SAFE_NO_PAD,
};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};

use self::encryption::{POINT_LEN, SALT_LEN, SECRET_LEN, encrypt};
pub use self::{
    encryption::TEXT_LEN_MAX,
    vapid::{BadKeys, Keys, is_contact},
};
use crate::{
    egress::{self, BadUrl, Egress, Target, Terms},
    later::retry_at,
};

/// The longest that a push service is asked to keep a message: four weeks, as the largest do.
pub const TTL_S_MAX: u32 = 28 * 24 * 60 * 60;
/// The longest name of a topic (RFC 8030 5.4).
const TOPIC_LEN: usize = 32;
/// What browsers write is not padded; some libraries pad.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Where one browser is reached, and how it is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    endpoint: Target,
    key: [u8; POINT_LEN],
    secret: [u8; SECRET_LEN],
}

/// What a browser sent is not a subscription.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSubscription {
    /// The endpoint.
    #[error("the endpoint cannot be used: {0}")]
    Endpoint(#[from] BadUrl),
    /// Push services are spoken to through TLS.
    #[error("the endpoint must begin with https://")]
    Plain,
    /// The key.
    #[error("`p256dh` must be a public key on P-256: 65 bytes in base64url, beginning with 4")]
    Key,
    /// The secret.
    #[error("`auth` must be 16 bytes in base64url")]
    Secret,
}

impl Subscription {
    /// Reads what a browser's `PushSubscription.toJSON()` holds: `endpoint`, `keys.p256dh` and
    /// `keys.auth`.
    ///
    /// # Errors
    /// [`BadSubscription`].
    pub fn read(
        egress: &Egress,
        endpoint: &str,
        p256dh: &str,
        auth: &str,
    ) -> Result<Subscription, BadSubscription> {
        let target = egress.check(endpoint)?;
        if !target.is_tls() {
            return Err(BadSubscription::Plain);
        }
        let key = LENIENT.decode(p256dh).ok().and_then(|bytes| bytes.try_into().ok());
        let key: [u8; POINT_LEN] = key.filter(on_curve).ok_or(BadSubscription::Key)?;
        let secret = LENIENT.decode(auth).ok().and_then(|bytes| bytes.try_into().ok());
        let secret = secret.ok_or(BadSubscription::Secret)?;
        Ok(Subscription { endpoint: target, key, secret })
    }

    /// The push service, by its origin.
    pub fn service(&self) -> String {
        self.endpoint.origin()
    }
}

/// Whether this is a point on the curve, written as browsers do: then a message can be encrypted
/// for it.
fn on_curve(key: &[u8; POINT_LEN]) -> bool {
    let parsed = ParsedPublicKey::try_from(UnparsedPublicKey::new(&ECDH_P256, key));
    parsed.is_ok_and(|parsed| parsed.format() == ParsedPublicKeyFormat::Uncompressed)
}

/// How soon a device should be woken (RFC 8030 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// When it is charged and on a network that costs nothing.
    VeryLow,
    /// When it is charged or on a network that costs nothing.
    Low,
    /// When its user would not mind.
    Normal,
    /// Now.
    High,
}

impl Urgency {
    fn name(self) -> &'static str {
        match self {
            Urgency::VeryLow => "very-low",
            Urgency::Low => "low",
            Urgency::Normal => "normal",
            Urgency::High => "high",
        }
    }
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// What the service worker gets: at most [`TEXT_LEN_MAX`] bytes.
    pub text: &'a [u8],
    /// How long it is worth delivering, in seconds; at most [`TTL_S_MAX`]. 0: now or never.
    pub ttl_s: u32,
    /// How soon.
    pub urgency: Urgency,
    /// Messages with the same tag replace each other while they wait. Any text: the push service
    /// learns only a hash of it.
    pub tag: Option<&'a str>,
}

/// The message is longer than push services take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message has {0} bytes: shorten it to {TEXT_LEN_MAX}")]
pub struct TooLong(pub usize);

/// What a push service made of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It will be delivered, if the device comes back in time.
    Accepted,
    /// The subscription is no more: forget it.
    Gone,
    /// The push service takes only shorter ones. The same message will not pass.
    TooLarge,
    /// Not this device now: again at this time (milliseconds since 1970), or when the caller finds
    /// it right.
    Later(Option<i64>),
    /// The push service can do nothing for anybody now. The same time.
    Away(Option<i64>),
    /// It will not take this, and says why. After a change of the server's keys this is 403, and
    /// the browser has to subscribe again.
    Refused {
        /// The status of HTTP.
        status: u16,
        /// The beginning of its answer.
        why: String,
    },
}

/// Builds the request: encrypted with a key of its own, signed for the push service. `now` is in
/// milliseconds since 1970.
///
/// # Errors
/// [`TooLong`].
pub fn request(
    to: &Subscription,
    message: &Message<'_>,
    keys: &Keys,
    now: i64,
) -> Result<Request<Bytes>, TooLong> {
    if message.text.len() > TEXT_LEN_MAX {
        return Err(TooLong(message.text.len()));
    }
    let works = "the system's randomness works";
    let own = PrivateKey::generate(&ECDH_P256).expect(works);
    let mut salt = [0; SALT_LEN];
    rand::fill(&mut salt).expect(works);
    let body = encrypt(message.text, &to.key, &to.secret, &own, &salt);
    let body = body.expect("the key is a point on the curve");
    let mut request = Request::post(to.endpoint.url())
        .header(header::AUTHORIZATION, keys.authorization(&to.service(), now))
        .header(header::CONTENT_ENCODING, "aes128gcm")
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header("ttl", message.ttl_s.min(TTL_S_MAX))
        .header("urgency", message.urgency.name());
    if let Some(tag) = message.tag {
        request = request.header("topic", topic(tag));
    }
    Ok(request.body(Bytes::from(body)).expect("a URL that was checked, and headers of ASCII"))
}

/// The name of a topic for a tag: 32 characters of base64url (RFC 8030 5.4).
fn topic(tag: &str) -> String {
    let mut name = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, tag.as_bytes()));
    name.truncate(TOPIC_LEN);
    name
}

/// What an answer means.
pub fn read(status: StatusCode, headers: &HeaderMap, body: &[u8], now: i64) -> Outcome {
    match status.as_u16() {
        200..=204 => Outcome::Accepted,
        404 | 410 => Outcome::Gone,
        413 => Outcome::TooLarge,
        408 | 425 | 429 => Outcome::Later(retry_at(headers, now)),
        500..=599 => Outcome::Away(retry_at(headers, now)),
        status => Outcome::Refused { status, why: beginning(body) },
    }
}

/// The beginning of an answer, for a log.
fn beginning(body: &[u8]) -> String {
    const SHOWN: usize = 200;
    String::from_utf8_lossy(body).chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

/// Sends a message, and says what became of it.
///
/// Getting it twice does a browser no harm: the second one has the same tag. So connections are
/// shared, and a caller may repeat whatever failed.
///
/// # Errors
/// The client's errors, as far as there was no answer.
pub async fn send(
    egress: &Egress,
    request: Request<Bytes>,
    now: i64,
) -> Result<Outcome, egress::Error> {
    let terms = Terms { repeatable: true, ..Terms::default() };
    let answer = egress.send(request, &terms).await?;
    Ok(read(answer.status(), answer.headers(), answer.body(), now))
}
