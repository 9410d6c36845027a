//! What reaches people.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A way to reach somebody.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The app, where it is open.
    App,
    /// A push message to their devices.
    Push,
    /// An e-mail.
    Email,
    /// A text message to their phone.
    Sms,
    /// A call that reads it out.
    Call,
}
