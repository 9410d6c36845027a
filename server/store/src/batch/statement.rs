//! Plugins' statements: what they wait for, and what no engine is asked to take.

use std::borrow::Cow;

use carillon_plugin::{Error, Result, Statement, Value};
use carillon_protocol::{ErrorCode, Event};

use crate::log;

/// Where a list of rows goes.
pub(crate) const ROWS: &str = "{rows}";

/// Values that a transaction only has once its events have positions.
#[derive(Clone, Copy)]
pub(super) struct Late<'a> {
    pub(super) events: &'a [&'a Event],
    pub(super) pos: u64,
}

/// Whether the statement waits for the positions of the events.
pub(super) fn is_late(statement: &Statement) -> bool {
    statement.rows.iter().flatten().any(is_position)
}

fn is_position(value: &Value) -> bool {
    matches!(value, Value::Seq(_) | Value::N(_) | Value::Pos)
}

/// The rows of a statement, with positions in the places of what waited for them.
pub(super) fn rows<'a>(statement: &'a Statement, late: Late<'_>) -> Result<Cow<'a, [Vec<Value>]>> {
    let columns = statement.rows.first().map_or(0, Vec::len);
    let is_list = statement.sql.contains(ROWS);
    if is_list && statement.rows.iter().any(|row| row.len() != columns) {
        return Err(log::fault(format!("rows of different lengths for {}", statement.sql)));
    }
    if !is_late(statement) {
        statement.rows.iter().try_for_each(|row| check(row))?;
        return Ok(Cow::Borrowed(&statement.rows));
    }
    let row = |row: &Vec<Value>| row.iter().map(|value| settled(value, late)).collect();
    statement.rows.iter().map(row).collect::<Result<_>>().map(Cow::Owned)
}

fn settled(value: &Value, late: Late<'_>) -> Result<Value> {
    let event = |index: &usize| {
        let missing = || log::fault(format!("the transaction has no event {index}"));
        late.events.get(*index).copied().ok_or_else(missing)
    };
    match value {
        Value::Seq(index) => Ok(Value::from(event(index)?.seq)),
        Value::N(index) => Ok(Value::from(event(index)?.n)),
        Value::Pos => Ok(Value::from(late.pos)),
        value => check(std::slice::from_ref(value)).map(|()| value.clone()),
    }
}

/// Refuses what is no value of a row by itself, and the one character that PostgreSQL keeps in no
/// text: both engines take the same.
pub(crate) fn check(values: &[Value]) -> Result<()> {
    if values.iter().any(is_position) {
        return Err(log::fault("a read has no events".to_owned()));
    }
    match values.iter().any(|value| matches!(value, Value::Text(text) if text.contains('\0'))) {
        true => Err(Error::new(ErrorCode::BadArg, "a text cannot hold the character U+0000")),
        false => Ok(()),
    }
}
