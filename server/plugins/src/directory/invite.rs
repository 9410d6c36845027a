//! Invitations: links by which people join, or by which one person sets a password.
//!
//! A link does what whoever made it may do by hand, and only as long as they may: it works no
//! longer when they leave, lose the permission, or no longer stand above the person whose password
//! it sets. Why it does not work is never said: a stranger could try out links by it.

use std::sync::LazyLock;

use carillon_plugin::{Audited, Caller, Ctx, Error, Result, Row, Tx};
use carillon_protocol::{
    ErrorCode, InviteId, OrgId, Topic, UserId,
    invite::{Accept, Create, Created, Invite, List, Listed, Look, Revoke, Revoked, Seen},
    org::{MemberChangedData, kind},
    role::PEOPLE,
    session::Grant,
};

use super::{
    Directory, department,
    ending::end_all,
    member::{NewAccount, free},
    org::{Revision, Start, org_of},
    permission::{Rights, permit, permit_over, rights_of},
    rules,
    session::{Account, LOGIN_TTL_MS, open},
    source::Source,
    token,
};

/// How long a link works if nothing is said, and how long at most.
const TTL_MS: i64 = 7 * 24 * 3_600_000;
const TTL_MAX_MS: i64 = 30 * 24 * 3_600_000;
/// The most people who may join by one link: a large company's first day.
const USES_MAX: u32 = 1_000;
/// The most links of an organisation that work at a time: one answer lists them all.
const LINKS_MAX: i64 = 200;

