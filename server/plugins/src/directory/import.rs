//! Importing people from a table: read, decided about and written as one.

mod paths;
mod rules;
#[cfg(test)]
mod rules_tests;
mod table;

use std::collections::HashMap;

use carillon_plugin::{Audited, Ctx, Error, Result, Row, Tx, Value};
use carillon_protocol::{
    DepartmentId, OrgId, Topic, UserId,
    import::{Apply, Check, ImportedData, Report},
    limits::TABLE_LEN_MAX,
    org::kind,
    role::{DEPARTMENTS, PEOPLE},
};

use self::{
    paths::Place,
    rules::{Draft, Facts, Plan, Standing, Who, decide, logins},
};
use super::{
    department, list,
    org::{Revision, Start, org_of},
    permission::{permit, rights},
};

/// The most people of one table: a company's, and a second's work.
const PEOPLE_MAX: usize = 2_000;

/// Says what `apply` would do.
pub(super) async fn check(ctx: Ctx, args: Check) -> Result<Report> {
    let (_, plan) = Found::planned(&ctx, args.org, &args.csv).await?;
    Ok(report(plan, false))
}

/// Imports a table, if all of it is right.
pub(super) async fn apply(ctx: Ctx, args: Apply) -> Result<Report> {
    let (found, plan) = Found::planned(&ctx, args.org, &args.csv).await?;
    if plan.is_refused() {
        return Ok(report(plan, false));
    }
    if !plan.people.is_empty() {
        let mut tx = ctx.tx().on_behalf_of(ctx.caller().user, found.org);
        found.revision.next(&mut tx);
        Writing::begin(&ctx, &found, &plan).write(&mut tx, &plan);
        tx.emit(Topic::Org(found.org), kind::IMPORTED, &ImportedData {});
        tx.audit(Audited::of("org", found.org).after(&args.csv));
        ctx.commit(tx).await?;
    }
    Ok(report(plan, true))
}

fn report(plan: Plan, applied: bool) -> Report {
    let departments = plan.departments.into_iter().map(|new| new.path).collect();
    Report { lines: plan.lines, departments, applied }
}

/// The organisation as it was when the table was decided about: if anybody changes it meanwhile,
/// the import looks again.
struct Found {
    org: OrgId,
    revision: Revision,
    start: Start,
}

impl Found {
    async fn planned(ctx: &Ctx, org: Option<OrgId>, csv: &str) -> Result<(Found, Plan)> {
        let org = org_of(ctx, org).await?;
        // Before everything that is decided by: what changes after it is noticed.
        let revision = Revision::of(ctx, org).await?;
        permit(ctx, PEOPLE).await?;
        if csv.len() > TABLE_LEN_MAX {
            let msg = format!("a table has at most {TABLE_LEN_MAX} bytes; make several of it");
            return Err(Error::too_large("csv", msg));
        }
        let rows = table::read(csv)?;
        let start = Start::of(ctx, org).await?;
        let plan = decide(&rows, &facts(ctx, org, &rows).await?);
        Ok((Found { org, revision, start }, plan))
    }
}

async fn facts(ctx: &Ctx, org: OrgId, rows: &[table::Row]) -> Result<Facts> {
    let logins: Vec<String> = logins(rows).into_iter().collect();
    let people = list::by_login(ctx, &logins).await?.into_iter().map(|(home, person)| {
        let login = person.login.clone();
        let standing = match person.active {
            _ if home != org => Standing::Elsewhere,
            true => Standing::Here(Box::new(person)),
            false => Standing::Left,
        };
        (login, standing)
    });
    let sql = "SELECT id, manager FROM directory_user WHERE org = $1 AND manager IS NOT NULL";
    let managers = ctx.query(sql, [org.into()]).await?;
    Ok(Facts {
        people: people.collect(),
        managers: managers
            .iter()
            .map(|row: &Row| Ok((row.get(0)?, row.get(1)?)))
            .collect::<Result<_>>()?,
        departments: department::read(ctx, org).await?.into_list(),
        may_grow: rights(ctx).await?.has(DEPARTMENTS),
    })
}

