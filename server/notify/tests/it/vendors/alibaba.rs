//! Alibaba Cloud, as its references of Dysmsapi, Dyvmsapi and signature V3 say.

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac,
};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};

use crate::listener::answer;

pub const KEY_ID: &str = "LTAI0123456789";
pub const KEY_SECRET: &str = "a-secret-of-the-access-key";
pub const CALLBACK: &str = "https://chat.example/v1/notify/alibaba/0123456789abcdef";
pub const PATH: &str = "/v1/notify/alibaba/0123456789abcdef";

pub fn settings() -> Value {
    json!({
        "vendor": "alibaba", "key_id": KEY_ID, "key_secret": KEY_SECRET, "sign_name": "钟楼",
        "template": "SMS_1", "variable": "text", "callback": CALLBACK,
        "voice": {"template": "TTS_1", "variable": "text"},
    })
}

pub fn refuse(status: u16, code: &str) -> Response<Bytes> {
    answer(status, json!({"Code": code, "Message": code, "RequestId": "R1"}).to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The signature of what came over the wire, by the vendor's description.
fn is_signed(request: &Request<Bytes>) -> bool {
    let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
    let given = header("authorization");
    let rest = given.strip_prefix("ACS3-HMAC-SHA256 Credential=").unwrap();
    let parts: Vec<&str> = rest.split(',').collect();
    let names = parts[1].strip_prefix("SignedHeaders=").unwrap();
    let own = request.headers().keys().map(|name| name.as_str());
    let mut wanted: Vec<&str> =
        own.filter(|name| *name == "host" || name.starts_with("x-acs-")).collect();
    wanted.sort_unstable();
    if names != wanted.join(";") || parts[0] != KEY_ID {
        return false;
    }
    let body = hex(digest(&SHA256, request.body()).as_ref());
    let mut query: Vec<&str> = request.uri().query().unwrap_or_default().split('&').collect();
    query.sort_unstable();
    let lines: String = wanted.iter().map(|name| format!("{name}:{}\n", header(name))).collect();
    let canonical = format!("POST\n/\n{}\n{lines}\n{names}\n{body}", query.join("&"));
    let text = format!("ACS3-HMAC-SHA256\n{}", hex(digest(&SHA256, canonical.as_bytes()).as_ref()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEY_SECRET.as_bytes());
    parts[2] == format!("Signature={}", hex(hmac::sign(&key, text.as_bytes()).as_ref()))
        && header("x-acs-content-sha256") == body
        && header("x-acs-date") == "2026-09-21T14:13:20Z"
        && header("x-acs-version") == "2017-05-25"
}

pub fn stub(request: &Request<Bytes>) -> Response<Bytes> {
    if !is_signed(request) {
        return refuse(400, "SignatureDoesNotMatch");
    }
    let query = request.uri().query().unwrap_or_default();
    let pairs: Vec<(String, String)> =
        form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let get = |name: &str| {
        pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    };
    let (known, to, variables): (&[&str], _, _) =
        match request.headers()["x-acs-action"].to_str().unwrap() {
            "SendSms" => (
                &["PhoneNumbers", "SignName", "TemplateCode", "TemplateParam", "OutId"],
                get("PhoneNumbers"),
                get("TemplateParam"),
            ),
            "SingleCallByTts" => (
                &["CalledNumber", "CalledShowNumber", "TtsCode", "TtsParam", "PlayTimes", "OutId"],
                get("CalledNumber"),
                get("TtsParam"),
            ),
            _ => return refuse(404, "InvalidAction.NotFound"),
        };
    if pairs.iter().any(|(name, _)| !known.contains(&name.as_str())) {
        return refuse(400, "InvalidParameter");
    }
    if to.is_empty() || !to.bytes().all(|byte| byte.is_ascii_digit()) {
        return refuse(200, "isv.MOBILE_NUMBER_ILLEGAL");
    }
    let variables: Value = serde_json::from_str(variables).unwrap_or_default();
    let value = variables["text"].as_str().unwrap_or_default();
    if value.is_empty() || value.chars().count() > 35 {
        return refuse(200, "isv.PARAM_LENGTH_LIMIT");
    }
    let taken = if get("TtsCode").is_empty() { "BizId" } else { "CallId" };
    answer(
        200,
        json!({"Code": "OK", "Message": "OK", taken: "id-1", "RequestId": "R1"}).to_string(),
    )
}
