//! Whoever does not answer one organisation delays nobody else.

use std::time::Duration;

use carillon_plugin::protocol::{
    Channel, OrgId, UserId,
    notify::{ContactKind, Mail, Outcome, Security, Send, SetContact, SetSettings, To},
    org,
};
use tokio::{net::TcpListener, time::timeout};

use crate::{
    twilio::Twilio,
    world::{World, alert, call, person, subject, twilio, ways},
};

/// More letters than are looked up at once.
const LETTERS: usize = 100;
/// On the slowest machine.
const WRITTEN_WITHIN: Duration = Duration::from_secs(60);

fn silent(port: u16) -> Mail {
    Mail {
        host: "mail.example".into(),
        port,
        security: Security::Plain,
        user: None,
        password: None,
        from: "chat@example.org".into(),
        authorities: None,
    }
}

impl World {
    async fn sends(&self, org: OrgId, channel: Channel, key: &str, user: UserId) {
        let to = vec![To { key: key.to_owned(), user }];
        let args = Send { subject: subject(), channel, alert: alert(), to };
        let asker = carillon_plugin::Caller::for_plugin(
            UserId(carillon_plugin::protocol::id::Ulid::nil()),
            org,
        );
        self.call(asker, args).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_never_answers_delays_no_other_organisation_and_no_call() {
    // It takes connections and says nothing, until it goes away.
    let mail = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = mail.local_addr().unwrap().port();
    let vendor = Twilio::open().await;
    let world = World::new(ways(&[port, vendor.port()], None)).await;
    let settings = SetSettings { mail: Some(silent(port)), ..twilio(vendor.port()) };
    world.set(settings).await.unwrap();
    world.phone(world.bob.user, "+85291234567").await;
    for i in 0..LETTERS {
        let user = person(&world.kit, world.org, &format!("p{i}"), false).await.user;
        let address = Some(format!("p{i}@example.com"));
        let args = SetContact { user: Some(user), kind: ContactKind::Email, address };
        world.call(world.amy, args).await.unwrap();
        world.sends(world.org, Channel::Email, &format!("m{i}"), user).await;
    }
    let create = org::Create { name: "Peak".into() };
    let other = call(&world.kit, carillon_plugin::Caller::SYSTEM, create).await.unwrap().org;
    let zoe = person(&world.kit, other, "zoe", true).await;
    world.call(zoe, twilio(vendor.port())).await.unwrap();
    let address = Some("+85298765432".to_owned());
    let args = SetContact { user: Some(zoe.user), kind: ContactKind::Phone, address };
    world.call(zoe, args).await.unwrap();

    let host = world.kit.host().clone();
    let step = tokio::spawn(async move { host.outbox_step("notify").await });
    // Both are asked for while all letters that may be under way at once are.
    for _ in 0..8 {
        mail.accept().await.unwrap();
    }
    world.sends(world.org, Channel::Call, "own", world.bob.user).await;
    world.sends(other, Channel::Sms, "other", zoe.user).await;
    vendor.has_taken(2).await;
    assert!(!step.is_finished(), "the letters are still waited for");
    let settled = |key: &str| world.outcomes().contains(&(key.to_owned(), Outcome::Accepted));
    let own = async {
        while !settled("own") {
            tokio::task::yield_now().await;
        }
    };
    timeout(WRITTEN_WITHIN, own).await.expect("what became of it is written down");
    step.abort();
}
