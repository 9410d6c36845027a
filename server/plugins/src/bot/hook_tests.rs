//! What programs in use send to hooks, and what people read of it.

use carillon_protocol::{
    Json,
    limits::{CARD_LEN_MAX, TEXT_LEN_MAX},
    msg::Body,
};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn card(value: Value) -> Card {
    match parse(&value.to_string()).unwrap().body {
        Body::Card { card, owner: None } => *card,
        other => panic!("not a card: {other:?}"),
    }
}

fn words(body: &str) -> String {
    match parse(body).unwrap().body {
        Body::Markdown { text, title: None, .. } => text,
        other => panic!("not Markdown: {other:?}"),
    }
}

#[test]
fn a_text_is_a_text_however_it_is_wrapped() {
    assert_eq!(words(r#"{"text":"*a* <http://a.example|b>"}"#), "**a** [b](http://a.example)");
    assert_eq!(words(r#"{"text":"a","username":"x","icon_url":"http://x"}"#), "a");
    assert_eq!(words("payload=%7B%22text%22%3A%22a+b%22%7D"), "a b");
    assert_eq!(words(r#"{"content":"discord"}"#), "discord");
    assert_eq!(words("\u{feff}{\"text\":\"mark\"}"), "mark");
    let all = parse(r#"{"text":"<!here> go"}"#).unwrap();
    assert!(all.at.everybody);
}

#[test]
fn one_attachment_is_a_card_and_several_are_its_items() {
    let attachment = |number: u32| {
        json!({"title": format!("t{number}"), "title_link": "http://a.example/t", "text": "*x*",
            "fallback": "f", "color": "#36a64f", "footer": "foot", "ts": 1,
            "fields": [{"title": "host", "value": "web-1", "short": true}],
            "actions": [{"type": "button", "text": "Open", "url": "http://a.example/o"}]})
    };
    let one = card(json!({"attachments": [attachment(1)]}));
    assert_eq!((one.title.as_deref(), one.tone), (Some("t1"), Some(Tone::Good)));
    assert_eq!(
        (one.url.as_deref(), one.text.as_deref()),
        (Some("http://a.example/t"), Some("**x**\n\nfoot"))
    );
    assert_eq!(
        (&*one.fields[0].label, &*one.fields[0].value, one.fields[0].short),
        ("host", "web-1", true)
    );
    assert_eq!(one.buttons[0].url.as_deref(), Some("http://a.example/o"));
    let two = card(json!({"text": "both", "attachments": [attachment(1), attachment(2)]}));
    assert_eq!(two.text.as_deref(), Some("both"));
    let titles: Vec<&str> = two.items.iter().map(|item| item.title.as_str()).collect();
    assert_eq!(titles, ["t1", "t2"]);
    assert_eq!(two.items[1].text.as_deref(), Some("**x**\n\nfoot\n\n**host**: web-1"));
    let least = card(json!({"attachments": [{"fallback": "only this", "color": "danger"}]}));
    assert_eq!((least.text.as_deref(), least.tone), (Some("only this"), Some(Tone::Danger)));
}

#[test]
fn blocks_are_read_and_the_text_beside_them_is_for_others() {
    let found = card(json!({"text": "fallback", "blocks": [
        {"type": "header", "text": {"type": "plain_text", "text": "Deploy"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*done* <http://a.example|log>"},
            "fields": [{"type": "mrkdwn", "text": "*who*\namy"}]},
        {"type": "context", "elements": [
            {"type": "mrkdwn", "text": "by"}, {"type": "plain_text", "text": "ci"}]},
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
            {"type": "text", "text": "bold", "style": {"bold": true}},
            {"type": "link", "url": "http://b.example"}]}]},
        {"type": "actions", "elements": [
            {"type": "button", "url": "http://a.example",
                "text": {"type": "plain_text", "text": "Open"}},
            {"type": "button", "text": {"type": "plain_text", "text": "Act"}, "value": "x"}]},
        {"type": "divider"}]}));
    assert_eq!(found.title.as_deref(), Some("Deploy"));
    let text =
        "**done** [log](http://a.example)\n\nby ci\n\n**bold**[http://b.example](http://b.example)";
    assert_eq!(found.text.as_deref(), Some(text));
    assert_eq!(&*found.fields[0].value, "**who**\namy");
    assert_eq!(found.buttons.len(), 1, "a button that needs Slack is left out");
}

#[test]
fn alerts_are_a_card_with_an_item_each() {
    let alert = |status: &str, host: u32| {
        json!({"status": status,
            "labels": {"alertname": "Disk", "severity": "warning", "host": host},
            "annotations": {"summary": "nearly full"}, "generatorURL": "http://p.example/g"})
    };
    let many: Vec<Value> = (0..25).map(|host| alert("firing", host)).collect();
    let found = card(json!({"version": "4", "status": "firing", "receiver": "r", "alerts": many,
        "groupLabels": {"alertname": "Disk"}, "commonLabels": {"severity": "warning"},
        "commonAnnotations": {"summary": "nearly full"}, "externalURL": "http://am.example"}));
    assert_eq!(found.title.as_deref(), Some("[FIRING:25] Disk"));
    assert_eq!((found.tone, found.items.len()), (Some(Tone::Warning), 20));
    assert_eq!(found.text.as_deref(), Some("nearly full\n\n+ 5"));
    assert_eq!(found.items[3].title, "🔥 Disk (warning)");
    assert_eq!(found.items[3].text.as_deref(), Some("nearly full\n\nhost: 3"));
    let resolved = card(json!({"status": "resolved", "alerts": [alert("resolved", 1)]}));
    assert_eq!((resolved.tone, resolved.title.as_deref()), (Some(Tone::Good), Some("[RESOLVED]")));
}

#[test]
fn what_is_too_large_is_cut_and_an_empty_fact_is_left_out() {
    let alerts: Vec<Value> = (0..100)
        .map(|host| {
            json!({"labels": {"alertname": "Disk", "host": host},
                "annotations": {"description": "x".repeat(2_000)}})
        })
        .collect();
    let found = card(json!({"status": "firing", "alerts": alerts, "truncatedAlerts": 7}));
    assert!(Json::of(&found).as_str().len() <= CARD_LEN_MAX);
    assert_eq!((found.items.len(), found.text.as_deref()), (20, Some("+ 87")));
    let lost = u64::MAX;
    let found = card(json!({"status": "firing", "alerts": alerts, "truncatedAlerts": lost}));
    assert_eq!(found.text, Some(format!("+ {lost}")));
    let fields = json!([{"title": "a", "value": ""}, {"title": "b", "value": "c"}]);
    let one = card(json!({"attachments": [{"title": "t", "fields": fields}]}));
    assert_eq!(one.fields.iter().map(|fact| &*fact.label).collect::<Vec<_>>(), ["b"]);
    let many = json!({"title": "t", "fields": vec![json!({"title": "b", "value": "c"}); 30],
        "actions": vec![json!({"text": "Open", "url": "http://a.example"}); 15]});
    let one = card(json!({"text": "x".repeat(20_000), "attachments": [many]}));
    assert_eq!((one.fields.len(), one.buttons.len()), (20, 10));
    assert!(one.text.unwrap().ends_with("x…\n\n+ 15"));
    let found = card(json!({"attachments": vec![json!({"title": "t"}); 21]}));
    assert_eq!((found.items.len(), found.text.as_deref()), (20, Some("+ 1")));
    let long = words(&json!({"text": "港".repeat(20_000)}).to_string());
    assert!(long.len() <= TEXT_LEN_MAX && long.ends_with("港…"));
}

#[test]
fn what_apprise_sends_as_json_has_a_title_and_a_tone() {
    let found =
        card(json!({"version": "1.0", "title": "Backup", "message": "done", "type": "success"}));
    assert_eq!((found.title.as_deref(), found.text.as_deref()), (Some("Backup"), Some("done")));
    assert_eq!(found.tone, Some(Tone::Good));
}

#[test]
fn colours_are_traffic_lights() {
    for (color, expected) in [
        ("#36a64f", Some(Tone::Good)),
        ("#D63232", Some(Tone::Danger)),
        ("#ff0000", Some(Tone::Danger)),
        ("#FFA500", Some(Tone::Warning)),
        ("#CACF29", Some(Tone::Warning)),
        ("#3AA3E3", Some(Tone::Info)),
        ("#cccccc", None),
        ("#港港", None),
        ("nonsense", None),
        ("", None),
    ] {
        assert_eq!(tone(color), expected, "{color}");
    }
}

#[test]
fn what_says_nothing_or_cannot_be_read_is_refused() {
    for (body, reason) in [
        ("", Reason::Body),
        ("hello", Reason::Body),
        ("payload=x", Reason::Body),
        ("[1]", Reason::Body),
        ("{}", Reason::Empty),
        (r#"{"text":" "}"#, Reason::Empty),
        (r#"{"attachments":[{}]}"#, Reason::Empty),
        (r#"{"blocks":[{"type":"divider"}]}"#, Reason::Empty),
    ] {
        assert_eq!(parse(body).unwrap_err(), reason, "{body}");
    }
}

/// JSON of a few levels with the keys that are looked for.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|yes| json!(yes)),
        any::<i32>().prop_map(|n| json!(n)),
        "[<>|*`a-z港 ]{0,20}".prop_map(|text| json!(text)),
    ];
    let keys = "text|type|blocks|attachments|fields|elements|title|value|alerts|status|labels|\
                actions|url|color";
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(keys, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_body_is_too_strange(value in any_json(), junk in ".{0,100}") {
        let _ = parse(&value.to_string());
        let _ = parse(&junk);
    }
}
