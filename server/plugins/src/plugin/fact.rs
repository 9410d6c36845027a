//! The facts that plugins offer: those about the organisation for those who may administer it,
//! those about a conversation for its members.

use carillon_plugin::{Ctx, Error, Period, Result};
use carillon_protocol::{
    ConvId, OrgId, conv,
    fact::{About, Get, Got, List, Listed, Named},
    role::ORGANISATION,
    session::Whoami,
};

/// The longest period, in milliseconds: a year, and the day that a leap year has more.
const PERIOD_MAX_MS: i64 = 366 * 86_400_000;

pub(super) async fn list(ctx: Ctx, _: List) -> Result<Listed> {
    let mut facts: Vec<Named> = ctx.host().facts().collect();
    facts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Listed { facts })
}

pub(super) async fn get(ctx: Ctx, args: Get) -> Result<Got> {
    let about = ctx.host().fact_about(&args.fact)?;
    let (org, conv) = match (about, args.conv) {
        (About::Organisation, None) => (permit(&ctx, args.org).await?, None),
        (About::Conversation, Some(conv)) => (admit(&ctx, args.org, conv).await?, Some(conv)),
        (About::Organisation, Some(_)) => {
            return Err(Error::bad_arg("conv", "this fact is about the organisation"));
        }
        (About::Conversation, None) => {
            return Err(Error::bad_arg("conv", "say of which conversation"));
        }
    };
    let length = args.until.checked_sub(args.since);
    if !length.is_some_and(|length| (0..=PERIOD_MAX_MS).contains(&length)) {
        let msg = "a period ends after its beginning, and at most 366 days later";
        return Err(Error::bad_arg("until", msg));
    }
    let period = Period { org, conv, from: args.since, to: args.until };
    Ok(Got { fact: ctx.host().fact(&args.fact, period).await? })
}

/// The organisation that the caller may ask about.
async fn permit(ctx: &Ctx, org: Option<OrgId>) -> Result<OrgId> {
    let caller = ctx.caller();
    if caller.is_system() {
        return org.ok_or_else(|| Error::bad_arg("org", "say of which organisation"));
    }
    if org.is_some_and(|org| org != caller.org) {
        return Err(Error::not_found("organisation"));
    }
    let identity = ctx.call_as(caller, None, &Whoami {}).await?;
    match identity.permissions.iter().any(|permission| permission == ORGANISATION) {
        true => Ok(caller.org),
        false => Err(Error::denied("this needs the permission `organisation`")),
    }
}

/// The organisation of a conversation that the caller is in.
async fn admit(ctx: &Ctx, org: Option<OrgId>, conv: ConvId) -> Result<OrgId> {
    let caller = ctx.caller();
    if caller.is_system() {
        return org.ok_or_else(|| Error::bad_arg("org", "say of which organisation"));
    }
    if org.is_some_and(|org| org != caller.org) {
        return Err(Error::not_found("organisation"));
    }
    ctx.call_as(caller, None, &conv::Get { conv }).await?;
    Ok(caller.org)
}
