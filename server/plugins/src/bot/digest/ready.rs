//! The digests that come with the server.

use carillon_plugin::{Ctx, Result};
use carillon_protocol::{
    digest::{Section, Show, Span, Template},
    schedule::Ready,
};

use super::{permit::Permit, template::permitted};

/// All of them.
pub(super) const ALL: [Ready; 4] =
    [Ready::GroupYesterday, Ready::Dings, Ready::Rooms, Ready::Bottlenecks];

/// What one of them consists of.
pub(in crate::bot) fn template(ready: Ready) -> Template {
    use Show::{Chart, List, Number};
    let (period, parts): (Span, &[(&str, Show)]) = match ready {
        Ready::GroupYesterday => (
            Span::Yesterday,
            &[
                ("chat.messages", Number),
                ("chat.messages", Chart),
                ("chat.active", Number),
                ("chat.read_1h", Number),
                ("chat.read_24h", Number),
                ("chat.waiting", List),
            ],
        ),
        Ready::Dings => (
            Span::Last7Days,
            &[
                ("ding.sent", Number),
                ("ding.confirmed", Number),
                ("ding.median_confirm_ms", Number),
                ("ding.sent", Chart),
            ],
        ),
        Ready::Rooms => (
            Span::Last7Days,
            &[("room.meetings", Number), ("room.minutes", Number), ("room.minutes", Chart)],
        ),
        Ready::Bottlenecks => (Span::Last7Days, &[("chat.unread", List)]),
    };
    let section = |&(fact, show): &(&str, Show)| {
        let fact = fact.to_owned();
        Section { title: None, fact, period, show }
    };
    Template { intro: None, sections: parts.iter().map(section).collect() }
}

/// Refuses one that asks for what somebody may not see. What nobody offers it may ask for: then it
/// says so.
pub(in crate::bot) fn check(ctx: &Ctx, ready: Ready, permit: Permit) -> Result<()> {
    permitted(ctx, &template(ready), permit).map_err(|error| error.field("says.digest"))
}
