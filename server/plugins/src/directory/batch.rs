//! Queries about many things at once, in pieces of one size: each statement is prepared once.

use std::iter;

use carillon_plugin::{Ctx, Result, Row, Value};

/// The things that one query asks about.
const SIZE: usize = 100;

/// `($1, $2 …)`, for what [`query`] asks about.
pub(super) fn places() -> String {
    let places: Vec<_> = (1..=SIZE).map(|place| format!("${place}")).collect();
    format!("({})", places.join(", "))
}

/// The rows of all pieces. Places that are not needed are NULL, which is equal to nothing.
pub(super) async fn query<T>(ctx: &Ctx, sql: &str, asked: &[T]) -> Result<Vec<Row>>
where
    T: Clone + Into<Value>,
{
    let mut rows = Vec::new();
    for piece in asked.chunks(SIZE) {
        let args = piece.iter().cloned().map(Into::into).chain(iter::repeat(Value::Null));
        rows.extend(ctx.query(sql, args.take(SIZE).collect::<Vec<_>>()).await?);
    }
    Ok(rows)
}
