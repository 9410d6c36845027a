//! Pictures of digests: who may look at them.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use carillon_plugin::{Ctx, Error, Result};
use carillon_protocol::{
    ConvId, ErrorCode, UserId, conv,
    digest::{GetPicture, Picture},
    id::Ulid,
};

use super::Asked;

/// A picture of a preview is kept so long, in milliseconds: an hour is longer than anybody looks.
const PREVIEW_MS: i64 = 3_600_000;

/// So many pictures of a conversation are kept, the newest: a chart each day for more than two
/// years. The numbers of an older one stand in its place in the message.
const KEPT: usize = 1_000;

/// Where a picture is, as a message names it.
pub(super) fn path(picture: Ulid) -> String {
    format!("/v1/bot/pictures/{picture}")
}

/// Keeps the pictures of a digest, before the message that shows them.
pub(super) async fn keep(
    ctx: &Ctx,
    asked: &Asked<'_>,
    pictures: Vec<(Ulid, Vec<u8>)>,
) -> Result<()> {
    if pictures.is_empty() {
        return Ok(());
    }
    let row = |(id, png): (Ulid, Vec<u8>)| {
        vec![
            id.to_string().into(),
            asked.org.into(),
            asked.conv.into(),
            asked.preview_of.into(),
            BASE64.encode(png).into(),
            ctx.now().into(),
        ]
    };
    let mut tx = ctx.tx();
    tx.run(
        "DELETE FROM bot_picture WHERE user_id IS NOT NULL AND made_at < $1",
        [(ctx.now() - PREVIEW_MS).into()],
    );
    // Made again after a crash, it is the same picture.
    tx.run_rows(
        "INSERT INTO bot_picture (id, org, conv, user_id, png, made_at) VALUES {rows}
         ON CONFLICT (id) DO NOTHING",
        pictures.into_iter().map(row).collect(),
    );
    if asked.preview_of.is_none() {
        tx.run(
            "DELETE FROM bot_picture WHERE conv = $1 AND user_id IS NULL AND id < (
                 SELECT id FROM bot_picture WHERE conv = $1 AND user_id IS NULL
                 ORDER BY id DESC LIMIT 1 OFFSET $2)",
            [asked.conv.into(), (KEPT - 1).into()],
        );
    }
    ctx.commit(tx).await.map(drop)
}

/// `bot.digest.picture`.
pub(super) async fn get(ctx: Ctx, args: GetPicture) -> Result<Picture> {
    let (unknown, caller) = (|| Error::not_found("picture"), ctx.caller());
    let sql = "SELECT conv, user_id, png FROM bot_picture
               WHERE id = $1 AND org = $2 AND (user_id IS NULL OR made_at >= $3)";
    let since = ctx.now() - PREVIEW_MS;
    let row = [args.picture.to_string().into(), caller.org.into(), since.into()];
    let row = ctx.query_one(sql, row).await?.ok_or_else(unknown)?;
    let (conv, preview_of): (ConvId, Option<UserId>) = (row.get(0)?, row.get(1)?);
    if preview_of.is_some_and(|user| user != caller.user) {
        return Err(unknown());
    }
    match ctx.call_as(caller, None, &conv::Get { conv }).await {
        Ok(_) => Ok(Picture { png: row.get(2)? }),
        // Whoever is not in the conversation is not told that there is one.
        Err(error) if matches!(error.code(), ErrorCode::NotMember | ErrorCode::NotFound) => {
            Err(unknown())
        }
        Err(error) => Err(error),
    }
}
