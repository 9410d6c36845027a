//! What is said to whom, with any vendor.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A text message.
    Sms,
    /// A call that reads a text aloud.
    Call,
}

/// A phone number as the whole world writes it (E.164): `+` and 8 to 15 digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Number(String);

/// It is not a number that can be called from anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write the phone number with its country code: + and 8 to 15 digits")]
pub struct BadNumber;

impl Number {
    /// Reads a number; spaces, hyphens, dots and brackets are left out.
    ///
    /// # Errors
    /// [`BadNumber`].
    pub fn read(text: &str) -> Result<Number, BadNumber> {
        let between = |c: &char| !matches!(c, ' ' | '-' | '.' | '(' | ')');
        let text: String = text.trim().chars().filter(between).collect();
        let digits = text.strip_prefix('+').ok_or(BadNumber)?;
        let right = (8..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if right { Ok(Number(text)) } else { Err(BadNumber) }
    }

    /// With `+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without `+`.
    pub(super) fn digits(&self) -> &str {
        &self.0[1..]
    }
}

/// A secret of the operator's, which is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What one person is told through one channel.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// What identifies it. It comes back in reports, as far as the vendor lets it.
    pub key: &'a str,
    /// How many times the vendor has certainly refused it until now. The same key and turn is the
    /// same request, which a vendor that can will not carry out twice.
    pub turn: u32,
    /// How it travels.
    pub channel: Channel,
    /// To whom.
    pub to: &'a Number,
    /// What is written or read aloud.
    pub text: &'a str,
    /// The language of the text, as in `zh-HK`.
    pub language: &'a str,
    /// A sentence in that language that asks to press 1. Calls only; a text message says so in its
    /// text.
    pub ask: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_that_can_be_called_from_anywhere() {
        let read = |text: &str| Number::read(text).map(|number| number.as_str().to_owned());
        assert_eq!(read(" +852 9123-4567 ").unwrap(), "+85291234567");
        assert_eq!(read("+1 (415) 867.5309").unwrap(), "+14158675309");
        for bad in
            ["", "91234567", "+", "+0123456789", "+1234567", "+1234567890123456", "+85x9123456"]
        {
            assert_eq!(read(bad), Err(BadNumber), "{bad}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(format!("{:?}", Secret::new("hush")), "(secret)");
    }
}
