//! Against guessing: wrong passwords are counted, and whoever goes on waits longer and longer.
//!
//! Who tries a name from where its owner has signed in before is counted by themselves: the whole
//! world may guess, and the owner still gets in. Everybody else is counted twice, by the name and
//! by the source: a thousand sources on one name are no better than one, nor is one source on a
//! thousand names. Nothing is counted for the installation, or who guesses would hold up everybody;
//! what hashing costs all together is bounded by [`super::turns`].
//!
//! An attempt is paid for before the password is looked at, so that a thousand at once are no
//! better than one after another, and paid back when it was right. The counts are rows, so that a
//! thousand nodes are no better than one either: a commit, which is little beside a hash, decides
//! of two at once who waits. There are no more rows than hashes in the last minutes.

use std::sync::LazyLock;

use carillon_plugin::{Ctx, Error, Result, Row, Tx, Value};
use carillon_protocol::ErrorCode;

use super::{source::Source, token::digest_text};

/// A name: no minute lets more than 10 through, and no hour many more than 60.
const NAME: Rule = Rule { free: 5, forget_ms: 300_000 };
/// A source, on names that are not known there: an office where everybody is new mistypes more
/// often than a person, and is forgiven sooner.
const SOURCE: Rule = Rule { free: 20, forget_ms: 30_000 };
/// The first wait; each wrong password doubles it.
const WAIT_MS: i64 = 1_000;
/// The longest wait: what a neighbour who guesses can do to an owner at the same place.
const WAIT_MAX_MS: i64 = 60_000;

/// So many wrong passwords are free; of what is beyond, one is forgotten in each interval.
struct Rule {
    free: i64,
    forget_ms: i64,
}

impl Rule {
    /// How long after the last attempt the next one may come, for so many of its intervals of debt
    /// that are begun.
    fn wait_ms(&self, wrong: i64) -> i64 {
        match wrong - self.free {
            ..0 => 0,
            beyond => WAIT_MAX_MS.min(WAIT_MS << beyond.min(16)),
        }
    }

    /// The statement that pays for an attempt: `$1` is what it is tried by, `$2` now, `$3` when one
    /// that owes nothing is forgiven. It changes nothing if the wait is not over, as when another
    /// attempt came between this one's look and its payment.
    fn pays(&self) -> String {
        // From the last attempt on, if another node's clock is ahead.
        let debt = "directory_attempt.until - CASE WHEN directory_attempt.at > excluded.at
                THEN directory_attempt.at ELSE excluded.at END";
        let mut waits = String::new();
        let mut wrong = self.free;
        while self.wait_ms(wrong) < WAIT_MAX_MS {
            let (owed, wait_ms) = (wrong * self.forget_ms, self.wait_ms(wrong));
            waits += &format!(" WHEN {debt} <= {owed} THEN {wait_ms}");
            wrong += 1;
        }
        let free = (self.free - 1) * self.forget_ms;
        format!(
            "INSERT INTO directory_attempt (tried, at, until) VALUES ($1, $2, $3)
             ON CONFLICT (tried) DO UPDATE SET at = excluded.at, until = excluded.until +
                 CASE WHEN directory_attempt.until > excluded.at
                     THEN directory_attempt.until - excluded.at ELSE 0 END
             WHERE {debt} <= {free} OR
                 directory_attempt.at + CASE{waits} ELSE {WAIT_MAX_MS} END <= excluded.at"
        )
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A name, from where it is known.
    Known,
    /// A name, from everywhere else.
    Name,
    /// Whoever tries names that are not known there.
    Source,
}

impl Kind {
    fn rule(self) -> &'static Rule {
        match self {
            Kind::Known | Kind::Name => &NAME,
            Kind::Source => &SOURCE,
        }
    }

    fn pays(self) -> &'static str {
        static OF_NAME: LazyLock<String> = LazyLock::new(|| NAME.pays());
        static OF_SOURCE: LazyLock<String> = LazyLock::new(|| SOURCE.pays());
        match self {
            Kind::Known | Kind::Name => &OF_NAME,
            Kind::Source => &OF_SOURCE,
        }
    }
}

/// What an attempt is counted by, as the tables call it.
#[derive(Debug)]
struct Key {
    kind: Kind,
    tried: String,
}

impl Key {
    fn new(kind: Kind, name: &str, source: Source) -> Key {
        let tried = match kind {
            Kind::Known => format!("known {source:?} {name}"),
            Kind::Name => format!("name {name}"),
            Kind::Source => format!("source {source:?}"),
        };
        Key { kind, tried: digest_text(&tried) }
    }
}

/// What somebody still owes for wrong passwords.
#[derive(Debug, Clone, Copy, Default)]
struct Owed {
    /// The last attempt.
    at: i64,
    /// When all is forgiven.
    until: i64,
}

