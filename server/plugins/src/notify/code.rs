//! Codes that prove that an address is somebody's own: six digits, a quarter of an hour, five
//! guesses. How many are sent is bounded by person, by address and by organisation, which sends
//! them through a provider of its own: nobody is pestered by them, and nobody runs up a bill. What
//! other organisations send is not counted: it would tell of them, and let them shut out whose
//! address it is.

use carillon_plugin::{
    Ctx, Error, Result, Tx,
    protocol::{ErrorCode, UserId, notify::ContactKind},
};
use sha2::{Digest, Sha256};

use super::contact;

/// How long a code works, in milliseconds.
pub(super) const LASTS_MS: i64 = 15 * 60_000;
/// How often a code may be guessed.
pub(super) const TRIES_MAX: u64 = 5;
/// How long a person waits for the next code, in milliseconds.
const PAUSE_MS: i64 = 60_000;
/// How many codes are sent in a day for one person, and how many to one address.
const A_DAY_MAX: u64 = 5;
/// How many are sent in a day for one organisation: some thousand people who all begin at once.
const A_DAY_OF_ORG_MAX: u64 = 2_000;
pub(super) const DAY_MS: i64 = 24 * 3_600_000;
const DIGITS: u64 = 1_000_000;

/// A new code.
pub(super) fn code() -> Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    Ok(format!("{:06}", u64::from_le_bytes(bytes) % DIGITS))
}

/// What is kept of it.
pub(super) fn digest(user: UserId, kind: ContactKind, address: &str, code: &str) -> String {
    let whole = format!("{user} {} {address} {code}", contact::text(kind));
    Sha256::digest(whole).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Counts a code that is sent, or refuses it.
pub(super) async fn count(ctx: &Ctx, tx: &mut Tx, user: UserId, address: &str) -> Result<()> {
    let (org, now) = (ctx.caller().org, ctx.now());
    let since = now - DAY_MS;
    let sql = "SELECT COUNT(*), MAX(sent_at) FROM notify_code
               WHERE org = $1 AND user_id = $2 AND sent_at > $3";
    let row = ctx.query_one(sql, [org.into(), user.into(), since.into()]).await?;
    let row = row.ok_or_else(|| Error::not_found("count"))?;
    let (sent, last) = (row.get::<u64>(0)?, row.get::<Option<i64>>(1)?);
    let wait = last.map_or(0, |last| last + PAUSE_MS - now);
    let rate = |hint: &str, ms: i64| {
        Err(Error::new(ErrorCode::Rate, hint).retry_ms(ms.max(0).unsigned_abs()))
    };
    if wait > 0 {
        return rate("a code was sent a moment ago: wait a minute for the next one", wait);
    }
    let sql = "SELECT COUNT(CASE WHEN address = $3 THEN 1 END), COUNT(*) FROM notify_code
               WHERE org = $1 AND sent_at > $2";
    let row = ctx.query_one(sql, [org.into(), since.into(), address.into()]).await?;
    let row = row.ok_or_else(|| Error::not_found("count"))?;
    let (there, all) = (row.get::<u64>(0)?, row.get::<u64>(1)?);
    if sent.max(there) >= A_DAY_MAX || all >= A_DAY_OF_ORG_MAX {
        return rate("enough codes were sent today: try again tomorrow", DAY_MS);
    }
    // Of two at once, the second one looks again.
    tx.run_one(
        "INSERT INTO notify_code (id, org, user_id, address, sent_at)
         SELECT $1, $2, $3, $4, CAST($5 AS BIGINT)
         WHERE (SELECT COUNT(*) FROM notify_code WHERE org = $2 AND user_id = $3 AND sent_at > $6)
             = $7
           AND (SELECT COUNT(*) FROM notify_code WHERE org = $2 AND address = $4 AND sent_at > $6)
             = $8",
        [
            ctx.new_id().to_string().into(),
            org.into(),
            user.into(),
            address.into(),
            now.into(),
            since.into(),
            sent.into(),
            there.into(),
        ],
    );
    Ok(())
}
