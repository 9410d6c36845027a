//! Opening a database on a server: the settings of the connections, and whether it is ours.

use std::{str::FromStr, sync::Arc, time::Duration};

use carillon_plugin::Migration;
use sqlx::{
    ConnectOptions, Connection, PgConnection, Row as _,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{
    migrate, patiently, same,
    tail::{Follower, Tail},
    writer::Writer,
};
use crate::{
    Database, Durability, OpenError, Options,
    cells::{event_id, whole},
    log::Shared,
    migrate::Stop,
    reading::{Pool, Readers},
};

/// Connections that read, a node: as many as keep two cores of a server busy while answers travel.
/// With the one that writes and the one that follows the log, a node has ten: nine nodes fit into
/// the hundred that a server allows when nobody changed it.
const READERS: u32 = 8;
/// How long a read waits for a connection: longer, and the caller has given up.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How old a connection that reads gets: after a switch to another server the name leads there, and
/// nobody must read from the old one for long.
const READER_AGE_MAX: Duration = Duration::from_secs(5 * 60);
/// Prepared statements kept a connection, on both sides: more than all plugins have, with their
/// NULLs in different places.
const STATEMENTS_MAX: usize = 512;
/// How long another node may be at changing the tables while this one starts.
const MIGRATION_LOCK_TIMEOUT: &str = "60s";

/// What the server is told of every connection. A planner that thinks anew, or compiles, takes
/// longer than our statements do: all are by an index.
/// And a connection that is quiet for long must not be forgotten on the way, nor one that is dead
/// be kept.
const SETTINGS: [(&str, &str); 5] = [
    ("jit", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("tcp_keepalives_idle", "60"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
];
/// Of those that read: reading never writes, and nobody waits longer.
const OF_READERS: [(&str, &str); 2] =
    [("default_transaction_read_only", "on"), ("statement_timeout", "10s")];
/// Of the one that writes: whoever stops in the middle of a batch holds up all nodes, and is cut
/// off. Who waits for the counter's row gives up before the statement is ended.
const OF_WRITER: [(&str, &str); 3] = [
    ("idle_in_transaction_session_timeout", "2s"),
    ("lock_timeout", "4s"),
    ("statement_timeout", "5s"),
];

/// Opens the database and brings its tables up to date.
pub(crate) async fn open(
    url: &str,
    migrations: &[Migration],
    options: &Options,
) -> Result<(Arc<Shared>, Writer, Readers, Follower), OpenError> {
    let name = Database::Postgres(url.to_owned()).to_string();
    let failed = |source| refusal(&name, source);
    let settings = settings(url).map_err(failed)?;
    let mut conn = connected(&settings, &name).await?;
    migrate::migrate(&mut conn, &name, migrations).await.map_err(|stop| stopped(&name, stop))?;
    let shared = Arc::new(found(&mut conn).await.map_err(failed)?);
    conn.close().await.map_err(failed)?;

    let durability = match options.durability {
        Durability::Full => "on",
        Durability::Off => "off",
    };
    let of_writer =
        settings.clone().options(OF_WRITER).options([("synchronous_commit", durability)]);
    let of_readers = settings.options(OF_READERS);
    let asked = Arc::clone(&shared);
    let readers = PgPoolOptions::new()
        .max_connections(if options.readers == 0 { READERS } else { options.readers })
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A read that meets a dead connection takes another one.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(READER_AGE_MAX)
        .after_connect(move |conn, _| {
            let shared = Arc::clone(&asked);
            Box::pin(async move { same::newest(conn, &shared).await.map(drop) })
        })
        .connect_lazy_with(of_readers.clone());
    let follower = Tail::start(of_readers, Arc::clone(&shared));
    let readers = Readers { pool: Pool::Postgres(readers), shared: Arc::clone(&shared) };
    Ok((shared.clone(), Writer::new(of_writer, shared), readers, follower))
}

/// Whether the database could be opened, without changing anything.
pub(crate) async fn check(url: &str, migrations: &[Migration]) -> Result<i64, OpenError> {
    let name = Database::Postgres(url.to_owned()).to_string();
    let failed = |source| refusal(&name, source);
    let settings = settings(url).map_err(failed)?.options(OF_READERS);
    let mut conn = connected(&settings, &name).await?;
    let looked = migrate::look(&mut conn, &name, migrations).await;
    looked.map_err(|stop| stopped(&name, stop))?;
    let now = sqlx::query_scalar(super::CLOCK).fetch_one(&mut conn).await.map_err(failed)?;
    conn.close().await.map_err(failed)?;
    Ok(now)
}

/// The settings of every connection.
fn settings(url: &str) -> sqlx::Result<PgConnectOptions> {
    Ok(PgConnectOptions::from_str(url)?
        .application_name("carillon")
        .options(SETTINGS)
        .statement_cache_capacity(STATEMENTS_MAX)
        .disable_statement_logging())
}

/// A connection to a database whose texts are UTF-8.
async fn connected(settings: &PgConnectOptions, name: &str) -> Result<PgConnection, OpenError> {
    let settings = settings.clone().options([("lock_timeout", MIGRATION_LOCK_TIMEOUT)]);
    let look = async {
        let mut conn = patiently(|| settings.connect()).await?;
        let sql = "SELECT pg_is_in_recovery(), current_setting('server_encoding')";
        let row = sqlx::query(sql).fetch_one(&mut conn).await?;
        match row.try_get(0)? {
            false => Ok((conn, row.try_get::<String, _>(1)?)),
            true => Err(same::standby()),
        }
    };
    match look.await {
        Ok((conn, encoding)) if encoding == "UTF8" => Ok(conn),
        Ok((_, encoding)) => {
            let why = format!("its encoding is {encoding}; make one with ENCODING 'UTF8'");
            Err(refusal(name, sqlx::Error::Configuration(why.into())))
        }
        Err(source) => Err(refusal(name, source)),
    }
}

/// Where the log stands, and with which event.
async fn found(conn: &mut PgConnection) -> sqlx::Result<Shared> {
    let sql = "SELECT epoch, pos, (SELECT id FROM event e WHERE e.pos = meta.pos) FROM meta";
    let row = sqlx::query(sql).fetch_one(conn).await?;
    Ok(Shared::following(whole(&row, 1)?, event_id(&row, 2)?, whole(&row, 0)?))
}

fn stopped(name: &str, stop: Stop) -> OpenError {
    match stop {
        Stop::Refused(refused) => refused,
        Stop::Failed(source) => refusal(name, source),
    }
}

fn refusal(name: &str, source: sqlx::Error) -> OpenError {
    OpenError::Unavailable { database: name.to_owned(), source }
}
