//! People who are to be reached, thousands of them in one call: for other plugins.

use std::{
    collections::{BTreeMap, HashSet},
    sync::LazyLock,
};

use carillon_plugin::{Ctx, Error, Result, Row};
use carillon_protocol::{
    OrgId, UserId,
    org::{Recipient, Recipients, RecipientsFound},
};

use super::{batch, department, role};

/// What [`recipient`] reads, of `directory_user u` and the manager `m`.
const COLUMNS: &str = "u.id, u.name, u.locale, u.tz, u.manager, m.manager, u.org, u.app, u.left_at";

/// The people for whom a column is among what is asked about.
fn people(from: &str, column: &str) -> String {
    format!(
        "SELECT {COLUMNS} FROM {from} LEFT JOIN directory_user m ON m.id = u.manager
         WHERE {column} IN {}",
        batch::places()
    )
}

static NAMED: LazyLock<String> = LazyLock::new(|| people("directory_user u", "u.id"));

static WITH_ROLE: LazyLock<String> = LazyLock::new(|| {
    people("directory_role_member f JOIN directory_user u ON u.id = f.user_id", "f.role")
});

static IN_DEPARTMENT: LazyLock<String> = LazyLock::new(|| {
    let from = "directory_department_member f JOIN directory_user u ON u.id = f.user_id";
    people(from, "f.department")
});

/// `org.recipients`.
pub(super) async fn recipients(ctx: Ctx, args: Recipients) -> Result<RecipientsFound> {
    let mut found = BTreeMap::new();
    let named = batch::query(&ctx, &NAMED, &args.users).await?;
    all_are_known(&args, &named)?;
    gather(&mut found, args.org, &named)?;
    for role in &args.roles {
        role::exists(&ctx, args.org, *role).await?;
    }
    gather(&mut found, args.org, &batch::query(&ctx, &WITH_ROLE, &args.roles).await?)?;
    if !args.departments.is_empty() {
        let tree = department::read(&ctx, args.org).await?;
        let departments = tree.with_below(&args.departments)?;
        gather(&mut found, args.org, &batch::query(&ctx, &IN_DEPARTMENT, &departments).await?)?;
    }
    if found.len() > args.max as usize {
        let msg = format!("these are {} people, and {} at most can be", found.len(), args.max);
        return Err(Error::too_large("to", msg));
    }
    Ok(RecipientsFound { people: found.into_values().collect() })
}

/// Refuses who does not exist in this organisation.
fn all_are_known(args: &Recipients, rows: &[Row]) -> Result<()> {
    let mut known = HashSet::with_capacity(rows.len());
    for row in rows {
        if row.get::<OrgId>(6)? == args.org {
            known.insert(row.get::<UserId>(0)?);
        }
    }
    match args.users.iter().position(|user| !known.contains(user)) {
        Some(at) => Err(Error::not_found("person").field(&format!("users[{at}]"))),
        None => Ok(()),
    }
}

fn gather(found: &mut BTreeMap<UserId, Recipient>, org: OrgId, rows: &[Row]) -> Result<()> {
    for row in rows {
        let left = row.get::<Option<i64>>(8)?.is_some();
        if !left && !row.get::<bool>(7)? && row.get::<OrgId>(6)? == org {
            found.insert(row.get(0)?, recipient(row)?);
        }
    }
    Ok(())
}

fn recipient(row: &Row) -> Result<Recipient> {
    Ok(Recipient {
        user: row.get(0)?,
        name: row.get(1)?,
        locale: row.get(2)?,
        tz: row.get(3)?,
        manager: row.get(4)?,
        manager_above: row.get(5)?,
    })
}
