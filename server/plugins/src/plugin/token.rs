//! The token by which the processes of a plugin that runs apart link to the nodes: `cpt_`, then
//! base64url of 256 random bits. Shown once, kept only as a digest.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use carillon_plugin::{Audited, Ctx, Error, Result, Storage};
use carillon_protocol::plugin::{MadeToken, MakeToken};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

const PREFIX: &str = "cpt_";
const SECRET_LEN: usize = 32;

/// What is kept of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenDigest(String);

impl TokenDigest {
    /// Of a token's whole text.
    pub fn of(token: &str) -> TokenDigest {
        TokenDigest(BASE64.encode(Sha256::digest(token)))
    }

    /// Whether it is of the token that a plugin has now.
    ///
    /// # Errors
    /// If the database cannot answer.
    pub async fn is_of(&self, plugin: &str, storage: &dyn Storage) -> Result<bool> {
        let sql = "SELECT digest FROM plugin_token WHERE plugin = $1";
        let rows = storage.query(sql, vec![plugin.into()]).await?;
        let kept: Option<String> = rows.first().map(|row| row.get(0)).transpose()?;
        // In a time that does not tell where they differ.
        Ok(kept.is_some_and(|kept| kept.as_bytes().ct_eq(self.0.as_bytes()).into()))
    }
}

/// `plugin.token`.
pub(super) async fn make(ctx: Ctx, args: MakeToken) -> Result<MadeToken> {
    if !ctx.host().plugins().any(|plugin| plugin.name == args.plugin) {
        let msg = "there is no such plugin; `carillon plugins` lists them";
        return Err(Error::bad_arg("plugin", msg));
    }
    let mut secret = [0; SECRET_LEN];
    getrandom::fill(&mut secret).map_err(Error::internal)?;
    let token = format!("{PREFIX}{}", BASE64.encode(secret));
    let mut tx = ctx.tx();
    tx.run(
        "INSERT INTO plugin_token (plugin, digest, made_at) VALUES ($1, $2, $3)
         ON CONFLICT (plugin) DO UPDATE SET digest = $2, made_at = $3",
        [args.plugin.as_str().into(), TokenDigest::of(&token).0.into(), ctx.now().into()],
    );
    tx.audit(Audited::of("plugin", &args.plugin));
    ctx.commit(tx).await?;
    Ok(MadeToken { token })
}
