//! Values in and out of SQLite.

use carillon_plugin::{Row, Value};
use carillon_protocol::id::Ulid;
use sqlx::{
    Row as _, TypeInfo, ValueRef,
    sqlite::{SqliteRow, SqliteValueRef},
};

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
