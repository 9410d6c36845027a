//! What this plugin itself says to people: everything else is said by those who ask for it.

use carillon_plugin::protocol::notify::Alert;

/// How long these are worth delivering, in seconds.
const TTL_S: u32 = 15 * 60;

/// The message with a code, in a language.
pub(super) fn code(code: &str, lang: &str) -> Alert {
    let (title, body) = match family(lang) {
        "zh-CN" => ("验证码", format!("你的 Carillon 验证码是 {code}，15 分钟内有效。")),
        "zh-HK" => ("驗證碼", format!("你的 Carillon 驗證碼是 {code}，15 分鐘內有效。")),
        _ => {
            ("Verification code", format!("Your Carillon code is {code}. It works for 15 minutes."))
        }
    };
    plain(title, body, lang)
}

/// The message of a test, in a language.
pub(super) fn trial(lang: &str) -> Alert {
    let (title, body) = match family(lang) {
        "zh-CN" => ("Carillon 测试", "这是一条测试消息。".to_owned()),
        "zh-HK" => ("Carillon 測試", "這是一則測試訊息。".to_owned()),
        _ => ("Carillon test", "This is a test message.".to_owned()),
    };
    plain(title, body, lang)
}

fn family(lang: &str) -> &'static str {
    match lang {
        "zh-CN" | "zh-SG" | "zh-Hans" => "zh-CN",
        other if other.starts_with("zh") => "zh-HK",
        _ => "en",
    }
}

fn plain(title: &str, body: String, lang: &str) -> Alert {
    Alert {
        title: title.to_owned(),
        body,
        link: None,
        tag: "notify".to_owned(),
        ttl_s: TTL_S,
        confirm: false,
        lang: Some(family(lang).to_owned()),
        ask: None,
    }
}
