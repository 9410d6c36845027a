//! What somebody may be told.

use carillon_plugin::{Caller, Ctx, Result};
use carillon_protocol::{
    ConvId, ErrorCode, OrgId, UserId, conv, operation::ADMIN, role::ORGANISATION, session::Whoami,
};

/// About what somebody may ask for facts, at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bot) struct Permit {
    pub(super) conversation: bool,
    pub(super) organisation: bool,
}

impl Permit {
    /// The caller's: a token without the scope of administration asks nothing about the
    /// organisation.
    pub(in crate::bot) async fn of_caller(ctx: &Ctx, conv: ConvId) -> Result<Permit> {
        let caller = ctx.caller();
        let permit = Permit::of_person(ctx, conv, (caller.user, caller.org)).await?;
        Ok(Permit { organisation: permit.organisation && caller.may(ADMIN), ..permit })
    }

    /// What a person may by themselves.
    pub(in crate::bot) async fn of_person(
        ctx: &Ctx,
        conv: ConvId,
        (user, org): (UserId, OrgId),
    ) -> Result<Permit> {
        let person = Caller::on_behalf_of(user, org);
        let conversation = match ctx.call_as(person, None, &conv::Get { conv }).await {
            Ok(_) => true,
            Err(error) if is_no(error.code()) => false,
            Err(error) => return Err(error),
        };
        let permissions = match ctx.call_as(person, None, &Whoami {}).await {
            Ok(identity) => identity.permissions,
            Err(error) if is_no(error.code()) => Vec::new(),
            Err(error) => return Err(error),
        };
        let organisation = permissions.iter().any(|it| it == ORGANISATION);
        Ok(Permit { conversation, organisation })
    }

    /// The same for a robot's program: nothing about the organisation.
    pub(in crate::bot) fn of_program(self) -> Permit {
        Permit { organisation: false, ..self }
    }
}

fn is_no(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::NotFound | ErrorCode::NotMember | ErrorCode::Forbidden)
}
