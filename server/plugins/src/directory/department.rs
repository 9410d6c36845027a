//! Departments, and who is in them.

use carillon_plugin::{Audited, Committed, Ctx, Decision, Error, Result, Row, Tx};
use carillon_protocol::{
    DepartmentId, OrgId, Topic, UserId,
    department::{
        Changed, ChangedData, Create, Created, Department, Grown, Move, Remove, Tree as AskTree,
        Update,
    },
    org::kind,
    role::DEPARTMENTS,
};

use super::{
    list,
    org::{Revision, org_of},
    permission::permit,
    rules,
    tree::Tree,
};

/// Everything that a change of the tree is decided by.
struct Found {
    org: OrgId,
    revision: Revision,
    tree: Tree,
}

impl Found {
    async fn permitted(ctx: &Ctx) -> Result<Found> {
        let org = org_of(ctx, None).await?;
        let revision = Revision::of(ctx, org).await?;
        permit(ctx, DEPARTMENTS).await?;
        Ok(Found { org, revision, tree: read(ctx, org).await? })
    }

    /// A transaction that is undone if anybody else changed something since.
    fn tx(&self, ctx: &Ctx) -> Tx {
        let mut tx = ctx.tx().on_behalf_of(ctx.caller().user, self.org);
        self.revision.next(&mut tx);
        tx
    }

    fn tell(&self, tx: &mut Tx, department: DepartmentId, name: Option<String>) {
        let data = ChangedData { department, name };
        tx.emit(Topic::Org(self.org), kind::DEPARTMENT_CHANGED, &data);
    }
}

/// The tree as the tables have it. Who left is not counted: they are taken off, being fewer to look
/// at than those who are there.
pub(super) async fn read(ctx: &Ctx, org: OrgId) -> Result<Tree> {
    let sql = "WITH gone (department, people) AS (
                   SELECT m.department, COUNT(*) FROM directory_user u
                   JOIN directory_department_member m ON m.user_id = u.id
                   WHERE u.org = $1 AND u.left_at IS NOT NULL GROUP BY m.department)
               SELECT d.id, d.parent, d.name, d.head,
                   (SELECT COUNT(*) FROM directory_department_member m WHERE m.department = d.id)
                       - COALESCE(gone.people, 0)
               FROM directory_department d LEFT JOIN gone ON gone.department = d.id
               WHERE d.org = $1 ORDER BY d.position, d.id";
    let department = |row: &Row| {
        Ok(Department {
            department: row.get(0)?,
            parent: row.get(1)?,
            name: row.get(2)?,
            head: row.get(3)?,
            members: row.get(4)?,
        })
    };
    let rows = ctx.query(sql, [org.into()]).await?;
    Ok(Tree::new(rows.iter().map(department).collect::<Result<_>>()?))
}

/// All departments.
pub(super) async fn tree(ctx: Ctx, _: AskTree) -> Result<Grown> {
    let org = org_of(&ctx, None).await?;
    Ok(Grown { departments: read(&ctx, org).await?.into_list() })
}

/// Makes a department.
pub(super) async fn create(ctx: Ctx, args: Create) -> Result<Decision<Created>> {
    let found = Found::permitted(&ctx).await?;
    let name = rules::name("name", &args.name)?;
    found.tree.check_new(args.parent, &name)?;
    if let Some(head) = args.head {
        check_head(&ctx, head).await?;
    }
    let department = DepartmentId(ctx.new_id());
    let mut tx = found.tx(&ctx);
    insert(&mut tx, found.org, department, args.parent, &name, args.head);
    tx.audit(Audited::of("department", department).after(&name));
    found.tell(&mut tx, department, Some(name));
    Ok(tx.into())
}

/// Adds a department as the last of its siblings.
pub(super) fn insert(
    tx: &mut Tx,
    org: OrgId,
    department: DepartmentId,
    parent: Option<DepartmentId>,
    name: &str,
    head: Option<UserId>,
) {
    tx.run(
        "INSERT INTO directory_department (id, org, parent, name, head, position)
         VALUES ($1, $2, $3, $4, $5, (SELECT COALESCE(MAX(position), 0) + 1
             FROM directory_department WHERE org = $2))",
        [department.into(), org.into(), parent.into(), name.into(), head.into()],
    );
}

/// The event names the department.
pub(super) fn created(done: &Committed) -> Result<Created> {
    let missing = || Error::internal(std::io::Error::other("a department without its event"));
    let event = done.events.first().ok_or_else(missing)?;
    let data = event.data.to::<ChangedData>().map_err(Error::internal)?;
    Ok(Created { department: data.department })
}

