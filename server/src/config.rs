//! The configuration: one struct whose `Default` is a working single node.
//!
//! A value comes from the default, then the file, then the environment, then the flags; the later
//! one wins. The doc comments of the settings are their documentation:
//! [`Config::commented_default`] prints them, and a test refuses a setting without one.

mod egress;
mod load;
mod pictures;
mod plugins;
mod print;
mod rooms;
mod service;
#[cfg(test)]
mod tests;
mod tls;

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use egress::{Egress, Notify};
pub use load::{ConfigError, Origins, Source, Sources};
pub use pictures::PictureSource;
pub use plugins::{PluginSettings, Run};
pub use rooms::{Relay, RelaySecret, Rooms};
pub use service::{Database, Redis};
pub use tls::Tls;

/// The settings of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address and port to listen on; port 0 picks a free one.
    #[schemars(with = "String", example = &"127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The folder of the database and of everything else that must survive a restart.
    #[schemars(example = &"data")]
    pub data: PathBuf,
    /// The PostgreSQL database of several nodes, which then are one server. Without it the database
    /// is a file in the data folder, and there is one node.
    #[schemars(with = "Option<String>", example = &"postgres://carillon:secret@db.example.org/c")]
    pub database: Option<Database>,
    /// The Redis that carries messages between nodes as they are written: `redis://`, `rediss://`
    /// for TLS, `redis-cluster://` or `redis-sentinel://`. Without it each node finds what the
    /// others wrote by looking, within a second.
    #[schemars(with = "Option<String>", example = &"redis://cache.example.org")]
    pub redis: Option<Redis>,
    /// What this node is called among those of the database; the name of the machine, if nothing is
    /// said. Two nodes never have the same, and a node keeps its name.
    #[schemars(with = "Option<String>", example = &"east")]
    pub node: Option<NodeName>,
    /// Where the certificate for HTTPS comes from: `files:CERT,KEY` in PEM, which are read again
    /// when they change, or `self` for an authority of the server's own that devices are told to
    /// trust. Without it the server speaks plain HTTP, as behind a proxy that has the certificate.
    #[schemars(with = "Option<String>", example = &"files:chain.pem,key.pem")]
    pub tls: Option<Tls>,
    /// Where people reach the server, if that is not the address it listens on, as behind a proxy.
    #[schemars(with = "Option<String>", example = &"https://chat.example.org")]
    pub public_url: Option<WebOrigin>,
    /// Other sites whose pages may connect; the server's own is always allowed.
    #[schemars(with = "Vec<String>", example = &["https://intranet.example.org"])]
    pub allowed_origins: Vec<WebOrigin>,
    /// The addresses of proxies that say in X-Forwarded-For who calls: without them everybody
    /// behind a proxy is one stranger. `limits.connections_per_address_max` still counts the
    /// sockets of the proxy.
    #[schemars(with = "Vec<String>", example = &["127.0.0.1"])]
    pub trusted_proxies: Vec<IpAddr>,
    /// Where pictures in messages may come from: origins, or `https:` for everywhere. A browser
    /// that fetches a picture tells its server from which address it is looked at, and when. What
    /// may not be shown is a link; with an empty list, every one.
    #[schemars(with = "Vec<String>", example = &["https://pictures.example.org"])]
    pub pictures_from: Vec<PictureSource>,
    /// How many threads carry the connections; 0 means one for each core.
    pub shards: u8,
    /// What one caller may take of the server.
    pub limits: Limits,
    /// How the sound and the pictures of meetings reach people.
    pub rooms: Rooms,
    /// Whom the server may ask besides the public internet.
    pub egress: Egress,
    /// What reaches people outside of the app.
    pub notify: Notify,
    /// What is signed of the audit log.
    pub audit: Audit,
    /// What the server says about itself on its standard error.
    pub log: Log,
    /// How each plugin runs, by its name.
    pub plugins: BTreeMap<String, PluginSettings>,
}

