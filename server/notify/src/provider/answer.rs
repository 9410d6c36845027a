//! What a person means by what came back.

use serde::{Deserialize, Serialize};

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// "I have seen it."
    Confirm,
    /// "I cannot."
    Decline,
    /// Something else, for a person to read.
    Other(String),
}

/// What means yes. A reply is short, so nothing but the whole of it counts: "not OK" is not "OK".
const CONFIRM: [&str; 25] = [
    "1",
    "ok",
    "okay",
    "k",
    "y",
    "yes",
    "confirm",
    "confirmed",
    "got it",
    "received",
    "收到",
    "已收到",
    "收到了",
    "确认",
    "確認",
    "已确认",
    "已確認",
    "好",
    "好的",
    "是",
    "知道了",
    "明白",
    "了解",
    "ok收到",
    "👍",
];
/// What means no.
const DECLINE: [&str; 15] = [
    "2",
    "n",
    "no",
    "decline",
    "declined",
    "cannot",
    "can't",
    "不",
    "不行",
    "不能",
    "拒绝",
    "拒絕",
    "否",
    "来不了",
    "來不了",
];
/// The longest other text that is kept, in characters.
const OTHER_LEN_MAX: usize = 500;

impl Answer {
    /// Reads a reply, or the keys that were pressed.
    pub(super) fn read(text: &str) -> Answer {
        let plain: String = text.chars().map(narrow).collect::<String>().to_lowercase();
        let around =
            |c: char| c.is_whitespace() || c.is_ascii_punctuation() || "。！，、～".contains(c);
        let plain = plain.trim_matches(around);
        if CONFIRM.contains(&plain) {
            Answer::Confirm
        } else if DECLINE.contains(&plain) {
            Answer::Decline
        } else {
            Answer::Other(text.trim().chars().take(OTHER_LEN_MAX).collect())
        }
    }
}

/// The wide form of a character that is written between Chinese ones, as the usual one.
fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(c) - 0xfee0).expect("these are the characters of ASCII")
        }
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_reply_means_what_people_mean_by_it() {
        for text in [
            "1",
            " 1 ",
            "１",
            "1.",
            "OK",
            "ok",
            "Ok!",
            "ＯＫ",
            "收到",
            "收到。",
            "确认",
            "確認！",
            "Got it",
        ] {
            assert_eq!(Answer::read(text), Answer::Confirm, "{text}");
        }
        for text in ["2", "No", "拒绝", "不行。"] {
            assert_eq!(Answer::read(text), Answer::Decline, "{text}");
        }
        for text in ["", "11", "not ok", "收到吗", "stop", "3", "未確認"] {
            assert_eq!(Answer::read(text), Answer::Other(text.to_owned()), "{text}");
        }
        let long = "x".repeat(5000);
        assert_eq!(Answer::read(&long), Answer::Other("x".repeat(OTHER_LEN_MAX)));
    }
}
