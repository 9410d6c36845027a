//! The list of devices, and when each was used last.
//!
//! A session that is used is noted at most once an hour, and its row written behind the caller's
//! back: nobody waits for it, and a crash loses an hour of something that is told to the hour.

use std::{
    collections::HashMap,
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use carillon_plugin::{Ctx, Result, Row};
use carillon_protocol::{
    SessionId,
    presence::Sessions,
    role::SESSIONS,
    session::{Device, Devices, DevicesListed},
};

use super::{
    Directory,
    ending::SESSIONS_MAX,
    list::person,
    permission::{permit, permit_over},
};

/// How exactly the last use is told.
const SEEN_EVERY_MS: i64 = 3_600_000;
/// The most sessions that wait to be written, at some 60 bytes each: those that come back at once
/// after an outage. What is beyond is noted an hour later.
const WAITING_MAX: usize = 16_384;
/// The most rows that one transaction writes: others' messages come in between.
const ROWS_MAX: usize = 256;

/// When a session was used last, as memory has it.
pub(super) struct LastUse(AtomicI64);

impl LastUse {
    pub(super) fn at(at: i64) -> LastUse {
        LastUse(AtomicI64::new(at))
    }

    pub(super) fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }

    /// Moves on to now, if it is time to; of many at once for one of them.
    fn moves(&self, now: i64) -> bool {
        let before = self.get();
        now - before >= SEEN_EVERY_MS
            && self.0.compare_exchange(before, now, Relaxed, Relaxed).is_ok()
    }
}

/// The uses that no row tells of yet.
#[derive(Default)]
pub(super) struct Uses(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    uses: HashMap<SessionId, i64>,
    writing: bool,
}

impl Uses {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in here panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a use; says whether somebody must begin to write.
    fn add(&self, session: SessionId, at: i64) -> bool {
        let mut waiting = self.lock();
        if waiting.uses.len() >= WAITING_MAX {
            return false;
        }
        waiting.uses.insert(session, at);
        !mem::replace(&mut waiting.writing, true)
    }

    /// The next ones to write; none, and writing is over.
    fn take(&self) -> Vec<(SessionId, i64)> {
        let mut waiting = self.lock();
        let few: Vec<_> = waiting.uses.iter().take(ROWS_MAX).map(|(id, at)| (*id, *at)).collect();
        for (session, _) in &few {
            waiting.uses.remove(session);
        }
        waiting.writing = !few.is_empty();
        few
    }
}

/// Notes that a session is used.
pub(super) fn used(ctx: &Ctx, session: SessionId, last: &LastUse) {
    let (directory, now) = (ctx.state::<Directory>(), ctx.now());
    if last.moves(now) && directory.uses.add(session, now) {
        let ctx = ctx.clone();
        tokio::spawn(async move { write(&ctx, &directory.uses).await });
    }
}

async fn write(ctx: &Ctx, uses: &Uses) {
    loop {
        let few = uses.take();
        if few.is_empty() {
            return;
        }
        let mut tx = ctx.tx();
        for (session, at) in few {
            tx.run(
                "UPDATE directory_session SET seen_at = $2 WHERE id = $1 AND seen_at < $2",
                [session.into(), at.into()],
            );
        }
        if let Err(error) = ctx.commit(tx).await {
            tracing::warn!(%error, "when sessions were used last was not written");
        }
    }
}

/// Somebody's live sessions, newest first: ids grow with time.
pub(super) async fn devices(ctx: Ctx, args: Devices) -> Result<DevicesListed> {
    let caller = ctx.caller();
    let user = args.user.unwrap_or(caller.user);
    if user != caller.user {
        // Whoever may look may end what is there.
        person(&ctx, user).await?;
        permit(&ctx, SESSIONS).await?;
        permit_over(&ctx, caller.org, user).await?;
    }
    let sql = "SELECT id, label, created_at, expires_at, seen_at FROM directory_session
               WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2
               ORDER BY id DESC LIMIT $3";
    let args = [user.into(), ctx.now().into(), SESSIONS_MAX.into()];
    let sessions = &ctx.state::<Directory>().sessions;
    let connected = ctx.call(&Sessions { user }).await?;
    let device = |row: &Row| {
        let (session, written): (SessionId, i64) = (row.get(0)?, row.get(4)?);
        Ok(Device {
            session,
            label: row.get(1)?,
            created_at: row.get(2)?,
            expires_at: row.get(3)?,
            // Memory knows before the row does.
            seen_at: sessions.last_use(session).map_or(written, |at| at.max(written)),
            current: caller.session == Some(session),
            connected: match connected.sessions.contains(&session) {
                true => Some(true),
                false => connected.complete.then_some(false),
            },
        })
    };
    let rows = ctx.query(sql, args).await?;
    Ok(DevicesListed { devices: rows.iter().map(device).collect::<Result<_>>()? })
}
