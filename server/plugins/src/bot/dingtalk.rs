//! What is sent to DingTalk's custom robots. Only what `msgtype` names is looked at: some programs
//! send all the other kinds along, empty.

use carillon_protocol::{
    bot::Reason,
    card::{Button, Card, Item},
};
use serde_json::Value;

use super::{
    links::{link, picture, unwrap_in},
    post::{At, Post, get, is_yes, label, list, one_line, plain_text, some, text},
};

/// What a picture is called that has no other name.
const PICTURE: &str = "📷";

/// Reads a body.
pub(super) fn parse(body: &str) -> Result<Post, Reason> {
    let value: Value = serde_json::from_str(body).map_err(|_| Reason::Body)?;
    if !value.is_object() {
        return Err(Reason::Body);
    }
    let kind = text(&value, "msgtype");
    let said = get(&value, &kind);
    let at = at(get(&value, "at"));
    match kind.as_str() {
        "text" => Post::text(text(said, "content"), at),
        "markdown" => Post::markdown(&text(said, "title"), markdown(said, "text"), at),
        "link" => Post::card(
            Card {
                title: some(one_line(&text(said, "title"))),
                text: some(text(said, "text")),
                url: link(&text(said, "messageUrl")),
                image: picture(&text(said, "picUrl")),
                ..Card::default()
            },
            At::default(),
        ),
        "actionCard" | "action_card" => Post::card(action_card(said), at),
        "feedCard" => Post::card(feed_card(said), At::default()),
        "image" => {
            let image = picture(&text(said, "picURL"));
            Post::card(Card { image, ..Card::default() }, At::default())
        }
        _ => Err(Reason::Kind),
    }
}

fn markdown(value: &Value, key: &str) -> String {
    unwrap_in(&text(value, key)).into_owned()
}

/// Lists of people may be absent, null, or hold `@138…`.
fn at(value: &Value) -> At {
    if is_yes(get(value, "isAtAll")) {
        return At { people: Vec::new(), everybody: true };
    }
    let named = ["atMobiles", "atUserIds"].into_iter().flat_map(|key| list(value, key));
    let named = named.map(|name| plain_text(name).trim().trim_start_matches('@').to_owned());
    At { people: named.filter(|name| !name.is_empty()).collect(), everybody: false }
}

fn action_card(said: &Value) -> Card {
    let button =
        |name: &str, url: &str| Button { label: label(name), url: link(url), ..Button::default() };
    let single = text(said, "singleTitle");
    let buttons = if single.is_empty() {
        let of = |it: &Value| button(&text(it, "title"), &text(it, "actionURL"));
        list(said, "btns").iter().map(of).collect()
    } else {
        vec![button(&single, &text(said, "singleURL"))]
    };
    Card {
        title: some(one_line(&text(said, "title"))),
        text: some(markdown(said, "text")),
        // A button that leads nowhere would only look like one.
        buttons: buttons
            .into_iter()
            .filter(|it| it.url.is_some() && !it.label.is_empty())
            .collect(),
        ..Card::default()
    }
}

fn feed_card(said: &Value) -> Card {
    let items = list(said, "links").iter().map(|it| Item {
        title: some(one_line(&text(it, "title"))).unwrap_or_else(|| PICTURE.to_owned()),
        text: None,
        image: picture(&text(it, "picURL")),
        url: link(&text(it, "messageURL")),
    });
    Card { items: items.collect(), ..Card::default() }
}

#[cfg(test)]
mod tests {
    use carillon_protocol::msg::Body;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const WRAPPED: &str =
        "dingtalk://dingtalkclient/page/link?url=http%3A%2F%2Fa.example%2F&pc_slide=false";

    fn card(body: Value) -> Card {
        match parse(&body.to_string()).unwrap().body {
            Body::Card { card, owner: None } => *card,
            other => panic!("not a card: {other:?}"),
        }
    }

    #[test]
    fn a_text_keeps_its_words_and_names_whom_it_is_for() {
        let body = json!({"msgtype": "text", "text": {"content": "磁盘 95%\n@13800000000"},
            "at": {"atMobiles": ["@13800000000"], "atUserIds": ["user1"], "isAtAll": false},
            "markdown": {}, "link": null});
        let post = parse(&body.to_string()).unwrap();
        let text = "磁盘 95%\n@13800000000".to_owned();
        assert_eq!(post.body, Body::Text { text, mentions: vec![] });
        assert_eq!(post.at.people, ["13800000000", "user1"]);
        for nobody in [json!(null), json!({}), json!({"atMobiles": null}), json!("x")] {
            let body = json!({"msgtype": "text", "text": {"content": "a"}, "at": nobody});
            assert_eq!(parse(&body.to_string()).unwrap().at, At::default());
        }
        let all = json!({"msgtype": "text", "text": {"content": "a"},
            "at": {"isAtAll": "true", "atMobiles": ["1"]}});
        let at = parse(&all.to_string()).unwrap().at;
        assert_eq!(at, At { people: vec![], everybody: true });
    }

