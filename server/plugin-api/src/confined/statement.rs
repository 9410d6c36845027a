//! Which statements touch own tables only.
//!
//! There are two walls. Where rows come from or go to (`FROM`, `JOIN`, a comma of a `FROM`, `INTO`,
//! `UPDATE`) stands an own table or a query in parentheses. And no word at all, and no text, is the
//! name of something that others have. Functions are those of a list: others reach files, settings
//! or other tables. Nothing is given a name by `WITH`: what takes rows from itself never ends.

use std::collections::BTreeSet;

use super::words::{Token, is_word};
use crate::{Error, Result};

/// What a statement may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Reads,
    Writes,
}

/// What a statement wants of the values that it is run with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wants {
    /// The highest number of a parameter.
    parameters: usize,
    /// Whether lists of rows stand in it, and no parameters.
    rows: bool,
}

impl Wants {
    /// Refuses rows of other widths: what no engine can bind would fail more than its transaction.
    pub(super) fn of(self, widths: impl IntoIterator<Item = usize>) -> Result<()> {
        let fits = |width: usize| {
            width <= WIDTH_MAX && (if self.rows { width > 0 } else { width == self.parameters })
        };
        match widths.into_iter().all(fits) {
            true => Ok(()),
            false => Err(Error::bad_arg("args", "give a value for each parameter, and no others")),
        }
    }
}

/// Whose names are whose, in lower case.
pub(super) struct Names<'a> {
    /// Tables.
    pub(super) own: &'a BTreeSet<String>,
    /// Columns, among other words.
    pub(super) words: &'a BTreeSet<String>,
    pub(super) others: BTreeSet<String>,
}

/// The most values in a row.
const WIDTH_MAX: usize = 100;
/// The most tables and queries that a statement takes rows from, each as often as it does:
/// every other waits for one that changes something.
const READ_SOURCES_MAX: usize = 4;
const WRITE_SOURCES_MAX: usize = 2;

const FUNCTIONS: [&str; 32] = [
    "abs",
    "avg",
    "cast",
    "ceil",
    "coalesce",
    "concat",
    "count",
    "dense_rank",
    "exists",
    "first_value",
    "floor",
    "greatest",
    "lag",
    "last_value",
    "lead",
    "least",
    "length",
    "lower",
    "ltrim",
    "max",
    "min",
    "nullif",
    "rank",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "substr",
    "sum",
    "total",
    "trim",
    "upper",
];
/// Words of the language that stand before a parenthesis.
const BEFORE_PARENTHESES: [&str; 33] = [
    "all",
    "and",
    "as",
    "between",
    "by",
    "case",
    "conflict",
    "distinct",
    "else",
    "except",
    "filter",
    "from",
    "having",
    "in",
    "intersect",
    "is",
    "join",
    "like",
    "limit",
    "not",
    "offset",
    "on",
    "or",
    "over",
    "returning",
    "select",
    "set",
    "then",
    "union",
    "using",
    "values",
    "when",
    "where",
];
/// Words of the language that stand before a text; any other would say how to read it.
const BEFORE_TEXTS: [&str; 16] = [
    "and", "between", "by", "case", "distinct", "else", "escape", "having", "in", "like", "not",
    "or", "select", "then", "when", "where",
];
/// What a plugin makes of a value: PostgreSQL tells names of tables and people by other types.
const TYPES: [&str; 4] = ["bigint", "integer", "real", "text"];
/// Words that a plugin has no use for: endless queries, locks, tables without a `FROM`.
const REFUSED: [&str; 5] = ["with", "recursive", "for", "table", "window"];
/// What changes something.
const CHANGES: [&str; 3] = ["insert", "update", "delete"];
/// Where a `FROM` with all of its commas ends: words that no engine takes for a name there.
const ENDS_FROM: [&str; 9] =
    ["where", "group", "having", "order", "limit", "union", "except", "intersect", "returning"];
/// Names and beginnings of names that the engines keep for themselves.
const ENGINES: [&str; 4] = ["information_schema", "dbstat", "bytecode", "tables_used"];
const ENGINES_PREFIXES: [&str; 3] = ["pg_", "sqlite_", "pragma_"];

