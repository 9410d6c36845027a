//! Everybody in a conversation, for who is to alert them all: in the name of a member.

use carillon_plugin::{Ctx, Error, Result};
use carillon_protocol::{
    conv::{Audience, AudienceFound},
    receipt::State,
};

use super::{Chat, limits, receipt, rules, who};

/// `conv.audience`: thousands of people in one call, from memory.
pub(super) async fn audience(ctx: Ctx, args: Audience) -> Result<AudienceFound> {
    let conv = ctx.state::<Chat>().conversation(&ctx, args.conv).await?;
    rules::member((&conv, &conv.read()), who(&ctx))?;
    let limit = limits::of(&ctx, conv.org).await?;
    let window = {
        let roster = conv.read();
        let caller = rules::member((&conv, &roster), who(&ctx))?;
        // Who has not read a message written a moment ago is everybody, too.
        if !rules::may_call((&conv, &roster), caller, roster.rules.and(limit).ding_all) {
            let msg = "only the owner alerts everybody in this group; choose people by name";
            return Err(Error::denied(msg));
        }
        caller.window(conv.history)
    };
    let Some(seq) = args.unread else {
        let users = conv.read().present().map(|person| person.user).collect();
        return Ok(AudienceFound { users });
    };
    let message = receipt::visible(&ctx, &conv, &window, seq).await?;
    let unread = receipt::half(&conv, &conv.read(), message, State::Unread);
    Ok(AudienceFound { users: unread.into_iter().map(|(user, _)| user).collect() })
}
