//! What people may answer to a card. Pure: decides from what it is shown.

use std::collections::BTreeMap;

use carillon_plugin::{Error, Result};
use carillon_protocol::{
    card::{Card, Form, Input, InputKind, Value},
    limits::CARD_ANSWER_LEN,
};

use super::bodies;

/// Digits that a number may have: what any program can hold exactly as a decimal.
const NUMBER_LEN_MAX: usize = 32;

/// Refuses what cannot be done with a card as it is now.
pub(crate) fn acts(card: &Card, act: &str, values: &BTreeMap<String, Value>) -> Result<()> {
    if !card.state.is_open() {
        return Err(Error::conflict("nothing can be done with this card any more; look again"));
    }
    if !bodies::acts(card).any(|known| known == act) {
        return Err(Error::conflict("the card says something else by now; look again"));
    }
    match &card.form {
        Some(form) if form.submit.act.as_deref() == Some(act) => filled(form, values),
        _ if values.is_empty() => Ok(()),
        _ => Err(Error::bad_arg("values", "only a form has values")),
    }
}

fn filled(form: &Form, values: &BTreeMap<String, Value>) -> Result<()> {
    let asked = |id: &String| form.inputs.iter().any(|input| input.id == *id);
    if let Some(id) = values.keys().find(|id| !asked(id)) {
        let msg = format!("the form does not ask for `{id}`; look again");
        return Err(Error::bad_arg("values", msg));
    }
    for input in &form.inputs {
        let field = format!("values.{}", input.id);
        match values.get(&input.id) {
            Some(value) if !is_blank(value) => fits(&field, input, value)?,
            _ if input.required => return Err(Error::bad_arg(&field, "answer this")),
            _ => {}
        }
    }
    Ok(())
}

/// Whether an answer is none. What has to be ticked is answered by ticking it.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Yes(yes) => !yes,
        Value::Text(text) => text.trim().is_empty(),
        Value::Choices(chosen) => chosen.is_empty(),
    }
}

/// Refuses what is no answer to this question.
pub(crate) fn fits(field: &str, input: &Input, value: &Value) -> Result<()> {
    let wrong = |msg: &str| Err(Error::bad_arg(field, msg));
    let offered = |chosen: &String| input.options.iter().any(|option| option.value == *chosen);
    match (input.kind, value) {
        (InputKind::Text | InputKind::Long, Value::Text(text)) => written(field, input, text),
        (InputKind::Number, Value::Text(text)) if is_number(text) => Ok(()),
        (InputKind::Number, _) => wrong("write a decimal number as text, as `12.50`"),
        (InputKind::Date, Value::Text(text)) if is_day(text) => Ok(()),
        (InputKind::Date, _) => wrong("write a day, as `2026-11-22`"),
        (InputKind::Choice, Value::Text(chosen)) if offered(chosen) => Ok(()),
        (InputKind::Choice, _) => wrong("choose one of the options"),
        (InputKind::Choices, Value::Choices(chosen))
            if chosen.len() <= input.options.len() && chosen.iter().all(offered) =>
        {
            Ok(())
        }
        (InputKind::Choices, _) => wrong("choose some of the options, as a list"),
        (InputKind::Toggle, Value::Yes(_)) => Ok(()),
        (InputKind::Toggle, _) => wrong("say true or false"),
        (InputKind::Text | InputKind::Long, _) => wrong("write a text"),
    }
}

fn written(field: &str, input: &Input, text: &str) -> Result<()> {
    let max = input.max_len.unwrap_or(CARD_ANSWER_LEN) as usize;
    if text.chars().count() > max {
        return Err(Error::too_large(field, format!("at most {max} characters")));
    }
    let breaks = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.chars().any(breaks) || (input.kind == InputKind::Text && text.contains('\n')) {
        return Err(Error::bad_arg(field, "leave out control characters and line breaks"));
    }
    Ok(())
}

/// Digits, with a sign and a point if need be.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= NUMBER_LEN_MAX && all(whole) && all(part)
}

/// A day that there is, as `2026-11-22`.
fn is_day(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut part = |len: usize| {
        let part = parts.next().filter(|part| part.len() == len)?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u32>().ok())?
    };
    let (Some(year), Some(month), Some(day)) = (part(4), part(2), part(2)) else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => 0,
    };
    parts.next().is_none() && (1..=last).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_that_there_is() {
        for day in ["2026-11-22", "2024-02-29", "2000-02-29", "0001-12-31"] {
            assert!(is_day(day), "{day}");
        }
        for none in ["2026-2-3", "2026-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "", "-"] {
            assert!(!is_day(none), "{none}");
        }
        for none in ["2026-11-00", "2026-11-31", "2026-11-22-1", "２０２６-11-22", "+026-11-22"]
        {
            assert!(!is_day(none), "{none}");
        }
    }

    #[test]
    fn a_number_is_written_with_digits() {
        for number in ["0", "-1", "12.50", "007", "-0.5"] {
            assert!(is_number(number), "{number}");
        }
        for none in ["", "-", ".5", "5.", "1e9", "1,5", "--1", "NaN", "１"] {
            assert!(!is_number(none), "{none}");
        }
        assert!(!is_number(&"9".repeat(NUMBER_LEN_MAX + 1)));
    }
}
