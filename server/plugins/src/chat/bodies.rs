//! What a message may say. Pure: decides from what it is shown.

use std::collections::BTreeSet;

use carillon_plugin::{Error, Result};
use carillon_protocol::{
    Json,
    card::{Button, Card, Choice, Fact, Form, Input, InputKind, Item},
    limits::{
        CARD_BUTTONS_MAX, CARD_FIELDS_MAX, CARD_INPUTS_MAX, CARD_ITEMS_MAX, CARD_KEY_LEN_MAX,
        CARD_LABEL_LEN_MAX, CARD_LEN_MAX, CARD_OPTIONS_MAX, CARD_TITLE_LEN_MAX, TEXT_LEN_MAX,
        URL_LEN_MAX,
    },
    msg::Body,
};

use super::answers;

/// Where a link may lead: nothing that a click would run.
const LINKS: &[&str] = &["https://", "http://", "mailto:"];
/// Where a picture may come from.
const IMAGES: &[&str] = &["https://", "http://"];

/// Refuses what cannot be a message.
pub(crate) fn check(body: &Body) -> Result<()> {
    match body {
        Body::Text { text, .. } => words("body.text", text),
        Body::Markdown { title, text, .. } => {
            words("body.text", text)?;
            title.as_ref().map_or(Ok(()), |title| line("body.title", title, CARD_TITLE_LEN_MAX))
        }
        Body::Card { card, .. } => self::card("body.card", card),
    }
}

/// A text that says something.
fn words(field: &str, text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(Error::bad_arg(field, "write something"));
    }
    if text.len() > TEXT_LEN_MAX {
        let msg = format!("a text has at most {TEXT_LEN_MAX} bytes; send a file");
        return Err(Error::too_large(field, msg));
    }
    Ok(())
}

/// Refuses what cannot be a card; `field` is where it stands in the arguments.
pub(crate) fn card(field: &str, card: &Card) -> Result<()> {
    if card.title.is_none() && card.text.is_none() && card.items.is_empty() {
        return Err(Error::bad_arg(field, "a card has a title, a text or an item"));
    }
    let len = Json::of(card).as_str().len();
    if len > CARD_LEN_MAX {
        let msg = format!("a card has at most {CARD_LEN_MAX} bytes; put the rest behind a link");
        return Err(Error::too_large(field, msg));
    }
    let at = |name: &str| format!("{field}.{name}");
    given(&card.title, |title| line(&at("title"), title, CARD_TITLE_LEN_MAX))?;
    given(&card.text, |text| words(&at("text"), text))?;
    given(&card.note, |note| line(&at("note"), note, CARD_LABEL_LEN_MAX))?;
    given(&card.image, |url| address(&at("image"), url, IMAGES))?;
    given(&card.url, |url| address(&at("url"), url, LINKS))?;
    each(&at("fields"), &card.fields, CARD_FIELDS_MAX, fact)?;
    each(&at("items"), &card.items, CARD_ITEMS_MAX, item)?;
    each(&at("buttons"), &card.buttons, CARD_BUTTONS_MAX, button)?;
    given(&card.form, |form| self::form(&at("form"), form))?;
    once(&at("buttons"), "act", acts(card))
}

/// What can be done with a card, in the order of the buttons.
pub(crate) fn acts(card: &Card) -> impl Iterator<Item = &str> {
    let submit = card.form.iter().map(|form| &form.submit);
    card.buttons.iter().chain(submit).filter_map(|button| button.act.as_deref())
}

fn fact(field: &str, fact: &Fact) -> Result<()> {
    if !fact.label.is_empty() {
        line(&format!("{field}.label"), &fact.label, CARD_LABEL_LEN_MAX)?;
    }
    words(&format!("{field}.value"), &fact.value)
}

fn item(field: &str, item: &Item) -> Result<()> {
    let at = |name: &str| format!("{field}.{name}");
    line(&at("title"), &item.title, CARD_TITLE_LEN_MAX)?;
    given(&item.text, |text| words(&at("text"), text))?;
    given(&item.image, |url| address(&at("image"), url, IMAGES))?;
    given(&item.url, |url| address(&at("url"), url, LINKS))
}

fn button(field: &str, button: &Button) -> Result<()> {
    let at = |name: &str| format!("{field}.{name}");
    line(&at("label"), &button.label, CARD_LABEL_LEN_MAX)?;
    given(&button.confirm, |text| line(&at("confirm"), text, CARD_LABEL_LEN_MAX))?;
    match (&button.url, &button.act) {
        (Some(url), None) => address(&at("url"), url, LINKS),
        (None, Some(act)) => key(&at("act"), act),
        _ => Err(Error::bad_arg(field, "a button has either a `url` or an `act`")),
    }
}

