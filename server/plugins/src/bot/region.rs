//! Where an organisation is: its language, and the clock on its wall.

use carillon_plugin::{Caller, Ctx, Result};
use carillon_protocol::{OrgId, UserId, org};
use jiff::tz::TimeZone;

/// An organisation's language and time zone.
#[derive(Debug, Clone)]
pub(super) struct Region {
    pub(super) locale: String,
    /// The name of the time zone: one that is known.
    pub(super) zone: String,
    pub(super) tz: TimeZone,
}

impl Region {
    /// The region of an organisation, of which this is somebody. A time zone that nobody knows is
    /// UTC.
    pub(super) async fn of(ctx: &Ctx, (user, org): (UserId, OrgId)) -> Result<Region> {
        let asked = Caller::on_behalf_of(user, org);
        let org::Org { locale, tz: zone, .. } = ctx.call_as(asked, None, &org::Get {}).await?;
        Ok(match TimeZone::get(&zone) {
            Ok(tz) => Region { locale, zone, tz },
            Err(_) => Region { locale, zone: "UTC".to_owned(), tz: TimeZone::UTC },
        })
    }
}
