//! A table of people as text (RFC 4180), read into rows of known columns.

use carillon_plugin::{Error, Result};

use super::PEOPLE_MAX;

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Login,
    Name,
    Title,
    Department,
    Manager,
    Locale,
    Tz,
}

impl Column {
    /// Every column, by its number.
    const ALL: [Column; 7] = [
        Column::Login,
        Column::Name,
        Column::Title,
        Column::Department,
        Column::Manager,
        Column::Locale,
        Column::Tz,
    ];
    /// The columns that every table has.
    const NEEDED: [Column; 2] = [Column::Login, Column::Name];

    /// What the first line of the table calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Column::Login => "login",
            Column::Name => "name",
            Column::Title => "title",
            Column::Department => "department",
            Column::Manager => "manager",
            Column::Locale => "locale",
            Column::Tz => "tz",
        }
    }
}

/// A line of the table that is not blank.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// Its number, from 1 for the line with the columns' names.
    pub(super) line: u64,
    /// By the columns' numbers, without the blanks around them; empty where there is none.
    cells: [String; Column::ALL.len()],
    /// Whether there is a text under no column.
    pub(super) surplus: bool,
}

impl Row {
    /// The text under a column; empty if there is none.
    pub(super) fn cell(&self, column: Column) -> &str {
        &self.cells[column as usize]
    }

    /// The first cell in which a line ends: a quotation mark is missing, more often than not.
    pub(super) fn broken(&self) -> Option<Column> {
        Column::ALL.into_iter().find(|column| self.cell(*column).contains('\n'))
    }
}

/// Reads a table. What is wrong with a single line is found later, by who looks at its cells.
///
/// # Errors
/// `E_BAD_ARG` if the first line does not name the columns as it should, `E_TOO_LARGE` if there are
/// more than [`PEOPLE_MAX`] people.
pub(super) fn read(text: &str) -> Result<Vec<Row>> {
    // Spreadsheets mark their UTF-8, and end lines in three ways: with one, lines can be counted.
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let (mut columns, mut rows) = (None, Vec::new());
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(Error::internal)? {
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let Some(columns) = &columns else {
            columns = Some(head(&record)?);
            continue;
        };
        if rows.len() == PEOPLE_MAX {
            let msg = format!("at most {PEOPLE_MAX} people at once; make several tables of it");
            return Err(Error::too_large("csv", msg));
        }
        rows.push(row(line_of(&text, &record), columns, &record));
    }
    if columns.is_none() {
        return Err(refused("the table is empty; its first line names the columns".to_owned()));
    }
    Ok(rows)
}

fn refused(msg: String) -> Error {
    Error::bad_arg("csv", msg)
}

/// The columns that the first line names, in its order; `None` where there is no name.
fn head(record: &csv::StringRecord) -> Result<Vec<Option<Column>>> {
    let mut columns = Vec::with_capacity(record.len());
    for name in record {
        let name = name.trim().to_lowercase();
        let column = Column::ALL.into_iter().find(|column| column.name() == name);
        if column.is_none() && !name.is_empty() {
            let known = Column::ALL.map(Column::name).join(", ");
            let msg = format!("the first line names the columns, parted by commas; of {known}");
            return Err(refused(msg));
        }
        if column.is_some() && columns.contains(&column) {
            return Err(refused(format!("the column `{name}` is there twice; leave one of them")));
        }
        columns.push(column);
    }
    for needed in Column::NEEDED {
        if !columns.contains(&Some(needed)) {
            return Err(refused(format!("there is no column `{}`; add it", needed.name())));
        }
    }
    Ok(columns)
}

/// The line in which a record begins. What the reader calls its start is the end of the one before,
/// with the empty lines between them still to come.
fn line_of(text: &str, record: &csv::StringRecord) -> u64 {
    let Some(start) = record.position() else { return 0 };
    let before = usize::try_from(start.byte()).unwrap_or(usize::MAX);
    let rest = text.as_bytes().get(before..).unwrap_or_default();
    let empty = rest.iter().take_while(|byte| **byte == b'\n').count();
    start.line() + empty as u64
}

