//! E-mail: one message to one person, handed to the operator's mail server (SMTP, RFC 5321).
//!
//! A message has a name made of its key (`Message-ID`), so one that is sent twice after a crash is
//! one message to whoever receives it. Nothing that people write can add a header, or leave its
//! place in the HTML.

mod letter;

use std::{
    collections::HashMap,
    error::Error,
    io,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    transport::smtp::{
        PoolConfig,
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
        extension::ClientId,
    },
};
use serde::{Deserialize, Serialize};
use tokio::{sync::Semaphore, time::timeout};

pub use self::letter::Letter;
use crate::{
    egress::{self, Egress},
    provider::{Accepted, BadSettings, Refused, Secret},
};

/// How long a letter may take in all, its turn included: shorter than the ten seconds that an
/// effect of a plugin may take.
const WITHIN: Duration = Duration::from_secs(8);
/// How long a mail server may take to answer one command.
const ANSWER: Duration = Duration::from_secs(5);
/// The most connections at once: mail servers refuse whoever opens many.
const CONNECTIONS_MAX: usize = 8;
/// How long a connection waits for the next letter.
const IDLE: Duration = Duration::from_secs(10);
/// The most letters that are handed in or wait at once.
const LETTERS_MAX: usize = 8192;
/// The most addresses of the server to which connections are kept.
const ADDRESSES_MAX: usize = 16;
/// The ports on which mail is handed in.
const PORTS: [u16; 4] = [25, 465, 587, 2525];

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// TLS from the first byte (port 465).
    Tls,
    /// TLS after a command (port 587). A server that cannot is refused.
    Starttls,
    /// None: for a relay on the same machine or in the operator's own network.
    Plain,
}

/// Settings of the mail server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// Who logs in, if somebody has to.
    #[serde(default)]
    pub user: Option<String>,
    /// With which password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Whom messages come from: `Carillon <chat@example.com>` or only the address.
    pub from: String,
    /// Authorities besides the system's, as PEM.
    #[serde(default)]
    pub authorities: Option<String>,
}

/// Whether this is the address of one person, as a letter takes it.
pub fn is_address(text: &str) -> bool {
    text.len() <= letter::ADDRESS_LEN_MAX
        && !text.contains(|c: char| c.is_control() || c.is_whitespace())
        && text.parse::<lettre::Address>().is_ok()
}

/// The way to a mail server.
pub struct Mailer {
    settings: Settings,
    from: lettre::message::Mailbox,
    tls: Tls,
    ways: Mutex<HashMap<IpAddr, Way>>,
    letters: Semaphore,
    turns: Semaphore,
}

/// Connections to one address.
type Way = AsyncSmtpTransport<Tokio1Executor>;

impl Settings {
    /// Checks the settings, and makes a mailer of them. What the host's name resolves to is checked
    /// whenever it is used.
    ///
    /// # Errors
    /// [`BadSettings`].
    pub fn open(self, egress: &Egress) -> Result<Mailer, BadSettings> {
        let bad = |field, hint| BadSettings { field, hint };
        let from = self.from.parse();
        let from = from.map_err(|_| bad("from", "write it as NAME <ADDRESS>, or as an address"))?;
        if !PORTS.contains(&self.port) && !egress.allows_port(self.port) {
            let hint = "use 465, 587 or 25, or ask the operator to list it in `egress.ports`";
            return Err(bad("port", hint));
        }
        if self.host.is_empty() || self.host.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(bad("host", "write the name of the mail server"));
        }
        if self.user.is_some() != self.password.is_some() {
            return Err(bad("password", "write both a user and a password, or neither"));
        }
        if self.user.is_some() && self.security == Security::Plain {
            return Err(bad("security", "a password needs `tls` or `starttls`"));
        }
        let tls = match self.security {
            Security::Plain => Tls::None,
            Security::Tls => Tls::Wrapper(self.parameters()?),
            Security::Starttls => Tls::Required(self.parameters()?),
        };
        Ok(Mailer {
            settings: self,
            from,
            tls,
            ways: Mutex::default(),
            letters: Semaphore::new(LETTERS_MAX),
            turns: Semaphore::new(CONNECTIONS_MAX),
        })
    }

    /// Whom to trust, and which name the certificate must have.
    fn parameters(&self) -> Result<TlsParameters, BadSettings> {
        let unreadable =
            |_| BadSettings { field: "authorities", hint: "paste certificates as PEM" };
        let mut parameters = TlsParameters::builder(self.host.clone());
        if let Some(pem) = &self.authorities {
            let own = Certificate::from_pem(pem.as_bytes()).map_err(unreadable)?;
            parameters = parameters.add_root_certificate(own);
        }
        parameters.build_rustls().map_err(unreadable)
    }
}

