//! Where people are reached: their phone number and their e-mail address.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{UserId, field, limits::CONTACT_LEN_MAX};

/// What kind of address it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ContactKind {
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
}

/// `notify.contact.get`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct GetContact {
    /// Whose; the caller's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
}

/// `notify.contact.set`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SetContact {
    /// Whose; the caller's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Which kind.
    pub kind: ContactKind,
    /// The address, at most 254 characters; absent, there is none any more. A phone number without
    /// a country code gets the organisation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = CONTACT_LEN_MAX))]
    pub address: Option<String>,
}

/// `notify.contact.verify`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct VerifyContact {
    /// Which kind.
    pub kind: ContactKind,
    /// The code that was sent: six digits.
    #[schemars(length(equal = 6))]
    pub code: String,
}

/// The answer of `notify.contact.get` and of what changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Contacts {
    /// The e-mail address.
    #[serde(
        default,
        deserialize_with = "field::named_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub email: Option<Contact>,
    /// The phone number.
    #[serde(
        default,
        deserialize_with = "field::named_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub phone: Option<Contact>,
}

/// An address of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Contact {
    /// The address that is used, a phone number as `+85291234567`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Another one, to which a code was sent that has not come back yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<String>,
}
