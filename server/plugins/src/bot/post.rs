//! What a call asks to be posted, whatever shape it came in; and how loosely typed JSON is read.

use carillon_plugin::Error;
use carillon_protocol::{
    Json,
    bot::Reason,
    card::Card,
    limits::{CARD_LABEL_LEN_MAX, CARD_LEN_MAX, CARD_TITLE_LEN_MAX, TEXT_LEN_MAX},
    msg::Body,
};
use serde_json::Value;

use super::{fit, links::in_markdown};
use crate::plain::plain;

/// What to post, and to whose attention.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Post {
    pub(super) body: Body,
    pub(super) at: At,
}

/// To whose attention.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct At {
    /// Ids or sign-in names.
    pub(super) people: Vec<String>,
    pub(super) everybody: bool,
}

impl Post {
    /// A text as it is.
    pub(super) fn text(text: String, at: At) -> Result<Post, Reason> {
        let text = said_something(text)?;
        Ok(Post { body: Body::Text { text, mentions: Vec::new() }, at })
    }

    /// A text with Markdown in it.
    pub(super) fn markdown(title: &str, text: String, at: At) -> Result<Post, Reason> {
        let (title, text) = (some(one_line(title)), said_something(text)?);
        Ok(Post { body: Body::Markdown { title, text, mentions: Vec::new() }, at })
    }

    /// A card. One of facts or a picture alone, which no card is, says the same as Markdown.
    pub(super) fn card(card: Card, at: At) -> Result<Post, Reason> {
        if card.title.is_some() || card.text.is_some() || !card.items.is_empty() {
            return Ok(Post { body: Body::Card { owner: None, card: card.into() }, at });
        }
        let facts = card.fields.iter().map(|fact| format!("**{}** {}", fact.label, fact.value));
        let picture = card.image.iter().map(|url| format!("![]({})", in_markdown(url.clone())));
        let lines: Vec<String> = facts.chain(picture).collect();
        Post::markdown("", fit::text(lines.join("\n\n")), at)
    }

    /// Whether one of these words stands in what people will read.
    pub(super) fn says_one_of(&self, words: &[String]) -> bool {
        let said = said(&self.body);
        words.iter().any(|word| said.iter().any(|text| text.contains(word.as_str())))
    }

    /// So many bytes of JSON may be added to [`words`](Post::words).
    pub(super) fn room(&self) -> carillon_plugin::Result<usize> {
        let (text, card) = match &self.body {
            Body::Text { text, .. } | Body::Markdown { text, .. } => (text.len(), 0),
            Body::Card { card, .. } => {
                (card.text.as_ref().map_or(0, String::len), Json::of(card).as_str().len())
            }
        };
        let left = TEXT_LEN_MAX.checked_sub(text).zip(CARD_LEN_MAX.checked_sub(card));
        let (text, card) = left.ok_or_else(|| {
            let msg = format!("at most {TEXT_LEN_MAX} bytes; put the rest behind a link");
            Error::too_large("body", msg)
        })?;
        Ok(text.min(card))
    }

    /// What may name those to whose attention it is.
    pub(super) fn words(&mut self) -> Option<&mut String> {
        match &mut self.body {
            Body::Text { text, .. } | Body::Markdown { text, .. } => Some(text),
            Body::Card { card, .. } => card.text.as_mut(),
        }
    }
}

fn said_something(text: String) -> Result<String, Reason> {
    if text.trim().is_empty() { Err(Reason::Empty) } else { Ok(text) }
}

fn said(body: &Body) -> Vec<&str> {
    match body {
        Body::Text { text, .. } => vec![text],
        Body::Markdown { title, text, .. } => {
            title.iter().chain([text]).map(String::as_str).collect()
        }
        Body::Card { card, .. } => {
            let own = card.title.iter().chain(&card.text);
            let fields = card.fields.iter().flat_map(|fact| [&fact.label, &fact.value]);
            let items = card.items.iter().flat_map(|item| item.text.iter().chain([&item.title]));
            let buttons = card.buttons.iter().map(|button| &button.label);
            own.chain(fields).chain(items).chain(buttons).map(String::as_str).collect()
        }
    }
}

/// A text in one line that fits into a title; what is too long is cut.
pub(super) fn one_line(text: &str) -> String {
    cut(text, CARD_TITLE_LEN_MAX)
}

/// The same for a label.
pub(super) fn label(text: &str) -> String {
    cut(text, CARD_LABEL_LEN_MAX)
}

fn cut(text: &str, most: usize) -> String {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let line =
        plain(&words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "));
    if line.chars().count() <= most {
        return line;
    }
    line.chars().take(most - 1).chain(['…']).collect()
}

/// The text, if it says something.
pub(super) fn some(text: String) -> Option<String> {
    (!text.trim().is_empty()).then_some(text)
}

/// The value of a key, however its letters are cased; null if there is none.
pub(super) fn get<'a>(value: &'a Value, key: &str) -> &'a Value {
    let fields = value.as_object().into_iter().flatten();
    let mut alike = fields.filter(|(name, _)| name.eq_ignore_ascii_case(key));
    alike.next().map_or(&Value::Null, |(_, value)| value)
}

/// A text under a key; empty if there is none.
pub(super) fn text(value: &Value, key: &str) -> String {
    plain_text(get(value, key))
}

/// A value as a text: programs write numbers where a text is meant.
pub(super) fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(yes) => yes.to_string(),
        _ => String::new(),
    }
}

/// The list under a key; empty if there is none.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    get(value, key).as_array().map_or(&[], Vec::as_slice)
}

/// Yes or no, also as a word or a number.
pub(super) fn is_yes(value: &Value) -> bool {
    ["true", "1"].contains(&plain_text(value).as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_title_is_one_line_that_fits() {
        assert_eq!(one_line(" a\r\n b\t\u{202e}c "), "a b c");
        let long = one_line(&"港".repeat(300));
        assert_eq!((long.chars().count(), long.chars().last()), (CARD_TITLE_LEN_MAX, Some('…')));
    }

    #[test]
    fn loose_json_is_read_for_what_it_means() {
        let value = json!({"picURL": "a", "n": 7, "yes": "1", "no": "0", "list": null});
        assert_eq!((text(&value, "picUrl"), text(&value, "n")), ("a".into(), "7".into()));
        assert!(is_yes(get(&value, "yes")) && !is_yes(get(&value, "no")));
        assert!(list(&value, "list").is_empty() && text(&json!(null), "x").is_empty());
    }
}
