//! `carillon user import` and `carillon user invite`.

use std::{fmt::Write as _, fs, path::PathBuf};

use carillon_protocol::{
    DepartmentId, OrgId, UserId,
    import::{Action, Apply, Check, Line, Report},
    invite,
    limits::PEOPLE_PER_PAGE_MAX,
    org::ListMembers,
};
use clap::Args;

use super::{Failure, Outcome, admin::ttl_ms, say, system::System};
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The table (CSV, UTF-8): its first line names the columns login, name and, where wanted,
    /// title, department, manager, locale and tz
    file: PathBuf,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// The organisation, where there are several
    #[arg(long, value_name = "ID")]
    org: Option<OrgId>,
}

#[derive(Debug, Args)]
pub(super) struct InviteArgs {
    /// Whose password it sets: a sign-in name, or an id where there are several organisations;
    /// without it the link makes new people
    #[arg(long, value_name = "PERSON", conflicts_with_all = ["department", "uses"])]
    user: Option<String>,
    /// Where new people come in
    #[arg(long, value_name = "ID")]
    department: Option<DepartmentId>,
    /// How many may join by it
    #[arg(long, value_name = "NUMBER")]
    uses: Option<u32>,
    /// For how long, as 12h or 7d
    #[arg(long, value_name = "TIME", value_parser = ttl_ms, default_value = "7d")]
    ttl: i64,
    /// The organisation, where there are several
    #[arg(long, value_name = "ID")]
    org: Option<OrgId>,
}

/// Prints a line for each line of the table, and fails if one of them is wrong.
pub(super) async fn import(config: &Config, args: ImportArgs) -> Outcome {
    let ImportArgs { file, dry_run, org } = args;
    let unread = |why: &str| Failure(format!("{} cannot be read: {why}", file.display()));
    let bytes = fs::read(&file).map_err(|error| unread(&error.to_string()))?;
    let csv = String::from_utf8(bytes).map_err(|_| unread("save it as CSV in UTF-8"))?;
    let system = System::reach(config).await?;
    let report = match dry_run {
        true => system.call(&Check { org, csv }).await,
        false => system.call(&Apply { org, csv }).await,
    };
    system.close().await;
    let report = report?;
    say(&shown(&report, dry_run))?;
    match count(&report, Action::Error) {
        0 => Ok(()),
        1 => Err(Failure("one line is wrong, so nothing is imported".into())),
        wrong => Err(Failure(format!("{wrong} lines are wrong, so nothing is imported"))),
    }
}

fn count(report: &Report, action: Action) -> usize {
    report.lines.iter().filter(|line| line.action == action).count()
}

/// What is told of an import.
fn shown(report: &Report, dry_run: bool) -> String {
    let mut text: String = report.lines.iter().map(line).collect();
    for path in &report.departments {
        text += &format!("department {}\n", plain(path));
    }
    if count(report, Action::Error) == 0 {
        let [add, change, same] =
            [Action::Add, Action::Change, Action::Same].map(|action| count(report, action));
        let done = if dry_run { "nothing was done yet" } else { "done" };
        text += &format!("{done}: {add} added, {change} changed, {same} as they were\n");
    }
    text
}

fn line(line: &Line) -> String {
    let action = match line.action {
        Action::Add => "add",
        Action::Change => "change",
        Action::Same => "same",
        Action::Error => "error",
    };
    let mut text = format!("{:>5} {action:<6} {}", line.line, plain(&line.login));
    let told = match (&line.field, &line.msg) {
        (Some(field), Some(msg)) => format!("{field}: {msg}"),
        (None, Some(msg)) => msg.clone(),
        _ => line.changes.join(", "),
    };
    if !told.is_empty() {
        let _ = write!(text, " ({})", plain(&told));
    }
    text + "\n"
}

/// A text of the table without what a terminal would obey.
fn plain(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// Prints the link and nothing else, so that scripts can use it; its path only if the server's
/// address is in no setting.
pub(super) async fn invite(config: &Config, args: InviteArgs) -> Outcome {
    let system = System::reach(config).await?;
    let made = make(&system, args).await;
    system.close().await;
    let origin = config.public_url.as_ref().map_or("", |url| url.as_str());
    say(&format!("{origin}/join#{}", made?.token))
}

async fn make(system: &System<'_>, args: InviteArgs) -> Result<invite::Created, Failure> {
    let InviteArgs { user, department, uses, ttl, org } = args;
    let user = match user {
        Some(person) => Some(find(system, &person).await?),
        None => None,
    };
    system.call(&invite::Create { org, user, department, uses, ttl_ms: Some(ttl) }).await
}

/// The person of this id, or of this sign-in name.
async fn find(system: &System<'_>, person: &str) -> Result<UserId, Failure> {
    if let Ok(user) = person.parse() {
        return Ok(user);
    }
    let login = person.to_ascii_lowercase();
    let mut ask = ListMembers {
        query: Some(login.clone()),
        limit: Some(PEOPLE_PER_PAGE_MAX),
        ..ListMembers::default()
    };
    loop {
        let page = system.call(&ask).await?;
        if let Some(found) = page.members.iter().find(|member| member.login == login) {
            return Ok(found.user);
        }
        ask.after = page.members.last().map(|member| member.user);
        if !page.more {
            return Err(Failure(format!("nobody has the sign-in name `{}`", plain(person))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_that_stands_in_a_table() {
        let wrong = Line {
            line: 12,
            action: Action::Error,
            login: "bob\u{1b}[2J\u{7}\r".into(),
            name: "Bob".into(),
            changes: Vec::new(),
            field: Some("login".into()),
            msg: Some("no\n".into()),
        };
        let shown = line(&wrong);
        assert_eq!(shown, "   12 error  bob\u{fffd}[2J\u{fffd}\u{fffd} (login: no\u{fffd})\n");
    }
}
