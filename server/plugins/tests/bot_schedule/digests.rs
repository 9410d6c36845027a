//! What digests say, and to whom.

use carillon_plugin::{
    Caller,
    protocol::{
        ErrorCode, bot,
        conv::{self, History},
        digest::{self, Show},
        msg::Body,
        org,
        schedule::{self, Ready, Says, Stopped},
    },
};

use super::{DAY_MS, HOUR_MS, MINUTE_MS, World, code, get, moment, person, system, template};

#[tokio::test]
async fn a_digest_says_what_happened_yesterday_and_who_waits() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    // Noon of the 22nd.
    let noon = moment("2026-09-22T12:00:00+08:00");
    world.at(noon).await;
    world.say(world.amy, "hello", Vec::new()).await;
    let asked = world.say(world.amy, "when, @Bob?", vec![world.bob.user]).await;
    world.at(noon + 30 * MINUTE_MS).await;
    let read = conv::Read { conv: world.conv, seq: asked - 1, from: None };
    world.call(world.bob, &read).await.unwrap();
    world.at(moment("2026-09-23T09:00:00+08:00")).await;
    let ready = Says::Digest { digest: Ready::GroupYesterday };
    let text = world.preview(world.amy, ready).await.unwrap();
    for line in [
        "**Messages** (yesterday): 2 (before: 0)",
        "**Active people** (yesterday): 1 (before: 0)",
        "**Read within 1 hour** (yesterday): 50 %",
        // Of yesterday it is not known in the morning: those messages have not had their day.
        "**Read within 24 hours** (2026-09-21): none",
        "- Amy → Bob: 21 h",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    assert!(text.contains("![12 2](/v1/bot/pictures/"), "{text}");
    // An answer is an answer.
    world.say(world.bob, "at three", Vec::new()).await;
    let waiting = template("chat.waiting", Show::List);
    let text = world.preview(world.amy, waiting).await.unwrap();
    assert!(text.contains("(yesterday): none"), "{text}");
    // A day later the messages have had theirs.
    world.at(moment("2026-09-24T09:00:00+08:00")).await;
    let day = template("chat.read_24h", Show::Number);
    let text = world.preview(world.amy, day).await.unwrap();
    assert!(text.contains("**Read within 24 hours** (2026-09-22): 50 %"), "{text}");
}

#[tokio::test]
async fn a_picture_is_for_the_members_and_that_of_a_preview_for_whoever_asked() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    world.at(moment("2026-09-22T12:00:00+08:00")).await;
    world.say(world.amy, "hello", Vec::new()).await;
    world.at(moment("2026-09-23T08:00:00+08:00")).await;
    let chart = || template("chat.messages", Show::Chart);
    let picture = |text: &str| {
        let (_, rest) = text.split_once("/v1/bot/pictures/").unwrap();
        digest::GetPicture { picture: rest.trim_end_matches(')').parse().unwrap() }
    };
    let shown = picture(&world.preview(world.amy, chart()).await.unwrap());
    world.call(world.amy, &shown).await.unwrap();
    assert_eq!(code(world.call(world.bob, &shown).await), ErrorCode::NotFound);
    let put = schedule::Put { says: chart(), ..world.put("0 9 * * *") };
    world.call(world.amy, &put).await.unwrap();
    world.at(moment("2026-09-23T09:00:00+08:00")).await;
    let posts = world.posts().await;
    let Body::Markdown { text, .. } = &posts[0].1 else { panic!("{posts:?}") };
    let posted = picture(text);
    let png = world.call(world.bob, &posted).await.unwrap().png;
    assert!(png.starts_with("iVBORw0KGgo"), "a PNG file");
    let other = system(&world.kit, &org::Create { name: "Pier".into() }).await.org;
    let zoe = person(&world.kit, other, "zoe", "Zoe").await;
    let carl = person(&world.kit, world.org, "carl", "Carl").await;
    for stranger in [zoe, carl] {
        assert_eq!(code(world.call(stranger, &posted).await), ErrorCode::NotFound);
    }
    // A preview is gone after an hour, what was posted stays.
    world.kit.clock().advance(2 * HOUR_MS);
    assert_eq!(code(world.call(world.amy, &shown).await), ErrorCode::NotFound);
    world.call(world.amy, &posted).await.unwrap();
}

