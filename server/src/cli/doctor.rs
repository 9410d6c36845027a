//! `carillon doctor`: tries everything that the server needs.

use std::{fs, io::Write as _, net::TcpListener};

use super::{Failure, Outcome, in_use, say};
use crate::{config::Config, node::Node};

/// Fewer file handles than this, and connections are refused long before the limits say so.
const FILES_MIN: u64 = 4096;
/// Less room on the disk than this deserves a word.
const DISK_FREE_MIN: u64 = 1024 * 1024 * 1024;

/// Says in sentences what is well and what is wrong.
pub(super) async fn doctor(config: &Config) -> Outcome {
    let checks = [
        ("data folder", folder(config)),
        ("disk", disk(config)),
        ("database", database(config).await),
        ("address", address(config).await),
        ("file handles", files()),
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
    let path = config.data.join("doctor.tmp");
    let shown = config.data.display();
    let written = fs::create_dir_all(&config.data)
        .and_then(|()| fs::File::create(&path))
        .and_then(|mut file| file.write_all(b"carillon").and_then(|()| file.sync_all()))
        .and_then(|()| fs::remove_file(&path));
    match written {
        Ok(()) => Ok(format!("{shown} can be written to")),
        Err(error) => Err(format!("{shown} cannot be written to ({error}); choose another --data")),
    }
}

fn disk(config: &Config) -> Finding {
    let disk = rustix::fs::statvfs(&config.data).map_err(|error| error.to_string())?;
    let free = disk.f_bavail * disk.f_frsize;
    let gib = free as f64 / f64::from(1 << 30);
    if free >= DISK_FREE_MIN {
        Ok(format!("{gib:.1} GiB are free"))
    } else {
        Err(format!("only {gib:.1} GiB are free; make room before messages are refused"))
    }
}

async fn database(config: &Config) -> Finding {
    match Node::open(config, Default::default()).await {
        Ok(node) => {
            let answered = node.store.ping().await;
            node.store.close().await;
            answered.map(|()| "opens, writes and reads".into()).map_err(|error| error.to_string())
        }
        Err(error) if in_use(&error) => Ok("a running server has it".into()),
        Err(error) => Err(error.to_string()),
    }
}

async fn address(config: &Config) -> Finding {
    match TcpListener::bind(config.listen) {
        Ok(_) => Ok(format!("{} is free", config.listen)),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Ok(format!("{} is in use, by a running server if that is yours", config.listen))
        }
        Err(error) => Err(format!("cannot listen on {} ({error})", config.listen)),
    }
}

fn files() -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    match limit.current {
        Some(files) if files < FILES_MIN => Err(format!(
            "only {files} may be open; raise it (`ulimit -n`, or LimitNOFILE of systemd)"
        )),
        Some(files) => Ok(format!("{files} may be open")),
        None => Ok("as many as there are".into()),
    }
}
