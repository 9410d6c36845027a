//! The words of a statement, as far as both engines read them alike. Whatever one of them might
//! read differently is refused: other quotes, comments, escapes, several statements in one text.

/// A piece of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or a key word, in lower case.
    Word(String),
    /// What stands between single quotes, which SQLite takes for a name where it needs one.
    Text(String),
    Number,
    /// `$1`, by its number.
    Parameter(usize),
    /// `{rows}`.
    Rows,
    Sign(char),
}

/// The longest name: PostgreSQL cuts off the rest, and compares what is left.
const NAME_LEN_MAX: usize = 63;
const SIGNS: &str = "(),.+-*/%<>=!|&";
const ROWS: &str = "{rows}";

/// Reads a statement.
///
/// # Errors
/// In a sentence, what cannot be read.
pub(super) fn of(sql: &str) -> Result<Vec<Token>, String> {
    let (mut tokens, mut rest) = (Vec::new(), sql);
    while let Some(first) = rest.chars().next() {
        let (token, len) = match first {
            ' ' | '\n' | '\t' => (None, 1),
            'a'..='z' | 'A'..='Z' | '_' => word(rest)?,
            '0'..='9' => number(rest)?,
            '$' => parameter(rest)?,
            '\'' => text(rest)?,
            '{' if rest.starts_with(ROWS) => (Some(Token::Rows), ROWS.len()),
            '-' if rest.starts_with("--") => return Err("write no comments".into()),
            '/' if rest.starts_with("/*") => return Err("write no comments".into()),
            sign if SIGNS.contains(sign) => (Some(Token::Sign(sign)), 1),
            other => return Err(format!("`{}` stands for nothing here", other.escape_debug())),
        };
        tokens.extend(token);
        rest = &rest[len..];
        if first == '&' && rest.starts_with('\'') {
            return Err("write a space before a text".into());
        }
    }
    Ok(tokens)
}

pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn until(rest: &str, from: usize, is_in: fn(char) -> bool) -> usize {
    rest[from..].find(|c| !is_in(c)).map_or(rest.len(), |len| from + len)
}

/// Refuses what is followed by something that would belong to it for another reader.
fn apart(rest: &str, len: usize, glue: &[char]) -> Result<usize, String> {
    match rest[len..].starts_with(glue) {
        true => Err(format!("write a space after `{}`", &rest[..len])),
        false => Ok(len),
    }
}

fn word(rest: &str) -> Result<(Option<Token>, usize), String> {
    let len = apart(rest, until(rest, 0, is_word), &['\'', '$', '&'])?;
    if len > NAME_LEN_MAX {
        return Err(format!("a name has at most {NAME_LEN_MAX} characters"));
    }
    Ok((Some(Token::Word(rest[..len].to_ascii_lowercase())), len))
}

fn number(rest: &str) -> Result<(Option<Token>, usize), String> {
    let len = until(rest, 0, |c| c.is_ascii_digit() || c == '.');
    if rest[len..].starts_with(|c| is_word(c) || "'$".contains(c)) {
        return Err("write numbers in digits, and a space after them".into());
    }
    Ok((Some(Token::Number), len))
}

fn parameter(rest: &str) -> Result<(Option<Token>, usize), String> {
    let len = until(rest, 1, |c| c.is_ascii_digit());
    let digits = &rest[1..len];
    let is_glued = rest[len..].starts_with(|c| is_word(c) || "'$(".contains(c));
    match digits.parse() {
        Ok(number) if !digits.starts_with('0') && digits.len() <= 3 && !is_glued => {
            Ok((Some(Token::Parameter(number)), len))
        }
        _ => Err("a parameter is `$` and a number from 1 on".into()),
    }
}

fn text(rest: &str) -> Result<(Option<Token>, usize), String> {
    let (mut text, mut len) = (String::new(), 1);
    loop {
        let end = rest[len..].find('\'').ok_or("a text has no end")?;
        text.push_str(&rest[len..len + end]);
        len += end + 1;
        if !rest[len..].starts_with('\'') {
            break;
        }
        text.push('\'');
        len += 1;
    }
    let is_plain = |c: char| c != '\\' && (c == '\n' || !c.is_control());
    if !text.chars().all(is_plain) || text.contains(ROWS) {
        return Err("give such a text as a parameter".into());
    }
    Ok((Some(Token::Text(text)), apart(rest, len, &['$'])?))
}

/// All words of a migration, in lower case, without its comments.
pub(super) fn of_migration(sql: &str) -> Vec<String> {
    let lines = sql.lines().map(|line| line.split("--").next().unwrap_or_default());
    let text = lines.collect::<Vec<_>>().join("\n").to_ascii_lowercase();
    text.split(|c| !is_word(c)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The tables that a migration makes.
pub(super) fn tables(sql: &str) -> Vec<String> {
    let words = of_migration(sql);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let mut tables = Vec::new();
    for start in 0..words.len() {
        let name = match &words[start..] {
            ["create", "table", "if", "not", "exists", name, ..] => name,
            ["create", "table", name, ..] | ["rename", "to", name, ..] => name,
            _ => continue,
        };
        tables.push((*name).to_owned());
    }
    tables
}
