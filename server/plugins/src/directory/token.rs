//! Bearer tokens and tickets: random, shown once, kept only as a digest.
//!
//! A token is `cdt_` (a person's device) or `cat_` (a program), then base64url of the session's id
//! and 256 random bits. The id in front lets the session be found, cached and ended by one key; the
//! digest, compared in constant time, is what proves the bearer. A ticket (`ctk_`) is 256 random
//! bits. An invitation (`cin_`) is 128: it is short-lived, and somebody may have to type it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use carillon_plugin::{Error, Result};
use carillon_protocol::{SessionId, id::Ulid};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const DEVICE: &str = "cdt_";
const APP: &str = "cat_";
const TICKET: &str = "ctk_";
const SETUP: &str = "cst_";
const INVITE: &str = "cin_";

const ID_LEN: usize = 16;
const SECRET_LEN: usize = 32;
const INVITE_LEN: usize = 16;

/// SHA-256 of a token's whole text.
pub type TokenDigest = [u8; 32];

/// The digest of a token; what is kept of it.
pub fn token_digest(token: &str) -> TokenDigest {
    Sha256::digest(token).into()
}

/// A new token for `session.setup`, to be shown once; its digest goes into
/// [`Settings`](super::Settings).
///
/// # Errors
/// `E_UNAVAILABLE` if the system has no randomness.
pub fn new_setup_token() -> Result<String> {
    Ok(format!("{SETUP}{}", BASE64.encode(random::<SECRET_LEN>()?)))
}

/// Random bytes from the system.
pub(super) fn random<const LEN: usize>() -> Result<[u8; LEN]> {
    let mut bytes = [0; LEN];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    Ok(bytes)
}

/// What somebody shows to be let in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// A token of this session, if the digest agrees.
    Session(SessionId),
    /// A ticket.
    Ticket,
}

impl Shown {
    /// What kind of token a text is; `None` if of no kind.
    pub(super) fn read(text: &str) -> Option<Shown> {
        let (prefix, rest) = text.split_at_checked(DEVICE.len())?;
        let bytes = BASE64.decode(rest).ok()?;
        match (prefix, bytes.len()) {
            (TICKET, SECRET_LEN) => Some(Shown::Ticket),
            (DEVICE | APP, len) if len == ID_LEN + SECRET_LEN => {
                let id = bytes.first_chunk::<ID_LEN>()?;
                Some(Shown::Session(SessionId(Ulid::from_bytes(*id))))
            }
            _ => None,
        }
    }
}

/// A new token of a session.
pub(super) fn of_session(session: SessionId, app: bool) -> Result<String> {
    let mut bytes = [0; ID_LEN + SECRET_LEN];
    bytes[..ID_LEN].copy_from_slice(&session.0.to_bytes());
    bytes[ID_LEN..].copy_from_slice(&random::<SECRET_LEN>()?);
    Ok(format!("{}{}", if app { APP } else { DEVICE }, BASE64.encode(bytes)))
}

/// A new ticket.
pub(super) fn ticket() -> Result<String> {
    Ok(format!("{TICKET}{}", BASE64.encode(random::<SECRET_LEN>()?)))
}

/// The token of a new invitation.
pub(super) fn invitation() -> Result<String> {
    Ok(format!("{INVITE}{}", BASE64.encode(random::<INVITE_LEN>()?)))
}

/// The digest as the tables hold it.
pub(super) fn digest_text(token: &str) -> String {
    BASE64.encode(token_digest(token))
}

/// A digest as [`digest_text`] wrote it.
pub(super) fn read_digest(text: &str) -> Result<TokenDigest> {
    let bytes = BASE64.decode(text).map_err(Error::internal)?;
    bytes.try_into().map_err(|_| Error::internal(std::io::Error::other("not a token's digest")))
}

/// Whether two digests are the same, in a time that does not tell where they differ.
pub(super) fn same(left: impl AsRef<[u8]>, right: impl AsRef<[u8]>) -> bool {
    left.as_ref().ct_eq(right.as_ref()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_session_and_no_two_are_alike() {
        let session = SessionId(Ulid::from_parts(1_790_000_000_000, 7));
        let token = of_session(session, false).unwrap();
        assert!(token.starts_with("cdt_") && token.len() == 68, "{token}");
        assert_eq!(Shown::read(&token), Some(Shown::Session(session)));
        assert_ne!(of_session(session, false).unwrap(), token);
        assert!(of_session(session, true).unwrap().starts_with("cat_"));
        assert_eq!(Shown::read(&ticket().unwrap()), Some(Shown::Ticket));
    }

    #[test]
    fn a_text_that_is_no_token_is_refused() {
        let token = of_session(SessionId(Ulid::nil()), false).unwrap();
        let setup = new_setup_token().unwrap();
        let cut = &token[..67];
        let longer = format!("{token}A");
        let other_kind = token.replace("cdt_", "ctk_");
        let invite = invitation().unwrap();
        assert!(invite.starts_with("cin_") && invite.len() == 26, "{invite}");
        assert_eq!((Shown::read(&setup), Shown::read(&invite)), (None, None));
        let long = "cdt_".to_owned() + &"A".repeat(60_000);
        for bad in ["", "cdt", "cdt_", "ctk_AAAA", "香港香港", cut, &longer, &other_kind, &long]
        {
            assert_eq!(Shown::read(bad), None, "{bad}");
        }
    }
}
