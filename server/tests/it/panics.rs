//! A plugin that panics fails its own call, and nothing else.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use carillon_plugin::{Caller, Committed, Ctx, Decision, Error, LiveChange, Plugin, Result};
use carillon_protocol::{ConvId, ErrorCode, Event, Json, OrgId, Topic, UserId, msg};
use carillon_store::kit::Kit;

use crate::kit::{cid, new_id, text_message};

/// Says two things where nothing was said yet.
async fn speak(ctx: Ctx, args: msg::Send) -> Result<Decision<msg::Sent>> {
    let topic = Topic::Conv(args.conv);
    if ctx.head(&topic).await?.head > 0 {
        return Err(Error::conflict("somebody spoke already"));
    }
    let mut tx = ctx.tx();
    tx.emit_counted(topic.clone(), msg::kind::SENT, &Json::default());
    tx.emit_counted(topic, msg::kind::SENT, &Json::default());
    Ok(tx.into())
}

fn spoken(done: &Committed) -> Result<msg::Sent> {
    let Event { seq, id, at, .. } = done.events[0];
    Ok(msg::Sent { seq, id, at, dup: done.dup })
}

fn clumsy(_: &Committed) -> Result<msg::Sent> {
    panic!("this reply is clumsy")
}

/// Over the first event of a conversation.
fn stumble(event: &Event) -> Option<LiveChange> {
    assert!(event.seq > 1, "this rule is clumsy");
    Some(LiveChange::Leave(Vec::new()))
}

fn somebody() -> Caller {
    Caller::on_behalf_of(UserId(new_id()), OrgId(new_id()))
}

#[tokio::test]
async fn a_reply_that_panics_is_an_answer_also_to_a_retry() {
    let plugin = Plugin::new("clumsy").nouns(&["msg"]).once(speak, clumsy);
    let kit = Kit::new(vec![plugin]).await;
    let (caller, intent) = (somebody(), Some(cid()));
    let message = text_message(ConvId(new_id()), "hello");
    // The second time the handler refuses, and the reply is asked about the first time.
    for _ in 0..2 {
        let error = kit.host().call_typed(caller, intent, &message).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unavailable);
    }
    assert_eq!(kit.committed().len(), 2);
}

#[tokio::test]
async fn an_observer_that_panics_keeps_no_event_from_anybody_else() {
    let seen = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&seen);
    let first = Plugin::new("clumsy")
        .observe(|event| assert!(event.seq > 1, "this observer is clumsy"))
        .live(stumble);
    let second = Plugin::new("attentive").nouns(&["msg"]).once(speak, spoken).observe(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let kit = Kit::new(vec![first, second]).await;
    let message = text_message(ConvId(new_id()), "hello");
    kit.host().call_typed(somebody(), Some(cid()), &message).await.unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), 2);
    let means: Vec<_> =
        kit.committed().into_iter().map(|(event, means)| (event.seq, means)).collect();
    assert_eq!(means, [(1, vec![]), (2, vec![LiveChange::Leave(Vec::new())])]);
}
