//! Who carries messages, and at what price. Secrets are written and never shown: one that is absent
//! stays as it is, as long as the address that it is sent to stays.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::{Channel, field, limits::PROVIDERS_MAX};

/// `notify.settings.get`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct GetSettings {}

/// `notify.settings.set`: what is absent is not used any more.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetSettings {
    /// The mail server.
    #[serde(
        default,
        deserialize_with = "field::named_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub mail: Option<Mail>,
    /// The providers, each vendor at most once.
    #[serde(
        default,
        deserialize_with = "field::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "Option<Vec<Provider>>", length(max = PROVIDERS_MAX))]
    pub providers: Vec<Provider>,
    /// Who of them carries text messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms: Option<Vendor>,
    /// Who of them makes calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Vendor>,
    /// What an attempt costs.
    #[serde(
        default,
        deserialize_with = "field::named_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub prices: Option<Prices>,
    /// The country code of phone numbers that are written without one, as `+852`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 5))]
    pub prefix: Option<String>,
}

/// The answer of `notify.settings.get` and `notify.settings.set`: no secret is in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// What is set.
    pub settings: SetSettings,
    /// What has to be written at the vendors, so that they report here.
    pub callbacks: Vec<Callback>,
    /// The server's own public address, which these begin with; absent, the operator has not set
    /// `public_url`, and no vendor can report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
}

/// Where a vendor reports to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Callback {
    /// Who.
    pub vendor: Vendor,
    /// The address, which holds a secret.
    pub url: String,
}

/// What one attempt costs, in cents of the organisation's currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Prices {
    /// A text message.
    pub sms: u32,
    /// A call.
    pub call: u32,
}

/// How the connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// TLS from the first byte (port 465).
    Tls,
    /// TLS after a command (port 587).
    Starttls,
    /// None: for a relay in the operator's own network.
    Plain,
}

/// A mail server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mail {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// Who logs in, if somebody has to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// With which password; a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Whom messages come from: `Carillon <chat@example.com>`, or only the address.
    pub from: String,
    /// Authorities besides the system's, as PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<String>,
}

/// Who carries text messages and calls.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Vendor {
    /// Twilio: both.
    Twilio,
    /// Vonage: both.
    Vonage,
    /// Alibaba Cloud: text messages, and calls in mainland China.
    Alibaba,
    /// Tencent Cloud: text messages.
    Tencent,
}

/// The account with a vendor.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "vendor", rename_all = "snake_case")]
pub enum Provider {
    /// Twilio.
    Twilio {
        /// Where its API is, if elsewhere than usual.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<String>,
        /// The account's SID, `AC…`.
        account: String,
        /// The account's auth token; a secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
        /// The number that messages and calls come from, or the SID of a messaging service, `MG…`.
        from: String,
    },
    /// Vonage.
    Vonage {
        /// Where its API is, if elsewhere than usual.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<String>,
        /// The account's API key.
        account: String,
        /// The application's id.
        application: String,
        /// The application's private key, a PEM file; a secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// What callbacks are signed with; a secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
        /// The number that messages and calls come from.
        from: String,
    },
    /// Alibaba Cloud.
    Alibaba {
        /// Where the interface for text messages is, if elsewhere than usual.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<String>,
        /// The id of an access key that may only send messages.
        key_id: String,
        /// That key; a secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key_secret: Option<String>,
        /// The approved signature, as it stands before a message.
        sign_name: String,
        /// The code of the approved template, `SMS_…`.
        template: String,
        /// The variable of the template that takes the text.
        variable: String,
        /// How many characters that variable takes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value_len_max: Option<u32>,
        /// Calls, where they are wanted.
        #[serde(
            default,
            deserialize_with = "field::named_or_none",
            skip_serializing_if = "Option::is_none"
        )]
        voice: Option<Voice>,
    },
    /// Tencent Cloud.
    Tencent {
        /// Where its interface is, if elsewhere than usual.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<String>,
        /// The region, as `ap-guangzhou`.
        region: String,
        /// The id of a key that may only send messages.
        secret_id: String,
        /// That key; a secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret_key: Option<String>,
        /// The id of the application, `SdkAppId`.
        application: String,
        /// The approved signature; absent outside of mainland China.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sign_name: Option<String>,
        /// The id of the approved template, which has one variable.
        template: String,
        /// How many characters that variable takes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value_len_max: Option<u32>,
    },
}

impl Provider {
    /// Whose account it is.
    pub fn vendor(&self) -> Vendor {
        match self {
            Provider::Twilio { .. } => Vendor::Twilio,
            Provider::Vonage { .. } => Vendor::Vonage,
            Provider::Alibaba { .. } => Vendor::Alibaba,
            Provider::Tencent { .. } => Vendor::Tencent,
        }
    }
}

/// Alibaba Cloud's calls.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Voice {
    /// Where the interface for calls is, if elsewhere than usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The code of the approved text, `TTS_…`.
    pub template: String,
    /// The variable of it that takes the text.
    pub variable: String,
    /// The number that is shown; absent, one of the vendor's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// `notify.settings.test`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Test {
    /// Through what; not `app`.
    pub channel: Channel,
}

/// The answer of `notify.settings.test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tested {
    /// What became of it.
    pub outcome: Outcome,
    /// Why, in the words of whoever carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}
