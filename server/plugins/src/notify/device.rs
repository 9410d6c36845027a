//! Browsers that web push reaches, and the key that they trust.

use std::sync::Arc;

use carillon_notify::webpush::{BadSubscription, Keys, Subscription};
use carillon_plugin::{
    Ctx, Error, Result, Row, Tx, Value,
    protocol::{
        Event, UserId,
        limits::{NAME_LEN_MAX, PUSH_DEVICES_MAX},
        notify::{
            Devices, Done, GetPushKey, ListDevices, PushDevice, PushKey, Subscribe, Subscribed,
            Unsubscribe,
        },
        session::EndedData,
    },
};
use sha2::{Digest, Sha256};

use super::{Notify, person, places};
use crate::plain::plain;

/// The longest id of a device, in bytes.
const DEVICE_ID_LEN_MAX: usize = 64;
/// So many people are looked up in one statement.
const LOOKED_UP: usize = 500;

/// A browser that has subscribed.
#[derive(Debug, Clone)]
pub(super) struct Device {
    pub(super) id: String,
    pub(super) user: UserId,
    pub(super) endpoint: String,
    pub(super) p256dh: String,
    pub(super) auth: String,
}

impl Device {
    fn read(row: &Row) -> Result<Device> {
        Ok(Device {
            id: row.get(0)?,
            user: row.get(1)?,
            endpoint: row.get(2)?,
            p256dh: row.get(3)?,
            auth: row.get(4)?,
        })
    }

    /// The devices of these people of the caller's organisation.
    pub(super) async fn of(ctx: &Ctx, users: &[UserId]) -> Result<Vec<Device>> {
        let mut devices = Vec::new();
        for some in users.chunks(LOOKED_UP) {
            let sql = format!(
                "SELECT id, user_id, endpoint, p256dh, auth FROM notify_device
                 WHERE org = $1 AND user_id IN ({}) ORDER BY id",
                places(2, some.len())
            );
            let users = some.iter().map(|&user| Value::from(user));
            let args: Vec<Value> = [ctx.caller().org.into()].into_iter().chain(users).collect();
            let rows = ctx.query(&sql, args).await?;
            devices.extend(rows.iter().map(Device::read).collect::<Result<Vec<_>>>()?);
        }
        Ok(devices)
    }
}

/// Forgets devices, unless they have subscribed anew.
pub(super) fn forget<'a>(tx: &mut Tx, devices: impl Iterator<Item = &'a Device>) {
    let row = |device: &Device| vec![device.id.as_str().into(), device.auth.as_str().into()];
    tx.run_rows(
        "DELETE FROM notify_device WHERE (id, auth) IN (VALUES {rows})",
        devices.map(row).collect(),
    );
}

/// The server's keys: made once, for all nodes of the database.
pub(super) async fn keys(ctx: &Ctx) -> Result<Arc<Keys>> {
    let state = ctx.state::<Notify>();
    let made = state.keys.get_or_try_init(async || {
        let sql = "SELECT private FROM notify_key WHERE id = 1";
        let mut row = ctx.query_one(sql, []).await?;
        if row.is_none() {
            let mut tx = ctx.tx();
            tx.run(
                "INSERT INTO notify_key (id, private) VALUES (1, $1) ON CONFLICT DO NOTHING",
                [Keys::generate().into()],
            );
            ctx.commit(tx).await?;
            row = ctx.query_one(sql, []).await?;
        }
        let private: String = row.ok_or_else(|| Error::not_found("key"))?.get(0)?;
        Keys::read(&private, &state.ways.contact).map(Arc::new).map_err(Error::internal)
    });
    made.await.cloned()
}

pub(super) async fn key(ctx: Ctx, _: GetPushKey) -> Result<PushKey> {
    Ok(PushKey { key: keys(&ctx).await?.public() })
}

