//! Cards: who writes them, who changes them, and what comes of pressing their buttons.

use std::collections::BTreeMap;

use carillon_plugin::{Committed, Ctx, Decision};
use carillon_protocol::{
    Access, Effect, Event,
    card::{
        Act, Acted, Acting, Button, Card, Input, InputKind, Post, Set, State as CardState, Update,
        Updated, UpdatedData, Value, kind,
    },
    log,
    msg::{List, SentData},
    session::Issue,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::*;

/// What a plugin that owns cards is told.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
struct QuizAct(Acting);

impl Command for QuizAct {
    type Reply = Acted;
    const OP: &'static str = "quiz.act";
    const DOC: &'static str = "Somebody acts on a card.";
    const EFFECT: Effect = Effect::Once;
    const ACCESS: Access = Access::System;
}

/// A plugin that writes down what people do, and takes no `never` from anybody.
pub fn quiz() -> Plugin {
    async fn act(ctx: Ctx, QuizAct(acting): QuizAct) -> Result<Decision<Acted>> {
        assert!(!ctx.caller().is_system(), "whoever pressed it may no more than before");
        if acting.act == "never" {
            return Err(Error::denied("not you"));
        }
        let mut tx = ctx.tx();
        tx.emit(Topic::User(ctx.caller().user), "quiz.answered", &acting);
        Ok(tx.into())
    }
    fn acted(done: &Committed) -> Result<Acted> {
        Ok(Acted { dup: done.dup })
    }
    Plugin::new("quiz").once(act, acted)
}

pub fn asking() -> Card {
    Card::titled("Lunch?").button(Button::act("Rice", "yes")).button(Button::act("No", "never"))
}

pub fn form(inputs: Vec<Input>) -> Card {
    Card::titled("Leave").form(inputs, Button::act("Send", "send"))
}

/// What somebody presses.
pub fn act(conv: ConvId, seq: u64, act: &str) -> Act {
    Act { conv, seq, act: act.into(), values: BTreeMap::new() }
}

pub fn card_message(conv: ConvId, card: Card) -> Send {
    Send {
        conv,
        body: Body::Card { owner: None, card: card.into() },
        reply_to: None,
        everybody: false,
    }
}

impl World {
    /// The plugin posts a card in the name of `amy`.
    pub async fn posts(&self, conv: ConvId, key: &str, card: Card) -> Result<Sent> {
        let post = Post { conv, owner: "quiz".into(), key: key.into(), card };
        self.call(Caller::for_plugin(self.amy.user, self.org), post).await
    }

    pub async fn updates(&self, key: &str, card: Card) -> Result<Updated> {
        let update = Update { owner: "quiz".into(), key: key.into(), card, version: None };
        self.call(Caller::for_plugin(self.bob.user, self.org), update).await
    }

    async fn card_at(&self, conv: ConvId, seq: u64) -> (Card, Option<u64>) {
        let list = List { conv, before: None, after: None, around: Some(seq), limit: Some(2) };
        let listed = self.call(self.amy, list).await.unwrap();
        let event = listed.events.iter().find(|event| event.seq == seq).unwrap();
        let data: SentData = event.data.to().unwrap();
        match data.body {
            Body::Card { card, .. } => (*card, data.rev),
            body => panic!("a card, not {body:?}"),
        }
    }

    /// What the plugin was told in the name of somebody.
    async fn quizzed(&self, who: Caller) -> Vec<Acting> {
        let topic = Topic::User(who.user);
        let read = log::Read { topic, after: Some(0), before: None, limit: None };
        let events = self.call(who, read).await.unwrap().events;
        let answers = events.iter().filter(|event| &*event.k == "quiz.answered");
        answers.map(|event| event.data.to().unwrap()).collect()
    }

    /// A program of the organisation, in a group with `amy` and `bob`.
    pub async fn program(&self) -> (Caller, ConvId) {
        let (org, app) = (Some(self.org), Some("ci".into()));
        let issue = Issue { org, app, user: None, scopes: None, ttl_ms: None };
        let grant = self.call(Caller::SYSTEM, issue).await.unwrap();
        let scopes = ["read", "write"];
        let program = Caller::signed_in(grant.user, self.org, grant.session, scopes);
        (program, self.group(&[self.bob, program], History::All).await)
    }
}

async fn events(world: &World, conv: ConvId, after: u64) -> Vec<Event> {
    let read = log::Read { topic: topic(conv), after: Some(after), before: None, limit: None };
    world.call(world.amy, read).await.unwrap().events
}

#[tokio::test]
async fn a_plugin_changes_its_card_in_place_for_everybody() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    let sent = world.posts(conv, "1", asking()).await.unwrap();
    assert_eq!(world.card_at(conv, sent.seq).await, (asking(), Some(sent.seq)));
    assert_eq!(world.summary(world.bob, conv).await.unread, 1);
    world.says(world.amy, conv, "vote!").await;

    let done = Card::titled("Lunch").state(CardState::Done, "Rice");
    let updated = world.updates("1", done.clone()).await.unwrap();
    assert_eq!(world.card_at(conv, sent.seq).await, (done.clone(), Some(updated.rev)));
    let event = events(&world, conv, updated.rev - 1).await.remove(0);
    let data: UpdatedData = event.data.to().unwrap();
    assert_eq!((&*event.k, event.by, data.of), (kind::UPDATED, world.bob.user, sent.seq));
    assert_eq!(data.card.as_ref(), Some(&done));
    assert_eq!(world.summary(world.bob, conv).await.unread, 2, "a change is no message");

    let again = world.updates("1", done.clone()).await.unwrap();
    assert_eq!((again, events(&world, conv, updated.rev).await), (updated, vec![]));
    let world = world.restarted().await;
    assert_eq!(world.card_at(conv, sent.seq).await, (done, Some(updated.rev)));
    world.updates("1", Card::titled("Dinner")).await.unwrap();
    assert_eq!(world.card_at(conv, sent.seq).await.0, Card::titled("Dinner"));
}