impl Mailer {
    /// Hands a letter in, when its turn has come. `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// [`Refused`]; never that it is unclear, since a letter that arrives twice is recognised.
    pub async fn send(
        &self,
        egress: &Egress,
        letter: &Letter<'_>,
        now: i64,
    ) -> Result<Accepted, Refused> {
        let (message, reference) = letter.write(&self.from, now)?;
        let _place = self.letters.try_acquire().map_err(|_| Refused::Later(None))?;
        let whole = async {
            let _turn = self.turns.acquire().await.expect("it is never closed");
            let addresses = egress.addresses(&self.settings.host).await.map_err(unreached)?;
            let mut last = Refused::Later(None);
            for address in addresses {
                // A server that took the letter, or that has said why not, is not asked again.
                match self.to(address).send(message.clone()).await {
                    Ok(_) => return Ok(Accepted { reference }),
                    Err(error) if error.status().is_some() => return Err(meaning(&error)),
                    Err(error) => last = meaning(&error),
                }
            }
            Err(last)
        };
        timeout(WITHIN, whole).await.unwrap_or(Err(Refused::Later(None)))
    }

    /// The way to exactly this address: the name is not resolved again.
    fn to(&self, address: IpAddr) -> Way {
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        if ways.len() >= ADDRESSES_MAX && !ways.contains_key(&address) {
            ways.clear();
        }
        ways.entry(address).or_insert_with(|| self.made(address)).clone()
    }

    fn made(&self, address: IpAddr) -> Way {
        let connections = u32::try_from(CONNECTIONS_MAX).expect("it is small");
        let hello = ClientId::Domain(self.from.email.domain().to_owned());
        let mut way = Way::builder_dangerous(address.to_string())
            .port(self.settings.port)
            .tls(self.tls.clone())
            .hello_name(hello)
            .pool_config(PoolConfig::new().max_size(connections).idle_timeout(IDLE))
            .timeout(Some(ANSWER));
        if let (Some(user), Some(password)) = (&self.settings.user, &self.settings.password) {
            let password = String::from_utf8_lossy(password.bytes()).into_owned();
            way = way.credentials(Credentials::new(user.clone(), password));
        }
        way.build()
    }
}

/// Why the mail server was not reached.
fn unreached(error: egress::Error) -> Refused {
    if error.may_pass() { Refused::Later(None) } else { Refused::Settings(error.to_string()) }
}

/// What a mail server's refusal means (RFC 5321 4.2, RFC 4954 6).
fn meaning(error: &lettre::transport::smtp::Error) -> Refused {
    let why = error.to_string();
    let Some(code) = error.status() else {
        // No certificate that can be trusted, or it does not do what the settings ask for.
        let lasting = error.is_tls() || error.is_client() || is_distrust(error);
        return if lasting { Refused::Settings(why) } else { Refused::Later(None) };
    };
    match u16::from(code) {
        400..=499 => Refused::Later(None),
        530 | 534 | 535 | 538 => Refused::Settings(why),
        510..=515 | 521 | 550 | 551 | 553 | 556 => Refused::Unreachable(why),
        _ => Refused::Unfit(why),
    }
}

/// Whether the other end does not prove who it is: what carries this says only that it could not
/// connect.
fn is_distrust(error: &(dyn Error + 'static)) -> bool {
    let carried = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let own =
        error.is::<rustls::Error>() || carried.is_some_and(|inner| inner.is::<rustls::Error>());
    own || error.source().is_some_and(is_distrust)
}