impl Owed {
    fn of(row: Option<&Row>) -> Result<Owed> {
        row.map_or(Ok(Owed::default()), |row| Ok(Owed { at: row.get(0)?, until: row.get(1)? }))
    }

    /// How long until the next attempt; 0 if now.
    fn wait_ms(self, rule: &Rule, now: i64) -> i64 {
        let debt_ms = (self.until - now).max(0);
        let wait_ms = rule.wait_ms((debt_ms + rule.forget_ms - 1) / rule.forget_ms);
        (self.at + wait_ms - now).clamp(0, wait_ms)
    }

    /// What is owed, if an attempt of the future was one of now: a clock that was put back, another
    /// node's clock that is ahead or a backup from before would else hold up everybody until the
    /// time that it names.
    fn not_after(self, now: i64) -> Owed {
        let ahead_ms = (self.at - now).max(0);
        Owed { at: self.at - ahead_ms, until: self.until - ahead_ms }
    }
}

/// An attempt that is paid for; dropped, it was a wrong password.
#[derive(Debug)]
pub(super) struct Attempt {
    /// What it is counted by, with the time of the attempt before.
    counted: Vec<(Key, i64)>,
    at: i64,
}

impl Attempt {
    /// Pays for an attempt, or says when to come back.
    pub(super) async fn begin(
        ctx: &Ctx,
        name: &str,
        source: Source,
        known: bool,
    ) -> Result<Attempt> {
        let kinds: &[Kind] = if known { &[Kind::Known] } else { &[Kind::Name, Kind::Source] };
        let (now, mut wait_ms, mut ahead) = (ctx.now(), 0, false);
        let mut counted = Vec::with_capacity(kinds.len());
        for &kind in kinds {
            let key = Key::new(kind, name, source);
            let sql = "SELECT at, until FROM directory_attempt WHERE tried = $1";
            let row = ctx.query_one(sql, [key.tried.clone().into()]).await?;
            let owed = Owed::of(row.as_ref())?;
            ahead |= owed.at > now;
            let owed = owed.not_after(now);
            wait_ms = wait_ms.max(owed.wait_ms(kind.rule(), now));
            counted.push((key, owed.at));
        }
        if ahead {
            Self::set_back(ctx, &counted, now).await?;
        }
        if wait_ms > 0 {
            let msg = "too many wrong passwords; wait a little before the next try";
            return Err(Error::new(ErrorCode::Rate, msg).retry_ms(wait_ms.unsigned_abs()));
        }
        let mut tx = ctx.tx();
        tx.run("DELETE FROM directory_attempt WHERE until <= $1", [now.into()]);
        for (Key { kind, tried }, _) in &counted {
            let forgiven = now + kind.rule().forget_ms;
            tx.run_one(kind.pays(), [tried.clone().into(), now.into(), forgiven.into()]);
        }
        ctx.commit(tx).await?;
        Ok(Attempt { counted, at: now })
    }

    /// Makes attempts of the future attempts of now, so that a wait ends from here on.
    async fn set_back(ctx: &Ctx, counted: &[(Key, i64)], now: i64) -> Result<()> {
        let mut tx = ctx.tx();
        for (key, _) in counted {
            tx.run(
                "UPDATE directory_attempt SET at = $2, until = until - (at - $2)
                 WHERE tried = $1 AND at > $2",
                [key.tried.clone().into(), now.into()],
            );
        }
        ctx.commit(tx).await.map(drop)
    }

    /// The password was right: the name is its owner's. A source is only paid back, or it would
    /// guess for ever with an account of its own in between.
    pub(super) async fn right(self, ctx: &Ctx) -> Result<()> {
        let mut tx = ctx.tx();
        for (key, before) in &self.counted {
            match key.kind {
                Kind::Known | Kind::Name => tx.run(
                    "DELETE FROM directory_attempt WHERE tried = $1",
                    [key.tried.clone().into()],
                ),
                Kind::Source => self.give_back(&mut tx, key, *before),
            }
        }
        ctx.commit(tx).await.map(drop)
    }

    /// Pays back an attempt whose password was not looked at.
    pub(super) async fn unseen(self, ctx: &Ctx) -> Result<()> {
        let mut tx = ctx.tx();
        self.counted.iter().for_each(|(key, before)| self.give_back(&mut tx, key, *before));
        ctx.commit(tx).await.map(drop)
    }

    /// An attempt that began meanwhile sets the time.
    fn give_back(&self, tx: &mut Tx, key: &Key, before: i64) {
        let args: [Value; 4] = [
            key.tried.clone().into(),
            key.kind.rule().forget_ms.into(),
            self.at.into(),
            before.into(),
        ];
        tx.run(
            "UPDATE directory_attempt SET until = until - $2,
                 at = CASE WHEN at = $3 THEN CAST($4 AS BIGINT) ELSE at END
             WHERE tried = $1",
            args,
        );
    }
}

#[cfg(test)]
mod tests;
