//! Where people are reached. An address that somebody gives themselves is used once a code that was
//! sent there has come back; one that an administrator gives is used at once.

use carillon_notify::{mail, provider::Number};
use carillon_plugin::{
    Audited, Ctx, Error, Result, Row, Tx,
    protocol::{
        Channel, Event, OrgId, UserId,
        limits::CONTACT_LEN_MAX,
        notify::{
            Contact, ContactKind, Contacts, GetContact, SetContact, Subject, To, VerifyContact,
        },
        org::{MemberChangedData, Names},
        role::PEOPLE,
        session::Whoami,
    },
};

use super::{code, permit, person, send, settings::Stored, words};

/// The kinds as they stand in rows.
pub(super) const EMAIL: &str = "email";
const PHONE: &str = "phone";

pub(super) fn text(kind: ContactKind) -> &'static str {
    match kind {
        ContactKind::Email => EMAIL,
        ContactKind::Phone => PHONE,
    }
}

/// The address of a kind that is used for a person.
pub(super) async fn address(
    ctx: &Ctx,
    org: OrgId,
    user: UserId,
    kind: ContactKind,
) -> Result<Option<String>> {
    let sql = "SELECT address FROM notify_contact WHERE org = $1 AND user_id = $2 AND kind = $3";
    let row = ctx.query_one(sql, [org.into(), user.into(), text(kind).into()]).await?;
    row.map_or(Ok(None), |row| row.get(0))
}

/// Somebody of the caller's organisation.
///
/// # Errors
/// `E_NOT_FOUND`.
pub(super) async fn member(ctx: &Ctx, user: UserId) -> Result<UserId> {
    let named = ctx.call(&Names { org: ctx.caller().org, users: vec![user] }).await?;
    match named.names.is_empty() {
        true => Err(Error::not_found("person")),
        false => Ok(user),
    }
}

/// Whose address it is: the caller's own, or with `people` anybody's.
async fn whose(ctx: &Ctx, user: Option<UserId>) -> Result<UserId> {
    match user {
        None => Ok(person(ctx)?.user),
        Some(user) if user == ctx.caller().user => Ok(user),
        Some(user) => {
            permit(ctx, PEOPLE).await?;
            member(ctx, user).await
        }
    }
}

pub(super) async fn get(ctx: Ctx, args: GetContact) -> Result<Contacts> {
    let user = whose(&ctx, args.user).await?;
    contacts(&ctx, user).await
}

async fn contacts(ctx: &Ctx, user: UserId) -> Result<Contacts> {
    let sql = "SELECT kind, address, pending FROM notify_contact
               WHERE org = $1 AND user_id = $2";
    let mut contacts = Contacts { email: None, phone: None };
    for row in ctx.query(sql, [ctx.caller().org.into(), user.into()]).await? {
        let contact = Contact { address: row.get(1)?, pending: row.get(2)? };
        match row.get::<String>(0)?.as_str() {
            EMAIL => contacts.email = Some(contact),
            _ => contacts.phone = Some(contact),
        }
    }
    Ok(contacts)
}

pub(super) async fn set(ctx: Ctx, args: SetContact) -> Result<Contacts> {
    let caller = ctx.caller();
    // One's own without a code needs the permission too.
    let vouched = args.user.is_some();
    if vouched {
        permit(&ctx, PEOPLE).await?;
    }
    let user = whose(&ctx, args.user).await?;
    let stored = Stored::of(&ctx, caller.org).await?;
    let mut tx = ctx.tx();
    match args.address.as_deref() {
        None => tx.run(
            "DELETE FROM notify_contact WHERE org = $1 AND user_id = $2 AND kind = $3",
            [caller.org.into(), user.into(), text(args.kind).into()],
        ),
        Some(address) => {
            let address = normal(args.kind, address, stored.settings.prefix.as_deref())?;
            match vouched {
                true => put(&ctx, &mut tx, user, args.kind, &address),
                false => ask(&ctx, &mut tx, &stored, args.kind, &address).await?,
            }
        }
    }
    if vouched {
        tx.audit(Audited::of("member", user));
    }
    ctx.commit(tx).await?;
    contacts(&ctx, user).await
}

/// An address in the one form in which it is kept.
fn normal(kind: ContactKind, text: &str, prefix: Option<&str>) -> Result<String> {
    let text = text.trim();
    if kind == ContactKind::Email {
        let fits = text.chars().count() <= CONTACT_LEN_MAX && mail::is_address(text);
        let hint = "write an e-mail address, as name@example.org";
        return if fits { Ok(text.to_owned()) } else { Err(Error::bad_arg("address", hint)) };
    }
    let whole = match (text.starts_with('+'), text.strip_prefix("00"), prefix) {
        (false, Some(abroad), _) => format!("+{abroad}"),
        // The zero that stands before a number at home is no part of it abroad.
        (false, None, Some(prefix)) => format!("{prefix}{}", text.trim_start_matches('0')),
        _ => text.to_owned(),
    };
    let number = Number::read(&whole);
    number
        .map(|number| number.as_str().to_owned())
        .map_err(|bad| Error::bad_arg("address", bad.to_string()))
}

/// Uses an address from now on.
fn put(ctx: &Ctx, tx: &mut Tx, user: UserId, kind: ContactKind, address: &str) {
    tx.run(
        "INSERT INTO notify_contact (org, user_id, kind, address, code_until, tries)
         VALUES ($1, $2, $3, $4, 0, 0)
         ON CONFLICT (org, user_id, kind) DO UPDATE SET address = excluded.address,
             pending = NULL, code = NULL, code_until = 0, tries = 0",
        [ctx.caller().org.into(), user.into(), text(kind).into(), address.into()],
    );
}

