//! The log of any topic: what a client reads to fill a gap or to look back.

use carillon_plugin::{Ctx, Error, Look, Plugin, Result};
use carillon_protocol::{
    limits::{EVENTS_PER_PAGE_MAX, INT_MAX},
    log::{Page, Read},
};

/// How many events a page has if the caller does not say.
const PAGE_LEN: u32 = 50;

/// The plugin. Who may read what of a topic is declared by the plugin that the topic belongs to.
pub fn plugin() -> Plugin {
    Plugin::new("log").command(read)
}

async fn read(ctx: Ctx, args: Read) -> Result<Page> {
    let limit = args.limit.unwrap_or(PAGE_LEN);
    if !(1..=EVENTS_PER_PAGE_MAX).contains(&limit) {
        let msg = format!("a page has 1 to {EVENTS_PER_PAGE_MAX} events");
        return Err(Error::bad_arg("limit", msg));
    }
    let look = match (args.after, args.before) {
        (Some(_), Some(_)) => {
            return Err(Error::bad_arg("before", "only one of `after` and `before`"));
        }
        (None, Some(before)) => Look::Before(before.min(INT_MAX)),
        (after, None) => Look::After(after.unwrap_or(0).min(INT_MAX)),
    };
    let window = ctx.window(&args.topic).await?;
    let head = ctx.head(&args.topic).await?.head;
    // One more than is answered tells whether there is more.
    let events = ctx.events(&args.topic, &window, look, false, limit + 1).await?;
    let (events, more) = look.page(events, limit);
    let head = window.head(head);
    // Where nothing can be seen the oldest position lies just after the newest.
    let floor = window.floor().min(head + 1);
    Ok(Page { events, head, more, floor })
}
