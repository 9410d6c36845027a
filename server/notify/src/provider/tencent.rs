//! Tencent Cloud: Short Message Service (`SendSms`, version 2021-01-11). It sends approved
//! templates, with our text as a variable.
//!
//! Its callbacks are not signed: what proves them is the secret in their address.

mod tc3;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Accepted, Answer, BadSettings, Callback, Channel, Fact, Forged, Message, Number, Provider,
    Refused, Report, Secret, check, cut, reply,
    signing::{check_secret, host},
};

const ACTION: &str = "SendSms";
const VERSION: &str = "2021-01-11";
/// The longest reference of ours that the answer repeats, in bytes.
const REFERENCE_LEN_MAX: usize = 512;
/// The longest value of a variable in most approved templates, in characters.
const VALUE_LEN: usize = 12;

/// Settings of Tencent Cloud.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tencent {
    /// Where its interface is.
    #[serde(default = "base")]
    pub base: String,
    /// The region, as in `ap-guangzhou`.
    pub region: String,
    /// The id of a key that may only send messages.
    pub secret_id: String,
    /// The key.
    pub secret_key: Secret,
    /// The id of the application, `SdkAppId`.
    pub application: String,
    /// The approved signature; empty outside of mainland China.
    #[serde(default)]
    pub sign_name: String,
    /// The id of the approved template, which has one variable.
    pub template: String,
    /// How many characters that variable takes.
    #[serde(default = "value_len")]
    pub value_len_max: usize,
    /// The address under which Tencent Cloud reaches this server; its last part is a secret.
    pub callback: String,
}

fn base() -> String {
    "https://sms.tencentcloudapi.com".to_owned()
}

fn value_len() -> usize {
    VALUE_LEN
}

impl Tencent {
    pub(super) fn checked(self) -> Result<Tencent, BadSettings> {
        check(&self.base, &self.callback)?;
        for (field, text) in [
            ("region", &self.region),
            ("secret_id", &self.secret_id),
            ("application", &self.application),
            ("template", &self.template),
        ] {
            if text.is_empty() || !text.is_ascii() {
                return Err(BadSettings { field, hint: "copy it from the vendor's console" });
            }
        }
        if self.secret_key.bytes().is_empty() || self.value_len_max == 0 {
            let hint = "write the key, and at least one character for the text";
            return Err(BadSettings { field: "secret_key", hint });
        }
        Ok(self)
    }
}

impl Provider for Tencent {
    fn carries(&self, channel: Channel) -> bool {
        channel == Channel::Sms
    }

    fn request(&self, message: &Message<'_>, now: i64) -> Result<Request<Bytes>, Refused> {
        if message.channel != Channel::Sms {
            return Err(Refused::Unfit("it carries text messages only".to_owned()));
        }
        if message.key.len() > REFERENCE_LEN_MAX {
            return Err(Refused::Unfit("its key is too long".to_owned()));
        }
        let mut body = json!({
            "PhoneNumberSet": [message.to.as_str()],
            "SmsSdkAppId": self.application,
            "TemplateId": self.template,
            "TemplateParamSet": [cut(message.text, self.value_len_max)],
            "SessionContext": message.key,
        });
        if !self.sign_name.is_empty() {
            body["SignName"] = Value::from(self.sign_name.as_str());
        }
        let body = body.to_string();
        let unsigned = tc3::Unsigned {
            service: "sms",
            host: host(&self.base),
            action: ACTION,
            body: &body,
            now,
        };
        let authorization = unsigned.sign(&self.secret_id, self.secret_key.bytes());
        Request::post(format!("{}/", self.base))
            .header(header::AUTHORIZATION, authorization)
            .header(header::CONTENT_TYPE, tc3::JSON)
            .header("x-tc-action", ACTION)
            .header("x-tc-version", VERSION)
            .header("x-tc-region", self.region.as_str())
            .header("x-tc-timestamp", now.div_euclid(1000))
            .body(body.into())
            .map_err(|why| Refused::Settings(why.to_string()))
    }

    fn read(&self, status: StatusCode, body: &[u8]) -> Result<Accepted, Refused> {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let answer = &answer["Response"];
        let sent = &answer["SendStatusSet"][0];
        let text = |from: &Value, name: &str| from[name].as_str().unwrap_or_default().to_owned();
        let failed = if answer["Error"].is_object() { &answer["Error"] } else { sent };
        let code = text(failed, "Code");
        if code.is_empty() {
            return Err(Refused::Unclear(format!("it answered {status} without a code")));
        }
        if code == "Ok" {
            return Ok(Accepted { reference: text(sent, "SerialNo") });
        }
        let why = format!("{code} {}", text(failed, "Message"));
        let is = |part: &str| code.contains(part);
        Err(if is("PhoneNumberInBlacklist") || is("IncorrectPhoneNumber") {
            Refused::Unreachable(why)
        } else if code.starts_with("LimitExceeded") || code.starts_with("RequestLimitExceeded") {
            Refused::Later(None)
        } else if is("InternalError") {
            Refused::Unclear(why)
        } else if is("SensitiveWord") || is("TemplateParam") || is("ContentLengthLimit") {
            Refused::Unfit(why)
        } else {
            Refused::Settings(why)
        })
    }

    fn callback(&self, request: &Request<Bytes>, _now: i64) -> Result<Callback, Forged> {
        check_secret(request, &self.callback)?;
        let event: Value = serde_json::from_slice(request.body()).map_err(|_| Forged::Form)?;
        // Receipts come in a list, a reply comes alone.
        let events = match event {
            Value::Array(events) => events,
            event => vec![event],
        };
        let reports: Option<Vec<Report>> = events.iter().map(report).collect();
        let heard = json!({"result": 0, "errmsg": "OK"}).to_string();
        let reports = reports.ok_or(Forged::Form)?;
        Ok(Callback { reports, answer: reply("application/json", heard) })
    }
}

fn report(event: &Value) -> Option<Report> {
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let number = Number::read(&format!("+{}{}", text("nationcode"), text("mobile"))).ok();
    let reference = event["sid"].as_str().map(str::to_owned);
    let fact = match (event["report_status"].as_str(), event["text"].as_str()) {
        (Some("SUCCESS"), _) => Fact::Delivered,
        (Some(_), _) => Fact::Failed(format!("{} {}", text("errmsg"), text("description"))),
        (None, Some(said)) => Fact::Answered(Answer::read(said)),
        (None, None) => return None,
    };
    Some(Report { key: None, reference, number, fact })
}
