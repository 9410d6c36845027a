//! A transaction as it travels: what a handler decided. What the node adds by itself, as the
//! intent and the time, is not in it.

use carillon_protocol::{OrgId, UserId};
use serde::{Deserialize, Serialize};

use crate::{
    Audited, Ctx, Emit, Error, Result, Rewrite, Statement, Tx, Value, confined::Confined, tx::Owed,
};

/// So many statements, events, traces and things owed, each.
const PARTS_MAX: usize = 1_000;
/// So many rows of values in all statements together.
const ROWS_MAX: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Decided {
    org: OrgId,
    by: UserId,
    statements: Vec<Statement>,
    emits: Vec<Emit>,
    rewrites: Vec<Rewrite>,
    audited: Vec<Audited>,
    owed: Vec<Owed>,
}

impl From<Tx> for Decided {
    fn from(tx: Tx) -> Decided {
        Decided {
            org: tx.value.org,
            by: tx.value.by,
            statements: tx.value.statements,
            emits: tx.value.emits,
            rewrites: tx.value.rewrites,
            audited: tx.audited,
            owed: tx.owed,
        }
    }
}

impl Decided {
    /// The transaction, as the handler of this context would have returned it.
    ///
    /// # Errors
    /// `E_FORBIDDEN` if it touches what is not the plugin's, `E_TOO_LARGE`, or `E_BAD_ARG` if a
    /// plugin could not have built it.
    pub(super) async fn tx(self, ctx: &Ctx, confined: &Confined) -> Result<Tx> {
        self.fits(ctx, confined)?;
        self.emits.iter().try_for_each(|emit| confined.appends(emit))?;
        for statement in &self.statements {
            confined.writes(ctx.host().storage(), statement).await?;
        }
        let mut tx = ctx.tx().on_behalf_of(self.by, self.org);
        tx.value.statements = self.statements;
        tx.value.emits = self.emits;
        tx.value.rewrites = self.rewrites;
        (tx.audited, tx.owed) = (self.audited, self.owed);
        Ok(tx)
    }

    /// What [`Tx`] sees to by itself.
    fn fits(&self, ctx: &Ctx, confined: &Confined) -> Result<()> {
        let parts = [
            self.statements.len(),
            self.emits.len(),
            self.rewrites.len(),
            self.audited.len(),
            self.owed.len(),
        ];
        let rows: usize = self.statements.iter().map(|statement| statement.rows.len()).sum();
        if parts.into_iter().any(|count| count > PARTS_MAX) || rows > ROWS_MAX {
            let msg = format!("a transaction has {PARTS_MAX} parts and {ROWS_MAX} rows at most");
            return Err(Error::too_large("transaction", msg));
        }
        let values = self.statements.iter().flat_map(|statement| statement.rows.iter().flatten());
        let named = values.filter_map(|value| match value {
            Value::Seq(emit) | Value::N(emit) => Some(*emit),
            _ => None,
        });
        let rewritten = self.rewrites.iter().map(|rewrite| rewrite.emit);
        if named.chain(rewritten).any(|emit| emit >= self.emits.len()) {
            return Err(Error::bad_arg("emit", "the transaction has no such event"));
        }
        self.owed.iter().try_for_each(|owed| match owed.op() {
            Some(op) => confined.calls(op).and_then(|()| owed.check(ctx)),
            None => owed.check(ctx),
        })
    }
}
