//! Alibaba Cloud: Short Message Service (`Dysmsapi` 2017-05-25) and, in mainland China, Voice
//! Messaging (`Dyvmsapi` 2017-05-25). Both send approved templates, with our text as a variable.
//!
//! Its callbacks are not signed: what proves them is the secret in their address.

mod acs3;

use bytes::Bytes;
use http::{Request, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Accepted, Answer, BadSettings, Callback, Channel, Fact, Forged, Message, Number, Provider,
    Refused, Report, Secret, check, cut, reply,
    signing::{check_secret, host, sha256},
};

/// The version of both interfaces.
const VERSION: &str = "2017-05-25";
/// The longest reference of ours that comes back, in bytes.
const REFERENCE_LEN_MAX: usize = 256;
/// The longest value of a variable in most approved templates, in characters.
const VALUE_LEN: usize = 35;
/// How often a text is read in one call.
const TIMES: &str = "2";
/// How long the vendor surely remembers a nonce: a signature is good for 15 minutes, and the clocks
/// of two nodes of ours may differ by some.
const REMEMBERS_MS: i64 = 10 * 60 * 1000;
/// The country code of mainland China.
const CHINA: &str = "86";

/// Settings of Alibaba Cloud.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alibaba {
    /// Where the interface for text messages is.
    #[serde(default = "base")]
    pub base: String,
    /// The id of an access key that may only send messages.
    pub key_id: String,
    /// Its secret.
    pub key_secret: Secret,
    /// The approved signature, as it stands before a message.
    pub sign_name: String,
    /// The code of the approved template, `SMS_…`.
    pub template: String,
    /// The variable of the template that takes our text.
    pub variable: String,
    /// How many characters that variable takes.
    #[serde(default = "value_len")]
    pub value_len_max: usize,
    /// Calls, where they are wanted.
    #[serde(default)]
    pub voice: Option<Voice>,
    /// The address under which Alibaba Cloud reaches this server; its last part is a secret.
    pub callback: String,
}

/// Settings of Alibaba Cloud's calls.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voice {
    /// Where the interface for calls is.
    #[serde(default = "voice_base")]
    pub base: String,
    /// The code of the approved text, `TTS_…`.
    pub template: String,
    /// The variable of it that takes our text.
    pub variable: String,
    /// The number that is shown; empty for one of the vendor's.
    #[serde(default)]
    pub from: String,
}

fn base() -> String {
    "https://dysmsapi.aliyuncs.com".to_owned()
}

fn voice_base() -> String {
    "https://dyvmsapi.aliyuncs.com".to_owned()
}

