//! What a message may say: each fault is refused with the place where it stands.

use carillon_protocol::card::{Button, Card, Input, InputKind, Item, State as CardState, Value};

use crate::{
    cards::{card_message, form},
    *,
};

fn x() -> Card {
    Card::titled("x")
}

fn acting(acts: &[&str]) -> Card {
    acts.iter().fold(x(), |card, act| card.button(Button::act("x", *act)))
}

fn asking(kind: InputKind) -> Input {
    Input::new(kind, "x", "x")
}

fn item(image: &str) -> Item {
    Item { title: "x".into(), text: None, image: Some(image.into()), url: None }
}

impl World {
    /// How cards are refused when a program sends them.
    async fn refuses(&self, code: ErrorCode, cards: Vec<(&str, Card)>) {
        let (program, conv) = self.program().await;
        for (place, card) in cards {
            let what = format!("{place}: {card:?}");
            let dot = if place.is_empty() { "" } else { "." };
            let refused = field(self.call(program, card_message(conv, card)).await);
            assert_eq!(refused, (code, format!("body.card{dot}{place}")), "{what}");
        }
    }
}

#[tokio::test]
async fn a_card_says_something_and_leads_only_where_a_click_runs_nothing() {
    let both = Button { act: Some("x".into()), ..Button::link("x", "https://x.org") };
    let neither = Button { label: "x".into(), ..Button::default() };
    let bad = vec![
        ("", Card::default()),
        ("title", Card::titled(" ")),
        ("title", Card::titled("two\nlines")),
        ("note", x().state(CardState::Done, "\u{7}")),
        ("url", x().url("javascript:alert(1)")),
        ("url", x().url(" https://x.org")),
        ("url", x().url("https://")),
        ("image", x().image("mailto:a@x.org")),
        ("image", x().image("data:image/svg+xml,x")),
        ("fields[1].value", x().fact("", "1", true).fact("", "", true)),
        ("items[0].image", x().item(item("//x.org"))),
        ("buttons[0].url", x().button(Button::link("x", "java\nscript:x"))),
        ("buttons[0].label", x().button(Button::act("", "x"))),
        ("buttons[0]", x().button(both)),
        ("buttons[0]", x().button(neither)),
        ("buttons", acting(&["x", "x"])),
    ];
    World::new().await.refuses(ErrorCode::BadArg, bad).await;
}

#[tokio::test]
async fn a_form_asks_what_can_be_answered() {
    use InputKind::{Choice, Date, Text};
    let mut long = asking(Text);
    long.max_len = Some(0);
    let mut dated = asking(Date);
    dated.max_len = Some(3);
    let link = x().form(vec![asking(Text)], Button::link("x", "https://x.org"));
    let today = asking(Date).value(Value::Text("today".into()));
    let bad = vec![
        ("form.inputs", form(vec![])),
        ("form.inputs", form(vec![asking(Text), asking(Date)])),
        ("form.inputs[0].options", form(vec![asking(Choice)])),
        ("form.inputs[0].options", form(vec![asking(Text).option("a", "A")])),
        ("form.inputs[0].options", form(vec![asking(Choice).option("a", "A").option("a", "B")])),
        ("form.inputs[0].max_len", form(vec![long])),
        ("form.inputs[0].max_len", form(vec![dated])),
        ("form.inputs[0].value", form(vec![today])),
        ("form.submit.act", link),
        ("buttons", form(vec![asking(Text)]).button(Button::act("x", "send"))),
    ];
    World::new().await.refuses(ErrorCode::BadArg, bad).await;
}

#[tokio::test]
async fn a_card_fits_on_a_screen() {
    let world = World::new().await;
    let long = "x".repeat(201);
    let facts = |count| (0..count).fold(x(), |card, _| card.fact("", "x", true));
    let acts: Vec<String> = (0..11).map(|act| act.to_string()).collect();
    let acts: Vec<&str> = acts.iter().map(String::as_str).collect();
    let large = vec![
        ("title", Card::titled(&long)),
        ("note", x().state(CardState::Done, &long)),
        ("buttons", acting(&acts)),
        ("buttons[0].act", acting(&[&long])),
        ("fields", facts(21)),
        ("image", x().image(format!("https://x.org/{}", "x".repeat(2048)))),
        ("", x().text("x".repeat(16 * 1024))),
    ];
    world.refuses(ErrorCode::TooLarge, large).await;
    let (program, conv) = world.program().await;
    let full = [facts(20), acting(&acts[..10]), x().url("HTTPS://x.org").text("x".repeat(16_000))];
    for card in full {
        assert!(world.call(program, card_message(conv, card)).await.is_ok());
    }
}

#[tokio::test]
async fn markdown_is_a_text_with_a_title() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    let markdown = |title: Option<&str>, text: &str, mentions| Send {
        conv,
        body: Body::Markdown { title: title.map(Into::into), text: text.into(), mentions },
        reply_to: None,
        everybody: false,
    };
    let bob = vec![world.bob.user];
    assert!(world.call(world.amy, markdown(Some("天氣"), "# 24°\n<b>", bob)).await.is_ok());
    assert!(world.call(world.amy, markdown(None, "x", vec![])).await.is_ok());
    let refused = async |args| field(world.call(world.amy, args).await);
    let empty = refused(markdown(None, "", vec![])).await;
    assert_eq!(empty, (ErrorCode::BadArg, "body.text".into()));
    let title = refused(markdown(Some("a\nb"), "x", vec![])).await;
    assert_eq!(title, (ErrorCode::BadArg, "body.title".into()));
    let dan = refused(markdown(None, "x", vec![world.dan.user])).await;
    assert_eq!(dan, (ErrorCode::NotFound, "body.mentions[0]".into()));
    let long = refused(markdown(None, &"x".repeat(16 * 1024 + 1), vec![])).await;
    assert_eq!(long, (ErrorCode::TooLarge, "body.text".into()));
}
