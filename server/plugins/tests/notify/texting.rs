//! Text messages, calls and letters.

use carillon_plugin::protocol::{
    Channel, ErrorCode,
    notify::{ContactKind, Mail, Outcome, Reach, Security, Send, SetContact, SetSettings, To, Way},
};

use crate::{
    listener::{Identity, answer},
    smtp::{Mailbox, Manners},
    twilio::Twilio,
    world::{World, alert, field, subject, ways},
};

#[tokio::test]
async fn a_text_message_and_a_call_reach_a_phone_once_under_each_key() {
    let twilio = Twilio::open().await;
    let world = World::with_twilio(twilio.port()).await;
    for channel in [Channel::Sms, Channel::Call] {
        let key = format!("d:{channel:?}");
        world.send(channel, &[(&key, world.bob.user)]).await.unwrap();
        world.send(channel, &[(&key, world.bob.user)]).await.unwrap();
        world.kit.settle().await;
        world.send(channel, &[(&key, world.bob.user)]).await.unwrap();
        world.kit.settle().await;
    }
    let taken = twilio.taken();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0].said, format!("{}\n{}", alert().title, alert().body));
    assert!(taken[1].is_call && taken[1].said.contains("確認請按一"));
    assert!(taken.iter().all(|it| it.to == "+85291234567"));
    let accepted = |key: &str| (key.to_owned(), Outcome::Accepted);
    assert_eq!(world.outcomes(), [accepted("d:Sms"), accepted("d:Call")]);
    let log = world.log().await.attempts;
    let refs: Vec<_> = log.iter().map(|it| it.reference.as_deref().unwrap()).collect();
    assert_eq!(refs.len(), 2);
    assert!(refs.contains(&"SM1") && refs.contains(&"CA2"), "{refs:?}");
}

#[tokio::test]
async fn who_cannot_be_reached_is_said_at_once_and_costs_nothing() {
    let twilio = Twilio::open().await;
    let world = World::with_twilio(twilio.port()).await;
    world.phone(world.amy.user, "+85291230000").await;
    world.send(Channel::Sms, &[("a", world.amy.user)]).await.unwrap();
    world.send(Channel::Email, &[("b", world.bob.user)]).await.unwrap();
    world.send(Channel::Push, &[("c", world.bob.user)]).await.unwrap();
    world.kit.settle().await;
    let mut outcomes = world.outcomes();
    outcomes.sort_by(|one, two| one.0.cmp(&two.0));
    assert!(outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Unreachable), "{outcomes:?}");
    assert_eq!(outcomes.len(), 3);
    assert!(twilio.taken().is_empty());
}

#[tokio::test]
async fn a_provider_that_takes_no_more_is_asked_again_and_what_is_too_late_is_not_sent() {
    let busy = |before| (before < 2).then(|| answer(429, "{}"));
    let twilio = Twilio::refusing(busy).await;
    let world = World::with_twilio(twilio.port()).await;
    world.send(Channel::Sms, &[("a", world.bob.user)]).await.unwrap();
    for _ in 0..3 {
        world.kit.settle().await;
        world.kit.clock().advance(10_000);
    }
    assert_eq!(twilio.taken().len(), 1);
    assert_eq!(world.outcomes(), [("a".to_owned(), Outcome::Accepted)]);

    world.send(Channel::Sms, &[("b", world.bob.user)]).await.unwrap();
    world.kit.clock().advance(3_601_000);
    world.kit.settle().await;
    assert_eq!(twilio.taken().len(), 1);
    assert_eq!(world.outcomes()[1], ("b".to_owned(), Outcome::Failed));
}