fn form(field: &str, form: &Form) -> Result<()> {
    let (inputs, submit) = (format!("{field}.inputs"), format!("{field}.submit"));
    if form.inputs.is_empty() {
        return Err(Error::bad_arg(&inputs, "ask something, or leave the form out"));
    }
    each(&inputs, &form.inputs, CARD_INPUTS_MAX, input)?;
    once(&inputs, "id", form.inputs.iter().map(|input| &*input.id))?;
    if form.submit.act.is_none() {
        let msg = "say what its owner is told when the form is sent";
        return Err(Error::bad_arg(&format!("{submit}.act"), msg));
    }
    button(&submit, &form.submit)
}

fn input(field: &str, input: &Input) -> Result<()> {
    let at = |name: &str| format!("{field}.{name}");
    key(&at("id"), &input.id)?;
    line(&at("label"), &input.label, CARD_LABEL_LEN_MAX)?;
    let chooses = matches!(input.kind, InputKind::Choice | InputKind::Choices);
    if chooses == input.options.is_empty() {
        let msg = "`choice` and `choices` have options, and no other kind has";
        return Err(Error::bad_arg(&at("options"), msg));
    }
    each(&at("options"), &input.options, CARD_OPTIONS_MAX, choice)?;
    once(&at("options"), "value", input.options.iter().map(|option| &*option.value))?;
    let writes = matches!(input.kind, InputKind::Text | InputKind::Long);
    if input.max_len.is_some_and(|len| !writes || len == 0 || len as usize > TEXT_LEN_MAX) {
        let msg = format!("`text` and `long` may have 1 to {TEXT_LEN_MAX} characters");
        return Err(Error::bad_arg(&at("max_len"), msg));
    }
    given(&input.value, |value| answers::fits(&at("value"), input, value))
}

fn choice(field: &str, choice: &Choice) -> Result<()> {
    key(&format!("{field}.value"), &choice.value)?;
    line(&format!("{field}.label"), &choice.label, CARD_LABEL_LEN_MAX)
}

/// What people read in one line.
fn line(field: &str, text: &str, max: usize) -> Result<()> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err(Error::bad_arg(field, "write one line, without control characters"));
    }
    if text.chars().count() > max {
        return Err(Error::too_large(field, format!("at most {max} characters")));
    }
    Ok(())
}

/// What programs read.
pub(crate) fn key(field: &str, text: &str) -> Result<()> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(Error::bad_arg(field, "give it a name, without control characters"));
    }
    if text.len() > CARD_KEY_LEN_MAX {
        return Err(Error::too_large(field, format!("at most {CARD_KEY_LEN_MAX} bytes")));
    }
    Ok(())
}

/// An address of one of these schemes. Browsers pass over spaces and control characters in it, so
/// that what is hidden behind them would be something else.
fn address(field: &str, url: &str, schemes: &[&str]) -> Result<()> {
    if url.len() > URL_LEN_MAX {
        return Err(Error::too_large(field, format!("an address has at most {URL_LEN_MAX} bytes")));
    }
    let begins = |scheme: &&str| {
        let start = url.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme)) && url.len() > scheme.len()
    };
    let plain = !url.chars().any(|c| c.is_control() || c.is_whitespace());
    if plain && schemes.iter().any(begins) {
        return Ok(());
    }
    let schemes = schemes.join(", ");
    Err(Error::bad_arg(field, format!("an address begins with one of {schemes}, without spaces")))
}

fn given<T>(value: &Option<T>, check: impl Fn(&T) -> Result<()>) -> Result<()> {
    value.as_ref().map_or(Ok(()), check)
}

fn each<T>(
    field: &str,
    list: &[T],
    max: usize,
    check: impl Fn(&str, &T) -> Result<()>,
) -> Result<()> {
    if list.len() > max {
        return Err(Error::too_large(field, format!("at most {max} of them")));
    }
    list.iter().enumerate().try_for_each(|(at, one)| check(&format!("{field}[{at}]"), one))
}

/// Refuses a name that two of them share: nobody could tell which one is meant.
fn once<'a>(field: &str, name: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    match names.into_iter().find(|name| !seen.insert(*name)) {
        Some(twice) => Err(Error::bad_arg(field, format!("the {name} `{twice}` stands twice"))),
        None => Ok(()),
    }
}
