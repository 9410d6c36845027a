use carillon_plugin::{Look, Storage};
use carillon_plugins::{chat, directory};
use carillon_protocol::{Topic, session};
use carillon_store::kit::Kit;

use super::*;

/// A node's plugins, with passwords that cost nothing.
async fn kit() -> Kit {
    let cheap = directory::PasswordParams::new(8, 1, 1, None).unwrap();
    let settings = directory::Settings { password: cheap, ..directory::Settings::default() };
    Kit::new(vec![directory::plugin(settings), chat::plugin(chat::Settings::default())]).await
}

async fn convs_of(kit: &Kit, company: &Company, login: &str) -> Vec<conv::Summary> {
    let caller = Caller::on_behalf_of(company.people[login], company.org);
    let list = conv::List { after: None, limit: Some(PAGE) };
    kit.host().call_typed(caller, None, &list).await.unwrap().convs
}

#[test]
fn the_story_can_be_read_and_has_what_the_demo_promises() {
    let story = Story::read(STORY).unwrap();
    assert_eq!(story.people.len(), 14);
    assert!(story.people.iter().any(|person| person.admin && person.login == "frank"));
    let groups = story.convs.iter().filter(|conv| conv.title.is_some()).count();
    assert!(groups >= 5 && story.convs.len() - groups >= 5);
    assert!(story.moments.iter().filter(|moment| moment.said.is_some()).count() >= 120);
    assert!(story.moments.iter().any(|moment| moment.said.is_none()));
    let everybody = |login| story.moments.iter().any(|moment| moment.who == login);
    assert!(story.people.iter().all(|person| everybody(person.login)));
}

#[test]
fn a_line_that_cannot_be_read_is_named() {
    for (text, line) in [
        ("nonsense here", 1),
        ("people amy | Amy | Boss\n1 09:00 amy no conversation yet", 2),
        ("people amy | Amy | Boss\ndirect amy | zoe", 2),
        ("people amy | Amy | Boss\ndept Shops/Central | amy |", 2),
        ("people amy | A | B\npeople bob | B | B\ndirect amy | bob\n0 09:00 amy today", 4),
        ("people amy | A | B\npeople bob | B | B\ndirect amy | bob\n1 soon amy hi", 4),
    ] {
        let bad = Story::read(text).unwrap_err();
        assert_eq!(bad.line, line, "{text}: {bad}");
    }
}

#[test]
fn conversations_tell_their_lines_in_the_order_of_time() {
    let story = Story::read(STORY).unwrap();
    let mut before = vec![(i64::MIN, 0); story.convs.len()];
    let mut line_order = Vec::new();
    for moment in &story.moments {
        let at = (-moment.days_ago, moment.minute_of_day);
        assert!(before[moment.conv] <= at, "{moment:?}");
        before[moment.conv] = at;
        line_order.push(at);
    }
    assert!(line_order.is_sorted());
}

#[tokio::test]
async fn everybody_is_there_with_conversations_of_the_last_days() {
    let kit = kit().await;
    let company = seed(kit.host()).await.unwrap();
    assert_eq!(company.people.len(), 14);
    let amy = Caller::on_behalf_of(company.people["amy"], company.org);
    let tree = kit.host().call_typed(amy, None, &department::Tree {}).await.unwrap().departments;
    assert_eq!((tree.len(), tree.iter().map(|place| place.members).sum::<u64>()), (7, 14));
    assert!(tree.iter().all(|place| place.head.is_some()));
    let of_amy = convs_of(&kit, &company, "amy").await;
    assert_eq!(of_amy.len(), 9);
    assert!(of_amy.iter().any(|conv| conv.unread > 0));
    assert!(of_amy.iter().any(|conv| conv.unread == 0));
    for login in company.people.keys() {
        assert!(!convs_of(&kit, &company, login).await.is_empty(), "{login}");
    }
    let now = kit.host().now();
    for last in of_amy.into_iter().filter_map(|conv| conv.last) {
        assert!((now - 7 * DAY_MS..now).contains(&last.at), "{last:?}");
    }
}

#[tokio::test]
async fn who_is_mentioned_is_named_in_the_text_and_told() {
    let kit = kit().await;
    let company = seed(kit.host()).await.unwrap();
    let amy = Caller::on_behalf_of(company.people["amy"], company.org);
    let topic = Topic::User(amy.user);
    let window = kit.host().window(amy, &topic).await.unwrap();
    let storage = kit.host().storage();
    let own = storage.events(topic, window, Look::After(0), false, PAGE).await.unwrap();
    assert!(own.iter().filter(|event| &*event.k == msg::kind::MENTIONED).count() >= 3);
    let last: Vec<_> = convs_of(&kit, &company, "amy").await;
    let last = last.into_iter().filter_map(|conv| conv.last);
    let texts: Vec<String> = last.map(|event| event.data.as_str().to_owned()).collect();
    assert!(texts.iter().any(|text| text.contains("@陳美怡 Amy Chan")), "{texts:?}");
}

#[tokio::test]
async fn everybody_can_sign_in_with_the_password() {
    let kit = kit().await;
    let company = seed(kit.host()).await.unwrap();
    for login in company.people.keys() {
        let password = PASSWORD.to_owned();
        let login = session::Login { login: login.clone(), password, label: None };
        kit.host().call_typed(Caller::STRANGER, None, &login).await.unwrap();
    }
}

#[tokio::test]
async fn seeding_again_changes_nothing() {
    let kit = kit().await;
    let company = seed(kit.host()).await.unwrap();
    let (position, _) = kit.store().position();
    let before = convs_of(&kit, &company, "amy").await;
    assert_eq!(seed(kit.host()).await.unwrap(), company);
    assert_eq!(kit.store().position().0, position);
    assert_eq!(convs_of(&kit, &company, "amy").await, before);
}

#[tokio::test]
async fn a_seeding_that_was_interrupted_goes_on_where_it_stopped() {
    let (whole, broken) = (kit().await, kit().await);
    let company = seed(whole.host()).await.unwrap();
    let mut story = Story::read(STORY).unwrap();
    story.moments.truncate(60);
    Seeding::begin(broken.host(), &story).await.unwrap().converse(&story).await.unwrap();
    let (half, _) = broken.store().position();
    let resumed = seed(broken.host()).await.unwrap();
    assert!(half < broken.store().position().0);
    assert_eq!(broken.store().position().0, whole.store().position().0);
    for login in company.people.keys() {
        let unread = |convs: Vec<conv::Summary>| -> Vec<(String, u64, u64)> {
            convs.into_iter().map(|conv| (conv.title, conv.n, conv.unread)).collect()
        };
        let at_once = unread(convs_of(&whole, &company, login).await);
        assert_eq!(unread(convs_of(&broken, &resumed, login).await), at_once, "{login}");
    }
}
