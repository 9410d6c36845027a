//! Events and values as they come out of rows.

use std::sync::Arc;

use carillon_plugin::{Row, Value};
use carillon_protocol::{Cid, Event, EventId, Json, Topic, UserId, id::Ulid};
use sqlx::{
    Row as _, TypeInfo, ValueRef,
    sqlite::{SqliteRow, SqliteValueRef},
};

/// The columns that [`event`] reads, of `event e` and `author a`.
pub(super) const EVENT: &str = "e.seq, e.n, e.k, e.id, a.user, e.at, e.cid, e.data";

/// The event in a row whose columns from `first` on are [`EVENT`].
pub(super) fn event(topic: Topic, row: &SqliteRow, first: usize) -> sqlx::Result<Event> {
    Ok(Event {
        topic,
        seq: whole(row, first)?,
        n: whole(row, first + 1)?,
        k: Arc::from(row.try_get::<&str, _>(first + 2)?),
        id: EventId(id(row.try_get(first + 3)?)?),
        by: UserId(id(row.try_get(first + 4)?)?),
        at: row.try_get(first + 5)?,
        cid: row.try_get::<Option<&[u8]>, _>(first + 6)?.map(id).transpose()?.map(Cid),
        data: Json::trusted(row.try_get::<&str, _>(first + 7)?),
    })
}

/// A position or a count: never negative.
pub(super) fn whole(row: &SqliteRow, column: usize) -> sqlx::Result<u64> {
    let found: i64 = row.try_get(column)?;
    u64::try_from(found).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn id(bytes: &[u8]) -> sqlx::Result<Ulid> {
    let bytes = bytes.try_into().map_err(|_| sqlx::Error::Decode("an id of 16 bytes".into()))?;
    Ok(Ulid::from_bytes(bytes))
}

/// Many values as one argument, for `json_each`.
pub(super) fn json<T: serde::Serialize>(values: &[T]) -> String {
    serde_json::to_string(values).expect("numbers and texts are JSON")
}

/// An id inside such an argument; `unhex` makes bytes of it again.
pub(super) fn hex(id: &Ulid) -> String {
    format!("{:032X}", u128::from(*id))
}

/// A row of a plugin's table.
pub(super) fn plain(row: &SqliteRow) -> sqlx::Result<Row> {
    (0..row.len()).map(|column| value(row.try_get_raw(column)?)).collect::<Result<_, _>>().map(Row)
}

fn value(raw: SqliteValueRef<'_>) -> sqlx::Result<Value> {
    fn decode<'r, T: sqlx::Decode<'r, sqlx::Sqlite>>(raw: SqliteValueRef<'r>) -> sqlx::Result<T> {
        T::decode(raw).map_err(sqlx::Error::Decode)
    }
    if raw.is_null() {
        return Ok(Value::Null);
    }
    // SQLite says what this value is, whatever the column was declared as.
    let kind = raw.type_info().name().to_owned();
    match kind.as_str() {
        "INTEGER" => decode(raw).map(Value::Int),
        "REAL" => decode(raw).map(Value::Real),
        "TEXT" => decode(raw).map(Value::Text),
        other => Err(sqlx::Error::Decode(format!("{other} columns are not for plugins").into())),
    }
}
