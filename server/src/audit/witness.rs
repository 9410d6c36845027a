//! Signs the last row of the audit log, every minute in which there is something new, and sooner if
//! that is much. What it signs follows what it signed before; otherwise it says so, and goes on,
//! because what was signed stays.

use std::time::Duration;

use carillon_plugin::{Caller, Host, Next};
use carillon_plugins::audit::{
    self,
    verify::{Root, Verifier},
};
use carillon_protocol::audit::Walk;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use super::{AuditError, key::Key, key_path, root::Roots, roots_path};
use crate::config::Config;

/// How often it looks: what was refused is written down as soon.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Something new is signed within this time.
const SIGN_EVERY_MS: i64 = 60_000;
/// So many rows are signed without waiting.
const ROWS_MAX: u64 = 256;
/// How long the last signature may take when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// A key with the file for what it signs.
#[derive(Debug)]
pub struct Signer {
    key: Key,
    roots: Roots,
    /// When it looked whether there was something new, and signed what there was.
    signed_at: i64,
}

/// The task that signs. It ends when this is dropped.
#[derive(Debug)]
pub struct Witness {
    down: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Witness {
    /// Starts the task.
    pub fn start(host: &Host, signer: Signer) -> Witness {
        let (down, going_down) = watch::channel(false);
        let task = tokio::spawn(watch(host.clone(), signer, going_down));
        Witness { down, task }
    }

    /// Signs what is new, and ends.
    pub async fn stop(mut self) {
        self.down.send_replace(true);
        if timeout(STOP_TIMEOUT, &mut self.task).await.is_err() {
            tracing::warn!("the end of the audit log is signed after the next start");
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(host: Host, mut signer: Signer, mut down: watch::Receiver<bool>) {
    loop {
        let is_over = tokio::time::timeout(LOOK_EVERY, down.changed()).await.is_ok();
        let looked = async {
            host.write_refusals().await.map_err(Failure::from)?;
            if is_over {
                // Nobody else makes rows of what happened last before the next start.
                while host.read_step("audit").await? == Next::Now {}
            }
            signer.sign(&host, is_over).await
        };
        if let Err(error) = looked.await {
            tracing::warn!(%error, "the audit log could not be signed; it is tried again");
        }
        if is_over {
            return;
        }
    }
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Database(#[from] carillon_plugin::Error),
    #[error("{0}")]
    File(#[from] std::io::Error),
}

impl Signer {
    /// Reads the key and the file of this node, or makes them.
    ///
    /// # Errors
    /// [`AuditError`] if they cannot be used.
    pub fn open(config: &Config) -> Result<Signer, AuditError> {
        let (key, roots) = (Key::open(&key_path(config))?, Roots::open(&roots_path(config))?);
        Ok(Signer { key, roots, signed_at: 0 })
    }

    /// Signs the last row, if it is time to.
    async fn sign(&mut self, host: &Host, at_once: bool) -> Result<(), Failure> {
        let Some((n, hash)) = audit::last(host).await? else { return Ok(()) };
        let now = host.now();
        let signed = self.roots.last.as_ref();
        if signed.is_some_and(|root| (root.n, &root.hash) == (n, &hash)) {
            return Ok(());
        }
        let much = n.abs_diff(signed.map_or(0, |root| root.n)) >= ROWS_MAX;
        // Also after the clock was set back.
        let waits = (self.signed_at..self.signed_at + SIGN_EVERY_MS).contains(&now);
        if waits && !much && !at_once {
            return Ok(());
        }
        self.signed_at = now;
        follow(host, signed).await?;
        let signature = self.roots.add(&self.key, Root { n, hash: hash.clone(), at: now })?;
        tracing::info!(target: "audit", n, hash, at = now, signature, "signed");
        Ok(())
    }
}

/// Says if what is there does not follow what was signed.
async fn follow(host: &Host, signed: Option<&Root>) -> Result<(), Failure> {
    let (mut after, roots) = (signed.map_or(0, |root| root.n), signed.cloned().into_iter());
    let mut verifier = match signed {
        Some(root) => Verifier::after(root.n, &root.hash, Vec::new()),
        None => Verifier::new(Vec::new()),
    };
    let last = audit::last(host).await?.map_or(0, |(n, _)| n);
    for root in roots.filter(|root| root.n > last) {
        tracing::error!(
            target: "audit",
            "the audit log ends at row {last}, and row {} was signed: see `carillon audit verify`",
            root.n
        );
    }
    loop {
        let links = host.call_typed(Caller::SYSTEM, None, &Walk { after }).await?.links;
        let Some(end) = links.last() else { break };
        after = end.n;
        links.iter().for_each(|link| verifier.row(link));
    }
    for broken in verifier.end().2 {
        tracing::error!(
            target: "audit",
            row = broken.row(),
            "the audit log is not what was written: see `carillon audit verify`"
        );
    }
    Ok(())
}
