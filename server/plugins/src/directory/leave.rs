//! How people leave an organisation, and come back.

use carillon_plugin::{Audited, Ctx, Error, Result};
use carillon_protocol::{
    org::{MemberUpdated, RemoveMember, RestoreMember, kind},
    role::PEOPLE,
};

use super::{
    change::{spare_administrator, tell},
    ending::end_all,
    list,
    org::Revision,
    permission::{permit, permit_over},
};

/// Lets a person or program go. The row stays, with the departments: for the names of old
/// messages, and for the way back. Roles do not: who comes back is given them anew.
pub(super) async fn remove(ctx: Ctx, args: RemoveMember) -> Result<MemberUpdated> {
    let revision = Revision::of_person(&ctx, args.user).await?;
    permit(&ctx, PEOPLE).await?;
    let person = list::person(&ctx, args.user).await?;
    if !person.active {
        return Ok(MemberUpdated { member: person });
    }
    if person.user == ctx.caller().user {
        return Err(Error::denied("nobody removes themselves; ask somebody else"));
    }
    permit_over(&ctx, revision.org, person.user).await?;
    if person.admin {
        spare_administrator(&ctx, revision.org).await?;
    }
    let mut tx = ctx.tx().on_behalf_of(ctx.caller().user, revision.org);
    revision.next(&mut tx);
    let user = || person.user.into();
    tx.run("UPDATE directory_user SET left_at = $2 WHERE id = $1", [user(), ctx.now().into()]);
    tx.run("DELETE FROM directory_role_member WHERE user_id = $1", [user()]);
    tx.run("UPDATE directory_department SET head = NULL WHERE head = $1", [user()]);
    tx.run("UPDATE directory_user SET manager = NULL WHERE manager = $1", [user()]);
    // A link that who left made, or could sign in by, opens nothing any more.
    tx.run(
        "UPDATE directory_invite SET revoked_at = $2
         WHERE (made_by = $1 OR user_id = $1) AND revoked_at IS NULL",
        [user(), ctx.now().into()],
    );
    tell(&mut tx, revision.org, kind::MEMBER_LEFT, &person);
    tx.audit(Audited::of("member", person.user).before(&person));
    end_all(&ctx, &mut tx, (revision.org, person.user), None).await?;
    ctx.commit(tx).await?;
    Ok(MemberUpdated { member: list::person(&ctx, args.user).await? })
}

/// Takes a person or program back.
pub(super) async fn restore(ctx: Ctx, args: RestoreMember) -> Result<MemberUpdated> {
    let revision = Revision::of_person(&ctx, args.user).await?;
    permit(&ctx, PEOPLE).await?;
    let person = list::person(&ctx, args.user).await?;
    if person.active {
        return Ok(MemberUpdated { member: person });
    }
    let mut tx = ctx.tx().on_behalf_of(ctx.caller().user, revision.org);
    revision.next(&mut tx);
    tx.run("UPDATE directory_user SET left_at = NULL WHERE id = $1", [args.user.into()]);
    tell(&mut tx, revision.org, kind::MEMBER_RETURNED, &person);
    tx.audit(Audited::of("member", person.user).after(&person));
    ctx.commit(tx).await?;
    Ok(MemberUpdated { member: list::person(&ctx, args.user).await? })
}
