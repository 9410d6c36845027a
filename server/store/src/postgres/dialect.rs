//! Plugins' SQL is one text for both engines. Here stands all that PostgreSQL reads differently.

use std::fmt::Write;

use carillon_plugin::Value;
use sqlx::{
    Arguments, AssertSqlSafe, Postgres, Result, Type, encode::Encode, postgres::PgArguments,
    query::Query,
};

use crate::batch::statement::ROWS;

/// Words of a migration, and what they mean here. Texts are compared byte by byte, as SQLite does,
/// whatever the database was made with.
const WORDS: [(&str, &str); 2] = [("TEXT", "TEXT COLLATE \"C\""), ("BLOB", "BYTEA")];

/// A step of a plugin's tables.
pub(super) fn migration(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len() * 2);
    for piece in pieces(sql) {
        match piece {
            Piece::Word(word) => {
                let known = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
                text.push_str(known.map_or(word, |(_, here)| here));
            }
            Piece::Parameter(number, _) => drop(write!(text, "${number}")),
            Piece::Other(other) => text.push_str(other),
        }
    }
    text
}

/// A statement with its values. A NULL stands in the text: a parameter has the type that it had
/// when the text was prepared, and a NULL has none.
pub(super) fn statement(sql: &str, values: &[Value]) -> Result<(String, PgArguments)> {
    let mut arguments = PgArguments::default();
    values.iter().try_for_each(|value| bind(&mut arguments, value))?;
    if !values.contains(&Value::Null) {
        return Ok((sql.to_owned(), arguments));
    }
    let mut text = String::with_capacity(sql.len() + 16);
    for piece in pieces(sql) {
        match piece {
            Piece::Parameter(number, _) if values.get(number - 1) == Some(&Value::Null) => {
                text.push_str("NULL");
            }
            Piece::Parameter(_, piece) | Piece::Word(piece) | Piece::Other(piece) => {
                text.push_str(piece);
            }
        }
    }
    Ok((text, arguments))
}

/// A text of ours with its values, to be run.
pub(super) fn query(
    (sql, arguments): (String, PgArguments),
) -> Query<'static, Postgres, PgArguments> {
    sqlx::query_with(AssertSqlSafe(sql), arguments)
}

fn bind(arguments: &mut PgArguments, value: &Value) -> Result<()> {
    let added = match value {
        Value::Int(int) => arguments.add(*int),
        Value::Real(real) => arguments.add(*real),
        Value::Text(text) => arguments.add(text.as_str()),
        // A NULL only keeps its number. Positions have been filled in before.
        Value::Null | Value::Seq(_) | Value::N(_) | Value::Pos => arguments.add(None::<i64>),
    };
    added.map_err(sqlx::Error::Encode)
}

/// A statement whose `{rows}` are arrays, a column each: one text however many rows there are.
pub(super) fn list(sql: &str, rows: &[Vec<Value>]) -> Result<(String, PgArguments)> {
    let (mut arguments, mut cells, mut arrays, mut names) =
        (PgArguments::default(), Vec::new(), Vec::new(), Vec::new());
    for column in 0..rows.first().map_or(0, Vec::len) {
        let cell = |row: &Vec<Value>| row.get(column).filter(|cell| **cell != Value::Null).cloned();
        let values: Vec<_> = rows.iter().map(cell).collect();
        let kind = match values.iter().flatten().next() {
            None => {
                cells.push("NULL".to_owned());
                continue;
            }
            Some(Value::Text(_)) => {
                array(&mut arguments, values, |value| match value {
                    Value::Text(text) => Some(text),
                    _ => None,
                })?;
                "TEXT"
            }
            Some(Value::Real(_)) => {
                array(&mut arguments, values, |value| match value {
                    Value::Real(real) => Some(real),
                    _ => None,
                })?;
                "DOUBLE PRECISION"
            }
            Some(_) => {
                array(&mut arguments, values, |value| match value {
                    Value::Int(int) => Some(int),
                    _ => None,
                })?;
                "BIGINT"
            }
        };
        let name = format!("c{column}");
        arrays.push(format!("${}::{kind}[]", arrays.len() + 1));
        cells.push(format!("u.{name}"));
        names.push(name);
    }
    let (cells, arrays, names) = (cells.join(", "), arrays.join(", "), names.join(", "));
    let from = match arrays.is_empty() {
        true => format!("generate_series(1, {})", rows.len()),
        false => format!("unnest({arrays}) u({names})"),
    };
    let text = sql.replace(&format!("VALUES {ROWS}"), &format!("SELECT {cells} FROM {from}"));
    Ok((text, arguments))
}