/// Sends a code to an address of the caller's.
async fn ask(
    ctx: &Ctx,
    tx: &mut Tx,
    stored: &Stored,
    kind: ContactKind,
    address: &str,
) -> Result<()> {
    let (caller, settings) = (person(ctx)?, &stored.settings);
    let (channel, carried) = match kind {
        ContactKind::Email => (Channel::Email, settings.mail.is_some()),
        ContactKind::Phone => (Channel::Sms, settings.sms.is_some()),
    };
    if !carried {
        let hint = "no code can be sent there yet: ask an administrator to write your address down";
        return Err(Error::conflict(hint));
    }
    code::count(ctx, tx, caller.user, address).await?;
    let code = code::code()?;
    tx.run(
        "INSERT INTO notify_contact (org, user_id, kind, pending, code, code_until, tries)
         VALUES ($1, $2, $3, $4, $5, $6, 0)
         ON CONFLICT (org, user_id, kind) DO UPDATE SET pending = excluded.pending,
             code = excluded.code, code_until = excluded.code_until, tries = 0",
        [
            caller.org.into(),
            caller.user.into(),
            text(kind).into(),
            address.into(),
            code::digest(caller.user, kind, address, &code).into(),
            (ctx.now() + code::LASTS_MS).into(),
        ],
    );
    let lang = ctx.call_as(caller, None, &Whoami {}).await?.locale;
    let id = ctx.new_id().to_string();
    let to = [To { key: format!("code:{id}"), user: caller.user }];
    let subject = Subject { plugin: ctx.plugin().to_owned(), id };
    send::put(ctx, tx, &subject, channel, &words::code(&code, &lang), &to, Some(address));
    Ok(())
}

/// An address that waits for its code.
struct Pending {
    address: String,
    digest: String,
    until: i64,
    tries: u64,
}

impl Pending {
    fn read(row: &Row) -> Result<Option<Pending>> {
        let (Some(address), Some(digest)) = (row.get(0)?, row.get(1)?) else { return Ok(None) };
        Ok(Some(Pending { address, digest, until: row.get(2)?, tries: row.get(3)? }))
    }
}

pub(super) async fn verify(ctx: Ctx, args: VerifyContact) -> Result<Contacts> {
    let caller = person(&ctx)?;
    let whose = [caller.org.into(), caller.user.into(), text(args.kind).into()];
    let sql = "SELECT pending, code, code_until, tries FROM notify_contact
               WHERE org = $1 AND user_id = $2 AND kind = $3";
    let row = ctx.query_one(sql, whose.clone()).await?;
    let pending = row.as_ref().map(Pending::read).transpose()?.flatten();
    let open = |it: &Pending| it.until > ctx.now() && it.tries < code::TRIES_MAX;
    let Some(pending) = pending.filter(open) else {
        return Err(Error::conflict("no code is waited for any more: let another one be sent"));
    };
    // A guess is counted before it is looked at: of many at once, none is free.
    let mut tx = ctx.tx();
    tx.run_one(
        "UPDATE notify_contact SET tries = tries + 1
         WHERE org = $1 AND user_id = $2 AND kind = $3 AND tries = $4 AND code = $5",
        [whose.as_slice(), &[pending.tries.into(), pending.digest.as_str().into()]].concat(),
    );
    ctx.commit(tx).await?;
    let given = code::digest(caller.user, args.kind, &pending.address, args.code.trim());
    if given != pending.digest {
        let left = code::TRIES_MAX - pending.tries - 1;
        return Err(Error::bad_arg("code", format!("this is not the code: {left} tries are left")));
    }
    let mut tx = ctx.tx();
    put(&ctx, &mut tx, caller.user, args.kind, &pending.address);
    ctx.commit(tx).await?;
    contacts(&ctx, caller.user).await
}

/// Who left is reached nowhere.
pub(super) async fn left(ctx: Ctx, event: Event) -> Result<Tx> {
    let MemberChangedData { user, .. } = event.data.to().map_err(Error::internal)?;
    let mut tx = ctx.tx();
    for table in ["notify_contact", "notify_device"] {
        let sql = format!("DELETE FROM {table} WHERE org = $1 AND user_id = $2");
        tx.run(sql, [ctx.caller().org.into(), user.into()]);
    }
    Ok(tx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_kept_as_the_whole_world_writes_it() {
        let phone = |text: &str, prefix| normal(ContactKind::Phone, text, prefix).ok();
        assert_eq!(phone("9123 4567", Some("+852")).unwrap(), "+85291234567");
        assert_eq!(phone("07700 900123", Some("+44")).unwrap(), "+447700900123");
        assert_eq!(phone("0044 7700 900123", Some("+852")).unwrap(), "+447700900123");
        assert_eq!(phone("+1 (555) 010-9999", None).unwrap(), "+15550109999");
        for bad in ["9123 4567", "+852", "call me", ""] {
            assert_eq!(phone(bad, None), None, "{bad}");
        }
    }

    #[test]
    fn an_e_mail_address_is_one_address() {
        let email = |text: &str| normal(ContactKind::Email, text, None).ok();
        assert_eq!(email(" amy@example.com ").unwrap(), "amy@example.com");
        for bad in ["amy", "amy@", "a@b.c, d@e.f", "Amy <amy@example.com>", "a\nb@example.com"] {
            assert_eq!(email(bad), None, "{bad}");
        }
    }
}
