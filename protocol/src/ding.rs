//! Dings: alerts that are not over until the right person confirms them.
//!
//! A ding has recipients, each with a [`State`] of their own. A [`Policy`] is a ladder: who is
//! reached when, through what, until they confirm. The alert itself is an event in everybody's own
//! log (`u:{user}`), so it outlives every absence; the log of a ding (`x:ding:{ding}`) is what its
//! sender's board follows.

mod alert;
mod attachment;
mod board;
mod ladder;
mod rights;

pub use self::{alert::*, attachment::*, board::*, ladder::*, rights::*};
use crate::{
    event::events,
    operation::{ADMIN, Access, READ, WRITE, operations},
};

operations! {
    /// Alerts people, now or at a time; once, or again and again.
    "ding.send": Send => Sent, Once, WRITE;
    /// Who would be reached when, through what, at what cost, if nobody confirmed; sends nothing.
    "ding.simulate": Simulate => Simulated, Read, WRITE;
    /// Says that alerts have come to a device of the caller.
    "ding.received": Received => Done, State, WRITE;
    /// Says that an alert stands on a screen that the caller looks at.
    "ding.seen": Seen => Done, State, WRITE;
    /// Confirms an alert: the caller is alerted no more. Later tries change nothing.
    "ding.confirm": Confirm => Done, State, WRITE;
    /// Declines an alert, and says why: the caller is alerted no more.
    "ding.decline": Decline => Done, State, WRITE;
    /// Alerts those once more who have not answered; the sender may, every five minutes.
    "ding.remind": Remind => Reminded, Once, WRITE;
    /// Takes an alert back: it goes away everywhere; the sender may.
    "ding.recall": Recall => Done, State, WRITE;
    /// An alert, as its sender or one of its recipients sees it.
    "ding.get": Get => Ding, Read, READ;
    /// The caller's alerts, received or sent, the newest first.
    "ding.list": List => Listed, Read, READ;
    /// A page of a board: recipients, what reached them and what comes next; the sender may look.
    "ding.status": Status => Board, Read, READ;
    /// The recurring alerts of the caller.
    "ding.series.list": ListSeries => SeriesListed, Read, READ;
    /// Ends a recurring alert; what was sent stays. Whoever set it up may.
    "ding.series.end": EndSeries => Done, State, WRITE;
    /// The policies of the organisation.
    "ding.policy.list": ListPolicies => PoliciesListed, Read, READ;
    /// Makes a policy; needs `organisation`.
    "ding.policy.create": CreatePolicy => PolicyCreated, Once, ADMIN;
    /// Changes a policy; what was sent under it goes on as it was. Needs `organisation`.
    "ding.policy.update": UpdatePolicy => Done, State, ADMIN;
    /// Removes a policy; what was sent under it goes on as it was. Needs `organisation`.
    "ding.policy.remove": RemovePolicy => Done, State, ADMIN;
    /// Who may alert whom, how often, and when people are left in peace.
    "ding.settings.get": GetSettings => Settings, Read, READ;
    /// Changes that; needs `organisation`.
    "ding.settings.set": Settings => Done, State, ADMIN;
    /// The rotas, and who is on duty now.
    "ding.duty.list": ListDuties => DutiesListed, Read, READ;
    /// Makes a rota; needs `organisation`.
    "ding.duty.create": CreateDuty => DutyCreated, Once, ADMIN;
    /// Changes a rota; needs `organisation`.
    "ding.duty.update": UpdateDuty => Done, State, ADMIN;
    /// Removes a rota that no policy names; needs `organisation`.
    "ding.duty.remove": RemoveDuty => Done, State, ADMIN;
    /// Who stands in for somebody, and for whom they do.
    "ding.deputy.get": GetDeputy => DeputyFound, Read, READ;
    /// Says who stands in for the caller; who administers says it for anybody.
    "ding.deputy.set": SetDeputy => Done, State, WRITE;
    /// Lets the ladder of an alert go on.
    "ding.advance": Advance => Done, State, Access::System;
    /// Hands to those who carry it what was due, for whoever has not answered since.
    "ding.deliver": Deliver => Done, State, Access::System;
    /// Calls somebody instead of recipients who have not answered, once for all of them; or tells
    /// them that all have.
    "ding.instead": Instead => Done, State, Access::System;
    /// Confirms for those of whom somebody was told by the text or the call that they answered.
    "ding.take": Take => Done, State, Access::System;
    /// Tells the next of many recipients that an alert was taken back.
    "ding.spread": Spread => Done, State, Access::System;
    /// Takes in a file or a voice note that an alert is to carry: `POST /v1/ding/attachments`.
    "ding.attach": Attach => Attachment, State, Access::System;
    /// What an alert carries: `GET /v1/ding/attachments/{id}`.
    "ding.attachment": OpenAttachment => AttachmentOpened, Read, Access::System;
    /// Sends the next alert of a series.
    "ding.again": Again => Done, State, Access::System;
}

events! {
    /// Somebody is alerted: in their own log. The same alert comes again with every try.
    CALLED = "ding.called": CalledData;
    /// An alert is over for somebody: in their own log. Every screen takes it away.
    ENDED = "ding.ended": EndedData;
    /// People were alerted: in the log of the alert, as what follows.
    SENT = "ding.sent": SentData;
    /// A recipient came further.
    CHANGED = "ding.changed": ChangedData;
    /// People were tried through a channel, and what came of it.
    REACHED = "ding.reached": ReachedData;
    /// The sender alerted those once more who had not answered.
    REMINDED = "ding.reminded": RemindedData;
    /// The sender took the alert back.
    RECALLED = "ding.recalled": RecalledData;
    /// The policies, rotas or settings of the organisation changed: in its log.
    RULES_CHANGED = "ding.rules_changed": RulesChangedData;
}