/// A column of values of one type.
fn array<T>(
    arguments: &mut PgArguments,
    values: Vec<Option<Value>>,
    of: impl Fn(Value) -> Option<T>,
) -> Result<()>
where
    Vec<Option<T>>: for<'a> Encode<'a, Postgres> + Type<Postgres>,
{
    let column = values.into_iter().map(|value| match value {
        None => Ok(None),
        Some(value) => {
            let other = || sqlx::Error::Encode("a column has values of one type".into());
            of(value).map(Some).ok_or_else(other)
        }
    });
    arguments.add(column.collect::<Result<Vec<_>>>()?).map_err(sqlx::Error::Encode)
}

enum Piece<'a> {
    /// `$2`, with its text.
    Parameter(usize, &'a str),
    /// A name or a key word.
    Word(&'a str),
    /// Quoted text, comments, signs.
    Other(&'a str),
}

/// Cuts a statement where its meaning changes: what is quoted or a comment stays whole.
fn pieces(sql: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let until = |from: usize, stop: &dyn Fn(char) -> bool| {
            rest[from..].find(stop).map_or(rest.len(), |at| from + at)
        };
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let len = match first {
            '\'' | '"' => (until(1, &|c| c == first) + 1).min(rest.len()),
            '-' if rest.starts_with("--") => until(2, &|c| c == '\n'),
            '$' => until(1, &|c| !c.is_ascii_digit()),
            c if is_word(c) => until(c.len_utf8(), &|c| !is_word(c)),
            c => c.len_utf8(),
        };
        let (piece, after) = rest.split_at(len);
        rest = after;
        Some(match piece.strip_prefix('$').and_then(|number| number.parse().ok()) {
            Some(number) if number > 0 => Piece::Parameter(number, piece),
            _ if is_word(first) => Piece::Word(piece),
            _ => Piece::Other(piece),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_a_migration_are_translated_and_nothing_else() {
        let sql =
            "-- TEXT\nCREATE TABLE t (a TEXT NOT NULL DEFAULT 'TEXT', b_text blob, \"TEXT\" X)";
        let wanted = "-- TEXT\nCREATE TABLE t (a TEXT COLLATE \"C\" NOT NULL DEFAULT 'TEXT', \
                      b_text BYTEA, \"TEXT\" X)";
        assert_eq!(migration(sql), wanted);
    }

    #[test]
    fn a_null_stands_in_the_text() {
        let sql = "UPDATE t SET a = $1, b = $2, c = '$1' WHERE d = $11 -- $1";
        let mut values = vec![Value::Int(1); 11];
        values[0] = Value::Null;
        let (text, arguments) = statement(sql, &values).unwrap();
        assert_eq!(text, "UPDATE t SET a = NULL, b = $2, c = '$1' WHERE d = $11 -- $1");
        assert_eq!(arguments.len(), 11);
        values[0] = Value::Int(0);
        assert_eq!(statement(sql, &values).unwrap().0, sql);
    }

    #[test]
    fn a_list_of_rows_is_one_text_whatever_its_length() {
        let rows = [
            vec![Value::Null, "a".into(), Value::Null],
            vec![7_i64.into(), "b".into(), Value::Null],
        ];
        let (text, arguments) = list("INSERT INTO t VALUES {rows}", &rows).unwrap();
        let wanted = "INSERT INTO t SELECT u.c0, u.c1, NULL \
                      FROM unnest($1::BIGINT[], $2::TEXT[]) u(c0, c1)";
        assert_eq!((text.as_str(), arguments.len()), (wanted, 2));
        let (text, _) = list("INSERT INTO t VALUES {rows}", &[vec![Value::Null]]).unwrap();
        assert_eq!(text, "INSERT INTO t SELECT NULL FROM generate_series(1, 1)");
        assert!(list("VALUES {rows}", &[vec![1_i64.into()], vec!["a".into()]]).is_err());
    }
}
