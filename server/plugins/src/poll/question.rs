//! A poll as it is kept, and its votes.

use carillon_plugin::{Ctx, Error, Result, Value};
use carillon_protocol::{
    Cid, ConvId, OrgId, PollId, UserId, id::Ulid, limits::POLL_OPTIONS_MAX, poll::Refresh,
};

use super::{check_member, refreshing, unseen};

/// Whom a vote's own transaction is by: nobody, or the changing card would name them.
const NOBODY: UserId = UserId(Ulid::nil());
/// So many intents of a voter are kept, the last ones: a connection has as many calls on their way,
/// so whoever asks again finds the answer.
const INTENTS_MAX: usize = 16;
/// How long they are, with spaces between them.
const INTENTS_LEN: usize = 27 * INTENTS_MAX - 1;
/// What is said of a choice that there is not.
pub(super) const NO_OPTION: &str = "vote for an option of the poll";

/// A poll, as it was opened and closed.
pub(super) struct Question {
    pub(super) poll: PollId,
    pub(super) org: OrgId,
    pub(super) conv: ConvId,
    pub(super) by: UserId,
    pub(super) question: String,
    pub(super) options: Vec<String>,
    pub(super) multiple: bool,
    pub(super) anonymous: bool,
    pub(super) locale: String,
    pub(super) tz: String,
    pub(super) closes_at: i64,
    pub(super) closed_at: Option<i64>,
    /// How often somebody has voted or closed it.
    pub(super) rev: u64,
}

/// A poll of the caller's organisation.
pub(super) async fn load(ctx: &Ctx, poll: PollId) -> Result<Question> {
    let sql = "SELECT conv, user_id, question, options, multiple, anonymous, locale, tz,
                   closes_at, closed_at, rev
               FROM poll_question WHERE id = $1 AND org = $2";
    let org = ctx.caller().org;
    let row = ctx.query_one(sql, [poll.into(), org.into()]).await?;
    let row = row.ok_or_else(|| Error::not_found("poll"))?;
    let options: String = row.get(3)?;
    Ok(Question {
        poll,
        org,
        conv: row.get(0)?,
        by: row.get(1)?,
        question: row.get(2)?,
        options: serde_json::from_str(&options).map_err(Error::internal)?,
        multiple: row.get(4)?,
        anonymous: row.get(5)?,
        locale: row.get(6)?,
        tz: row.get(7)?,
        closes_at: row.get(8)?,
        closed_at: row.get(9)?,
        rev: row.get(10)?,
    })
}

impl Question {
    /// Its row, as it is opened.
    pub(super) fn row(&self) -> Result<[Value; 11]> {
        let options = serde_json::to_string(&self.options).map_err(Error::internal)?;
        Ok([
            self.poll.into(),
            self.org.into(),
            self.conv.into(),
            self.by.into(),
            self.question.as_str().into(),
            options.into(),
            self.multiple.into(),
            self.anonymous.into(),
            self.locale.as_str().into(),
            self.tz.as_str().into(),
            self.closes_at.into(),
        ])
    }

