//! Who sends: the server's key, and the token that is signed with it for each push service (VAPID,
//! RFC 8292).

use std::fmt;

use aws_lc_rs::{
    agreement::{ECDH_P256, PrivateKey},
    encoding::{AsBigEndian, EcPrivateKeyBin},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Serialize;

/// How long a token is good for. A push service takes at most a day (RFC 8292 2), and clocks
/// differ.
const TOKEN_MS: i64 = 12 * 60 * 60 * 1000;
/// The longest address that somebody who runs a push service may write to.
const CONTACT_LEN_MAX: usize = 254;

/// The server's keys: one pair for ever, since browsers bind a subscription to it.
pub struct Keys {
    pair: EcdsaKeyPair,
    private: Vec<u8>,
    public: Vec<u8>,
    contact: String,
}

/// The keys cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKeys {
    /// The text is not a key.
    #[error("the key for web push is not 32 bytes in base64url: restore it, or let one be made")]
    Key,
    /// Nobody can be written to.
    #[error("the contact for web push must be mailto:NAME@DOMAIN or https://DOMAIN/…")]
    Contact,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    exp: i64,
    sub: &'a str,
}

impl Keys {
    /// Makes a pair, and returns it as text: the private key as 32 bytes in base64url, as other
    /// tools write it. Keep it: without it, every browser has to subscribe again.
    pub fn generate() -> String {
        let made = PrivateKey::generate(&ECDH_P256).expect("the system's randomness works");
        let private: EcPrivateKeyBin<'_> =
            made.as_be_bytes().expect("a key of this curve has this form");
        BASE64_URL_SAFE_NO_PAD.encode(private.as_ref())
    }

    /// Reads what [`Keys::generate`] made. `contact` is whom the people of a push service may write
    /// to when something is wrong: `mailto:…` or `https://…`.
    ///
    /// # Errors
    /// [`BadKeys`].
    pub fn read(text: &str, contact: &str) -> Result<Keys, BadKeys> {
        let private = BASE64_URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| BadKeys::Key)?;
        let whole = PrivateKey::from_private_key(&ECDH_P256, &private);
        let public = whole.map_err(|_| BadKeys::Key)?.compute_public_key();
        let public = public.map_err(|_| BadKeys::Key)?.as_ref().to_vec();
        let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(signing, &private, &public)
            .map_err(|_| BadKeys::Key)?;
        if !is_contact(contact) {
            return Err(BadKeys::Contact);
        }
        Ok(Keys { pair, private, public, contact: contact.to_owned() })
    }

    /// The text that these were read from.
    pub fn to_text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(&self.private)
    }

    /// The public key as browsers take it, for `applicationServerKey`.
    pub fn public(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(&self.public)
    }

    /// The header `Authorization` for a push service, named by its origin.
    pub(super) fn authorization(&self, origin: &str, now: i64) -> String {
        let claims = Claims { aud: origin, exp: (now + TOKEN_MS) / 1000, sub: &self.contact };
        let claims = serde_json::to_vec(&claims).expect("texts and a number become JSON");
        let header = BASE64_URL_SAFE_NO_PAD.encode(br#"{"typ":"JWT","alg":"ES256"}"#);
        let signed = format!("{header}.{}", BASE64_URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.expect("a key that was read can sign");
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature.as_ref());
        format!("vapid t={signed}.{signature}, k={}", self.public())
    }
}

/// What push services take: some refuse whatever does not look like this.
/// Whether this is whom the people of a push service may write to: `mailto:…` or `https://…`.
pub fn is_contact(contact: &str) -> bool {
    let plain = contact.len() <= CONTACT_LEN_MAX && contact.chars().all(|c| c.is_ascii_graphic());
    let mail = contact.strip_prefix("mailto:").and_then(|mail| mail.split_once('@'));
    let site = contact.strip_prefix("https://");
    let named = |text: &str| !text.is_empty() && !text.starts_with('/');
    plain && (mail.is_some_and(|(who, at)| named(who) && named(at)) || site.is_some_and(named))
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.public())
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use serde_json::{Value, json};

    use super::*;

    const CONTACT: &str = "mailto:ops@example.com";

    fn part(text: &str) -> Vec<u8> {
        BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    #[test]
    fn keys_are_text_and_the_same_when_they_are_read_back() {
        let text = Keys::generate();
        let keys = Keys::read(&text, CONTACT).unwrap();
        assert_eq!(keys.to_text(), text);
        assert_eq!(part(&keys.public()).len(), 65);
        assert_eq!(Keys::read(&format!(" {text}\n"), CONTACT).unwrap().public(), keys.public());
        assert_ne!(Keys::generate(), text);
        assert!(!format!("{keys:?}").contains(&text));
    }

    #[test]
    fn the_token_names_the_push_service_and_is_signed_with_the_key_that_it_brings() {
        let keys = Keys::read(&Keys::generate(), CONTACT).unwrap();
        let header = keys.authorization("https://push.example:8443", 1_700_000_000_500);
        let (token, key) = header.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        assert_eq!(key, keys.public());
        let parts: Vec<&str> = token.split('.').collect();
        let claims: Value = serde_json::from_slice(&part(parts[1])).unwrap();
        let head: Value = serde_json::from_slice(&part(parts[0])).unwrap();
        assert_eq!(head, json!({"typ": "JWT", "alg": "ES256"}));
        let until = 1_700_000_000 + 12 * 60 * 60;
        let wanted = json!({"aud": "https://push.example:8443", "exp": until, "sub": CONTACT});
        assert_eq!(claims, wanted);
        let signed = format!("{}.{}", parts[0], parts[1]);
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, part(key));
        assert!(public.verify(signed.as_bytes(), &part(parts[2])).is_ok());
        assert!(public.verify(b"another text", &part(parts[2])).is_err());
    }

    /// RFC 8292 2.4: the example's signature belongs to the example's key, as we read both.
    #[test]
    fn the_token_of_rfc_8292_is_understood() {
        let signed = "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.\
                      eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1\
                      MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0";
        let signature = "i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmys\
                         azNjjvW2L9OkSSHzvoD1oA";
        let key = "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA\
                   5aq9ojSwk5Y2EmClBPs";
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, part(key));
        assert!(public.verify(signed.as_bytes(), &part(signature)).is_ok());
    }

    #[test]
    fn what_is_no_key_and_whom_nobody_can_write_to_is_refused() {
        let zero = BASE64_URL_SAFE_NO_PAD.encode([0; 32]);
        let order = BASE64_URL_SAFE_NO_PAD.encode([0xff; 32]);
        for bad in ["", "hello", "not base64!", &"A".repeat(42), &zero, &order] {
            assert_eq!(Keys::read(bad, CONTACT).unwrap_err(), BadKeys::Key, "{bad}");
        }
        let good = Keys::generate();
        for bad in
            ["", "ops@a.example", "mailto:", "mailto:ops", "http://a", "https://", "mailto:a b@c"]
        {
            assert_eq!(Keys::read(&good, bad).unwrap_err(), BadKeys::Contact, "{bad}");
        }
        assert!(Keys::read(&good, "https://chat.example/contact").is_ok());
    }
}