pub(super) async fn subscribe(ctx: Ctx, args: Subscribe) -> Result<Subscribed> {
    let caller = person(&ctx)?;
    let name = plain(&args.name);
    if name.is_empty() || name.chars().count() > NAME_LEN_MAX || name.contains(char::is_control) {
        return Err(Error::bad_arg("name", format!("write 1 to {NAME_LEN_MAX} characters")));
    }
    let egress = &ctx.state::<Notify>().ways.egress;
    Subscription::read(egress, &args.endpoint, &args.p256dh, &args.auth).map_err(|bad| {
        let field = match bad {
            BadSubscription::Endpoint(_) | BadSubscription::Plain => "endpoint",
            BadSubscription::Key => "p256dh",
            BadSubscription::Secret => "auth",
        };
        Error::bad_arg(field, bad.to_string())
    })?;
    let id = id(&args.endpoint);
    let mut tx = ctx.tx();
    // A browser that somebody else used before is theirs no more.
    tx.run(
        "INSERT INTO notify_device
             (id, org, user_id, session, endpoint, p256dh, auth, name, since)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (id) DO UPDATE SET org = excluded.org, user_id = excluded.user_id,
             session = excluded.session, endpoint = excluded.endpoint, p256dh = excluded.p256dh,
             auth = excluded.auth, name = excluded.name, since = excluded.since",
        [
            id.as_str().into(),
            caller.org.into(),
            caller.user.into(),
            caller.session.into(),
            args.endpoint.into(),
            args.p256dh.into(),
            args.auth.into(),
            name.into(),
            ctx.now().into(),
        ],
    );
    tx.run(
        "DELETE FROM notify_device WHERE org = $1 AND user_id = $2 AND id NOT IN (
             SELECT id FROM notify_device WHERE org = $1 AND user_id = $2
             ORDER BY since DESC, id LIMIT $3)",
        [caller.org.into(), caller.user.into(), PUSH_DEVICES_MAX.into()],
    );
    ctx.commit(tx).await?;
    Ok(Subscribed { id })
}

/// What a device is called: nobody reads its endpoint out of it.
fn id(endpoint: &str) -> String {
    Sha256::digest(endpoint)[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) async fn unsubscribe(ctx: Ctx, args: Unsubscribe) -> Result<Done> {
    let caller = person(&ctx)?;
    if !(1..=DEVICE_ID_LEN_MAX).contains(&args.id.len()) {
        return Err(Error::bad_arg(
            "id",
            "give the device's id as `notify.push.subscribe` said it",
        ));
    }
    let mut tx = ctx.tx();
    tx.run(
        "DELETE FROM notify_device WHERE id = $1 AND org = $2 AND user_id = $3",
        [args.id.into(), caller.org.into(), caller.user.into()],
    );
    ctx.commit(tx).await?;
    Ok(Done {})
}

pub(super) async fn list(ctx: Ctx, _: ListDevices) -> Result<Devices> {
    let caller = person(&ctx)?;
    let sql = "SELECT id, name, endpoint, since FROM notify_device
               WHERE org = $1 AND user_id = $2 ORDER BY since DESC, id";
    let rows = ctx.query(sql, [caller.org.into(), caller.user.into()]).await?;
    let read = |row: &Row| {
        let endpoint: String = row.get(2)?;
        let service = endpoint.split('/').take(3).collect::<Vec<_>>().join("/");
        Ok(PushDevice { id: row.get(0)?, name: row.get(1)?, service, since: row.get(3)? })
    };
    Ok(Devices { devices: rows.iter().map(read).collect::<Result<_>>()? })
}

/// Who signs out is reached there no more.
pub(super) async fn signed_out(ctx: Ctx, event: Event) -> Result<Tx> {
    let EndedData { session } = event.data.to().map_err(Error::internal)?;
    let mut tx = ctx.tx();
    tx.run("DELETE FROM notify_device WHERE session = $1", [session.into()]);
    Ok(tx)
}
