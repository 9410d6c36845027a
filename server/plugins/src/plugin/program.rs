//! Programs of others that listen: how far each is, and the end of one that is removed.

use std::collections::{BTreeMap, HashMap};

use carillon_plugin::{Ctx, Error, Listens, Result, Tx};
use carillon_protocol::{
    Event, OrgId, UserId,
    org::{GetMembers, MemberChangedData, Names},
    plugin::Program,
};

/// So many programs are listed, of those that are furthest back in the log: each costs a look at
/// the log, and who has more of them looks at these first.
const LISTED_MAX: usize = 100;

/// Those that listen, those that are furthest behind first.
pub(super) async fn listening(ctx: &Ctx) -> Result<Vec<Program>> {
    let listeners = ctx.host().listeners(LISTED_MAX).await?;
    let names = names(ctx, &listeners).await?;
    let shown = listeners.into_iter().map(|it| Program {
        name: names.get(&it.program).cloned().unwrap_or_else(|| it.program.to_string()),
        user: it.program,
        org: it.org,
        listens: it.kinds.iter().map(ToString::to_string).collect(),
        pos: it.pos,
        behind: it.behind,
        behind_ms: it.since.map_or(0, |since| (ctx.now() - since).max(0)),
    });
    let mut programs: Vec<Program> = shown.collect();
    programs.sort_by_key(|program| std::cmp::Reverse(program.behind));
    Ok(programs)
}

async fn names(ctx: &Ctx, listeners: &[Listens]) -> Result<HashMap<UserId, String>> {
    let mut orgs: BTreeMap<OrgId, Vec<UserId>> = BTreeMap::new();
    for it in listeners {
        orgs.entry(it.org).or_default().push(it.program);
    }
    let mut names = HashMap::new();
    for (org, users) in orgs {
        names.extend(ctx.call(&Names { org, users }).await?.names);
    }
    Ok(names)
}

/// Who leaves listens no more; a program that comes back begins at the end of the log. One that is
/// back by now keeps its place: it may listen already, and without a place it would hear nothing.
pub(super) async fn left(ctx: Ctx, event: Event) -> Result<Tx> {
    let MemberChangedData { user, .. } = event.data.to().map_err(Error::internal)?;
    let now = ctx.call(&GetMembers { users: vec![user] }).await?.members;
    let mut tx = ctx.tx();
    if !now.iter().any(|member| member.active) {
        tx.run("DELETE FROM listener_place WHERE user_id = $1", [user.into()]);
    }
    Ok(tx)
}
