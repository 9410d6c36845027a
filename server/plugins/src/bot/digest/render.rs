//! A part of a digest as Markdown. Pure. Whatever somebody named stays a text: no name becomes a
//! link, a picture or a mention.

use carillon_protocol::{digest::Section, id::Ulid};

use super::{
    ask::{Found, Part},
    chart::Bar,
    numbers, picture,
    words::Words,
};
use crate::bot::{attention::escaped, post::one_line};

/// A part of a digest, with its picture if it has one.
pub(super) fn section(
    section: &Section,
    part: &Part,
    words: &Words,
    picture: Option<Ulid>,
) -> String {
    let title = match &section.title {
        Some(title) => text(title),
        None => text(&words.fact(&section.fact)),
    };
    let when = part.when.as_deref().unwrap_or_else(|| words.span(section.period));
    let head = format!("**{title}** ({when})");
    match &part.found {
        Found::Missing(why) => format!("{head}: {}", words.missing(*why)),
        Found::Nothing => format!("{head}: {}", words.nothing),
        Found::Number { value, before, unit } => {
            format!("{head}: {}", number(*value, *before, unit, words))
        }
        Found::Bars { bars, unit } => {
            let link = picture.map(picture::path).unwrap_or_default();
            format!("{head}\n\n![{}]({link})", text(&described(bars, unit)))
        }
        Found::Lines { lines, unit } => {
            let line = |line: &carillon_protocol::fact::Line| {
                format!("- {}: {}", text(&line.label), numbers::shown(line.value, unit))
            };
            let lines: Vec<String> = lines.iter().map(line).collect();
            format!("{head}\n\n{}", lines.join("\n"))
        }
    }
}

fn number(value: f64, before: Option<f64>, unit: &str, words: &Words) -> String {
    let said = numbers::shown(value, unit);
    let Some(before) = before else { return said };
    let earlier = format!("{}{}", words.before, numbers::shown(before, unit));
    match numbers::change(value, before, unit) {
        Some(change) => format!("{said} ({earlier}, {change})"),
        None => format!("{said} ({earlier})"),
    }
}

/// What a picture shows, for who does not see it: it stands in the place of the picture.
fn described(bars: &[Bar], unit: &str) -> String {
    let bar = |bar: &Bar| format!("{} {}", bar.label, numbers::shown(bar.value, unit));
    bars.iter().filter(|it| it.value != 0.0).map(bar).collect::<Vec<_>>().join(", ")
}

/// A text in one line that says the same in Markdown.
pub(super) fn text(words: &str) -> String {
    escaped(&one_line(words))
}
