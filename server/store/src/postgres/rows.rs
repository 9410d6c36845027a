//! Values out of PostgreSQL.

use carillon_plugin::{Row, Value};
use sqlx::{
    Decode, Postgres, Result, Row as _, TypeInfo, ValueRef,
    postgres::{PgRow, PgValueRef},
};

/// A row of a plugin's table.
pub(super) fn plain(row: &PgRow) -> Result<Row> {
    (0..row.len()).map(|column| value(row.try_get_raw(column)?)).collect::<Result<_>>().map(Row)
}

fn value(raw: PgValueRef<'_>) -> Result<Value> {
    fn decode<'r, T: Decode<'r, Postgres>>(raw: PgValueRef<'r>) -> Result<T> {
        T::decode(raw).map_err(sqlx::Error::Decode)
    }
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info().name().to_owned();
    match kind.as_str() {
        "INT8" => decode(raw).map(Value::Int),
        "INT4" => decode::<i32>(raw).map(Value::from),
        "INT2" => decode::<i16>(raw).map(|int| Value::Int(int.into())),
        "BOOL" => decode::<bool>(raw).map(Value::from),
        "FLOAT8" => decode(raw).map(Value::Real),
        "TEXT" | "VARCHAR" => decode(raw).map(Value::Text),
        other => Err(sqlx::Error::Decode(format!("{other} columns are not for plugins").into())),
    }
}
