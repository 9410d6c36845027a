//! Plugins' statements: values in, `{rows}` spelt out.

use std::{fmt::Write, sync::Arc};

use carillon_plugin::{Result, Statement, Value};
use carillon_protocol::Event;
use sqlx::{Arguments, sqlite::SqliteArguments};

use crate::log;

/// Where a list of rows goes.
const ROWS: &str = "{rows}";
/// A list of rows is cut into pieces of these sizes: few texts to prepare, few trips to the driver.
const PIECES: [usize; 4] = [128, 32, 8, 1];

/// Values that a transaction only has once its events have positions.
#[derive(Clone, Copy)]
pub(super) struct Late<'a> {
    pub(super) events: &'a [&'a Event],
    pub(super) pos: u64,
}

/// Whether the statement waits for the positions of the events.
pub(super) fn is_late(statement: &Statement) -> bool {
    let late = |value: &Value| matches!(value, Value::Seq(_) | Value::N(_) | Value::Pos);
    statement.rows.iter().flatten().any(late)
}

/// The texts and arguments that a statement becomes.
pub(super) fn pieces(
    statement: &Statement,
    late: Late<'_>,
) -> Result<Vec<(Arc<str>, SqliteArguments)>> {
    if !statement.sql.contains(ROWS) {
        let rows = statement.rows.iter();
        return rows
            .map(|row| Ok((Arc::from(&*statement.sql), arguments(row, Some(late))?)))
            .collect();
    }
    let columns = statement.rows.first().map_or(0, Vec::len);
    if statement.rows.iter().any(|row| row.len() != columns) {
        return Err(log::fault(format!("rows of different lengths for {}", statement.sql)));
    }
    let (mut rest, mut pieces) = (statement.rows.as_slice(), Vec::new());
    while !rest.is_empty() {
        let size = PIECES.into_iter().find(|&size| size <= rest.len()).unwrap_or(1);
        let (piece, after) = rest.split_at(size);
        rest = after;
        let sql = statement.sql.replace(ROWS, &placeholders(size, columns));
        pieces.push((sql.into(), arguments(piece.iter().flatten(), Some(late))?));
    }
    Ok(pieces)
}

/// `($1,$2),($3,$4)`: so many rows of so many columns.
fn placeholders(rows: usize, columns: usize) -> String {
    let mut text = String::with_capacity(rows * columns * 5);
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ",(" });
        for column in 1..=columns {
            let comma = if column == 1 { "" } else { "," };
            write!(text, "{comma}${}", row * columns + column).expect("a String takes everything");
        }
        text.push(')');
    }
    text
}

/// The values as the driver takes them; a read has no late ones.
pub(super) fn arguments<'a>(
    values: impl IntoIterator<Item = &'a Value>,
    late: Option<Late<'_>>,
) -> Result<SqliteArguments> {
    let pos = || late.map(|late| late.pos).ok_or_else(|| log::fault("a read has no events".into()));
    let event = |index: &usize| {
        let missing = || log::fault(format!("the transaction has no event {index}"));
        late.and_then(|late| late.events.get(*index).copied()).ok_or_else(missing)
    };
    let mut arguments = SqliteArguments::default();
    for value in values {
        let added = match value {
            Value::Null => arguments.add(None::<i64>),
            Value::Int(int) => arguments.add(*int),
            Value::Real(real) => arguments.add(*real),
            Value::Text(text) => arguments.add(text.as_str()),
            Value::Seq(index) => arguments.add(event(index)?.seq as i64),
            Value::N(index) => arguments.add(event(index)?.n as i64),
            Value::Pos => arguments.add(pos()? as i64),
        };
        added.map_err(|error| super::unavailable(sqlx::Error::Encode(error)))?;
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_plugin::Expect;

    #[test]
    fn a_list_of_rows_is_cut_into_few_pieces() {
        let rows = (0..170_i64).map(|i| vec![Value::Int(i), Value::Int(-i)]).collect();
        let sql = "INSERT INTO t VALUES {rows} ON CONFLICT DO NOTHING".into();
        let statement = Statement { sql, rows, expect: Expect::Any };
        let pieces = pieces(&statement, Late { events: &[], pos: 0 }).unwrap();
        let sizes: Vec<_> = pieces.iter().map(|(_, arguments)| arguments.len() / 2).collect();
        assert_eq!(sizes, [128, 32, 8, 1, 1]);
        assert_eq!(&*pieces[3].0, "INSERT INTO t VALUES ($1,$2) ON CONFLICT DO NOTHING");
        assert_eq!(placeholders(2, 2), "($1,$2),($3,$4)");
    }
}
