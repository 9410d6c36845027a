//! What digests say of what they lack.

use carillon_plugin::{
    Error, Plugin,
    protocol::{
        digest::{Section, Show, Span, Template},
        fact::Fact,
        msg::Body,
        schedule::{self, Missing, Says, Why},
    },
};

use super::{World, get, moment};

/// Facts that are not found out.
pub(super) fn plugin() -> Plugin {
    Plugin::new("lacking")
        .fact_of_conversation("lacking.slow", "Never known.", |_, _| std::future::pending())
        .fact_of_conversation("lacking.broken", "Never known either.", |_, _| async {
            Err::<Fact, _>(Error::internal(std::io::Error::other("broken")))
        })
        .fact_of_conversation("lacking.empty", "Nothing ever.", |_, _| async {
            Ok(Fact::Number { value: 0.0, unit: "messages".into() })
        })
}

fn of(parts: &[(&str, Show)]) -> Says {
    let section = |&(fact, show): &(&str, Show)| {
        let (title, fact, period) = (None, fact.into(), Span::Yesterday);
        Section { title, fact, period, show }
    };
    let (intro, sections) = (None, parts.iter().map(section).collect());
    Says::Template { template: Template { intro, sections } }
}

#[tokio::test]
async fn a_digest_says_which_part_is_missing_and_the_schedule_says_why() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    world.at(moment("2026-09-22T12:00:00+08:00")).await;
    let says = of(&[
        ("lacking.slow", Show::Number),
        ("chat.messages", Show::Number),
        ("lacking.broken", Show::Chart),
    ]);
    let put = schedule::Put { says, ..world.put("0 9 * * *") };
    let due = world.call(world.amy, &put).await.unwrap().next[0];
    world.at(due).await;
    let posts = world.posts().await;
    let [(_, Body::Markdown { text, .. })] = &posts[..] else { panic!("{posts:?}") };
    for line in [
        "**lacking\\.slow** (yesterday): missing this time: finding it out took too long",
        "**Messages** (yesterday): 0",
        "**lacking\\.broken** (yesterday): missing this time: it could not be found out",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    let planned = world.call(world.amy, &get(&world)).await.unwrap();
    let missing = |fact: &str, why| Missing { fact: fact.into(), why };
    let lacks = [missing("lacking.slow", Why::Slow), missing("lacking.broken", Why::Failed)];
    assert_eq!(planned.places[0].missing, lacks);
}

#[tokio::test]
async fn a_chart_without_anything_in_it_is_a_word_and_no_picture() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    let says = of(&[("lacking.empty", Show::Chart)]);
    let text = world.preview(world.amy, says).await.unwrap();
    assert_eq!(text, "**lacking\\.empty** (yesterday): none");
}

#[tokio::test]
async fn a_digest_begins_with_what_its_author_wrote() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    let with = |intro: &str| {
        let Says::Template { template } = of(&[("lacking.empty", Show::Number)]) else {
            unreachable!()
        };
        Says::Template { template: Template { intro: Some(intro.into()), ..template } }
    };
    let text = world.preview(world.amy, with("Good **morning**")).await.unwrap();
    assert!(text.starts_with("Good **morning**\n\n**lacking\\.empty**"), "{text}");
    for bad in [" ".to_owned(), "x".repeat(4_097)] {
        let error = world.preview(world.amy, with(&bad)).await.unwrap_err();
        assert_eq!(error.body().field.as_deref(), Some("says.template.intro"), "{error}");
    }
}