#[tokio::test]
async fn facts_of_the_organisation_are_for_those_who_administer_it() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    let group = conv::Create { title: "Own".into(), members: vec![], history: History::All };
    let conv = world.call(world.bob, &group).await.unwrap().conv;
    let create = bot::Create { conv, name: "Mine".into(), rules: None };
    let robot = world.call(world.bob, &create).await.unwrap().robot;
    for says in [template("chat.unread", Show::List), Says::Digest { digest: Ready::Bottlenecks }] {
        let put = schedule::Put { robot, says: says.clone(), ..world.put("0 9 * * *") };
        assert_eq!(code(world.call(world.bob, &put).await), ErrorCode::Forbidden);
        let preview = digest::Preview { robot, title: "x".into(), says };
        assert_eq!(code(world.call(world.bob, &preview).await), ErrorCode::Forbidden);
    }
    let listed = world.call(world.bob, &digest::List { robot }).await.unwrap();
    let allowed = |ready| listed.ready.iter().find(|it| it.digest == ready).unwrap().allowed;
    assert!(allowed(Ready::GroupYesterday) && !allowed(Ready::Bottlenecks));
    assert!(listed.facts.iter().all(|fact| fact.fact != "chat.unread"));
    assert!(listed.facts.iter().any(|fact| fact.fact == "chat.messages"));
}

#[tokio::test]
async fn whoever_left_the_group_is_asked_for_no_more_and_the_schedule_says_so() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    let says = Says::Digest { digest: Ready::GroupYesterday };
    let put = schedule::Put { says, ..world.put("0 9 * * *") };
    let next = world.call(world.amy, &put).await.unwrap().next;
    let leave = conv::RemoveMembers { conv: world.conv, users: vec![world.amy.user] };
    world.call(world.amy, &leave).await.unwrap();
    for due in &next {
        world.at(*due).await;
    }
    let posts = world.posts().await;
    let [(at, Body::Markdown { text, .. })] = &posts[..] else { panic!("{posts:?}") };
    assert_eq!(*at, next[0]);
    assert!(text.contains("has stopped"), "{text}");
    let stopped = world.call(world.bob, &get(&world)).await.unwrap();
    assert_eq!((stopped.places[0].stopped, &stopped.next[..]), (Some(Stopped::Denied), &[][..]));
    // Who owns the group now puts it again, and it goes on.
    let says = Says::Digest { digest: Ready::GroupYesterday };
    let put = schedule::Put { says, ..world.put("0 9 * * *") };
    let next = world.call(world.bob, &put).await.unwrap().next[0];
    world.at(next).await;
    assert_eq!(world.posts().await.len(), 2);
}

#[tokio::test]
async fn a_fact_that_nobody_offers_is_said_to_be_missing_and_hostile_names_stay_text() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    let admin = Caller::for_plugin(world.amy.user, world.org).from_network(None);
    let dings = Says::Digest { digest: Ready::Dings };
    let put = schedule::Put { says: dings, ..world.put("0 9 * * *") };
    let due = world.call(world.amy, &put).await.unwrap().next[0];
    world.at(due).await;
    let posts = world.posts().await;
    let Body::Markdown { text, .. } = &posts[0].1 else { panic!("{posts:?}") };
    assert!(text.contains("**DINGs sent** (last 7 days): not available on this server"), "{text}");

    let hostile = "[x](http://evil.example) ![y](z) <b>@Amy</b> **b** `c` http://evil.example";
    let name = Some(hostile.to_owned());
    let rename = org::UpdateMember { user: Some(world.bob.user), name, ..Default::default() };
    world.call(admin, &rename).await.unwrap();
    world.say(world.bob, "@Amy?", vec![world.amy.user]).await;
    world.at(world.now() + DAY_MS).await;
    let text = world.preview(world.amy, template("chat.waiting", Show::List)).await.unwrap();
    let (_, label) = text.split_once("- ").unwrap();
    let bare = label
        .chars()
        .zip(label.chars().skip(1))
        .filter(|(before, c)| "[](<>!*`".contains(*c) && *before != '\\');
    assert_eq!(bare.count(), 0, "{text}");
    assert!(!text.contains("http://"), "{text}");
}