/// What is signed of the audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// The file that this node adds signatures to, `audit-roots.jsonl` in the data folder if
    /// nothing is said. They prove more where whoever has the database cannot write; two nodes
    /// never have the same file.
    #[schemars(with = "Option<String>", example = &"/var/lib/witness/east.jsonl")]
    pub roots: Option<PathBuf>,
}

/// What one caller may take of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How many calls that change something a person may make a second; three times as many in a
    /// burst.
    pub writes_per_s: NonZeroU32,
    /// How many calls that only read a person may make a second; three times as many in a burst.
    pub reads_per_s: NonZeroU32,
    /// How many sockets the node holds at once; the next one is told to try later.
    pub connections_max: NonZeroU32,
    /// How many of them one network address may have. A whole office often shares one.
    pub connections_per_address_max: NonZeroU32,
}

/// What a node is called: 1 to 64 letters, digits, `.`, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeName(String);

impl NodeName {
    const LEN_MAX: usize = 64;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of this machine; what a name cannot have becomes `-`.
    pub fn of_machine() -> NodeName {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let fits = |c: char| if NodeName::allows(c) { c } else { '-' };
        let name: String = name.chars().map(fits).take(NodeName::LEN_MAX).collect();
        NodeName(if name.is_empty() { "node".to_owned() } else { name })
    }

    fn allows(c: char) -> bool {
        c.is_ascii_alphanumeric() || ".-_".contains(c)
    }
}

impl From<NodeName> for String {
    fn from(name: NodeName) -> String {
        name.0
    }
}

impl TryFrom<String> for NodeName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<NodeName, Self::Error> {
        let fits = (1..=NodeName::LEN_MAX).contains(&text.len());
        let name = (fits && text.chars().all(NodeName::allows)).then_some(NodeName(text));
        name.ok_or("expected 1 to 64 letters, digits, `.`, `-` and `_`")
    }
}

/// What the server says about itself on its standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// How much it says.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
}

/// How much is logged; each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What failed and needs somebody.
    Error,
    /// What is odd but was dealt with.
    Warn,
    /// What an operator wants to know: starts, stops, migrations.
    Info,
    /// Also a line for each call, and for each connection that ended early.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The level as the `tracing` crate writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for programs.
    Json,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data: PathBuf::from("data"),
            database: None,
            redis: None,
            node: None,
            tls: None,
            public_url: None,
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            pictures_from: vec![PictureSource::https()],
            shards: 0,
            limits: Limits::default(),
            rooms: Rooms::default(),
            egress: Egress::default(),
            notify: Notify::default(),
            audit: Audit::default(),
            log: Log::default(),
            plugins: BTreeMap::new(),
        }
    }
}

/// A limit of at least one.
const fn at_least_one(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("the default limits are not zero")
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            writes_per_s: at_least_one(20),
            reads_per_s: at_least_one(100),
            connections_max: at_least_one(50_000),
            connections_per_address_max: at_least_one(20_000),
        }
    }
}

impl Default for Log {
    fn default() -> Log {
        Log { level: LogLevel::Info, format: LogFormat::Text }
    }
}

/// A web origin (RFC 6454) as a browser writes it in `Origin`: scheme, host and port, nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebOrigin(String);

impl WebOrigin {
    /// The text, to be compared byte for byte with the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is reached over TLS.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<WebOrigin> for String {
    fn from(origin: WebOrigin) -> String {
        origin.0
    }
}

impl TryFrom<String> for WebOrigin {
    type Error = &'static str;

    /// Accepts one `/` at the end, which people copy from the address bar.
    fn try_from(text: String) -> Result<WebOrigin, Self::Error> {
        const REASON: &str = "expected http:// or https://, a host in lower case and nothing after";
        let origin = text.strip_suffix('/').unwrap_or(&text);
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:[]".contains(c);
        match host {
            Some(host) if !host.is_empty() && host.chars().all(allowed) => {
                Ok(WebOrigin(origin.to_owned()))
            }
            _ => Err(REASON),
        }
    }
}
