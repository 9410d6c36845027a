//! Whether the log is still the one that this node has followed. A server that took over without
//! the last commits lacks what was seen here, or has something else in its place.

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use crate::{
    Replaced,
    cells::{event_id, whole},
    log::Shared,
};

/// Asks a server on which this node is about to rely, and answers how far its log goes. It refuses
/// one that follows another server, which may be behind, and a log that is not the same any more.
/// One that was set back gets a new epoch first: no cursor of the old one may be believed.
pub(super) async fn newest(conn: &mut PgConnection, shared: &Shared) -> sqlx::Result<u64> {
    // What was seen here was committed before this statement begins: the log must show it.
    let (applied, last) = shared.line.last();
    let sql = "SELECT pg_is_in_recovery(), epoch, pos, (SELECT id FROM event e WHERE e.pos = $1)
               FROM meta";
    let row = sqlx::query(sql).bind(applied as i64).fetch_one(&mut *conn).await?;
    if row.try_get(0)? {
        return Err(standby());
    }
    let (epoch, newest) = (whole(&row, 1)?, whole(&row, 2)?);
    let is_there = event_id(&row, 3)? == last;
    if epoch != shared.epoch {
        shared.is_replaced(Replaced::Renewed);
    } else if newest < applied || !is_there {
        let applied = *shared.set_back.get_or_init(|| applied);
        renew(conn, epoch).await?;
        shared.is_replaced(Replaced::SetBack { applied });
    } else {
        return Ok(newest);
    }
    shared.refuse_replaced().map(|()| newest)
}

/// What is said of a server that follows another one.
pub(super) fn standby() -> sqlx::Error {
    let why = "the server is a standby; give the address of the one that takes writes";
    sqlx::Error::Protocol(why.into())
}

/// Gives the log a new epoch, unless another node was faster.
async fn renew(conn: &mut PgConnection, epoch: u64) -> sqlx::Result<()> {
    let sql = format!(
        "BEGIN READ WRITE;
         UPDATE meta SET epoch = floor(random() * 9007199254740992)::BIGINT WHERE epoch = {epoch};
         COMMIT"
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await.map(drop)
}