fn row(line: u64, columns: &[Option<Column>], record: &csv::StringRecord) -> Row {
    let mut row = Row { line, ..Row::default() };
    for (number, cell) in record.iter().enumerate() {
        let cell = cell.trim();
        match columns.get(number) {
            Some(Some(column)) => cell.clone_into(&mut row.cells[*column as usize]),
            _ => row.surplus |= !cell.is_empty(),
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use carillon_protocol::ErrorCode;
    use proptest::prelude::*;

    use super::*;

    /// The lines that were read, each with the texts under `login`, `name` and `title`.
    fn cells(text: &str) -> Vec<(u64, [String; 3])> {
        let cell = |row: &Row, column| row.cell(column).to_owned();
        let rows = read(text).unwrap();
        let shown = |row: &Row| [Column::Login, Column::Name, Column::Title].map(|c| cell(row, c));
        rows.iter().map(|row| (row.line, shown(row))).collect()
    }

    fn line(number: u64, cells: [&str; 3]) -> (u64, [String; 3]) {
        (number, cells.map(str::to_owned))
    }

    fn refusal(text: &str) -> (ErrorCode, String) {
        let error = read(text).unwrap_err();
        assert_eq!(error.body().field.as_deref(), Some("csv"));
        (error.code(), error.body().msg.clone())
    }

    #[test]
    fn a_table_is_read_as_spreadsheets_write_it() {
        let expected = [line(2, ["amy", "Amy 陳", "Boss, of all"]), line(3, ["bob", "Bob", ""])];
        for (mark, end) in [("", "\n"), ("\u{feff}", "\r\n"), ("", "\r")] {
            let lines = ["login,name,title", "amy,Amy 陳,\"Boss, of all\"", "bob,Bob,", ""];
            assert_eq!(cells(&format!("{mark}{}", lines.join(end))), expected, "{end:?}");
        }
        let other_order = " Title , NAME ,Login\n\"Boss, of all\", Amy 陳 ,amy\n,Bob,bob";
        assert_eq!(cells(other_order), expected);
    }

    #[test]
    fn quotation_marks_hold_commas_line_breaks_and_themselves() {
        let text =
            "login,name,title\namy,\"A \"\"my\"\"\",\"one\r\ntwo\"\nbob,Bob,=cmd()|'/C calc'!A0";
        assert_eq!(
            cells(text),
            [
                line(2, ["amy", "A \"my\"", "one\ntwo"]),
                line(4, ["bob", "Bob", "=cmd()|'/C calc'!A0"]),
            ]
        );
        let rows = read(text).unwrap();
        assert_eq!((rows[0].broken(), rows[1].broken()), (Some(Column::Title), None));
    }

    #[test]
    fn blank_lines_are_left_out_and_counted() {
        let text = "\n\nlogin,name,title\n\n,,\n  \namy,Amy,\n\n\n\nbob,Bob,\n,,\n\n";
        assert_eq!(cells(text), [line(7, ["amy", "Amy", ""]), line(11, ["bob", "Bob", ""])]);
        assert_eq!(cells("login,name"), []);
    }

    #[test]
    fn a_short_line_has_empty_cells_and_a_long_one_a_surplus() {
        let text = "login,name,,title\namy\nbob,Bob,,Boss,,\ncat,Cat,?,\ndan,Dan,,,?";
        assert_eq!(cells(text)[..2], [line(2, ["amy", "", ""]), line(3, ["bob", "Bob", "Boss"])]);
        let surplus: Vec<bool> = read(text).unwrap().iter().map(|row| row.surplus).collect();
        assert_eq!(surplus, [false, false, true, true]);
    }

    #[test]
    fn the_first_line_names_the_columns_each_once() {
        for (text, said) in [
            ("", "the table is empty"),
            ("\u{feff}\r\n , \r\n", "the table is empty"),
            ("login;name\namy;Amy", "parted by commas; of login, name, title, department"),
            ("login,name,salary\n", "parted by commas"),
            ("amy,Amy\nbob,Bob", "parted by commas"),
            ("login,title\namy,Boss", "no column `name`"),
            ("name\nAmy", "no column `login`"),
            ("login,name,title,Login\n", "the column `login` is there twice"),
        ] {
            let (code, msg) = refusal(text);
            assert_eq!(code, ErrorCode::BadArg, "{text:?}");
            assert!(msg.contains(said), "{text:?}: {msg}");
        }
    }

    #[test]
    fn a_table_has_at_most_2000_people() {
        let full = format!("login,name\n{}", "amy,Amy\n,\n".repeat(PEOPLE_MAX));
        assert_eq!(read(&full).unwrap().len(), PEOPLE_MAX);
        let (code, msg) = refusal(&format!("{full}amy,Amy"));
        assert_eq!(code, ErrorCode::TooLarge);
        assert!(msg.contains("at most 2000 people"), "{msg}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*|[\"\n\r,;a\u{feff}]*") {
            for head in ["", "login,name\n"] {
                match read(&format!("{head}{text}")) {
                    Ok(rows) => prop_assert!(rows.iter().all(|row| row.line > 1)),
                    Err(error) => prop_assert_eq!(error.code(), ErrorCode::BadArg),
                }
            }
        }

        #[test]
        fn whatever_stands_in_a_cell_comes_out_of_it(
            names in prop::collection::vec("[a\",;= '\n\u{9673}]{1,8}", 1..20),
            empty in prop::collection::vec(0..3_usize, 20),
        ) {
            let mut text = "login,name\n".to_owned();
            let mut expected = Vec::new();
            for (name, empty) in names.iter().zip(empty) {
                text += &"\n".repeat(empty);
                expected.push((text.matches('\n').count() as u64 + 1, name.trim().to_owned()));
                text += &format!("amy,\"{}\"\n", name.replace('"', "\"\""));
            }
            let rows = read(&text).unwrap();
            let read: Vec<_> =
                rows.iter().map(|row| (row.line, row.cell(Column::Name).to_owned())).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
