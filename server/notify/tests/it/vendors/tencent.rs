//! Tencent Cloud, as its references of SMS and signature v3 say.

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac,
};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};

use crate::listener::answer;

pub const SECRET_ID: &str = "AKID0123456789";
pub const SECRET_KEY: &str = "a-secret-key-of-thirty-two-bytes";
pub const CALLBACK: &str = "https://chat.example/v1/notify/tencent/0123456789abcdef";
pub const PATH: &str = "/v1/notify/tencent/0123456789abcdef";

pub fn settings() -> Value {
    json!({
        "vendor": "tencent", "region": "ap-guangzhou", "secret_id": SECRET_ID,
        "secret_key": SECRET_KEY, "application": "1400006666", "sign_name": "钟楼",
        "template": "449739", "callback": CALLBACK,
    })
}

pub fn refuse(code: &str) -> Response<Bytes> {
    let error = json!({"Response": {"Error": {"Code": code, "Message": code}, "RequestId": "R1"}});
    answer(200, error.to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// The signature of what came over the wire, by the vendor's description.
fn is_signed(request: &Request<Bytes>) -> bool {
    let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
    let given = header("authorization");
    let start = "TC3-HMAC-SHA256 Credential=";
    let parts: Vec<&str> = given.strip_prefix(start).unwrap().split(", ").collect();
    let names = parts[1].strip_prefix("SignedHeaders=").unwrap();
    let (scope, date) = ("2026-09-21/sms/tc3_request", "2026-09-21");
    if !names.starts_with("content-type;host") || parts[0] != format!("{SECRET_ID}/{scope}") {
        return false;
    }
    let lines: String = names
        .split(';')
        .map(|name| format!("{name}:{}\n", header(name).to_ascii_lowercase()))
        .collect();
    let body = hex(digest(&SHA256, request.body()).as_ref());
    let canonical = format!("POST\n/\n\n{lines}\n{names}\n{body}");
    let canonical = hex(digest(&SHA256, canonical.as_bytes()).as_ref());
    let at = header("x-tc-timestamp");
    let text = format!("TC3-HMAC-SHA256\n{at}\n{scope}\n{canonical}");
    let key = sign(format!("TC3{SECRET_KEY}").as_bytes(), date);
    let key = sign(&sign(&key, "sms"), "tc3_request");
    at == "1790000000" && parts[2] == format!("Signature={}", hex(&sign(&key, &text)))
}

pub fn stub(request: &Request<Bytes>) -> Response<Bytes> {
    if !is_signed(request) {
        return refuse("AuthFailure.SignatureFailure");
    }
    let header = |name: &str| request.headers()[name].to_str().unwrap();
    if header("x-tc-action") != "SendSms" || header("x-tc-version") != "2021-01-11" {
        return refuse("InvalidAction");
    }
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    let known = [
        "PhoneNumberSet",
        "SessionContext",
        "SignName",
        "SmsSdkAppId",
        "TemplateId",
        "TemplateParamSet",
    ];
    if body.as_object().unwrap().keys().any(|name| !known.contains(&name.as_str())) {
        return refuse("UnknownParameter");
    }
    let to = body["PhoneNumberSet"][0].as_str().unwrap_or_default();
    let value = body["TemplateParamSet"][0].as_str().unwrap_or_default();
    let code = if !to.starts_with('+') || to.ends_with("0000") {
        "InvalidParameterValue.IncorrectPhoneNumber"
    } else if value.chars().count() > 12 {
        "InvalidParameterValue.TemplateParameterLengthLimit"
    } else {
        "Ok"
    };
    let status = json!({
        "SerialNo": if code == "Ok" { "5000:1" } else { "" }, "PhoneNumber": to, "Fee": 1,
        "SessionContext": body["SessionContext"], "Code": code, "Message": code, "IsoCode": "HK",
    });
    answer(200, json!({"Response": {"SendStatusSet": [status], "RequestId": "R1"}}).to_string())
}
