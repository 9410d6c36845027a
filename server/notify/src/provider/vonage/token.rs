//! The tokens of Vonage: those that we sign with the application's key, and those that come with
//! callbacks (JWT, RFC 7519).

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, header::AUTHORIZATION};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use serde::Deserialize;
use serde_json::json;

use crate::provider::{Forged, Secret, header, signing::sha256};

/// How long a token of ours is good for, in seconds: for one request.
const OWN_S: i64 = 300;
/// How old a callback may be, in seconds, and how far the clocks may be apart.
const AGE_S: i64 = 300;

/// The key of an application.
pub(super) struct Key(RsaKeyPair);

impl Key {
    /// Reads a PEM file as the vendor makes it.
    pub(super) fn read(pem: &str) -> Option<Key> {
        let pair = match PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()? {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return None,
        };
        pair.ok().map(Key)
    }

    /// A token for one request. `id` is its name, which the vendor takes once.
    pub(super) fn token(&self, application: &str, id: &str, now: i64) -> String {
        let at = now.div_euclid(1000);
        let claims = json!({
            "application_id": application, "iat": at, "exp": at + OWN_S, "jti": id,
        });
        let part = |json: &str| BASE64_URL_SAFE_NO_PAD.encode(json);
        let head = part(r#"{"alg":"RS256","typ":"JWT"}"#);
        let signed = format!("{head}.{}", part(&claims.to_string()));
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .expect("the signature has the length of the key");
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

#[derive(Deserialize)]
struct Head {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    iat: i64,
    api_key: Option<String>,
    application_id: Option<String>,
    payload_hash: Option<String>,
}

/// Whom callbacks come from.
pub(super) struct Sender<'a> {
    pub(super) secret: &'a Secret,
    pub(super) account: &'a str,
    pub(super) application: &'a str,
}

/// Whether the vendor signed this callback, its body included, just now.
pub(super) fn check(request: &Request<Bytes>, sender: &Sender<'_>, now: i64) -> Result<(), Forged> {
    let given = header(request.headers(), AUTHORIZATION.as_str()).unwrap_or_default();
    let token = given.strip_prefix("Bearer ").ok_or(Forged::Signature)?;
    let (signed, signature) = token.rsplit_once('.').ok_or(Forged::Signature)?;
    let (head, claims) = signed.split_once('.').ok_or(Forged::Signature)?;
    let bytes = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| Forged::Signature);
    let key = hmac::Key::new(hmac::HMAC_SHA256, sender.secret.bytes());
    hmac::verify(&key, signed.as_bytes(), &bytes(signature)?).map_err(|_| Forged::Signature)?;
    let head: Head = serde_json::from_slice(&bytes(head)?).map_err(|_| Forged::Signature)?;
    let claims: Claims = serde_json::from_slice(&bytes(claims)?).map_err(|_| Forged::Signature)?;
    let other = |claim: Option<&str>, ours: &str| claim.is_some_and(|claim| claim != ours);
    let hash = claims.payload_hash.as_deref().map(str::to_ascii_lowercase);
    if head.alg != "HS256"
        || other(claims.api_key.as_deref(), sender.account)
        || other(claims.application_id.as_deref(), sender.application)
        // Without it, a token that was seen once would do for any body.
        || hash != Some(sha256(request.body()))
    {
        return Err(Forged::Signature);
    }
    if (now.div_euclid(1000) - claims.iat).abs() > AGE_S {
        return Err(Forged::Stale);
    }
    Ok(())
}
