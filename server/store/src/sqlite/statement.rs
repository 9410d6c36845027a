//! Plugins' statements as SQLite takes them: `{rows}` spelt out, a savepoint opened on the way.

use std::fmt::Write;

use carillon_plugin::Value;
use futures_util::TryStreamExt;
use sqlx::{
    Arguments, AssertSqlSafe, Either, Executor, Result, SqliteConnection, sqlite::SqliteArguments,
};

use crate::{batch::statement::ROWS, engine::Opening};

/// A list of rows is cut into pieces of these sizes: few texts to prepare, few trips to the driver.
const PIECES: [usize; 4] = [128, 32, 8, 1];

/// Runs a statement; says how many rows it changed.
pub(super) async fn execute(
    conn: &mut SqliteConnection,
    opening: Opening,
    sql: &str,
    rows: &[Vec<Value>],
) -> Result<u64> {
    // One trip to the driver opens the savepoint and runs the first piece in it.
    let mut opening = match opening {
        Opening::First => "BEGIN IMMEDIATE; SAVEPOINT tx; ",
        Opening::Next => "RELEASE tx; SAVEPOINT tx; ",
        Opening::Open => "",
    };
    let mut changed = 0;
    for (sql, arguments) in pieces(sql, rows)? {
        let sql = format!("{}{sql}", std::mem::take(&mut opening));
        let mut steps = conn.fetch_many(sqlx::query_with(AssertSqlSafe(sql), arguments));
        // Of statements in one text the last one counts.
        let mut last = 0;
        while let Some(step) = steps.try_next().await? {
            if let Either::Left(done) = step {
                last = done.rows_affected();
            }
        }
        changed += last;
    }
    Ok(changed)
}

/// The texts and arguments that a statement becomes.
fn pieces(sql: &str, rows: &[Vec<Value>]) -> Result<Vec<(String, SqliteArguments)>> {
    if !sql.contains(ROWS) {
        return rows.iter().map(|row| Ok((sql.to_owned(), arguments(row)?))).collect();
    }
    let columns = rows.first().map_or(0, Vec::len);
    let (mut rest, mut pieces) = (rows, Vec::new());
    while !rest.is_empty() {
        let size = PIECES.into_iter().find(|&size| size <= rest.len()).unwrap_or(1);
        let (piece, after) = rest.split_at(size);
        rest = after;
        let sql = sql.replace(ROWS, &placeholders(size, columns));
        pieces.push((sql, arguments(piece.iter().flatten())?));
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

/// The values as the driver takes them.
pub(super) fn arguments<'a>(
    values: impl IntoIterator<Item = &'a Value>,
) -> Result<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        let added = match value {
            Value::Int(int) => arguments.add(*int),
            Value::Real(real) => arguments.add(*real),
            Value::Text(text) => arguments.add(text.as_str()),
            // Positions have been filled in before.
            Value::Null | Value::Seq(_) | Value::N(_) | Value::Pos => arguments.add(None::<i64>),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_rows_is_cut_into_few_pieces() {
        let rows: Vec<_> = (0..170_i64).map(|i| vec![Value::Int(i), Value::Int(-i)]).collect();
        let sql = "INSERT INTO t VALUES {rows} ON CONFLICT DO NOTHING";
        let pieces = pieces(sql, &rows).unwrap();
        let sizes: Vec<_> = pieces.iter().map(|(_, arguments)| arguments.len() / 2).collect();
        assert_eq!(sizes, [128, 32, 8, 1, 1]);
        assert_eq!(pieces[3].0, "INSERT INTO t VALUES ($1,$2) ON CONFLICT DO NOTHING");
        assert_eq!(placeholders(2, 2), "($1,$2),($3,$4)");
    }
}
