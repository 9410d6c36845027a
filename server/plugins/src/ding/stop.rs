//! What is on its way to people ends when they have answered.

use std::collections::BTreeSet;

use carillon_plugin::{Ctx, Result, Tx};
use carillon_protocol::{
    DingId, UserId,
    notify::{Cancel, Subject},
};

use super::instead;

/// When it is said a second time: what was being handed over the first time is with those who
/// carry it by then.
const AGAIN_MS: i64 = 2_000;

/// What recipients are told of by the plugin `notify`.
pub(super) fn subject(ding: DingId) -> Subject {
    Subject { plugin: "ding".into(), id: ding.to_string() }
}

/// What those are told of who are called instead of recipients.
pub(super) fn subject_instead(ding: DingId, user: UserId) -> Subject {
    Subject { plugin: "ding".into(), id: format!("{ding}:{user}") }
}

/// What was tried outside of the app, and who was called instead.
pub(super) struct Stop {
    /// Recipients who were reached.
    pub recipients: Vec<UserId>,
    /// Who was called, and instead of whom.
    pub others: Vec<(UserId, UserId)>,
}

impl Stop {
    /// Among the recipients from one to another, by their ids.
    pub(super) async fn between(
        ctx: &Ctx,
        ding: DingId,
        (first, last): (UserId, UserId),
    ) -> Result<Stop> {
        let range = [ding.into(), first.into(), last.into()];
        let sql = "SELECT DISTINCT user_id FROM ding_attempt
                   WHERE ding = $1 AND user_id >= $2 AND user_id <= $3 AND reached = user_id
                       AND channel <> 'app' AND outcome <> 'skipped' ORDER BY user_id";
        let rows = ctx.query(sql, range.clone()).await?;
        let recipients = rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
        let sql = "SELECT user_id, instead_of FROM ding_stand_in
                   WHERE ding = $1 AND instead_of >= $2 AND instead_of <= $3 ORDER BY instead_of";
        let rows = ctx.query(sql, range).await?;
        let others = rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?)));
        Ok(Stop { recipients, others: others.collect::<Result<_>>()? })
    }

    /// Takes back what has not begun, for those of them who count.
    pub(super) fn put(mut self, tx: &mut Tx, ding: DingId, counts: impl Fn(&UserId) -> bool) {
        self.recipients.retain(&counts);
        self.others.retain(|(_, recipient)| counts(recipient));
        // A page has two ends, so that no one of it who answers meanwhile takes its place.
        let ends = self.recipients.first().zip(self.recipients.last());
        let page = ends.map(|(first, last)| format!("stop:{ding}:{first}:{last}"));
        for (delay_ms, time) in [(0, 1), (AGAIN_MS, 2)].into_iter().filter(|_| page.is_some()) {
            let (subject, users) = (subject(ding), self.recipients.clone());
            let key = format!("{}:{time}", page.as_deref().unwrap_or_default());
            tx.after(delay_ms, &key, &Cancel { subject, users });
        }
        // They have been called for others, too: that is asked when it is time.
        for user in self.others.iter().map(|it| it.0).collect::<BTreeSet<_>>() {
            instead::owe(tx, ding, user, true);
        }
        let ended = self.recipients.iter().chain(self.others.iter().map(|it| &it.1));
        let ended = ended.copied().collect::<BTreeSet<UserId>>();
        tx.run_rows(
            "UPDATE ding_attempt SET outcome = 'cancelled'
             WHERE outcome = 'trying' AND (ding, user_id) IN (VALUES {rows})",
            ended.into_iter().map(|user| vec![ding.into(), user.into()]).collect(),
        );
    }
}