#[tokio::test]
async fn a_card_never_goes_back_to_an_older_version() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    let seq = world.posts(conv, "1", asking()).await.unwrap().seq;
    let update = |version, title: &str| {
        let (owner, key, card) = ("quiz".into(), "1".into(), Card::titled(title));
        Update { owner, key, card, version: Some(version) }
    };
    let caller = Caller::for_plugin(world.bob.user, world.org);
    let shows = async |version, title| world.call(caller, update(version, title)).await.unwrap();
    assert_eq!(shows(0, "none").await, Updated { rev: seq }, "it began with 0");
    let two = shows(2, "two").await;
    assert_eq!(shows(1, "one").await, two);
    assert_eq!(shows(2, "two again").await, two);
    // What looks the same is newer all the same.
    assert_eq!(shows(4, "two").await, two);
    assert_eq!(shows(3, "three").await, two);
    assert_eq!(world.card_at(conv, seq).await, (Card::titled("two"), Some(two.rev)));

    // Nor if the newer one is written while the older one is on its way.
    let (host, six) = (world.kit.host().clone(), update(6, "six"));
    world.kit.before_next_commit(async move {
        host.call_typed(caller, None, &six).await.unwrap();
    });
    let overtaken = shows(5, "five").await;
    assert_eq!(world.card_at(conv, seq).await, (Card::titled("six"), Some(overtaken.rev)));
    assert!(overtaken.rev > two.rev);
    // Whoever does not count has the last word.
    world.updates("1", Card::titled("last")).await.unwrap();
    assert_eq!(world.card_at(conv, seq).await.0, Card::titled("last"));
}