fn value_len() -> usize {
    VALUE_LEN
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answered {
    code: Option<String>,
    message: Option<String>,
    biz_id: Option<String>,
    call_id: Option<String>,
}

impl Alibaba {
    pub(super) fn checked(self) -> Result<Alibaba, BadSettings> {
        check(&self.base, &self.callback)?;
        if let Some(voice) = &self.voice {
            check(&voice.base, &self.callback)?;
        }
        for (field, text) in [
            ("key_id", &self.key_id),
            ("sign_name", &self.sign_name),
            ("template", &self.template),
            ("variable", &self.variable),
        ] {
            if text.is_empty() {
                return Err(BadSettings { field, hint: "copy it from the vendor's console" });
            }
        }
        if self.key_secret.bytes().is_empty() || self.value_len_max == 0 {
            let hint = "write the access key's secret, and at least one character for the text";
            return Err(BadSettings { field: "key_secret", hint });
        }
        Ok(self)
    }

    fn signed(
        &self,
        base: &str,
        action: &str,
        parameters: &[(&str, &str)],
        message: &Message<'_>,
        now: i64,
    ) -> Result<Request<Bytes>, Refused> {
        // The vendor refuses a nonce that it has seen, so the same request is not carried out twice
        // for as long as its signature is good.
        let nonce = sha256(format!("{}/{}", message.key, message.turn).as_bytes());
        let nonce = &nonce[..32];
        let given = parameters.iter().filter(|(_, value)| !value.is_empty());
        let parameters: Vec<_> = given.copied().collect();
        let unsigned = acs3::Unsigned {
            host: host(base),
            action,
            version: VERSION,
            parameters: &parameters,
            nonce,
            now,
        };
        let signed = unsigned.sign(&self.key_id, self.key_secret.bytes());
        let mut request = Request::post(format!("{base}/?{}", signed.query));
        for (name, value) in signed.headers {
            request = request.header(name, value);
        }
        request.body(Bytes::new()).map_err(|why| Refused::Settings(why.to_string()))
    }
}

/// A number as the vendor wants it: in mainland China without the country code, elsewhere without
/// the plus sign.
fn local(number: &Number) -> &str {
    number.digits().strip_prefix(CHINA).unwrap_or(number.digits())
}

/// A number as the vendor writes it.
fn read_number(text: &str) -> Option<Number> {
    let digits = text.trim_start_matches('+');
    let mainland = digits.len() == 11 && digits.starts_with('1');
    let country = if mainland { CHINA } else { "" };
    Number::read(&format!("+{country}{digits}")).ok()
}

impl Provider for Alibaba {
    fn carries(&self, channel: Channel) -> bool {
        channel == Channel::Sms || self.voice.is_some()
    }

    fn request(&self, message: &Message<'_>, now: i64) -> Result<Request<Bytes>, Refused> {
        if message.key.len() > REFERENCE_LEN_MAX {
            return Err(Refused::Unfit("its key is too long".to_owned()));
        }
        let to = local(message.to);
        let text = cut(message.text, self.value_len_max);
        match (message.channel, &self.voice) {
            (Channel::Sms, _) => {
                let variables = json!({self.variable.as_str(): text}).to_string();
                let parameters = [
                    ("PhoneNumbers", to),
                    ("SignName", &self.sign_name),
                    ("TemplateCode", &self.template),
                    ("TemplateParam", &variables),
                    ("OutId", message.key),
                ];
                self.signed(&self.base, "SendSms", &parameters, message, now)
            }
            (Channel::Call, Some(voice)) if to.len() < message.to.digits().len() => {
                let variables = json!({voice.variable.as_str(): text}).to_string();
                let parameters = [
                    ("CalledNumber", to),
                    ("CalledShowNumber", &voice.from),
                    ("TtsCode", &voice.template),
                    ("TtsParam", &variables),
                    ("PlayTimes", TIMES),
                    ("OutId", message.key),
                ];
                self.signed(&voice.base, "SingleCallByTts", &parameters, message, now)
            }
            (Channel::Call, Some(_)) => {
                Err(Refused::Unfit("it calls numbers of mainland China only".to_owned()))
            }
            (Channel::Call, None) => Err(Refused::Unfit("calls are not set up".to_owned())),
        }
    }

    fn remembers_ms(&self) -> i64 {
        REMEMBERS_MS
    }

    fn read(&self, status: StatusCode, body: &[u8]) -> Result<Accepted, Refused> {
        let Ok(answer) = serde_json::from_slice::<Answered>(body) else {
            return Err(Refused::Unclear(format!("it answered {status} without JSON")));
        };
        let code = answer.code.unwrap_or_default();
        if code == "OK" {
            let reference = answer.biz_id.or(answer.call_id);
            let unclear = || Refused::Unclear("its answer has no id".to_owned());
            return Ok(Accepted { reference: reference.ok_or_else(unclear)? });
        }
        let why = format!("{code} {}", answer.message.unwrap_or_default());
        Err(match code.as_str() {
            "SignatureNonceUsed" => Refused::Repeated,
            "isv.MOBILE_NUMBER_ILLEGAL" | "isv.MOBILE_COUNT_OVER_LIMIT" | "isv.BLACK_LIST" => {
                Refused::Unreachable(why)
            }
            "isv.BUSINESS_LIMIT_CONTROL" | "isv.DAY_LIMIT_CONTROL" | "isv.FLOW_LIMIT" => {
                Refused::Later(None)
            }
            "isv.BLACK_KEY_CONTROL_LIMIT" | "isv.PARAM_LENGTH_LIMIT" | "isv.INVALID_PARAMETERS" => {
                Refused::Unfit(why)
            }
            _ if code.starts_with("Throttling") => Refused::Later(None),
            "isp.SYSTEM_ERROR" | "isp.UNKNOWN_ERROR" | "InternalError" => Refused::Unclear(why),
            _ => Refused::Settings(why),
        })
    }

    fn callback(&self, request: &Request<Bytes>, _now: i64) -> Result<Callback, Forged> {
        check_secret(request, &self.callback)?;
        let events: Vec<Value> =
            serde_json::from_slice(request.body()).map_err(|_| Forged::Form)?;
        let reports: Vec<Report> = events.iter().flat_map(reports).collect();
        if reports.is_empty() && !events.is_empty() {
            return Err(Forged::Form);
        }
        let heard = json!({"code": 0, "msg": "OK"}).to_string();
        Ok(Callback { reports, answer: reply("application/json", heard) })
    }
}

/// What one event says: a delivered or lost message, a reply, a call that has ended. A call in
/// which a key was pressed says two things.
fn reports(event: &Value) -> Vec<Report> {
    let text = |name: &str| event[name].as_str().filter(|text| !text.is_empty());
    let own = |name: &str| text(name).map(str::to_owned);
    let why = |code: &str| format!("{code} {}", text("err_msg").unwrap_or_default());
    let report = |fact| Report {
        key: own("out_id"),
        reference: own("biz_id").or_else(|| own("call_id")),
        number: text("phone_number").or(text("callee")).and_then(read_number),
        fact,
    };
    if let Some(said) = text("content") {
        return vec![report(Fact::Answered(Answer::read(said)))];
    }
    if let Some(arrived) = event["success"].as_bool() {
        let code = text("err_code").unwrap_or_default();
        return vec![report(if arrived { Fact::Delivered } else { Fact::Failed(why(code)) })];
    }
    let Some(status) = text("status_code") else { return Vec::new() };
    let fact = match status {
        // Somebody took the call.
        "200000" | "200001" => Fact::Delivered,
        // Not there, busy, switched off, out of reach.
        "200002" | "200003" | "200004" | "200005" | "200007" | "200010" | "200011" | "200111"
        | "200116" => Fact::Missed(status.to_owned()),
        _ => Fact::Failed(status.to_owned()),
    };
    let pressed = text("dtmf").map(|keys| report(Fact::Answered(Answer::read(keys))));
    [report(fact)].into_iter().chain(pressed).collect()
}
