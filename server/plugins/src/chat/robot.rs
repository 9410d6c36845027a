//! Messages of robots, which are nobody's members: they read nothing, so they must not count among
//! those who have read, and never inherit a group.

use carillon_plugin::{Ctx, Decision, Error, Result};
use carillon_protocol::{
    limits::MENTIONS_MAX,
    msg::{Body, Post, Sent, SentData},
};

use super::{
    Chat, msg,
    roster::{Person, Roster},
    rules,
};

/// `msg.post`.
pub(super) async fn post(ctx: Ctx, args: Post) -> Result<Decision<Sent>> {
    let conv = ctx.state::<Chat>().conversation(&ctx, args.conv).await?;
    if conv.org != ctx.caller().org {
        return Err(Error::not_found("conversation"));
    }
    let mut body = args.body;
    let mentioned = {
        let roster = conv.read();
        rules::may_write((&conv, &roster))?;
        mention(&roster, &mut body, args.everybody);
        rules::mentioned(&roster, &body)?
    };
    let data = SentData { body, reply_to: None, everybody: false, rev: None };
    Ok(msg::append(&ctx, &conv, &data, mentioned)?.into())
}

/// Mentions everybody if that can be done, and nobody who is not there: a robot cannot know.
fn mention(roster: &Roster, body: &mut Body, everybody: bool) {
    let (Body::Text { mentions, .. } | Body::Markdown { mentions, .. }) = body else { return };
    if everybody && roster.active <= MENTIONS_MAX {
        *mentions = roster.present().map(|person| person.user).collect();
    }
    mentions.retain(|user| roster.person(*user).is_some_and(Person::is_active));
}