#[tokio::test]
async fn a_card_is_written_once_and_belongs_to_its_plugin_and_tenant() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    world.posts(conv, "1", asking()).await.unwrap();
    assert_eq!(code(world.posts(conv, "1", asking()).await), ErrorCode::Conflict);
    assert_eq!(events(&world, conv, 2).await, vec![]);
    assert_eq!(code(world.updates("2", asking()).await), ErrorCode::NotFound);
    let card = Card::titled("x");
    let update = Update { owner: "quiz".into(), key: "1".into(), card, version: None };
    let update = || update.clone();
    let stranger = Caller::for_plugin(world.zoe.user, world.zoe.org);
    assert_eq!(code(world.call(stranger, update()).await), ErrorCode::NotFound);
    let other = Update { owner: "poll".into(), ..update() };
    let owner = Caller::for_plugin(world.amy.user, world.org);
    assert_eq!(code(world.call(owner, other).await), ErrorCode::NotFound);
    let post = Post { conv, owner: "quiz".into(), key: "2".into(), card: asking() };
    assert_eq!(code(world.call(stranger, post.clone()).await), ErrorCode::NotFound);
    assert_eq!(code(world.call(world.amy, post).await), ErrorCode::UnknownOp);
    assert_eq!(code(world.call(world.amy, update()).await), ErrorCode::UnknownOp);
}

#[tokio::test]
async fn what_is_pressed_reaches_the_owner_once() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    let seq = world.posts(conv, "lunch", asking()).await.unwrap().seq;
    let once = cid();
    let pressed = world.call_as(world.bob, once, &act(conv, seq, "yes")).await;
    assert_eq!(pressed.unwrap(), Acted { dup: false });
    // By the time the answer is asked for again, nothing can be pressed any more.
    world.updates("lunch", Card { state: CardState::Done, ..asking() }).await.unwrap();
    let again = world.call_as(world.bob, once, &act(conv, seq, "yes")).await;
    assert_eq!(again.unwrap(), Acted { dup: true });
    let other = world.call_as(world.bob, once, &act(conv, seq, "never")).await;
    assert_eq!(code(other), ErrorCode::IdempotencyConflict);
    let late = world.call(world.amy, act(conv, seq, "yes")).await;
    assert_eq!(code(late), ErrorCode::Conflict);
    let acting =
        Acting { conv, seq, key: "lunch".into(), act: "yes".into(), values: BTreeMap::new() };
    assert_eq!(world.quizzed(world.bob).await, [acting]);
    assert_eq!(world.quizzed(world.amy).await, []);
}

#[tokio::test]
async fn who_may_act_is_the_owners_rule_and_only_members_may_ask() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::Joined).await;
    let seq = world.posts(conv, "1", asking()).await.unwrap().seq;
    let text = world.says(world.bob, conv, "no card").await.seq;
    assert_eq!(code(world.call(world.bob, act(conv, seq, "never")).await), ErrorCode::Forbidden);
    let unknown = world.call(world.bob, act(conv, seq, "other")).await;
    assert_eq!(code(unknown), ErrorCode::Conflict);
    for nothing in [text, 1, 99] {
        let refused = world.call(world.bob, act(conv, nothing, "yes")).await;
        assert_eq!(code(refused), ErrorCode::NotFound, "{nothing}");
    }
    for stranger in [world.dan, world.zoe] {
        let refused = world.call(stranger, act(conv, seq, "yes")).await;
        assert_eq!(code(refused), ErrorCode::NotFound);
    }
    // Whoever came later does not see it.
    world.adds(world.amy, conv, &[world.carol]).await.unwrap();
    assert_eq!(code(world.call(world.carol, act(conv, seq, "yes")).await), ErrorCode::NotFound);
    world.removes(world.bob, conv, &[world.bob]).await.unwrap();
    assert_eq!(code(world.call(world.bob, act(conv, seq, "yes")).await), ErrorCode::NotMember);
    let values = BTreeMap::from([("x".into(), Value::Yes(true))]);
    let with = Act { values, ..act(conv, seq, "yes") };
    assert_eq!(field(world.call(world.amy, with).await), (ErrorCode::BadArg, "values".into()));
}

/// A question of each kind.
fn one_of_each() -> Vec<Input> {
    use InputKind::{Choice, Choices, Date, Long, Number, Text, Toggle};
    let mut name = Input::new(Text, "name", "Who?").required();
    name.max_len = Some(5);
    vec![
        name,
        Input::new(Long, "more", "More?"),
        Input::new(Number, "n", "How many?"),
        Input::new(Date, "day", "When?"),
        Input::new(Choice, "one", "Which?").option("a", "A").option("b", "B"),
        Input::new(Choices, "some", "Which ones?").option("a", "A").option("b", "B"),
        Input::new(Toggle, "sure", "Sure?").required(),
    ]
}

