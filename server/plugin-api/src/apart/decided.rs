//! A transaction as it travels: what a handler decided. What the node adds by itself, as the
//! intent and the time, is not in it.

use carillon_protocol::{OrgId, UserId};
use serde::{Deserialize, Serialize};

use crate::{Audited, Ctx, Emit, Result, Rewrite, Statement, Tx, confined::Confined, tx::Owed};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Decided {
    org: OrgId,
    by: UserId,
    pub(super) statements: Vec<Statement>,
    pub(super) emits: Vec<Emit>,
    pub(super) rewrites: Vec<Rewrite>,
    pub(super) audited: Vec<Audited>,
    pub(super) owed: Vec<Owed>,
}

impl From<Tx> for Decided {
    fn from(Tx { value, audited, owed, .. }: Tx) -> Decided {
        Decided {
            org: value.org,
            by: value.by,
            statements: value.statements,
            emits: value.emits,
            rewrites: value.rewrites,
            audited,
            owed,
        }
    }
}

impl Decided {
    /// The transaction, as the handler of this context would have returned it.
    pub(super) async fn tx(self, ctx: &Ctx, confined: &Confined) -> Result<Tx> {
        let mut tx = ctx.tx().on_behalf_of(self.by, self.org);
        tx.value.statements = self.statements;
        tx.value.emits = self.emits;
        tx.value.rewrites = self.rewrites;
        (tx.audited, tx.owed) = (self.audited, self.owed);
        Ok(tx)
    }
}