    /// Counts the caller's vote; answers whether an earlier try had done it.
    pub(super) async fn cast(&self, ctx: &Ctx, field: &str, choices: &[u32]) -> Result<bool> {
        let choices = self.bits(field, choices)?;
        let before = own_vote(ctx, self.poll).await?;
        if before.as_ref().zip(ctx.cid()).is_some_and(|(vote, cid)| vote.is_by(cid)) {
            return Ok(true);
        }
        check_member(ctx, self.conv).await.map_err(unseen)?;
        if self.closed_at.is_some() || ctx.now() >= self.closes_at {
            return Err(Error::conflict("this poll is closed; look at how it ended"));
        }
        if self.anonymous && before.is_some() {
            return Err(Error::conflict("you have voted; in a secret poll a vote is final"));
        }
        let (poll, user) = (self.poll, ctx.caller().user);
        let mut tx = ctx.tx().on_behalf_of(NOBODY, self.org);
        tx.run_one(
            "UPDATE poll_question SET rev = rev + 1 WHERE id = $1 AND closed_at IS NULL",
            [poll.into()],
        );
        let kept = (!self.anonymous).then_some(choices);
        let sql = "INSERT INTO poll_vote (poll, user_id, intent, choices) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (poll, user_id) DO ";
        let again = match self.anonymous {
            true => "NOTHING".to_owned(),
            false => format!(
                "UPDATE SET choices = excluded.choices,
                     intent = substr(excluded.intent || ' ' || poll_vote.intent, 1, {INTENTS_LEN})"
            ),
        };
        let row = [poll.into(), user.into(), ctx.cid().into(), kept.into()];
        tx.run_one(sql.to_owned() + &again, row);
        for choice in places(choices).into_iter().filter(|_| self.anonymous) {
            tx.run_one(
                "UPDATE poll_tally SET votes = votes + 1 WHERE poll = $1 AND choice = $2",
                [poll.into(), choice.into()],
            );
        }
        // Votes that come before the card has changed are shown together.
        tx.after(0, &refreshing(poll), &Refresh { poll });
        ctx.commit(tx).await?;
        Ok(false)
    }

    /// What is voted for, a bit an option.
    fn bits(&self, field: &str, choices: &[u32]) -> Result<i64> {
        if choices.iter().any(|&choice| choice as usize >= self.options.len()) {
            return Err(Error::bad_arg(field, NO_OPTION));
        }
        let bits = choices.iter().fold(0, |bits, choice| bits | (1_i64 << choice));
        match bits.count_ones() {
            0 => Err(Error::bad_arg(field, NO_OPTION)),
            2.. if !self.multiple => Err(Error::bad_arg(field, "vote for one option only")),
            _ => Ok(bits),
        }
    }

    /// How many people have voted, and the votes of each option.
    pub(super) async fn counts(&self, ctx: &Ctx) -> Result<(u64, Vec<u64>)> {
        let sql = "SELECT choices, COUNT(*) FROM poll_vote WHERE poll = $1 GROUP BY choices";
        let (mut voters, mut counts) = (0, vec![0; self.options.len()]);
        for row in ctx.query(sql, [self.poll.into()]).await? {
            let (choices, people): (Option<i64>, u64) = (row.get(0)?, row.get(1)?);
            voters += people;
            for choice in places(choices.unwrap_or(0)) {
                add(&mut counts, choice as usize, people);
            }
        }
        if self.anonymous {
            let sql = "SELECT choice, votes FROM poll_tally WHERE poll = $1";
            for row in ctx.query(sql, [self.poll.into()]).await? {
                add(&mut counts, row.get::<u64>(0)? as usize, row.get(1)?);
            }
        }
        Ok((voters, counts))
    }

    /// Whether people may know how the votes stand.
    pub(super) fn shows_counts(&self) -> bool {
        !self.anonymous || self.closed_at.is_some()
    }
}

/// Somebody's vote.
pub(super) struct OwnVote {
    /// The intents that it was given under, the last one first.
    intents: String,
    /// What it is for, a bit an option, if that is kept.
    pub(super) choices: Option<i64>,
}

impl OwnVote {
    /// Whether this intent voted, also if another one has since.
    pub(super) fn is_by(&self, cid: Cid) -> bool {
        self.intents.split(' ').any(|intent| intent == cid.to_string())
    }
}

/// The caller's vote.
pub(super) async fn own_vote(ctx: &Ctx, poll: PollId) -> Result<Option<OwnVote>> {
    let sql = "SELECT intent, choices FROM poll_vote WHERE poll = $1 AND user_id = $2";
    let row = ctx.query_one(sql, [poll.into(), ctx.caller().user.into()]).await?;
    row.map(|row| Ok(OwnVote { intents: row.get(0)?, choices: row.get(1)? })).transpose()
}

/// The places of the bits.
pub(super) fn places(bits: i64) -> Vec<u32> {
    (0..POLL_OPTIONS_MAX as u32).filter(|place| (bits >> place) & 1 == 1).collect()
}

fn add(counts: &mut [u64], place: usize, votes: u64) {
    if let Some(count) = counts.get_mut(place) {
        *count += votes;
    }
}
