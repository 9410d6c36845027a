//! What a link for guests holds: nobody guesses it, and the tables do not tell it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use carillon_plugin::{Error, Result};
use sha2::{Digest, Sha256};

/// What it begins with, so that whoever finds one knows what it is.
const PREFIX: &str = "cgl_";
/// How many random bytes it has: 128 bits.
const LEN: usize = 16;

/// A new one.
pub(super) fn secret() -> Result<String> {
    let mut bytes = [0; LEN];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    Ok(format!("{PREFIX}{}", BASE64.encode(bytes)))
}

/// What is kept of it. A link is found by this: how long that takes tells nothing that a secret
/// could be guessed by.
pub(super) fn digest(secret: &str) -> String {
    BASE64.encode(Sha256::digest(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_short_enough_for_a_link_and_no_two_are_alike() {
        let (one, other) = (secret().unwrap(), secret().unwrap());
        assert!(one.starts_with(PREFIX) && one.len() == 26, "{one}");
        assert_ne!(one, other);
        assert!(!digest(&one).contains(&one) && digest(&one) != digest(&other));
    }
}
