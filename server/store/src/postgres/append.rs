//! New rows of the log, as arrays: one statement, whatever the size of the batch.

use carillon_protocol::{EventId, OrgId, Topic};
use sqlx::{
    PgConnection, Postgres, Result, Row as _,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use super::learned::{Learned, Numbers};
use crate::{
    batch::{Draft, NewEvent, Newcomers},
    cells::event_id,
    log,
};

/// Commits a draft that is numbered from 1, and gives it its real numbers. One round trip, which
/// fails if the log has another epoch.
pub(super) async fn append(
    conn: &mut PgConnection,
    epoch: u64,
    learned: &mut Learned,
    draft: &mut Draft,
) -> Result<()> {
    let texts: Vec<String> = draft.rows.iter().map(open_text).collect();
    let (after, event, found) = call(conn, epoch, learned, draft, &texts).await?;
    draft.after = event;
    for (row, text) in draft.rows.iter_mut().zip(texts) {
        let topic = row.topic as usize - 1;
        row.pos += after.unsigned_abs();
        row.event.seq += found.seqs[topic].unsigned_abs();
        row.event.n += found.ns[topic].unsigned_abs();
        if row.counts {
            row.event.data = log::sealed(&text, row.event.seq);
        }
    }
    draft.last.pos += after.unsigned_abs();
    learned.learn(after.unsigned_abs(), found, draft);
    Ok(())
}

/// Says after which position and event the batch begins, and what its topics and authors are.
async fn call(
    conn: &mut PgConnection,
    epoch: u64,
    learned: &Learned,
    draft: &Draft,
    texts: &[String],
) -> Result<(i64, Option<EventId>, Numbers)> {
    let sql = "SELECT after_pos, topic_ids, author_ids, after_seqs, after_ns, after_id
         FROM append_batch(
         $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
         $20)";
    let (topics, authors) = (&draft.newcomers.topics, &draft.newcomers.authors);
    let known = learned.numbers(draft);
    // Only what is not known needs its name.
    let name = |((_, topic, _), &id): (&(i64, Topic, OrgId), &i64)| match id {
        0 => topic.to_string(),
        _ => String::new(),
    };
    let query = sqlx::query(sql)
        .bind(topics.iter().zip(&known.topics).map(name).collect::<Vec<_>>())
        .bind(topics.iter().map(|(.., org)| org.0.to_bytes()).collect::<Vec<_>>())
        .bind(authors.iter().map(|(_, by)| by.0.to_bytes()).collect::<Vec<_>>())
        .bind(epoch as i64)
        .bind(learned.expected())
        .bind(known.topics)
        .bind(known.authors)
        .bind(known.seqs)
        .bind(known.ns);
    let row: PgRow = columns(query, &draft.rows).bind(texts).fetch_one(conn).await?;
    let (topics, authors) = (row.try_get(1)?, row.try_get(2)?);
    let found = Numbers { topics, authors, seqs: row.try_get(3)?, ns: row.try_get(4)? };
    Ok((row.try_get(0)?, event_id(&row, 5)?, found))
}

/// The data as it is sent: of what counts, up to the number that only the database knows.
fn open_text(row: &NewEvent) -> String {
    match row.counts {
        true => log::unsealed(&row.event.data),
        false => row.event.data.as_str().to_owned(),
    }
}

/// Inserts a draft whose numbers are real if the log of this epoch still stands where they begin,
/// and says whether it did. The counter's row is the first that is written, and nothing is read
/// that others may change meanwhile: this also holds where it is the whole transaction.
pub(super) async fn insert(conn: &mut PgConnection, epoch: u64, draft: &Draft) -> Result<bool> {
    let sql = "WITH moved AS (
             UPDATE meta SET pos = $12, topics = topics + $13, authors = authors + $14
             WHERE pos = $12 - cardinality($1) AND epoch = $15 RETURNING pos)
         INSERT INTO event (topic, by_id, seq, n, counts, k, id, at, cid, hash, data, pos)
         SELECT q.topic, q.author, q.seq, q.n, q.counts, q.k, q.id, q.at, q.cid, q.hash, q.data,
                moved.pos - cardinality($1) + q.i
         FROM moved, unnest
             ($1::BIGINT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[], $6::TEXT[],
              $7::BYTEA[], $8::BIGINT[], $9::BYTEA[], $10::BIGINT[], $11::TEXT[])
         WITH ORDINALITY q(topic, author, seq, n, counts, k, id, at, cid, hash, data, i)";
    let texts: Vec<_> = draft.rows.iter().map(|row| row.event.data.as_str()).collect();
    let query = columns(sqlx::query(sql), &draft.rows).bind(texts);
    let newcomers = &draft.newcomers;
    let query = query
        .bind(draft.last.pos as i64)
        .bind(newcomers.topics.len() as i64)
        .bind(newcomers.authors.len() as i64)
        .bind(epoch as i64);
    query.execute(conn).await.map(|done| done.rows_affected() > 0)
}

/// Inserts new topics and authors.
pub(super) async fn insert_newcomers(conn: &mut PgConnection, newcomers: &Newcomers) -> Result<()> {
    let sql = "WITH people AS (
             INSERT INTO author (id, \"user\") SELECT * FROM unnest($4::BIGINT[], $5::BYTEA[]))
         INSERT INTO topic (id, name, org)
         SELECT * FROM unnest($1::BIGINT[], $2::TEXT[], $3::BYTEA[])";
    let (topics, authors) = (&newcomers.topics, &newcomers.authors);
    sqlx::query(sql)
        .bind(topics.iter().map(|(id, ..)| *id).collect::<Vec<_>>())
        .bind(topics.iter().map(|(_, topic, _)| topic.to_string()).collect::<Vec<_>>())
        .bind(topics.iter().map(|(.., org)| org.0.to_bytes()).collect::<Vec<_>>())
        .bind(authors.iter().map(|(id, _)| *id).collect::<Vec<_>>())
        .bind(authors.iter().map(|(_, user)| user.0.to_bytes()).collect::<Vec<_>>())
        .execute(conn)
        .await
        .map(drop)
}

type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// The columns of the rows but for `data`, in the order in which both statements have them.
fn columns<'q>(query: Statement<'q>, rows: &'q [NewEvent]) -> Statement<'q> {
    let hash = |row: &NewEvent| row.event.cid.map(|_| row.hash);
    query
        .bind(rows.iter().map(|row| row.topic).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.by).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.event.seq as i64).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.event.n as i64).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| i64::from(row.counts)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| &*row.event.k).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.event.id.0.to_bytes()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.event.at).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.event.cid.map(|cid| cid.0.to_bytes())).collect::<Vec<_>>())
        .bind(rows.iter().map(hash).collect::<Vec<_>>())
}
