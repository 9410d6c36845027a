//! Whom the server asks, and who is told when something is wrong with that.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whom the server may ask besides the public internet, where somebody of an organisation says
/// whom: mail servers, providers of text messages, push services. Without these settings nobody can
/// make it ask its own network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Egress {
    /// Networks or addresses of your own that may be asked, as that of a mail server.
    #[schemars(with = "Vec<String>", example = &["10.0.7.25"])]
    pub allow: Vec<String>,
    /// Ports that may be asked besides 80 and 443, and those of mail.
    #[schemars(with = "Vec<u16>", example = &[8443])]
    pub ports: Vec<u16>,
    /// Authorities that are trusted besides those of the system, a file of PEM.
    #[schemars(with = "Option<String>", example = &"authorities.pem")]
    pub authorities: Option<PathBuf>,
}

/// What reaches people outside of the app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// Whom those who run a push service may write to, `mailto:` or `https://`. Without it, they
    /// are told `public_url`.
    #[schemars(with = "Option<String>", example = &"mailto:operator@example.org")]
    pub contact: Option<String>,
}
