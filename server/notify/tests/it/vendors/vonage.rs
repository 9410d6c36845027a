//! Vonage, as its references of Messages and Voice say.

use std::sync::LazyLock;

use aws_lc_rs::{
    digest::{SHA256, digest},
    encoding::AsDer,
    hmac,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};

use super::NOW;
use crate::{
    listener::answer,
    receiver::{bytes, text},
};

pub const ACCOUNT: &str = "abcd1234";
pub const APPLICATION: &str = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab";
pub const SIGNATURE: &str = "a-signature-secret-of-the-account";
pub const CALLBACK: &str = "https://chat.example/v1/notify/vonage/0123456789abcdef";
pub const PATH: &str = "/v1/notify/vonage/0123456789abcdef";

/// The application's key: the vendor makes it, and keeps the public half.
pub static PAIR: LazyLock<RsaKeyPair> =
    LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());

pub fn settings() -> Value {
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = PAIR.as_der().unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64_STANDARD.encode(der.as_ref())
    );
    json!({
        "vendor": "vonage", "account": ACCOUNT, "application": APPLICATION, "key": pem,
        "signature": SIGNATURE, "from": "+447700900001", "callback": CALLBACK,
    })
}

pub fn refuse(status: u16, title: &str) -> Response<Bytes> {
    let about = "https://developer.vonage.com/api-errors";
    let problem = json!({"type": about, "title": title, "detail": "", "instance": "1"});
    answer(status, problem.to_string())
}

/// Whether the application signed this request, for now.
fn is_signed(request: &Request<Bytes>) -> bool {
    let given = request.headers()["authorization"].to_str().unwrap();
    let token = given.strip_prefix("Bearer ").unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (head, claims) = signed.split_once('.').unwrap();
    let read = |part: &str| serde_json::from_slice::<Value>(&bytes(part)).unwrap();
    let (head, claims) = (read(head), read(claims));
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, PAIR.public_key().as_ref());
    head == json!({"alg": "RS256", "typ": "JWT"})
        && claims["application_id"] == APPLICATION
        && claims["iat"] == NOW / 1000
        && claims["exp"].as_i64().unwrap() > NOW / 1000
        && claims["jti"].as_str().unwrap().len() >= 16
        && key.verify(signed.as_bytes(), &bytes(signature)).is_ok()
}

fn is_number(value: &Value) -> bool {
    let digits = value.as_str().unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

pub fn stub(request: &Request<Bytes>) -> Response<Bytes> {
    if !is_signed(request) {
        return refuse(401, "Unauthorized");
    }
    if request.headers()["content-type"] != "application/json" {
        return refuse(415, "Unsupported Media Type");
    }
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    let fields: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    match request.uri().path() {
        "/v1/messages" => {
            let known = ["channel", "client_ref", "from", "message_type", "text", "to"];
            let right = fields.iter().all(|field| known.contains(field))
                && body["channel"] == "sms"
                && body["message_type"] == "text"
                && is_number(&body["to"])
                && is_number(&body["from"])
                && (1..=1000).contains(&body["text"].as_str().unwrap_or_default().chars().count())
                && body["client_ref"].as_str().unwrap_or_default().len() <= 100;
            if !right {
                return refuse(422, "Your request parameters did not validate.");
            }
            answer(202, json!({"message_uuid": "m-1"}).to_string())
        }
        "/v1/calls" => {
            let known = ["event_method", "event_url", "from", "ncco", "ringing_timer", "to"];
            let ends = [&body["to"][0], &body["from"]];
            let right = fields.iter().all(|field| known.contains(field))
                && ends.iter().all(|end| end["type"] == "phone" && is_number(&end["number"]))
                && body["event_url"][0].as_str().is_some_and(|url| url.starts_with("https://"))
                && body["ncco"].as_array().is_some_and(|ncco| ncco.iter().all(is_action));
            if !right {
                return refuse(400, "Bad Request");
            }
            answer(201, json!({"uuid": "c-1", "status": "started"}).to_string())
        }
        _ => refuse(404, "Not Found"),
    }
}

fn is_action(action: &Value) -> bool {
    match action["action"].as_str() {
        Some("talk") => {
            let text = action["text"].as_str().unwrap_or_default();
            !text.is_empty()
                && text.chars().count() <= 1500
                && !text.contains('<')
                && action["loop"].is_u64()
                && action["bargeIn"].is_boolean()
        }
        Some("input") => {
            action["type"] == json!(["dtmf"])
                && action["dtmf"]["maxDigits"].as_u64().is_some_and(|digits| digits <= 20)
                && action["dtmf"]["timeOut"].as_u64().is_some_and(|wait| wait <= 10)
                && action["eventUrl"][0].is_string()
        }
        _ => false,
    }
}

pub fn hash(body: &str) -> String {
    digest(&SHA256, body.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A token as the vendor makes it: HS256 with the account's secret.
pub fn token(head: &Value, claims: &Value, secret: &str) -> String {
    let signed =
        format!("{}.{}", text(head.to_string().as_bytes()), text(claims.to_string().as_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("Bearer {signed}.{}", text(hmac::sign(&key, signed.as_bytes()).as_ref()))
}

pub fn claims(body: &str) -> Value {
    json!({
        "iat": NOW / 1000, "jti": "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5", "iss": "Vonage",
        "payload_hash": hash(body), "api_key": ACCOUNT, "application_id": APPLICATION,
    })
}

pub fn head() -> Value {
    json!({"alg": "HS256", "typ": "JWT"})
}
