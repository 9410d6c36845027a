//! Slack's blocks, of which a message may be made: what is in them becomes a card's text, facts,
//! buttons and picture.

use carillon_protocol::card::{Button, Card, Fact};
use serde_json::Value;

use super::{
    hook::Gathered,
    links::{in_markdown, link, picture},
    post::{get, is_yes, label, list, one_line, some, text},
};

/// Adds blocks to a card.
pub(super) fn read(blocks: &[Value], gathered: &mut Gathered, card: &mut Card) {
    for block in blocks {
        match &*text(block, "type") {
            "header" => {
                let title = one_line(&words(get(block, "text"), gathered));
                if card.title.is_none() {
                    card.title = some(title);
                } else {
                    gathered.paragraphs.push(format!("**{title}**"));
                }
            }
            "section" => section(block, gathered, card),
            "context" => {
                let parts = list(block, "elements").iter().map(|it| words(it, gathered));
                let line = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
                gathered.paragraphs.extend(some(line));
            }
            "markdown" => gathered.paragraphs.extend(some(text(block, "text"))),
            "rich_text" => {
                let rich = rich(list(block, "elements"));
                gathered.paragraphs.extend(some(rich));
            }
            "image" => {
                card.image = card.image.take().or_else(|| picture(&text(block, "image_url")));
            }
            "actions" => card.buttons.extend(list(block, "elements").iter().filter_map(button)),
            "divider" => gathered.paragraphs.push("---".to_owned()),
            // A newer kind: what it says, if it says something.
            _ => {
                let words = words(get(block, "text"), gathered);
                gathered.paragraphs.extend(some(words));
            }
        }
    }
    // A line under nothing.
    while gathered.paragraphs.last().is_some_and(|last| last == "---") {
        gathered.paragraphs.pop();
    }
}

fn section(block: &Value, gathered: &mut Gathered, card: &mut Card) {
    let words_of_it = words(get(block, "text"), gathered);
    gathered.paragraphs.extend(some(words_of_it));
    let fields = list(block, "fields").iter().map(|field| Fact {
        label: String::new(),
        value: words(field, gathered),
        short: true,
    });
    card.fields.extend(fields.filter(|fact| !fact.value.is_empty()));
    let accessory = get(block, "accessory");
    card.buttons.extend(button(accessory));
    card.image = card.image.take().or_else(|| picture(&text(accessory, "image_url")));
}

/// A text object: Slack's way to write, or plain.
fn words(object: &Value, gathered: &mut Gathered) -> String {
    let said = match object {
        Value::String(said) => said.clone(),
        _ => text(object, "text"),
    };
    if text(object, "type") == "plain_text" { said } else { gathered.read(&said) }
}

fn button(element: &Value) -> Option<Button> {
    let url = link(&text(element, "url"))?;
    let label = some(label(&text(get(element, "text"), "text")))?;
    Some(Button { label, url: Some(url), ..Button::default() })
}

/// The words of a rich text, which is a tree of lists and lines of pieces.
fn rich(elements: &[Value]) -> String {
    let lines = elements.iter().map(|element| {
        let inner = list(element, "elements");
        match &*text(element, "type") {
            "rich_text_list" => {
                let items =
                    inner.iter().map(|item| format!("- {}", pieces(list(item, "elements"))));
                items.collect::<Vec<_>>().join("\n")
            }
            "rich_text_preformatted" => format!("```\n{}\n```", pieces(inner)),
            "rich_text_quote" => format!("> {}", pieces(inner)),
            _ => pieces(inner),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn pieces(elements: &[Value]) -> String {
    let piece = |element: &Value| match &*text(element, "type") {
        "link" => {
            let (url, name) = (text(element, "url"), text(element, "text"));
            let name = if name.is_empty() { &url } else { &name };
            let to = link(&url).map(in_markdown);
            to.map_or_else(|| name.clone(), |to| format!("[{name}]({to})"))
        }
        "user" => format!("@{}", text(element, "user_id")),
        "emoji" => format!(":{}:", text(element, "name")),
        _ => {
            let style = get(element, "style");
            let mark = ["bold", "italic", "code"].into_iter().find(|it| is_yes(get(style, it)));
            let mark = mark.map_or("", |it| match it {
                "bold" => "**",
                "italic" => "_",
                _ => "`",
            });
            format!("{mark}{}{mark}", text(element, "text"))
        }
    };
    elements.iter().map(piece).collect()
}
