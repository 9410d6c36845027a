//! Web push: browsers that are reached while they are closed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits::{NAME_LEN_MAX, URL_LEN_MAX};

/// `notify.push.key`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct GetPushKey {}

/// The answer of `notify.push.key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PushKey {
    /// For `applicationServerKey`: a point on P-256 in base64url.
    pub key: String,
}

/// `notify.push.subscribe`: what `PushSubscription.toJSON()` of a browser holds.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Subscribe {
    /// Where the browser's push service takes messages: `https://…`.
    #[schemars(length(min = 9, max = URL_LEN_MAX))]
    pub endpoint: String,
    /// `keys.p256dh`: the browser's public key.
    #[schemars(length(min = 86, max = 88))]
    pub p256dh: String,
    /// `keys.auth`: the browser's secret.
    #[schemars(length(min = 22, max = 24))]
    pub auth: String,
    /// What the person recognises the device by, 1 to 100 characters.
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub name: String,
}

/// The answer of `notify.push.subscribe`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subscribed {
    /// How the device is named from now on.
    pub id: String,
}

/// `notify.push.unsubscribe`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Unsubscribe {
    /// Which device.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
}

/// `notify.push.list`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct ListDevices {}

/// The answer of `notify.push.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Devices {
    /// At most 10, the newest first.
    pub devices: Vec<PushDevice>,
}

/// A device that web push reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PushDevice {
    /// Which.
    pub id: String,
    /// What the person recognises it by.
    pub name: String,
    /// The push service of its browser.
    pub service: String,
    /// Since when, in milliseconds since the epoch.
    pub since: i64,
}