/// A plan on its way into a transaction: with the ids of what is new.
struct Writing<'a> {
    found: &'a Found,
    now: i64,
    people: HashMap<Who, UserId>,
    departments: Vec<DepartmentId>,
}

impl<'a> Writing<'a> {
    fn begin(ctx: &Ctx, found: &'a Found, plan: &Plan) -> Writing<'a> {
        let id_of = |who| match who {
            Who::Known(user) => user,
            Who::New(_) => UserId(ctx.new_id()),
        };
        let people = plan.people.iter().map(|draft| (draft.who, id_of(draft.who))).collect();
        let departments = plan.departments.iter().map(|_| DepartmentId(ctx.new_id())).collect();
        Writing { found, now: ctx.now(), people, departments }
    }

    fn user(&self, who: Who) -> UserId {
        match who {
            Who::Known(user) => user,
            Who::New(_) => self.people[&who],
        }
    }

    fn department(&self, place: Place) -> DepartmentId {
        match place {
            Place::Known(department) => department,
            Place::New(number) => self.departments[number],
        }
    }

    fn write(&self, tx: &mut Tx, plan: &Plan) {
        for (new, id) in plan.departments.iter().zip(&self.departments) {
            let parent = new.parent.map(|place| self.department(place));
            department::insert(tx, self.found.org, *id, parent, &new.name, None);
        }
        for draft in &plan.people {
            match draft.who {
                Who::Known(user) => self.change(tx, user, draft),
                Who::New(_) => self.add(tx, draft),
            }
        }
        self.place(tx, &plan.people);
    }

    /// Of two at once with the same sign-in name, one changes no row and runs again. Without a
    /// password: people set their own by an invitation.
    fn add(&self, tx: &mut Tx, draft: &Draft) {
        let Start { locale, tz } = &self.found.start;
        tx.run_one(
            "INSERT INTO directory_user
                 (id, org, login, name, title, manager, app, locale, tz, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9)
             ON CONFLICT DO NOTHING",
            [
                self.user(draft.who).into(),
                self.found.org.into(),
                draft.login.as_str().into(),
                draft.name.as_deref().into(),
                draft.title.as_deref().into(),
                draft.manager.map(|who| self.user(who)).into(),
                draft.locale.as_ref().unwrap_or(locale).as_str().into(),
                draft.tz.as_ref().unwrap_or(tz).as_str().into(),
                self.now.into(),
            ],
        );
    }

    /// What is absent stays.
    fn change(&self, tx: &mut Tx, user: UserId, draft: &Draft) {
        tx.run_one(
            "UPDATE directory_user SET name = COALESCE($2, name), title = COALESCE($3, title),
                 manager = COALESCE($4, manager), locale = COALESCE($5, locale),
                 tz = COALESCE($6, tz)
             WHERE id = $1",
            [
                user.into(),
                draft.name.as_deref().into(),
                draft.title.as_deref().into(),
                draft.manager.map(|who| self.user(who)).into(),
                draft.locale.as_deref().into(),
                draft.tz.as_deref().into(),
            ],
        );
    }

    /// Puts people into the departments that the table gives them, and into no others.
    fn place(&self, tx: &mut Tx, drafts: &[Draft]) {
        let (mut moved, mut rows) = (Vec::new(), Vec::new());
        for draft in drafts {
            let Some(places) = &draft.departments else { continue };
            let user = self.user(draft.who);
            moved.push(vec![Value::from(user)]);
            for (position, place) in places.iter().enumerate() {
                rows.push(vec![self.department(*place).into(), user.into(), position.into()]);
            }
        }
        tx.run_rows(
            "DELETE FROM directory_department_member WHERE user_id IN (VALUES {rows})",
            moved,
        );
        let sql = "INSERT INTO directory_department_member (department, user_id, position)
                   VALUES {rows}";
        tx.run_rows(sql, rows);
    }
}
