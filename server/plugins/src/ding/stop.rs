//! What is on its way to people ends when they have answered.

use carillon_plugin::{Ctx, Result, Tx};
use carillon_protocol::{
    DingId, UserId,
    notify::{Cancel, Subject},
};

/// When it is said a second time: what was being handed over the first time is with those who
/// carry it by then.
const AGAIN_MS: i64 = 2_000;

/// What recipients are told of by the plugin `notify`.
pub(super) fn subject(ding: DingId) -> Subject {
    Subject { plugin: "ding".into(), id: ding.to_string() }
}

/// What those are told of who are called instead of a recipient.
pub(super) fn subject_instead(ding: DingId, recipient: UserId) -> Subject {
    Subject { plugin: "ding".into(), id: format!("{ding}:{recipient}") }
}

/// Which of these were reached outside of the app, or others instead of them.
pub(super) struct Stop {
    pub recipients: Vec<UserId>,
    pub replaced: Vec<UserId>,
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
                       AND channel <> 'app' AND outcome <> 'skipped'";
        let rows = ctx.query(sql, range.clone()).await?;
        let recipients = rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
        let sql = "SELECT DISTINCT instead_of FROM ding_stand_in
                   WHERE ding = $1 AND instead_of >= $2 AND instead_of <= $3";
        let rows = ctx.query(sql, range).await?;
        let replaced = rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
        Ok(Stop { recipients, replaced })
    }

    /// Takes back what has not begun, for those of them who count.
    pub(super) fn put(mut self, tx: &mut Tx, ding: DingId, counts: impl Fn(&UserId) -> bool) {
        self.recipients.retain(&counts);
        self.replaced.retain(&counts);
        // A page has two ends, so that no one of it who answers meanwhile takes its place.
        let ends = self.recipients.first().zip(self.recipients.last());
        let page = ends.map(|(first, last)| format!("stop:{ding}:{first}:{last}"));
        for (delay_ms, time) in [(0, 1), (AGAIN_MS, 2)] {
            if let Some(page) = &page {
                let (subject, users) = (subject(ding), self.recipients.clone());
                tx.after(delay_ms, &format!("{page}:{time}"), &Cancel { subject, users });
            }
            for &user in &self.replaced {
                let (subject, users) = (subject_instead(ding, user), Vec::new());
                let key = format!("stop:{ding}:{user}:others:{time}");
                tx.after(delay_ms, &key, &Cancel { subject, users });
            }
            for &user in self.recipients.iter().chain(&self.replaced).filter(|_| time == 1) {
                tx.run(
                    "UPDATE ding_attempt SET outcome = 'cancelled'
                     WHERE ding = $1 AND user_id = $2 AND outcome = 'trying'",
                    [ding.into(), user.into()],
                );
            }
        }
    }
}
