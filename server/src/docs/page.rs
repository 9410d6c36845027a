//! The documents for people: one page of HTML without scripts, which needs nothing from elsewhere.

mod fields;

use std::{collections::BTreeMap, fmt::Write as _};

use carillon_protocol::{CloseCode, Effect, ErrorCode, limits, schemas::sentence};
use serde_json::{Map, Value};

use super::{Documented, Kind, Tables, example, promise, summary};
use crate::html::escape;
use fields::Fields;

const PAGE: &str = include_str!("page/page.html");
/// Where the references of types lead on the page.
const TYPES: &str = "#type/";

/// The page.
pub fn html(tables: &Tables) -> String {
    let definitions = tables.schemas.written(TYPES);
    let page = Page { fields: Fields { definitions: &definitions }, definitions: &definitions };
    let mut areas = BTreeMap::<&str, Vec<&Documented>>::new();
    for operation in &tables.operations {
        areas.entry(operation.area()).or_default().push(operation);
    }
    let links: String = areas.keys().map(|area| link(&format!("area.{area}"), area)).collect();
    let sections = areas.iter().map(|(area, operations)| page.area(area, operations));
    PAGE.replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{areas}", &links)
        .replace("{operations}", &sections.collect::<String>())
        .replace("{events}", &page.kinds("ev", &tables.events))
        .replace("{ephemerals}", &page.kinds("eph", &tables.ephemerals))
        .replace("{types}", &page.types(tables))
        .replace("{errors}", &errors())
        .replace("{codes}", &codes())
        .replace("{limits}", &bounds())
}

/// A link of the contents.
fn link(id: &str, name: &str) -> String {
    format!("<li><a href=\"#{id}\">{}</a></li>\n", escape(name))
}

/// A sentence, in which what stands between backticks is code.
fn prose(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(index, part)| match index % 2 {
        0 => escape(part),
        _ => format!("<code>{}</code>", escape(part)),
    });
    parts.collect()
}

/// What all parts of the page look up.
struct Page<'a> {
    fields: Fields<'a>,
    definitions: &'a Map<String, Value>,
}

impl Page<'_> {
    fn area(&self, area: &str, operations: &[&Documented]) -> String {
        let contents: String = operations
            .iter()
            .map(|operation| {
                let (op, what) = (operation.op, prose(summary(&operation.doc)));
                format!("<li><a href=\"#{op}\"><code>{op}</code></a> {what}</li>\n")
            })
            .collect();
        let all: String = operations.iter().map(|operation| self.operation(operation)).collect();
        format!(
            "<section id=\"area.{area}\" aria-label=\"{area}\">\n<h2><code>{area}</code></h2>\n\
             <ul class=\"contents\">\n{contents}</ul>\n{all}</section>\n"
        )
    }

    fn operation(&self, operation: &Documented) -> String {
        let Documented { op, doc, .. } = operation;
        let who = match operation.scope() {
            Some(scope) => format!("scope <code>{scope}</code>"),
            None => "anybody".to_owned(),
        };
        format!(
            "<article id=\"{op}\">\n<h3><a href=\"#{op}\">{op}</a></h3>\n<p>{doc}</p>\n\
             <p class=\"marks\"><span>{who}</span> <span>{effect}</span></p>\n\
             {args}{reply}{example}</article>\n",
            doc = prose(doc),
            effect = prose(promise(operation.effect)),
            args = self.part("Arguments", &operation.args),
            reply = self.part("Answer", &operation.reply),
            example = self.example(operation),
        )
    }

    /// A type as a part of something, under a title.
    fn part(&self, title: &str, name: &str) -> String {
        let schema = format!("<a href=\"/v1/schema/{name}.json\">{name}</a>");
        format!("<h4>{title} {schema}</h4>\n{}", self.fields.of(name))
    }

    /// A line to paste into a terminal.
    fn example(&self, operation: &Documented) -> String {
        let args = example::of(&self.definitions[&operation.args], self.definitions);
        let mut line = format!("curl $SERVER/v1/rpc/{} \\\n", operation.op);
        if operation.scope().is_some() {
            line += "  -H \"Authorization: Bearer $TOKEN\" \\\n";
        }
        if operation.effect == Effect::Once {
            line += "  -H \"Idempotency-Key: $CID\" \\\n";
        }
        line += "  -H 'Content-Type: application/json' \\\n";
        let args = serde_json::to_string(&args).expect("a value is JSON");
        let _ = write!(line, "  -d '{args}'");
        format!(
            "<details>\n<summary>With curl</summary>\n<pre>{}</pre>\n</details>\n",
            escape(&line)
        )
    }

    fn kinds(&self, t: &str, kinds: &[Kind]) -> String {
        let one = |Kind { k, doc, data }: &Kind| {
            format!(
                "<article id=\"{t}.{k}\">\n<h3><a href=\"#{t}.{k}\">{k}</a></h3>\n<p>{}</p>\n\
                 {}</article>\n",
                prose(doc),
                self.part("<code>data</code>", data),
            )
        };
        kinds.iter().map(one).collect()
    }

    /// The types that others are made of, and those of frames.
    fn types(&self, tables: &Tables) -> String {
        let shown = tables.operations.iter().flat_map(|it| [&it.args, &it.reply]);
        let shown: Vec<_> = shown
            .chain(tables.events.iter().chain(&tables.ephemerals).map(|it| &it.data))
            .collect();
        let referred: Vec<_> = self.definitions.values().flat_map(super::references).collect();
        let is_shown = |name: &String| !shown.contains(&name) || referred.contains(&name.as_str());
        let types = self.definitions.iter().filter(|(name, _)| is_shown(name));
        let one = |(name, schema): (&String, &Value)| {
            let about = schema["description"].as_str().map_or(String::new(), prose);
            format!(
                "<article id=\"type/{name}\">\n<h3><a href=\"#type/{name}\">{name}</a></h3>\n\
                 <p>{about} <a href=\"/v1/schema/{name}.json\">JSON Schema</a></p>\n{}</article>\n",
                self.fields.of(name),
            )
        };
        types.map(one).collect()
    }
}

/// A row of a table.
fn row(cells: &[String]) -> String {
    let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
    format!("<tr>{cells}</tr>\n")
}

fn code(text: impl std::fmt::Display) -> String {
    format!("<code>{}</code>", escape(&text.to_string()))
}

fn errors() -> String {
    let one = |it: &ErrorCode| {
        let retry = serde_json::to_value(it.retry()).expect("a name is JSON");
        let retry = retry.as_str().map_or(String::new(), code);
        row(&[code(it), code(it.http_status()), retry, prose(&sentence(it.doc()))])
    };
    ErrorCode::ALL.iter().map(one).collect()
}

fn codes() -> String {
    let one = |it: &CloseCode| {
        let back = if it.reconnect() { "come back" } else { "do not" };
        row(&[code(it.number()), back.to_owned(), prose(&sentence(it.doc()))])
    };
    CloseCode::ALL.iter().map(one).collect()
}

fn bounds() -> String {
    let one = |(name, doc, value): &(&str, &str, u64)| {
        row(&[code(name), code(value), prose(&sentence(doc))])
    };
    limits::ALL.iter().map(one).collect()
}
