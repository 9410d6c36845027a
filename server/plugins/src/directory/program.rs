//! What other plugins need of the directory: programs that speak for them, and whom a sign-in name
//! belongs to.

use carillon_plugin::{Audited, Ctx, Error, Result};
use carillon_protocol::{
    limits::USERS_PER_CALL_MAX,
    program::{AddProgram, Find, Found, FoundPerson, ProgramAdded},
};

use super::{member::NewAccount, rules};

/// `org.program.add`.
pub(super) async fn add(ctx: Ctx, args: AddProgram) -> Result<ProgramAdded> {
    let name = rules::name("name", &args.name)?;
    let sql = "SELECT id FROM directory_user WHERE id = $1 AND org = $2";
    if ctx.query_one(sql, [args.user.into(), args.org.into()]).await?.is_some() {
        return Ok(ProgramAdded {});
    }
    // The colon keeps it apart from people's sign-in names, and the id from other programs'.
    let login = format!("plugin:{}", args.user);
    let person = NewAccount::person(args.user, args.org, login);
    let program = NewAccount { name, app: true, ..person };
    let mut tx = ctx.tx().on_behalf_of(ctx.caller().user, args.org);
    program.insert(&ctx, &mut tx);
    tx.audit(Audited::of("member", args.user));
    ctx.commit(tx).await?;
    Ok(ProgramAdded {})
}

/// `org.find`.
pub(super) async fn find(ctx: Ctx, args: Find) -> Result<Found> {
    if args.logins.len() > USERS_PER_CALL_MAX {
        let msg = format!("at most {USERS_PER_CALL_MAX} names a call");
        return Err(Error::bad_arg("logins", msg));
    }
    let sql = "SELECT id, name FROM directory_user
               WHERE org = $1 AND login = $2 AND app = 0 AND left_at IS NULL";
    let mut people = Vec::new();
    for login in args.logins {
        // What cannot be a sign-in name is nobody's.
        let Ok(name) = rules::login("logins", &login) else { continue };
        if let Some(row) = ctx.query_one(sql, [args.org.into(), name.into()]).await? {
            people.push(FoundPerson { login, user: row.get(0)?, name: row.get(1)? });
        }
    }
    Ok(Found { people })
}
