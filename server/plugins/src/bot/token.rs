//! What a robot's address is made of. The forms are DingTalk's, because programs check them: a
//! token of 64 hexadecimal digits, and a secret that begins with `SEC`.

use carillon_plugin::{Error, Result};
use sha2::{Digest, Sha256};

const TOKEN_LEN: usize = 32;
const SECRET: &str = "SEC";

/// A new token.
pub(super) fn token() -> Result<String> {
    let mut bytes = [0; TOKEN_LEN];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    Ok(hex(&bytes))
}

/// A new secret.
pub(super) fn secret() -> Result<String> {
    Ok(format!("{SECRET}{}", token()?))
}

/// What is kept of a token.
pub(super) fn digest(token: &str) -> String {
    hex(&Sha256::digest(token))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_form_that_programs_check() {
        let (token, secret) = (token().unwrap(), secret().unwrap());
        assert_eq!((token.len(), secret.len()), (64, 67));
        let is_hex =
            |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        assert!(is_hex(&token) && is_hex(secret.strip_prefix(SECRET).unwrap()));
        assert_ne!(digest(&token), digest(&secret));
    }
}
