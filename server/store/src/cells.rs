//! Events as they come out of rows, whichever engine the rows are of.

use std::sync::Arc;

use carillon_protocol::{Cid, Event, EventId, Json, Topic, UserId, id::Ulid};
use sqlx::{Result, Row as _};

/// The columns that [`event`] reads, of `event e` and `author a`.
pub(crate) const EVENT: &str = "e.seq, e.n, e.k, e.id, a.\"user\", e.at, e.cid, e.data";

/// What a row of the log consists of.
pub(crate) trait Cells {
    fn int(&self, column: usize) -> Result<i64>;
    fn text(&self, column: usize) -> Result<&str>;
    fn bytes(&self, column: usize) -> Result<Option<&[u8]>>;
}

macro_rules! cells {
    ($($row:ty)+) => {$(
        impl Cells for $row {
            fn int(&self, column: usize) -> Result<i64> {
                self.try_get(column)
            }

            fn text(&self, column: usize) -> Result<&str> {
                self.try_get(column)
            }

            fn bytes(&self, column: usize) -> Result<Option<&[u8]>> {
                self.try_get(column)
            }
        }
    )+};
}
cells! { sqlx::sqlite::SqliteRow sqlx::postgres::PgRow }

/// The event in a row whose columns from `first` on are [`EVENT`].
pub(crate) fn event(topic: Topic, row: &impl Cells, first: usize) -> Result<Event> {
    Ok(Event {
        topic,
        seq: whole(row, first)?,
        n: whole(row, first + 1)?,
        k: Arc::from(row.text(first + 2)?),
        id: EventId(id(row, first + 3)?),
        by: UserId(id(row, first + 4)?),
        at: row.int(first + 5)?,
        cid: row.bytes(first + 6)?.map(|cid| ulid(Some(cid))).transpose()?.map(Cid),
        data: Json::trusted(row.text(first + 7)?),
    })
}

/// A position or a count: never negative.
pub(crate) fn whole(row: &impl Cells, column: usize) -> Result<u64> {
    u64::try_from(row.int(column)?).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// The topic whose name stands in a column.
pub(crate) fn topic(row: &impl Cells, column: usize) -> Result<Topic> {
    row.text(column)?.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// The event whose id stands in a column, if there is one.
pub(crate) fn event_id(row: &impl Cells, column: usize) -> Result<Option<EventId>> {
    let there = row.bytes(column)?;
    there.map(|id| ulid(Some(id)).map(EventId)).transpose()
}

/// The id that stands in a column.
pub(crate) fn id(row: &impl Cells, column: usize) -> Result<Ulid> {
    ulid(row.bytes(column)?)
}

fn ulid(bytes: Option<&[u8]>) -> Result<Ulid> {
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.map(Ulid::from_bytes).ok_or_else(|| sqlx::Error::Decode("an id of 16 bytes".into()))
}
