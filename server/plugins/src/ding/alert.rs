//! An alert as somebody sees it.

use std::collections::{BTreeMap, BTreeSet};

use carillon_plugin::{Caller, Ctx, Result};
use carillon_protocol::{
    AttachmentId, ErrorCode, Topic, UserId,
    ding::{Attachment, Ding},
};

use super::{attachment, rows::Alert};

/// Alerts with what they carry.
pub(super) struct Views(BTreeMap<AttachmentId, Attachment>);

impl Views {
    /// Of these alerts.
    pub(super) async fn of(ctx: &Ctx, alerts: impl Iterator<Item = &Alert>) -> Result<Views> {
        let ids: BTreeSet<AttachmentId> = alerts.filter_map(|alert| alert.attachment).collect();
        Ok(Views(match ids.is_empty() {
            true => BTreeMap::new(),
            false => attachment::load(ctx, &ids).await?,
        }))
    }

    /// An alert, for this person: the message that it was made from only if they may read it.
    pub(super) async fn seen_by(&self, ctx: &Ctx, alert: &Alert, user: UserId) -> Result<Ding> {
        let about = match alert.about {
            Some(about) => {
                let reader = Caller::on_behalf_of(user, alert.org);
                let window = ctx.host().window(reader, &Topic::Conv(about.conv)).await;
                match window {
                    Ok(window) => window.sees(about.seq).then_some(about),
                    Err(error) if is_refused(error.code()) => None,
                    Err(error) => return Err(error),
                }
            }
            None => None,
        };
        Ok(Ding {
            ding: alert.ding,
            by: alert.by,
            text: alert.text.clone(),
            about,
            attachment: alert.attachment.and_then(|id| self.0.get(&id).cloned()),
            at: alert.begins_at,
            confirm_by: alert.confirm_by,
            reply_required: alert.reply_required,
            recalled_at: alert.recalled_at,
            series: alert.series.filter(|_| user == alert.by),
            mine: None,
            sent: None,
        })
    }
}

fn is_refused(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::NotFound | ErrorCode::NotMember | ErrorCode::Forbidden)
}
