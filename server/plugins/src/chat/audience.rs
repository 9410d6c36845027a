//! Everybody in a conversation, for who is to alert them all: in the name of a member.

use carillon_plugin::{Ctx, Result};
use carillon_protocol::{
    conv::{Audience, AudienceFound},
    receipt::State,
};

use super::{Chat, receipt, rules, who};

/// `conv.audience`: thousands of people in one call, from memory.
pub(super) async fn audience(ctx: Ctx, args: Audience) -> Result<AudienceFound> {
    let conv = ctx.state::<Chat>().conversation(&ctx, args.conv).await?;
    let window = {
        let roster = conv.read();
        rules::member((&conv, &roster), who(&ctx))?.window(conv.history)
    };
    let Some(seq) = args.unread else {
        let users = conv.read().present().map(|person| person.user).collect();
        return Ok(AudienceFound { users });
    };
    let message = receipt::visible(&ctx, &conv, &window, seq).await?;
    let unread = receipt::half(&conv, &conv.read(), message, State::Unread);
    Ok(AudienceFound { users: unread.into_iter().map(|(user, _)| user).collect() })
}
