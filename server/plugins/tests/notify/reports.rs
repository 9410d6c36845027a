//! What providers report.

use carillon_plugin::{
    Caller,
    protocol::{
        Channel,
        notify::{Answer, Outcome},
    },
};

use crate::{
    twilio::{Twilio, report, reports},
    world::{TOKEN, World},
};

async fn sent(channel: Channel) -> (Twilio, World, String) {
    let twilio = Twilio::open().await;
    let world = World::with_twilio(twilio.port()).await;
    world.send(channel, &[("a", world.bob.user)]).await.unwrap();
    world.kit.settle().await;
    let url = twilio.taken()[0].report.clone();
    (twilio, world, url)
}

#[tokio::test]
async fn what_arrived_and_what_did_not_is_told_once() {
    let (_twilio, world, url) = sent(Channel::Sms).await;
    for status in ["queued", "sent", "delivered", "delivered", "failed"] {
        let form = [("MessageSid", "SM1"), ("MessageStatus", status), ("To", "+85291234567")];
        assert_eq!(reports(&world, &url, &form).await.status, 200);
    }
    let a = |outcome| ("a".to_owned(), outcome);
    assert_eq!(world.outcomes(), [a(Outcome::Accepted), a(Outcome::Delivered)]);

    let (_twilio, world, url) = sent(Channel::Call).await;
    let form = [("CallSid", "CA1"), ("CallStatus", "no-answer"), ("To", "+85291234567")];
    reports(&world, &url, &form).await;
    let told = world.told();
    assert_eq!(told[1], ("a".to_owned(), Outcome::Failed, Some("no-answer".to_owned())));
}

#[tokio::test]
async fn a_key_of_the_phone_and_a_reply_are_answers() {
    let (_twilio, world, url) = sent(Channel::Call).await;
    let form = [("CallSid", "CA1"), ("Digits", "1"), ("To", "+85291234567")];
    for _ in 0..2 {
        let heard = reports(&world, &url, &form).await;
        assert!(heard.body.contains("<Response>"), "{heard:?}");
    }
    let answers = world.answers();
    assert_eq!(answers.len(), 1);
    assert_eq!((answers[0].key.as_str(), answers[0].answer), ("a", Some(Answer::Confirm)));
    assert_eq!(answers[0].user, world.bob.user);

    let (_twilio, world, url) = sent(Channel::Sms).await;
    let inbound = url.split('?').next().unwrap();
    for (sid, text) in [("SM8", "來不了"), ("SM9", "what is this about?")] {
        let form = [("MessageSid", sid), ("From", "+85291234567"), ("Body", text)];
        reports(&world, inbound, &form).await;
    }
    let answers = world.answers();
    assert_eq!(answers[0].answer, Some(Answer::Decline));
    assert_eq!(answers[1].answer, None);
    assert_eq!(answers[1].text.as_deref(), Some("what is this about?"));
    // Whoever was not asked has nothing to answer.
    let form = [("MessageSid", "SM7"), ("From", "+85290000001"), ("Body", "1")];
    assert_eq!(reports(&world, inbound, &form).await.status, 200);
    assert_eq!(world.answers().len(), 2);
}

#[tokio::test]
async fn what_is_forged_is_refused_and_changes_nothing() {
    let (_twilio, world, url) = sent(Channel::Sms).await;
    let form = [("MessageSid", "SM1"), ("MessageStatus", "failed"), ("To", "+85291234567")];
    let good = report(&url, TOKEN, &form);
    let mut cases = vec![report(&url, "another token that is as long", &form)];
    for change in 0..4 {
        let mut forged = good.clone();
        match change {
            0 => forged.secret = "0".repeat(32),
            1 => forged.provider = "vonage".to_owned(),
            2 => forged.headers.clear(),
            _ => forged.body = report(&url, TOKEN, &[("MessageStatus", "delivered")]).body,
        }
        cases.push(forged);
    }
    for forged in cases {
        let heard = world.call(Caller::SYSTEM, forged).await.unwrap();
        assert_eq!((heard.status, heard.forged.is_some()), (403, true));
    }
    assert_eq!(world.outcomes().len(), 1);
    assert_eq!(world.call(Caller::SYSTEM, good).await.unwrap().status, 200);
    assert_eq!(world.outcomes().len(), 2);
}
