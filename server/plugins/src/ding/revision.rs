//! What an organisation has settled about its alerts, and how it is changed.

use carillon_plugin::{Ctx, Error, Result, Tx};
use carillon_protocol::{
    OrgId, Topic,
    ding::{RulesChangedData, kind},
    role::ORGANISATION,
    session::Whoami,
};
use serde::{Serialize, de::DeserializeOwned};

/// The rules as somebody finds them who is going to change them.
pub(super) struct Rules {
    pub(super) org: OrgId,
    rev: i64,
}

impl Rules {
    /// The rules of the caller's organisation, if the caller may change them. Asked for before
    /// everything that a change is decided by.
    pub(super) async fn permitted(ctx: &Ctx) -> Result<Rules> {
        let org = ctx.caller().org;
        let sql = "SELECT rev FROM ding_rules WHERE org = $1";
        let row = ctx.query_one(sql, [org.into()]).await?;
        let rev = row.map_or(Ok(0), |row| row.get(0))?;
        let identity = ctx.call_as(ctx.caller(), None, &Whoami {}).await?;
        match identity.permissions.iter().any(|permission| permission == ORGANISATION) {
            true => Ok(Rules { org, rev }),
            false => Err(Error::denied("this needs the permission `organisation`")),
        }
    }

    /// A transaction that is undone if anybody else changed something since. It tells everybody
    /// what it changes.
    pub(super) fn tx(&self, ctx: &Ctx, changed: RulesChangedData) -> Tx {
        let mut tx = ctx.tx();
        self.hold(&mut tx);
        tx.emit(Topic::Org(self.org), kind::RULES_CHANGED, &changed);
        tx
    }

    /// Undoes a transaction if anybody else changed something since.
    pub(super) fn hold(&self, tx: &mut Tx) {
        tx.run_one(
            "INSERT INTO ding_rules (org, rev) VALUES ($1, $2 + 1)
             ON CONFLICT (org) DO UPDATE SET rev = $2 + 1 WHERE ding_rules.rev = $2",
            [self.org.into(), self.rev.into()],
        );
    }
}

/// As it stands in a table.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(Error::internal)
}

/// As it was put there.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(Error::internal)
}