/// Lets a statement through, or says why not.
pub(super) fn judge(kind: Kind, tokens: &[Token], names: &Names<'_>) -> Result<Wants, String> {
    let statement = Statement { tokens, names };
    statement.begins(kind)?;
    (0..tokens.len()).try_for_each(|at| statement.names_no_others(at))?;
    (0..tokens.len()).try_for_each(|at| statement.stands_well(kind, at))?;
    statement.sources(kind)?;
    statement.wants()
}

struct Statement<'a> {
    tokens: &'a [Token],
    names: &'a Names<'a>,
}

impl Statement<'_> {
    /// The word at a place; nothing if something else stands there.
    fn word(&self, at: usize) -> &str {
        match self.tokens.get(at) {
            Some(Token::Word(word)) => word,
            _ => "",
        }
    }

    fn before(&self, at: usize) -> &str {
        at.checked_sub(1).map_or("", |at| self.word(at))
    }

    fn is_sign(&self, at: usize, sign: char) -> bool {
        self.tokens.get(at) == Some(&Token::Sign(sign))
    }

    fn begins(&self, kind: Kind) -> Result<(), String> {
        let first = self.word(0);
        let changes = CHANGES.contains(&first);
        match kind {
            Kind::Writes if changes => Ok(()),
            Kind::Reads if first == "select" => Ok(()),
            Kind::Reads => Err("a query begins with SELECT".into()),
            Kind::Writes => Err("a statement begins with INSERT, UPDATE or DELETE".into()),
        }
    }

    /// No word, and none in a text, which SQLite takes for a name where it needs one.
    fn names_no_others(&self, at: usize) -> Result<(), String> {
        let text = match &self.tokens[at] {
            Token::Word(text) | Token::Text(text) => text.to_ascii_lowercase(),
            _ => return Ok(()),
        };
        let is_others = |name: &&str| {
            ENGINES.contains(name)
                || ENGINES_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
                || self.names.others.contains(*name)
        };
        let mut words = text.split(|c| !is_word(c));
        match words.find(is_others).or(Some(text.as_str()).filter(is_others)) {
            Some(name) => Err(format!("`{name}` is not this plugin's, as a column neither")),
            None => Ok(()),
        }
    }

    /// What may stand where.
    fn stands_well(&self, kind: Kind, at: usize) -> Result<(), String> {
        let before = self.before(at);
        match &self.tokens[at] {
            Token::Word(word) if REFUSED.contains(&word.as_str()) => {
                Err(format!("`{word}` is not for plugins"))
            }
            Token::Word(word) if kind == Kind::Reads && CHANGES.contains(&word.as_str()) => {
                Err("a query changes nothing".into())
            }
            Token::Word(word) if word == "into" && before != "insert" => {
                Err("INTO stands after INSERT".into())
            }
            // In a DELETE, tables stand after it.
            Token::Word(word) if word == "using" && kind == Kind::Writes => {
                Err("write ON instead of USING".into())
            }
            Token::Word(word) if word == "in" || word == "using" => match self.is_sign(at + 1, '(')
            {
                true => Ok(()),
                false => Err(format!("a parenthesis stands after `{word}`")),
            },
            Token::Text(_) if !before.is_empty() && !BEFORE_TEXTS.contains(&before) => {
                Err(format!("no text stands after `{before}`"))
            }
            Token::Text(_) if self.is_sign(at + 1, '(') || self.is_sign(at + 1, '.') => {
                Err("a text is no name".into())
            }
            Token::Rows if kind == Kind::Reads || before != "values" => {
                Err("rows stand after VALUES".into())
            }
            Token::Sign('(') if !before.is_empty() => self.opens(at, before),
            Token::Sign('.') => self.selects(at),
            _ => Ok(()),
        }
    }

    /// A parenthesis after a word.
    fn opens(&self, at: usize, before: &str) -> Result<(), String> {
        let is_column = at >= 2 && self.is_sign(at - 2, '.');
        let is_table = at >= 2 && self.word(at - 2) == "into";
        let is_known = FUNCTIONS.contains(&before) || BEFORE_PARENTHESES.contains(&before);
        match is_table || (is_known && !is_column) {
            true if before == "cast" => self.makes(at),
            true => Ok(()),
            false => Err(format!("`{before}` is no function for plugins")),
        }
    }

    /// A value of another type, after `CAST`.
    fn makes(&self, open: usize) -> Result<(), String> {
        let end = self.closing(open);
        let is_known =
            end >= 2 && self.word(end - 2) == "as" && TYPES.contains(&self.word(end - 1));
        match is_known {
            true => Ok(()),
            false => Err(format!("CAST makes one of {TYPES:?}")),
        }
    }

    /// A column of a table. PostgreSQL calls a function by `value.function`, too.
    fn selects(&self, at: usize) -> Result<(), String> {
        let is_first = at < 2 || !self.is_sign(at - 2, '.');
        let column = self.word(at + 1);
        let is_column = self.is_sign(at + 1, '*') || self.names.words.contains(column);
        match is_first && !self.before(at).is_empty() && is_column {
            true => Ok(()),
            false => Err(format!("`.{column}` is no column of this plugin's tables")),
        }
    }

    fn wants(&self) -> Result<Wants, String> {
        let numbers = self.tokens.iter().filter_map(|token| match token {
            Token::Parameter(number) => Some(*number),
            _ => None,
        });
        let parameters = numbers.max().unwrap_or(0);
        match self.tokens.iter().filter(|token| **token == Token::Rows).count() {
            0 => Ok(Wants { parameters, rows: false }),
            1 if parameters == 0 => Ok(Wants { parameters, rows: true }),
            _ => Err("rows stand in a statement once, and without parameters".into()),
        }
    }

    /// Where rows come from and go to.
    fn sources(&self, kind: Kind) -> Result<(), String> {
        let mut left = match kind {
            Kind::Reads => READ_SOURCES_MAX,
            Kind::Writes => WRITE_SOURCES_MAX,
        };
        // Of each open parenthesis, whether a comma in it names the next source.
        let mut in_from = vec![false];
        for at in 0..self.tokens.len() {
            let here = in_from.last_mut().ok_or("a parenthesis too many is closed")?;
            match &self.tokens[at] {
                Token::Sign('(') => in_from.push(false),
                Token::Sign(')') => drop(in_from.pop()),
                Token::Sign(',') if *here => self.source(at + 1, &mut left)?,
                Token::Word(word) if word == "from" && self.before(at) == "delete" => {
                    self.table(at + 1)?;
                }
                Token::Word(word) if word == "from" || word == "join" => {
                    *here = true;
                    self.source(at + 1, &mut left)?;
                }
                Token::Word(word) if word == "into" => self.table(at + 1)?,
                Token::Word(word) if word == "update" && self.before(at) != "do" => {
                    self.table(at + 1)?;
                }
                Token::Word(_) if self.is_sign(at.saturating_sub(1), '.') => {}
                Token::Word(word) if word == "set" && self.before(at) == "update" => *here = false,
                Token::Word(word) if ENDS_FROM.contains(&word.as_str()) => *here = false,
                _ => {}
            }
        }
        match in_from.len() {
            1 => Ok(()),
            _ => Err("a parenthesis is not closed".into()),
        }
    }

    fn table(&self, at: usize) -> Result<(), String> {
        match self.names.own.contains(self.word(at)) && !self.is_sign(at + 1, '.') {
            true => Ok(()),
            false => Err(format!("`{}` is no table of this plugin", self.word(at))),
        }
    }

    fn source(&self, at: usize, left: &mut usize) -> Result<(), String> {
        let too_many = || "a statement takes rows from too many places".to_owned();
        *left = left.checked_sub(1).ok_or_else(too_many)?;
        if self.is_sign(at, '(') {
            return match self.word(at + 1) == "select" {
                true => Ok(()),
                false => Err("a query stands in parentheses, not a table".into()),
            };
        }
        self.table(at)
    }

    /// Where a parenthesis is closed.
    fn closing(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for at in open..self.tokens.len() {
            depth += usize::from(self.is_sign(at, '('));
            depth -= usize::from(self.is_sign(at, ')'));
            if depth == 0 {
                return at;
            }
        }
        self.tokens.len()
    }
}
