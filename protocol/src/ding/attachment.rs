//! What alerts carry, on its way in and out: by HTTP, as it is larger than a frame.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Attachment;
use crate::{AttachmentId, field, limits::NAME_LEN_MAX};

/// `ding.attach`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attach {
    /// Its name, 1 to 100 characters.
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub name: String,
    /// Its media type, as `audio/webm`.
    pub media_type: String,
    /// Of a voice note, how long it is, in milliseconds: at most ten minutes.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 600_000))]
    pub lasts_ms: Option<u64>,
    /// What is in it, in base64; 1 to 1,048,576 bytes.
    pub bytes: String,
}

/// `ding.attachment`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OpenAttachment {
    /// Which.
    pub attachment: AttachmentId,
}

/// The answer of `ding.attachment`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttachmentOpened {
    /// What it is.
    pub attachment: Attachment,
    /// What is in it, in base64.
    pub bytes: String,
}
