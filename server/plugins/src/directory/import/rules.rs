//! What becomes of each line of a table. Pure: the rows and what is known go in, a plan comes out.

use std::collections::{BTreeSet, HashMap, HashSet};

use carillon_plugin::{Error, Result};
use carillon_protocol::{
    ErrorCode, UserId,
    department::Department,
    import::{Action, Line},
    limits::NAME_LEN_MAX,
    org::Member,
};

use super::{
    super::{
        member::{LOCALE, TZ},
        rules,
    },
    paths::{NewDepartment, Paths, Place, paths},
    table::{Column, Row},
};

/// What is known of those who are named in the table, and of the organisation.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// Who has a sign-in name already.
    pub(super) people: HashMap<String, Standing>,
    /// Everybody of the organisation who has a manager, with the manager.
    pub(super) managers: HashMap<UserId, UserId>,
    pub(super) departments: Vec<Department>,
    /// Whether departments that are missing may be made.
    pub(super) may_grow: bool,
}

/// Whose a sign-in name is.
#[derive(Debug, Clone)]
pub(super) enum Standing {
    Here(Box<Member>),
    /// They were here.
    Left,
    /// Another organisation's.
    Elsewhere,
}

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// A line of the report for each row.
    pub(super) lines: Vec<Line>,
    /// Each after the one above it.
    pub(super) departments: Vec<NewDepartment>,
    /// Those who are added or changed.
    pub(super) people: Vec<Draft>,
}

impl Plan {
    pub(super) fn is_refused(&self) -> bool {
        self.lines.iter().any(|line| line.action == Action::Error)
    }
}

/// Somebody of the organisation, or whom the row with this number adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Who {
    Known(UserId),
    New(usize),
}

/// What is written of a person; what is absent stays, or of a new person is the organisation's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) who: Who,
    pub(super) login: String,
    pub(super) name: Option<String>,
    pub(super) title: Option<String>,
    pub(super) departments: Option<Vec<Place>>,
    pub(super) manager: Option<Who>,
    pub(super) locale: Option<String>,
    pub(super) tz: Option<String>,
}

/// The sign-in names that a table speaks of.
pub(super) fn logins(rows: &[Row]) -> BTreeSet<String> {
    let cells = rows.iter().flat_map(|row| [Column::Login, Column::Manager].map(|c| row.cell(c)));
    cells.filter_map(|cell| rules::login("login", cell).ok()).collect()
}

/// Decides about every line. Those that are right are planned also if others are wrong.
pub(super) fn decide(rows: &[Row], facts: &Facts) -> Plan {
    let mut table = Table::new(rows, facts);
    let mut drafts: Vec<Result<Draft>> = (0..rows.len()).map(|row| table.draft(row)).collect();
    let circular = circular(&drafts, &facts.managers);
    for draft in &mut drafts {
        if let Ok(Draft { who, manager: Some(_), .. }) = draft
            && circular.contains(who)
        {
            let msg = "nobody manages themselves, not even over others";
            *draft = Err(refused(Column::Manager, msg));
        }
    }
    let mut plan = Plan { departments: table.paths.new, ..Plan::default() };
    for (row, draft) in rows.iter().zip(drafts) {
        let known = draft.as_ref().ok().and_then(|draft| facts.here(&draft.login));
        let line = line(row, &draft, known);
        plan.people.extend(draft.ok().filter(|_| line.action != Action::Same));
        plan.lines.push(line);
    }
    plan
}

fn refused(column: Column, msg: &str) -> Error {
    Error::bad_arg(column.name(), msg)
}

impl Facts {
    fn here(&self, login: &str) -> Option<&Member> {
        match self.people.get(login)? {
            Standing::Here(person) => Some(&**person),
            Standing::Left | Standing::Elsewhere => None,
        }
    }
}

impl Draft {
    /// The columns that are written: for somebody who is known those that differ.
    fn changes(&self, known: Option<&Member>) -> Vec<Column> {
        let differs =
            |given: &Option<String>, now: Option<&str>| given.is_some() && given.as_deref() != now;
        let placed = |places: &[Place]| {
            let now = known.map_or(&[][..], |person| &person.departments);
            !now.iter().copied().map(Place::Known).eq(places.iter().copied())
        };
        let manager = known.and_then(|person| person.manager).map(Who::Known);
        let columns = [
            (Column::Name, differs(&self.name, known.map(|person| &*person.name))),
            (Column::Title, differs(&self.title, known.and_then(|it| it.title.as_deref()))),
            (Column::Department, self.departments.as_deref().is_some_and(placed)),
            (Column::Manager, self.manager.is_some() && self.manager != manager),
            (Column::Locale, differs(&self.locale, known.map(|person| &*person.locale))),
            (Column::Tz, differs(&self.tz, known.map(|person| &*person.tz))),
        ];
        columns.into_iter().filter(|(_, written)| *written).map(|(column, _)| column).collect()
    }
}

/// A table, while its lines are read one after another.
struct Table<'a> {
    rows: &'a [Row],
    facts: &'a Facts,
    /// The first row of each sign-in name.
    first: HashMap<String, usize>,
    paths: Paths,
}

