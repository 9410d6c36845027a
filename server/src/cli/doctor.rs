//! `carillon doctor`: looks at everything that the server needs, and changes nothing.

mod rooms;

use std::{net::TcpListener, path::Path, time::Duration};

use carillon_bus::{Address, NodeId, Options};
use carillon_plugin::{Clock as _, Host};
use carillon_store::{Database, Store};
use rustix::fs::Access;

use super::{Failure, Outcome, say};
use crate::{
    clock::{self, SystemClock},
    config::Config,
    node, registry, tls,
};

/// File handles that are no connections: the database, its readers, the shards and the rest.
const FILES_OTHER: u64 = 64;
/// How long Redis may take until it carries messages.
const REDIS_PATIENCE: Duration = Duration::from_secs(5);
/// How often to look whether it does.
const REDIS_POLL: Duration = Duration::from_millis(50);
/// Less room on the disk than this deserves a word.
const DISK_FREE_MIN: u64 = 1024 * 1024 * 1024;

/// Says in sentences what is well and what is wrong.
pub(super) async fn doctor(config: &Config) -> Outcome {
    let checks = [
        ("data folder", folder(config)),
        ("disk", disk(config)),
        ("database", database(config).await),
        ("redis", redis(config).await),
        ("address", address(config)),
        ("https", https(config)),
        ("rooms", rooms::rooms(config)),
        ("file handles", files(config)),
    ];
    for (what, result) in &checks {
        match result {
            Ok(fine) => say(&format!("ok     {what}: {fine}"))?,
            Err(wrong) => say(&format!("wrong  {what}: {wrong}"))?,
        }
    }
    let wrong = checks.iter().filter(|(_, result)| result.is_err()).count();
    if wrong == 0 {
        Ok(())
    } else {
        Err(Failure(format!("{wrong} of {} checks failed", checks.len())))
    }
}

type Finding = Result<String, String>;

fn folder(config: &Config) -> Finding {
    let (shown, nearest) = (config.data.display(), nearest(&config.data));
    match rustix::fs::access(nearest, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) if nearest == config.data => Ok(format!("{shown} can be written to")),
        Ok(()) => Ok(format!("{shown} will be made")),
        Err(error) => Err(format!("{shown} cannot be written to ({error}); choose another --data")),
    }
}

/// The data folder, or what is there already of the way to it.
fn nearest(data: &Path) -> &Path {
    let mut folders = data.ancestors().filter(|folder| !folder.as_os_str().is_empty());
    folders.find(|folder| folder.exists()).unwrap_or(Path::new("."))
}

fn disk(config: &Config) -> Finding {
    let disk = rustix::fs::statvfs(nearest(&config.data)).map_err(|error| error.to_string())?;
    let free = disk.f_bavail * disk.f_frsize;
    let gib = free as f64 / f64::from(1 << 30);
    if free >= DISK_FREE_MIN {
        Ok(format!("{gib:.1} GiB are free"))
    } else {
        Err(format!("only {gib:.1} GiB are free; make room before messages are refused"))
    }
}

async fn database(config: &Config) -> Finding {
    let migrations = Host::migrations(&registry::unused());
    if let Some(url) = &config.database {
        let database = Database::Postgres(url.as_str().to_owned());
        let before = SystemClock::default().now();
        let checked = Store::check(&database, &migrations).await;
        let theirs = checked.map_err(|error| error.to_string())?.unwrap_or(before);
        let ahead = clock::ahead(before, theirs, SystemClock::default().now());
        return clock::apart(ahead).map_or_else(|| Ok(format!("{url} answers")), Err);
    }
    let path = node::database_path(&config.data);
    if node::is_in_use(&config.data).map_err(|error| error.to_string())? {
        return Ok("a running server has it".into());
    }
    if !path.exists() {
        return Ok("will be made at the first start".into());
    }
    let checked = Store::check(&path.into(), &migrations).await;
    checked.map(|_| "opens and reads".into()).map_err(|error| error.to_string())
}

/// Joins the others for a moment, under a name that no node has.
async fn redis(config: &Config) -> Finding {
    let Some(setting) = &config.redis else { return Ok("not used".into()) };
    let address: Address = setting.as_str().parse().map_err(|error| format!("{error}"))?;
    let node = NodeId(SystemClock::default().new_id());
    let options = Options { node, namespace: "doctor".into(), authorities: None };
    let (bus, _heard) = carillon_bus::connect(&address, options).map_err(|e| e.to_string())?;
    let answers = async {
        while !bus.health().ready {
            tokio::time::sleep(REDIS_POLL).await;
        }
    };
    if tokio::time::timeout(REDIS_PATIENCE, answers).await.is_ok() {
        return Ok(format!("{setting} carries messages"));
    }
    let why = bus.health().suspects.into_iter().map(|it| format!("{}: {}", it.server, it.why));
    Err(format!("{setting} does not carry messages; {}", why.collect::<Vec<_>>().join(", ")))
}

fn address(config: &Config) -> Finding {
    match TcpListener::bind(config.listen) {
        Ok(_) => Ok(format!("{} is free", config.listen)),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Ok(format!("{} is in use, by a running server if that is yours", config.listen))
        }
        Err(error) => Err(format!("cannot listen on {} ({error})", config.listen)),
    }
}

fn https(config: &Config) -> Finding {
    match &config.tls {
        None => Ok("not spoken here".into()),
        Some(setting) => tls::check(setting, &config.data, SystemClock::default().now() / 1000),
    }
}

fn files(config: &Config) -> Finding {
    let connections = config.limits.connections_max.get();
    let needed = u64::from(connections) + FILES_OTHER;
    match rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        Some(files) if files < needed => Err(format!(
            "only {files} may be open, and limits.connections_max of {connections} needs {needed}; \
             raise it (`ulimit -n`, or LimitNOFILE of systemd), or allow fewer connections"
        )),
        Some(files) => Ok(format!("{files} may be open")),
        None => Ok("as many as there are".into()),
    }
}