#[tokio::test]
async fn a_form_takes_what_it_asks_for() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    let seq = world.posts(conv, "1", form(one_of_each())).await.unwrap().seq;
    let text = |text: &str| Value::Text(text.into());
    let some = |chosen: &[&str]| Value::Choices(chosen.iter().map(|&it| it.into()).collect());
    let least =
        || BTreeMap::from([("name".to_owned(), text("陳")), ("sure".into(), Value::Yes(true))]);
    let sends = async |values| {
        let pressed = Act { values, ..act(conv, seq, "send") };
        world.call(world.bob, pressed).await
    };
    assert!(sends(least()).await.is_ok());
    let good = [
        ("more", text("a\nb")),
        ("n", text("-12.50")),
        ("day", text("2026-11-22")),
        ("one", text("b")),
        ("some", some(&["b", "a"])),
        ("n", text("")),
        ("name", text("五個字的名")),
    ];
    for (id, value) in good {
        let mut values = least();
        values.insert(id.into(), value);
        assert!(sends(values).await.is_ok(), "{id}");
    }
    let bad = [
        ("name", text("")),
        ("name", text("  ")),
        ("name", text("a\nb")),
        ("name", some(&["a"])),
        ("n", text("1e5")),
        ("n", Value::Yes(true)),
        ("day", text("2026-02-30")),
        ("one", text("c")),
        ("one", some(&["a"])),
        ("some", some(&["a", "c"])),
        ("some", text("a")),
        ("some", some(&["a", "a", "a"])),
        ("sure", Value::Yes(false)),
        ("sure", text("true")),
        ("more", text("a\u{7}")),
    ];
    for (id, value) in bad {
        let mut values = least();
        let what = format!("{id}: {value:?}");
        values.insert(id.into(), value);
        let refused = field(sends(values).await);
        assert_eq!(refused, (ErrorCode::BadArg, format!("values.{id}")), "{what}");
    }
    let mut long = least();
    long.insert("name".into(), text("六個字的名字"));
    assert_eq!(field(sends(long).await), (ErrorCode::TooLarge, "values.name".into()));
    let mut unknown = least();
    unknown.insert("else".into(), text("x"));
    assert_eq!(field(sends(unknown).await), (ErrorCode::BadArg, "values".into()));
    assert_eq!(world.quizzed(world.bob).await.len(), 8);
}

#[tokio::test]
async fn only_programs_send_cards_and_each_changes_its_own() {
    let world = World::new().await;
    let (program, conv) = world.program().await;
    let person = world.call(world.amy, card_message(conv, asking())).await;
    assert_eq!(code(person), ErrorCode::Forbidden);
    let seq = world.call(program, card_message(conv, asking())).await.unwrap().seq;
    let pretends = Body::Card { owner: Some("quiz".into()), card: asking().into() };
    let pretends = Send { conv, body: pretends, reply_to: None, everybody: false };
    let refused = field(world.call(program, pretends).await);
    assert_eq!(refused, (ErrorCode::BadArg, "body.owner".into()));

    let set = |seq, title| Set { conv, seq, card: Card::titled(title) };
    let rev = world.call(program, set(seq, "done")).await.unwrap().rev;
    assert_eq!(world.card_at(conv, seq).await, (Card::titled("done"), Some(rev)));
    assert_eq!(code(world.call(world.amy, set(seq, "mine")).await), ErrorCode::Forbidden);
    assert_eq!(code(world.call(world.zoe, set(seq, "mine")).await), ErrorCode::NotFound);
    let text = world.says(program, conv, "built").await.seq;
    assert_eq!(code(world.call(program, set(text, "x")).await), ErrorCode::NotFound);
    let plugins = world.posts(conv, "1", asking()).await.unwrap().seq;
    assert_eq!(code(world.call(program, set(plugins, "x")).await), ErrorCode::Forbidden);
    world.call(program, set(seq, "again")).await.unwrap();
}
