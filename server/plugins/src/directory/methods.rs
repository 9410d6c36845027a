//! How people can sign in here.

use carillon_plugin::{Ctx, Result, Row};
use carillon_protocol::session::{Demo, DemoPerson, Methods, Offered};

use super::Directory;

/// The most people of the demo company that are shown: a page of faces to choose from.
const PEOPLE_MAX: i64 = 50;

/// What a stranger is told before signing in: nothing of an installation with several
/// organisations.
pub(super) async fn methods(ctx: Ctx, _: Methods) -> Result<Offered> {
    let orgs = ctx.query("SELECT id, name FROM directory_org ORDER BY id LIMIT 2", []).await?;
    let setup = orgs.is_empty();
    let [only] = orgs.as_slice() else { return Ok(Offered { setup, org: None, demo: None }) };
    let demo = match ctx.state::<Directory>().demo.clone() {
        Some(password) => Some(Demo { password, people: people(&ctx, only).await? }),
        None => None,
    };
    Ok(Offered { setup, org: Some(only.get(1)?), demo })
}

/// In the order in which they came.
async fn people(ctx: &Ctx, org: &Row) -> Result<Vec<DemoPerson>> {
    let sql = "SELECT login, name, title FROM directory_user
               WHERE org = $1 AND app = 0 AND left_at IS NULL AND password IS NOT NULL
               ORDER BY id LIMIT $2";
    let rows = ctx.query(sql, [org.get::<String>(0)?.into(), PEOPLE_MAX.into()]).await?;
    let person =
        |row: &Row| Ok(DemoPerson { login: row.get(0)?, name: row.get(1)?, title: row.get(2)? });
    rows.iter().map(person).collect()
}