/// Renames a department, or says who heads it.
pub(super) async fn update(ctx: Ctx, args: Update) -> Result<Changed> {
    let found = Found::permitted(&ctx).await?;
    let before = found.tree.get(args.department)?;
    let name = args.name.map_or(Ok(before.name.clone()), |name| rules::name("name", &name))?;
    let head = args.head.unwrap_or(before.head);
    found.tree.check_name(before.parent, &name, Some(args.department))?;
    if let Some(head) = head {
        check_head(&ctx, head).await?;
    }
    if (&name, head) == (&before.name, before.head) {
        return Ok(Changed {});
    }
    let mut tx = found.tx(&ctx);
    tx.run(
        "UPDATE directory_department SET name = $2, head = $3 WHERE id = $1",
        [args.department.into(), name.as_str().into(), head.into()],
    );
    tx.audit(
        Audited::of("department", args.department)
            .before(&(&before.name, before.head))
            .after(&(&name, head)),
    );
    found.tell(&mut tx, args.department, Some(name));
    ctx.commit(tx).await?;
    Ok(Changed {})
}

/// Puts a department somewhere else.
pub(super) async fn relocate(ctx: Ctx, args: Move) -> Result<Changed> {
    let found = Found::permitted(&ctx).await?;
    let before = found.tree.get(args.department)?;
    let siblings = found.tree.moved(args.department, args.parent, args.before)?;
    if before.parent == args.parent && siblings == found.tree.children(args.parent) {
        return Ok(Changed {});
    }
    let mut tx = found.tx(&ctx);
    tx.run(
        "UPDATE directory_department SET parent = $2 WHERE id = $1",
        [args.department.into(), args.parent.into()],
    );
    for (position, sibling) in siblings.iter().enumerate() {
        tx.run(
            "UPDATE directory_department SET position = $2 WHERE id = $1 AND position <> $2",
            [(*sibling).into(), position.into()],
        );
    }
    tx.audit(
        Audited::of("department", args.department)
            .before(&(before.parent, found.tree.children(args.parent)))
            .after(&(args.parent, &siblings)),
    );
    found.tell(&mut tx, args.department, Some(before.name.clone()));
    ctx.commit(tx).await?;
    Ok(Changed {})
}

/// Removes a department; its people, and the links that lead into it, go up.
pub(super) async fn remove(ctx: Ctx, args: Remove) -> Result<Changed> {
    let found = Found::permitted(&ctx).await?;
    let (id, parent) = (args.department, found.tree.get(args.department)?.parent);
    if !found.tree.children(Some(id)).is_empty() {
        let msg = "there are departments below it; move or remove them first";
        return Err(Error::conflict(msg));
    }
    let mut tx = found.tx(&ctx);
    tx.run("DELETE FROM directory_department WHERE id = $1", [id.into()]);
    if let Some(parent) = parent {
        tx.run(
            "UPDATE directory_department_member SET department = $2
             WHERE department = $1 AND NOT EXISTS (
                 SELECT 1 FROM directory_department_member other
                 WHERE other.department = $2
                     AND other.user_id = directory_department_member.user_id)",
            [id.into(), parent.into()],
        );
    }
    tx.run("DELETE FROM directory_department_member WHERE department = $1", [id.into()]);
    tx.run(
        "UPDATE directory_invite SET department = $2 WHERE department = $1",
        [id.into(), parent.into()],
    );
    tx.audit(Audited::of("department", id).before(&found.tree.get(id)?.name));
    found.tell(&mut tx, id, None);
    ctx.commit(tx).await?;
    Ok(Changed {})
}

/// Refuses who cannot head a department: others' people, programs and who left.
async fn check_head(ctx: &Ctx, head: UserId) -> Result<()> {
    let person = list::person(ctx, head).await?;
    rules::answerable("head", &person)
}

/// Refuses a department that the organisation does not have.
pub(super) async fn exists(ctx: &Ctx, org: OrgId, department: DepartmentId) -> Result<()> {
    let sql = "SELECT 1 FROM directory_department WHERE id = $1 AND org = $2";
    let row = ctx.query_one(sql, [department.into(), org.into()]).await?;
    row.map(|_| ()).ok_or_else(|| Error::not_found("department"))
}

/// Refuses departments that a person cannot be in.
pub(super) async fn check(ctx: &Ctx, org: OrgId, departments: &[DepartmentId]) -> Result<()> {
    rules::distinct("departments", departments, rules::DEPARTMENTS_MAX)?;
    for department in departments {
        exists(ctx, org, *department).await?;
    }
    Ok(())
}

/// Puts a person, who is in none, into departments. One that is removed at this moment makes the
/// handler look again.
pub(super) fn put(tx: &mut Tx, org: OrgId, user: UserId, departments: &[DepartmentId]) {
    for (position, department) in departments.iter().enumerate() {
        tx.run_one(
            "INSERT INTO directory_department_member (department, user_id, position)
             SELECT id, $3, CAST($4 AS BIGINT) FROM directory_department
             WHERE id = $1 AND org = $2",
            [(*department).into(), org.into(), user.into(), position.into()],
        );
    }
}