    #[test]
    fn links_of_every_kind_are_unwrapped() {
        let body = json!({"msgtype": "markdown",
            "markdown": {"title": "t\n", "text": format!("#### h\n[l]({WRAPPED})")}});
        let Body::Markdown { title, text, .. } = parse(&body.to_string()).unwrap().body else {
            panic!("not Markdown");
        };
        assert_eq!((title.as_deref(), &*text), (Some("t"), "#### h\n[l](http://a.example/)"));
        let link = card(json!({"msgtype": "link", "link": {"title": "T", "text": "x",
            "messageURL": WRAPPED, "picURL": "http://a.example/p.png"}}));
        assert_eq!(link.url.as_deref(), Some("http://a.example/"));
        assert_eq!(link.image.as_deref(), Some("http://a.example/p.png"));
        let feed = card(json!({"msgtype": "feedCard", "feedCard": {"links": [
            {"title": "1", "messageURL": WRAPPED, "picURL": ""}, {"messageURL": "x:y"}]}}));
        assert_eq!(feed.items[0].url.as_deref(), Some("http://a.example/"));
        assert_eq!((&*feed.items[1].title, feed.items[1].url.as_ref()), (PICTURE, None));
        let image = json!({"msgtype": "image", "image": {"picURL": "http://x/y.png"}});
        let Body::Markdown { text, .. } = parse(&image.to_string()).unwrap().body else {
            panic!("not Markdown");
        };
        assert_eq!(text, "![](http://x/y.png)");
    }

    #[test]
    fn the_single_button_of_an_action_card_wins_over_the_others() {
        let both = |single: &str| {
            card(json!({"msgtype": "actionCard", "actionCard": {"title": "t", "text": "x",
                "hideAvatar": 0, "btnOrientation": "1", "singleTitle": single,
                "singleURL": WRAPPED, "btns": [
                    {"title": "a", "actionURL": "http://a.example/1"},
                    {"title": "b", "actionURL": "javascript:x"}]}}))
            .buttons
            .into_iter()
            .map(|button| (button.label, button.url.unwrap_or_default()))
            .collect::<Vec<_>>()
        };
        assert_eq!(both("go"), [("go".into(), "http://a.example/".into())]);
        assert_eq!(both(""), [("a".into(), "http://a.example/1".into())]);
    }

    #[test]
    fn what_says_nothing_or_cannot_be_read_is_refused() {
        for (body, reason) in [
            ("", Reason::Body),
            ("[]", Reason::Body),
            ("{", Reason::Body),
            ("{}", Reason::Kind),
            (r#"{"msgtype":"voice"}"#, Reason::Kind),
            (r#"{"msgtype":7}"#, Reason::Kind),
            (r#"{"msgtype":"text"}"#, Reason::Empty),
            (r#"{"msgtype":"text","text":{"content":" \n"}}"#, Reason::Empty),
            (r#"{"msgtype":"markdown","markdown":{"title":"t"}}"#, Reason::Empty),
            (r#"{"msgtype":"feedCard","feedCard":{"links":[]}}"#, Reason::Empty),
            (r#"{"msgtype":"image","image":{"picURL":"x:y"}}"#, Reason::Empty),
        ] {
            assert_eq!(parse(body).unwrap_err(), reason, "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_is_too_strange(body in ".{0,200}") {
            let _ = parse(&body);
        }

        #[test]
        fn no_value_in_a_known_place_is_too_strange(
            kind in "text|markdown|link|actionCard|feedCard|image",
            key in "content|text|title|btns|links|picURL|singleTitle",
            value in prop_oneof![
                Just(json!(null)), Just(json!([])), Just(json!({})), Just(json!([null, 1, {}])),
                Just(json!(1.5)), Just(json!(true)), ".{0,40}".prop_map(|text| json!(text)),
            ],
        ) {
            let body = json!({"msgtype": kind, &kind: {key: value.clone()}, "at": value});
            let _ = parse(&body.to_string());
        }
    }
}