/// Makes a link. Its token is in the answer and nowhere else.
pub(super) async fn create(ctx: Ctx, args: Create) -> Result<Created> {
    let org = org_of(&ctx, args.org).await?;
    let revision = Revision::of(&ctx, org).await?;
    permit(&ctx, PEOPLE).await?;
    let ttl_ms = ttl(args.ttl_ms)?;
    let uses = uses(args.uses)?;
    if let Some(department) = args.department {
        department::exists(&ctx, org, department).await?;
    }
    if let Some(user) = args.user {
        known(&ctx, org, user).await?;
        permit_over(&ctx, org, user).await?;
        if args.department.is_some() || uses > 1 {
            let msg = "a link for one person has no `department`, and is used once";
            return Err(Error::bad_arg("user", msg));
        }
    }
    let working = "SELECT COUNT(*) FROM directory_invite WHERE org = $1 AND uses_left > 0
                   AND revoked_at IS NULL AND expires_at > $2";
    let row = ctx.query_one(working, [org.into(), ctx.now().into()]).await?;
    if row.map_or(Ok(0), |row| row.get::<i64>(0))? >= LINKS_MAX {
        let msg = format!("there are {LINKS_MAX} links already; revoke some that nobody needs");
        return Err(Error::new(ErrorCode::Quota, msg));
    }
    let (invite, token, now) = (InviteId(ctx.new_id()), token::invitation()?, ctx.now());
    let expires_at = now + ttl_ms;
    let mut tx = ctx.tx().on_behalf_of(ctx.caller().user, org);
    revision.hold(&mut tx);
    // What does not work looks the same as what never was.
    tx.run("DELETE FROM directory_invite WHERE expires_at <= $1", [now.into()]);
    tx.run(
        "INSERT INTO directory_invite
             (id, org, digest, made_by, user_id, department, uses_left, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        [
            invite.into(),
            org.into(),
            token::digest_text(&token).into(),
            ctx.caller().user.into(),
            args.user.into(),
            args.department.into(),
            uses.into(),
            now.into(),
            expires_at.into(),
        ],
    );
    tx.audit(Audited::of("invite", invite).after(&(args.user, args.department, uses)));
    ctx.commit(tx).await?;
    Ok(Created { invite, token, expires_at })
}

fn ttl(asked: Option<i64>) -> Result<i64> {
    let ttl_ms = asked.unwrap_or(TTL_MS);
    if !(1..=TTL_MAX_MS).contains(&ttl_ms) {
        let msg = "`ttl_ms` is more than 0 and at most 30 days, in milliseconds";
        return Err(Error::bad_arg("ttl_ms", msg));
    }
    Ok(ttl_ms)
}

fn uses(asked: Option<u32>) -> Result<u32> {
    let uses = asked.unwrap_or(1);
    if !(1..=USES_MAX).contains(&uses) {
        return Err(Error::bad_arg("uses", format!("`uses` is 1 to {USES_MAX}")));
    }
    Ok(uses)
}

/// Refuses whoever is not a person of the organisation, or no longer.
async fn known(ctx: &Ctx, org: OrgId, user: UserId) -> Result<()> {
    let sql = "SELECT 1 FROM directory_user
               WHERE id = $1 AND org = $2 AND app = 0 AND left_at IS NULL";
    let row = ctx.query_one(sql, [user.into(), org.into()]).await?;
    row.map(|_| ()).ok_or_else(|| Error::not_found("person"))
}

/// The links that still work.
pub(super) async fn list(ctx: Ctx, _: List) -> Result<Listed> {
    permit(&ctx, PEOPLE).await?;
    let org = org_of(&ctx, None).await?;
    let mut invites = Vec::new();
    for row in ctx.query(&WORKING_OF_ORG, [org.into(), ctx.now().into(), LINKS_MAX.into()]).await? {
        let link = Link::read(&row)?;
        if link.is_permitted(&ctx).await? {
            invites.push(link.invite);
        }
    }
    Ok(Listed { invites })
}

/// Makes a link useless.
pub(super) async fn revoke(ctx: Ctx, args: Revoke) -> Result<Revoked> {
    permit(&ctx, PEOPLE).await?;
    let sql = "SELECT org FROM directory_invite WHERE id = $1";
    let unknown = || Error::not_found("invitation");
    let row = ctx.query_one(sql, [args.invite.into()]).await?.ok_or_else(unknown)?;
    let (caller, org) = (ctx.caller(), row.get(0)?);
    if !caller.is_system() && org != caller.org {
        return Err(unknown());
    }
    let mut tx = ctx.tx().on_behalf_of(caller.user, org);
    tx.run(
        "UPDATE directory_invite SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
        [args.invite.into(), ctx.now().into()],
    );
    tx.audit(Audited::of("invite", args.invite));
    ctx.commit(tx).await?;
    Ok(Revoked {})
}

/// A link, with what is shown of it.
struct Link {
    org: OrgId,
    invite: Invite,
    org_name: String,
    /// The name of who made it; nobody's if the system did, or who left.
    maker: Option<String>,
    /// The sign-in name of the person whose password it sets; nobody's who left.
    login: Option<String>,
    department: Option<String>,
}

/// What [`Link::read`] reads, of links that work at `$2`.
const WORKING: &str = "
    SELECT i.id, i.org, i.made_by, i.user_id, i.department, i.uses_left, i.created_at,
        i.expires_at, o.name, maker.name, u.login, d.name
    FROM directory_invite i JOIN directory_org o ON o.id = i.org
    LEFT JOIN directory_user maker ON maker.id = i.made_by AND maker.left_at IS NULL
    LEFT JOIN directory_user u ON u.id = i.user_id AND u.left_at IS NULL
    LEFT JOIN directory_department d ON d.id = i.department
    WHERE i.uses_left > 0 AND i.revoked_at IS NULL AND i.expires_at > $2 AND";

static WORKING_OF_ORG: LazyLock<String> =
    LazyLock::new(|| format!("{WORKING} i.org = $1 ORDER BY i.id DESC LIMIT $3"));
static WORKING_OF_TOKEN: LazyLock<String> = LazyLock::new(|| format!("{WORKING} i.digest = $1"));

/// The one answer about every link that does not work.
fn useless() -> Error {
    let msg = "this link does not work any more; ask for a new one";
    Error::new(ErrorCode::NotFound, msg)
}

impl Link {
    fn read(row: &Row) -> Result<Link> {
        Ok(Link {
            org: row.get(1)?,
            invite: Invite {
                invite: row.get(0)?,
                by: row.get(2)?,
                user: row.get(3)?,
                department: row.get(4)?,
                left: u32::try_from(row.get::<i64>(5)?).map_err(Error::internal)?,
                created_at: row.get(6)?,
                expires_at: row.get(7)?,
            },
            org_name: row.get(8)?,
            maker: row.get(9)?,
            login: row.get(10)?,
            department: row.get(11)?,
        })
    }

    /// The link of a token, if it works, with the organisation that this was decided by. It is
    /// found by the token's digest: how long that takes tells of nothing that a token could be
    /// guessed by.
    async fn working(ctx: &Ctx, token: &str) -> Result<(Link, Revision)> {
        let args = [token::digest_text(token).into(), ctx.now().into()];
        let row = ctx.query_one(&WORKING_OF_TOKEN, args).await?.ok_or_else(useless)?;
        let link = Link::read(&row)?;
        let revision = Revision::of(ctx, link.org).await?;
        if link.is_permitted(ctx).await? { Ok((link, revision)) } else { Err(useless()) }
    }

    /// Whether whoever made it may still do what it does.
    async fn is_permitted(&self, ctx: &Ctx) -> Result<bool> {
        let Invite { by, user, .. } = self.invite;
        let held = match by == Caller::SYSTEM.user {
            true => Rights::ADMINISTRATOR,
            false => rights_of(ctx, self.org, by).await?,
        };
        if !held.has(PEOPLE) {
            return Ok(false);
        }
        match user {
            None => Ok(true),
            Some(user) => {
                Ok(self.login.is_some() && held.cover(rights_of(ctx, self.org, user).await?))
            }
        }
    }

    /// Takes one of its uses. Of those who take the last one at once, one gets it; the others look
    /// again, and find that it does not work.
    fn take(&self, ctx: &Ctx, tx: &mut Tx) {
        tx.run_one(
            "UPDATE directory_invite SET uses_left = uses_left - 1
             WHERE id = $1 AND uses_left > 0 AND revoked_at IS NULL AND expires_at > $2",
            [self.invite.invite.into(), ctx.now().into()],
        );
    }
}

/// What a link is for.
pub(super) async fn look(ctx: Ctx, args: Look) -> Result<Seen> {
    let (link, _) = Link::working(&ctx, &args.token).await?;
    let Link { org_name, invite, maker, login, department, .. } = link;
    let by = maker.unwrap_or_else(|| org_name.clone());
    Ok(Seen { org: org_name, by, login, department, expires_at: invite.expires_at })
}

/// Joins by a link, or sets the password that it is for.
pub(super) async fn accept(ctx: Ctx, args: Accept) -> Result<Grant> {
    // First the link: who has none learns nothing, not even what a good name is.
    let (link, revision) = Link::working(&ctx, &args.token).await?;
    let label = rules::name_if_any("label", args.label.as_deref())?.unwrap_or_default();
    let (user, tx) = match (link.invite.user, link.login.clone()) {
        (Some(user), Some(login)) => (user, reset(&ctx, &link, (user, login), args).await?),
        _ => join(&ctx, &link, args).await?,
    };
    signed_in(&ctx, tx, &revision, user, &label).await
}

async fn join(ctx: &Ctx, link: &Link, args: Accept) -> Result<(UserId, Tx)> {
    let asked = |field: &str, text: Option<String>| {
        text.ok_or_else(|| Error::bad_arg(field, format!("this link needs a `{field}`")))
    };
    let login = rules::login("login", &asked("login", args.login)?)?;
    let name = rules::name("name", &asked("name", args.name)?)?;
    rules::new_password(&args.password, &login)?;
    let start = Start::of(ctx, link.org).await?;
    let locale = rules::locale(args.locale, &start.locale)?;
    free(ctx, &login).await?;
    let password =
        ctx.state::<Directory>().passwords.hash(Source::of(ctx.caller()), args.password).await?;
    let person = NewAccount {
        name,
        locale,
        tz: start.tz,
        password: Some(password),
        departments: link.invite.department.into_iter().collect(),
        ..NewAccount::person(UserId(ctx.new_id()), link.org, login)
    };
    let mut tx = ctx.tx().on_behalf_of(person.id, link.org);
    link.take(ctx, &mut tx);
    person.insert(ctx, &mut tx);
    Ok((person.id, tx))
}

/// Sets a password. Whoever had the old one, or another link, is out.
async fn reset(
    ctx: &Ctx,
    link: &Link,
    (user, login): (UserId, String),
    args: Accept,
) -> Result<Tx> {
    if let Some(field) = named(&args) {
        let msg = format!("this link sets the password of `{login}`: leave `{field}` out");
        return Err(Error::bad_arg(field, msg));
    }
    rules::new_password(&args.password, &login)?;
    let password =
        ctx.state::<Directory>().passwords.hash(Source::of(ctx.caller()), args.password).await?;
    let first = without_password(ctx, user).await?;
    let mut tx = ctx.tx().on_behalf_of(user, link.org);
    link.take(ctx, &mut tx);
    if let Some(name) = first {
        // Everybody may see whether a person has a password.
        tx.emit(Topic::Org(link.org), kind::MEMBER_UPDATED, &MemberChangedData { user, name });
    }
    tx.run_one(
        "UPDATE directory_user SET password = $2 WHERE id = $1 AND left_at IS NULL",
        [user.into(), password.into()],
    );
    withdraw_for(ctx, &mut tx, user);
    end_all(ctx, &mut tx, (link.org, user), None).await?;
    Ok(tx)
}

/// The name of a person who has no password yet.
async fn without_password(ctx: &Ctx, user: UserId) -> Result<Option<String>> {
    let sql = "SELECT name FROM directory_user WHERE id = $1 AND password IS NULL";
    ctx.query_one(sql, [user.into()]).await?.map(|row| row.get(0)).transpose()
}

/// Makes the links useless that set a person's password.
pub(super) fn withdraw_for(ctx: &Ctx, tx: &mut Tx, user: UserId) {
    tx.run(
        "UPDATE directory_invite SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL",
        [user.into(), ctx.now().into()],
    );
}

/// What only a new person says.
fn named(args: &Accept) -> Option<&'static str> {
    let said = [
        ("login", args.login.is_some()),
        ("name", args.name.is_some()),
        ("locale", args.locale.is_some()),
    ];
    said.into_iter().find(|(_, said)| *said).map(|(field, _)| field)
}

async fn signed_in(
    ctx: &Ctx,
    mut tx: Tx,
    revision: &Revision,
    user: UserId,
    label: &str,
) -> Result<Grant> {
    revision.hold(&mut tx);
    tx.audit(Audited::of("member", user));
    let account = Account { user, app: false };
    let grant = open(ctx, &mut tx, &account, &rules::SCOPES, label, LOGIN_TTL_MS)?;
    ctx.commit(tx).await?;
    Ok(grant)
}
