//! What is sent to a hook: Slack's `text`, `attachments` and `blocks`, what resembles them, and
//! what programs send that know no chat at all. The shape is told from the body. What is too large
//! is cut: those who send it do not ask again.

use carillon_protocol::{
    bot::Reason,
    card::{Button, Card, Fact, Item, Tone},
};
use serde_json::Value;

use super::{
    alerts, blocks, fit,
    links::{link, picture},
    mrkdwn,
    post::{At, Post, get, is_yes, label, list, one_line, some, text},
};

/// What a form holds the JSON in.
const FORM: &str = "payload";
/// Where other programs than Slack put what they say.
const WORDS: [&str; 4] = ["text", "message", "content", "body"];

/// Reads a body: JSON, or a form that holds some.
pub(super) fn parse(body: &str) -> Result<Post, Reason> {
    let body = body.trim_start_matches('\u{feff}');
    let value: Value = match serde_json::from_str(body) {
        Ok(value) => value,
        Err(_) => from_form(body)?,
    };
    if !value.is_object() {
        return Err(Reason::Body);
    }
    if alerts::is_some(&value) {
        let (card, missing) = alerts::card(&value);
        return Post::card(fit::card(card, missing), At::default());
    }
    slack(&value)
}

fn from_form(body: &str) -> Result<Value, Reason> {
    let mut pairs = form_urlencoded::parse(body.as_bytes());
    let (_, json) = pairs.find(|(name, _)| name == FORM).ok_or(Reason::Body)?;
    serde_json::from_str(&json).map_err(|_| Reason::Body)
}

/// Text of Slack with whom it calls, gathered from several places.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) paragraphs: Vec<String>,
    at: At,
}

impl Gathered {
    /// Reads a text.
    pub(super) fn read(&mut self, text: &str) -> String {
        let written = mrkdwn::read(text);
        self.at.people.extend(written.people);
        self.at.everybody |= written.everybody;
        written.text
    }

    /// Reads a paragraph.
    pub(super) fn add(&mut self, text: &str) {
        let text = self.read(text);
        self.paragraphs.extend(some(text));
    }

    fn text(&self) -> String {
        self.paragraphs.join("\n\n")
    }
}

fn slack(value: &Value) -> Result<Post, Reason> {
    let mut gathered = Gathered::default();
    let mut card = Card::default();
    blocks::read(list(value, "blocks"), &mut gathered, &mut card);
    // Beside blocks the text is for those who cannot show them.
    if gathered.paragraphs.is_empty() && card == Card::default() {
        let words = WORDS.into_iter().map(|key| text(value, key)).find(|text| !text.is_empty());
        gathered.add(&words.unwrap_or_default());
    }
    let attachments = list(value, "attachments");
    match attachments {
        [one] => attachment(one, &mut gathered, &mut card),
        several => {
            let item = |one: &Value| item(one, &mut gathered);
            card.items.extend(several.iter().filter_map(item));
        }
    }
    let title = one_line(&text(value, "title"));
    if card == Card::default() && title.is_empty() {
        return Post::markdown("", fit::text(gathered.text()), gathered.at);
    }
    card.title = card.title.or(some(title));
    card.tone = card.tone.or_else(|| kind_tone(&text(value, "type")));
    card.text = some(gathered.text());
    Post::card(fit::card(card, 0), gathered.at)
}

/// The one attachment of a message is the card.
fn attachment(one: &Value, gathered: &mut Gathered, card: &mut Card) {
    blocks::read(list(one, "blocks"), gathered, card);
    for key in ["pretext", "text"] {
        gathered.add(&text(one, key));
    }
    card.title = some(one_line(&text(one, "title"))).or(card.title.take());
    card.url = link(&text(one, "title_link")).or(card.url.take());
    card.tone = tone(&text(one, "color"));
    card.image = picture(&text(one, "image_url")).or_else(|| picture(&text(one, "thumb_url")));
    card.fields.extend(list(one, "fields").iter().filter_map(|field| {
        let value = some(gathered.read(&text(field, "value")))?;
        let short = is_yes(get(field, "short"));
        Some(Fact { label: label(&text(field, "title")), value, short })
    }));
    card.buttons.extend(list(one, "actions").iter().filter_map(|action| {
        let (label, url) = (some(label(&text(action, "text")))?, link(&text(action, "url"))?);
        Some(Button { label, url: Some(url), ..Button::default() })
    }));
    gathered.add(&text(one, "footer"));
    if gathered.paragraphs.is_empty() && card.title.is_none() && card.fields.is_empty() {
        gathered.add(&text(one, "fallback"));
    }
}

/// Of several attachments each is an item.
fn item(one: &Value, gathered: &mut Gathered) -> Option<Item> {
    let mut own = Gathered::default();
    let mut card = Card::default();
    attachment(one, &mut own, &mut card);
    let facts = card.fields.iter().map(|fact| format!("**{}**: {}", fact.label, fact.value));
    own.paragraphs.extend(facts);
    gathered.at.people.append(&mut own.at.people);
    gathered.at.everybody |= own.at.everybody;
    let fallback = || some(one_line(&text(one, "fallback")));
    let (title, body) = match card.title.or_else(fallback) {
        Some(title) => (title, some(own.text())),
        None => (some(one_line(&own.text()))?, None),
    };
    Some(Item { title, text: body, image: card.image, url: card.url })
}

/// What a colour stands for.
fn tone(color: &str) -> Option<Tone> {
    match color {
        "" => None,
        "good" => Some(Tone::Good),
        "warning" => Some(Tone::Warning),
        "danger" => Some(Tone::Danger),
        hex => hue(hex.trim_start_matches('#')),
    }
}

/// A colour as a traffic light shows it; nothing if it is grey or no colour.
fn hue(hex: &str) -> Option<Tone> {
    if hex.len() != 6 {
        return None;
    }
    let part = |at: usize| i32::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    let (red, green, blue) = (part(0)?, part(2)?, part(4)?);
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    if most - least < 0x30 {
        return None;
    }
    Some(match most {
        _ if most == blue => Tone::Info,
        _ if most == green && red * 10 < green * 8 => Tone::Good,
        _ if green * 10 > red * 5 => Tone::Warning,
        _ => Tone::Danger,
    })
}

/// What programs that know no colours call it.
fn kind_tone(kind: &str) -> Option<Tone> {
    Some(match kind {
        "info" => Tone::Info,
        "success" => Tone::Good,
        "warning" => Tone::Warning,
        "failure" | "error" => Tone::Danger,
        _ => return None,
    })
}

#[cfg(test)]
#[path = "hook_tests.rs"]
mod tests;