impl<'a> Table<'a> {
    fn new(rows: &'a [Row], facts: &'a Facts) -> Table<'a> {
        let mut first = HashMap::with_capacity(rows.len());
        for (number, row) in rows.iter().enumerate() {
            if let Ok(login) = rules::login("login", row.cell(Column::Login)) {
                first.entry(login).or_insert(number);
            }
        }
        Table { rows, facts, first, paths: Paths::new(&facts.departments, facts.may_grow) }
    }

    /// What a row says of a person, without looking at whose manager its manager is.
    fn draft(&mut self, number: usize) -> Result<Draft> {
        let row = &self.rows[number];
        well_formed(row)?;
        let login = rules::login(Column::Login.name(), row.cell(Column::Login))?;
        let first = self.first[&login];
        if first < number {
            let msg = format!("line {} has the same sign-in name", self.rows[first].line);
            return Err(refused(Column::Login, &msg));
        }
        let who = self.who(number, &login)?;
        let name = text(row, Column::Name, rules::name)?;
        if matches!(who, Who::New(_)) && name.is_none() {
            return Err(refused(Column::Name, "a new person has a name; write it down"));
        }
        let departments = match paths(row.cell(Column::Department))? {
            paths if paths.is_empty() => None,
            paths => Some(paths.iter().map(|path| self.paths.place(path)).collect::<Result<_>>()?),
        };
        Ok(Draft {
            who,
            name,
            title: text(row, Column::Title, rules::name)?,
            departments,
            manager: self.manager(row.cell(Column::Manager), who)?,
            locale: text(row, Column::Locale, |_, cell| rules::locale(Some(cell.into()), LOCALE))?,
            tz: text(row, Column::Tz, |name, cell| rules::tag(name, Some(cell.into()), TZ))?,
            login,
        })
    }

    /// Whom a row is about.
    fn who(&self, number: usize, login: &str) -> Result<Who> {
        match self.facts.people.get(login) {
            None => Ok(Who::New(number)),
            Some(Standing::Here(person)) => Ok(Who::Known(person.user)),
            Some(Standing::Left) => {
                let msg = "this person left; take them back first, or leave the line out";
                Err(refused(Column::Login, msg))
            }
            Some(Standing::Elsewhere) => {
                Err(refused(Column::Login, "that sign-in name is taken; choose another one"))
            }
        }
    }

    /// Somebody who is here, or whom another row adds. Whether that row is right is its own matter.
    fn manager(&self, cell: &str, of: Who) -> Result<Option<Who>> {
        if cell.is_empty() {
            return Ok(None);
        }
        let login = rules::login(Column::Manager.name(), cell)?;
        let manager = match (self.facts.people.get(&login), self.first.get(&login)) {
            (Some(Standing::Here(person)), _) => Who::Known(person.user),
            (None, Some(row)) => Who::New(*row),
            _ => {
                let msg = format!("nobody here has the sign-in name `{login}`; add them, too");
                return Err(refused(Column::Manager, &msg));
            }
        };
        if manager == of {
            return Err(refused(Column::Manager, "nobody manages themselves"));
        }
        Ok(Some(manager))
    }
}

/// What the table's form says of a row.
fn well_formed(row: &Row) -> Result<()> {
    if let Some(column) = row.broken() {
        let msg = "a cell has no line breaks; look for a quotation mark that is missing";
        return Err(refused(column, msg));
    }
    if row.surplus {
        let msg = "there is a text under no column; a cell with a comma needs quotation marks";
        return Err(Error::new(ErrorCode::BadArg, msg));
    }
    Ok(())
}

/// A cell as its rule reads it; nothing if it is empty.
fn text(
    row: &Row,
    column: Column,
    rule: impl Fn(&str, &str) -> Result<String>,
) -> Result<Option<String>> {
    let cell = row.cell(column);
    if cell.is_empty() { Ok(None) } else { rule(column.name(), cell).map(Some) }
}

/// Those who would manage themselves over others, of whom the drafts give a manager.
fn circular(drafts: &[Result<Draft>], managers: &HashMap<UserId, UserId>) -> HashSet<Who> {
    let known = managers.iter().map(|(who, manager)| (Who::Known(*who), Who::Known(*manager)));
    let mut above: HashMap<Who, Who> = known.collect();
    let given = drafts.iter().flatten().filter_map(|draft| Some((draft.who, draft.manager?)));
    let given: Vec<(Who, Who)> = given.collect();
    above.extend(given.iter().copied());
    // Everybody is walked over once: the number says in which walk.
    let mut walked: HashMap<Who, usize> = HashMap::new();
    let mut circular = HashSet::new();
    for (walk, (start, _)) in given.iter().enumerate() {
        let mut at = *start;
        while let (None, Some(next)) = (walked.get(&at), above.get(&at)) {
            walked.insert(at, walk);
            at = *next;
        }
        if walked.get(&at) == Some(&walk) {
            while circular.insert(at) {
                at = above[&at];
            }
        }
    }
    circular
}

/// The line of the report about a row.
fn line(row: &Row, draft: &Result<Draft>, known: Option<&Member>) -> Line {
    let name = match (row.cell(Column::Name), known) {
        ("", Some(person)) => &person.name,
        (cell, _) => cell,
    };
    let mut line = Line {
        line: row.line,
        action: Action::Error,
        login: clipped(row.cell(Column::Login)),
        name: clipped(name),
        changes: Vec::new(),
        field: None,
        msg: None,
    };
    let draft = match draft {
        Ok(draft) => draft,
        Err(error) => {
            let body = error.body();
            return Line { field: body.field.clone(), msg: Some(body.msg.clone()), ..line };
        }
    };
    line.changes = draft.changes(known).into_iter().map(|it| it.name().to_owned()).collect();
    line.action = match known {
        None => Action::Add,
        Some(_) if line.changes.is_empty() => Action::Same,
        Some(_) => Action::Change,
    };
    line
}

/// As much of a cell as a right one would have: nobody reads the rest, and it has to travel.
fn clipped(cell: &str) -> String {
    cell.chars().take(NAME_LEN_MAX).collect()
}
