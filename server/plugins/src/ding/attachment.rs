//! What alerts carry: a file or a voice note, uploaded before the alert is sent.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use carillon_plugin::{Caller, Ctx, Error, Result, Row, Tx};
use carillon_protocol::{
    AttachmentId, ErrorCode,
    ding::{Attach, Attachment, AttachmentOpened, OpenAttachment},
    limits::{DING_ATTACHMENT_LEN_MAX, NAME_LEN_MAX},
};

use crate::plain::plain;

/// What one person may upload in a day, in bytes: twenty of the largest.
const UPLOADED_A_DAY_MAX: u64 = 20 * DING_ATTACHMENT_LEN_MAX as u64;
/// What no alert carries after a day is thrown away.
const UNUSED_MS: i64 = 24 * 3_600_000;
/// The longest voice note, in milliseconds: ten minutes are more than anybody listens to.
const LASTS_MAX_MS: u64 = 10 * 60_000;
/// The longest media type, in characters.
const MEDIA_TYPE_LEN_MAX: usize = 100;

fn unknown() -> Error {
    Error::not_found("attachment")
}

/// `ding.attach`.
pub(super) async fn attach(ctx: Ctx, args: Attach) -> Result<Attachment> {
    let Caller { user, org, .. } = ctx.caller();
    let bytes = STANDARD.decode(&args.bytes);
    let bytes = bytes.map_err(|_| Error::bad_arg("bytes", "send it in base64"))?;
    let attachment = checked(&ctx, &args, bytes.len())?;
    let sql = "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM ding_attachment
               WHERE owner = $1 AND made_at > $2";
    let row = ctx.query_one(sql, [user.into(), (ctx.now() - UNUSED_MS).into()]).await?;
    let uploaded: u64 = row.map_or(Ok(0), |row| row.get(0))?;
    if uploaded + attachment.size > UPLOADED_A_DAY_MAX {
        let msg = "you have uploaded as much as a day allows; try again tomorrow";
        return Err(Error::new(ErrorCode::Quota, msg));
    }
    let mut tx = ctx.tx();
    tx.run(
        "DELETE FROM ding_attachment WHERE used = 0 AND made_at < $1",
        [(ctx.now() - UNUSED_MS).into()],
    );
    tx.run(
        "INSERT INTO ding_attachment
             (id, org, owner, name, media_type, size, lasts_ms, made_at, used, bytes)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9)",
        [
            attachment.attachment.into(),
            org.into(),
            user.into(),
            attachment.name.as_str().into(),
            attachment.media_type.as_str().into(),
            attachment.size.into(),
            attachment.lasts_ms.into(),
            ctx.now().into(),
            args.bytes.into(),
        ],
    );
    ctx.commit(tx).await?;
    Ok(attachment)
}

fn checked(ctx: &Ctx, args: &Attach, len: usize) -> Result<Attachment> {
    if len == 0 {
        return Err(Error::bad_arg("bytes", "there is nothing in it"));
    }
    if len > DING_ATTACHMENT_LEN_MAX {
        let msg = format!("an attachment has at most {DING_ATTACHMENT_LEN_MAX} bytes");
        return Err(Error::too_large("bytes", msg));
    }
    // The last part of what may be a path on somebody's computer.
    let name = args.name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = plain(name);
    let is_name = !name.is_empty() && !name.chars().any(char::is_control);
    if !is_name || name.chars().count() > NAME_LEN_MAX {
        return Err(Error::bad_arg("name", format!("a name has 1 to {NAME_LEN_MAX} characters")));
    }
    let media_type = args.media_type.trim().to_ascii_lowercase();
    if !is_media_type(&media_type) {
        return Err(Error::bad_arg("media_type", "name a media type, as `audio/webm`"));
    }
    if args.lasts_ms.is_some_and(|ms| !(1..=LASTS_MAX_MS).contains(&ms)) {
        return Err(Error::bad_arg("lasts_ms", "a voice note lasts at most ten minutes"));
    }
    let attachment = AttachmentId(ctx.new_id());
    Ok(Attachment { attachment, name, media_type, size: len as u64, lasts_ms: args.lasts_ms })
}

/// A type and a subtype; parameters are of no use to anybody here but `codecs`.
fn is_media_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default().trim();
    let token = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-'))
    };
    let of_header = text.chars().all(|c| matches!(c, ' '..='~'));
    let parts = essence.split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub));
    parts && of_header && text.len() <= MEDIA_TYPE_LEN_MAX
}

const COLUMNS: &str = "id, name, media_type, size, lasts_ms";

fn read(row: &Row) -> Result<Attachment> {
    Ok(Attachment {
        attachment: row.get(0)?,
        name: row.get(1)?,
        media_type: row.get(2)?,
        size: row.get(3)?,
        lasts_ms: row.get(4)?,
    })
}

/// What a sender uploaded, for an alert.
pub(super) async fn own(ctx: &Ctx, by: Caller, id: AttachmentId) -> Result<Attachment> {
    let sql =
        format!("SELECT {COLUMNS} FROM ding_attachment WHERE id = $1 AND owner = $2 AND org = $3");
    let row = ctx.query_one(&sql, [id.into(), by.user.into(), by.org.into()]).await?;
    read(&row.ok_or_else(|| unknown().field("attachment"))?)
}

/// An alert carries it: it stays. If it has gone meanwhile, nothing is sent.
pub(super) fn keep(tx: &mut Tx, id: AttachmentId) {
    tx.run_one("UPDATE ding_attachment SET used = 1 WHERE id = $1", [id.into()]);
}

/// What is carried by alerts that somebody looks at.
pub(super) async fn load(
    ctx: &Ctx,
    ids: &BTreeSet<AttachmentId>,
) -> Result<BTreeMap<AttachmentId, Attachment>> {
    let mut found = BTreeMap::new();
    let sql = format!("SELECT {COLUMNS} FROM ding_attachment WHERE id = $1");
    for id in ids {
        if let Some(row) = ctx.query_one(&sql, [(*id).into()]).await? {
            found.insert(*id, read(&row)?);
        }
    }
    Ok(found)
}

/// `ding.attachment`: for whoever uploaded it, and for everybody whom an alert with it is for or
/// who was called instead.
pub(super) async fn open(ctx: Ctx, args: OpenAttachment) -> Result<AttachmentOpened> {
    let Caller { user, org, .. } = ctx.caller();
    let sql = format!(
        "SELECT {COLUMNS}, bytes FROM ding_attachment f WHERE f.id = $1 AND f.org = $2
             AND (f.owner = $3 OR EXISTS (SELECT 1 FROM ding_alert a
                 JOIN ding_recipient r ON r.ding = a.id
                 WHERE a.attachment = $1 AND a.recalled_at IS NULL AND a.begins_at <= $4
                     AND r.user_id = $3)
             OR EXISTS (SELECT 1 FROM ding_alert a JOIN ding_stand_in s ON s.ding = a.id
                 WHERE a.attachment = $1 AND a.recalled_at IS NULL AND s.user_id = $3))"
    );
    let values = [args.attachment.into(), org.into(), user.into(), ctx.now().into()];
    let row = ctx.query_one(&sql, values).await?.ok_or_else(unknown)?;
    Ok(AttachmentOpened { attachment: read(&row)?, bytes: row.get(5)? })
}