#[tokio::test]
async fn what_was_taken_back_before_it_began_does_not_happen() {
    let twilio = Twilio::open().await;
    let world = World::with_twilio(twilio.port()).await;
    let people = [("a", world.amy.user), ("b", world.bob.user)];
    world.phone(world.amy.user, "+85298765432").await;
    world.send(Channel::Sms, &people).await.unwrap();
    world.cancel(&[world.bob.user]).await;
    world.kit.settle().await;
    assert_eq!(twilio.taken().len(), 1);
    assert_eq!(twilio.taken()[0].to, "+85298765432");
    let cancelled = ("b".to_owned(), Outcome::Cancelled);
    assert_eq!(world.outcomes(), [cancelled, ("a".to_owned(), Outcome::Accepted)]);
    // The same key does not begin anew, and everybody else is taken back by nobody's name.
    world.send(Channel::Sms, &people).await.unwrap();
    world.send(Channel::Call, &[("c", world.bob.user)]).await.unwrap();
    world.cancel(&[]).await;
    world.kit.settle().await;
    assert_eq!(twilio.taken().len(), 1);
}

#[tokio::test]
async fn a_letter_arrives_with_its_link() {
    let identity = Identity::of(&["mail.example"]);
    let manners = Manners { wrapped: true, ..Manners::default() };
    let mailbox = Mailbox::open(manners, identity.acceptor.clone()).await;
    let world = World::new(ways(&[mailbox.port], None)).await;
    let mail = Mail {
        host: "mail.example".into(),
        port: mailbox.port,
        security: Security::Tls,
        user: None,
        password: None,
        from: "Carillon <chat@example.org>".into(),
        authorities: Some(identity.authority),
    };
    world.set(SetSettings { mail: Some(mail), ..SetSettings::default() }).await.unwrap();
    let address = Some("bob@example.com".to_owned());
    let args = SetContact { user: Some(world.bob.user), kind: ContactKind::Email, address };
    world.call(world.amy, args).await.unwrap();
    world.send(Channel::Email, &[("a", world.bob.user)]).await.unwrap();
    world.kit.settle().await;
    assert_eq!(world.outcomes(), [("a".to_owned(), Outcome::Accepted)]);
    let handed = mailbox.handed();
    assert_eq!(handed.len(), 1);
    assert!(handed[0].to.contains("bob@example.com"));

    let reached = world.call(world.asker(), Reach { users: vec![world.bob.user] }).await.unwrap();
    assert!(reached.people[0].email && !reached.people[0].phone);
    let channels: Vec<Channel> = reached.ways.iter().map(|way: &Way| way.channel).collect();
    assert_eq!(channels, [Channel::Push, Channel::Email]);
}

#[tokio::test]
async fn what_other_plugins_ask_for_wrongly_is_refused_by_name() {
    let world = World::new(ways(&[], None)).await;
    let bob = world.bob.user;
    let to = |key: &str| vec![To { key: key.to_owned(), user: bob }];
    let good = Send { subject: subject(), channel: Channel::Sms, alert: alert(), to: to("a") };
    let twice = [to("a"), to("a")].concat();
    let many = (0..251).flat_map(|i| to(&format!("k{i}"))).collect();
    let mut cases = vec![
        ("channel", Send { channel: Channel::App, ..good.clone() }),
        ("to", Send { to: Vec::new(), ..good.clone() }),
        ("to", Send { to: twice, ..good.clone() }),
        ("to", Send { to: many, ..good.clone() }),
        ("to", Send { to: to(&"k".repeat(101)), ..good.clone() }),
        ("to", Send { to: to("a\nb"), ..good.clone() }),
        ("to", Send { to: to(""), ..good.clone() }),
    ];
    for link in ["https://evil.example/", "//evil.example", "/\\evil.example", "ding", "/a\nb"] {
        let mut send = good.clone();
        send.alert.link = Some(link.into());
        cases.push(("alert.link", send));
    }
    let mut long = good.clone();
    long.alert.body = "x".repeat(2_001);
    cases.push(("alert.body", long));
    for (name, send) in cases {
        let refused = world.call(world.asker(), send).await;
        assert_eq!(field(refused), (ErrorCode::BadArg, name.to_owned()));
    }
}
