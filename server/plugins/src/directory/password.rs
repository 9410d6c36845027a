//! Passwords: argon2id (RFC 9106) as PHC strings, off the runtime and a bounded number at a time.

use std::sync::Arc;

use argon2::{
    Argon2, Params,
    password_hash::{PasswordHasher, phc::PasswordHash},
};
use carillon_plugin::{Error, Result};
use carillon_protocol::ErrorCode;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::token::{random, same};

/// The bytes of salt that RFC 9106 recommends.
const SALT_LEN: usize = 16;
/// The most passwords hashed at once: each takes 19 MiB and a core, and people's messages need
/// cores too.
const HASHING_MAX: usize = 4;
/// The most calls that wait for their turn: at some 25 ms each the last one waits a second or two,
/// far from the time after which a call is given up.
const WAITING_MAX: usize = 64;
/// When to come back after [`WAITING_MAX`]: the queue is empty by then.
const RETRY_MS: u64 = 2_000;

/// Hashes and verifies passwords.
pub(super) struct Passwords {
    params: Params,
    admitted: Semaphore,
    hashing: Arc<Semaphore>,
}

/// What a password turned out to be.
pub(super) enum Verdict {
    /// Not the person's, or there is no such person.
    Wrong,
    /// The person's.
    Right,
    /// The person's, but hashed with other parameters than today's: this is the new hash.
    Rehashed(String),
}

impl Passwords {
    pub(super) fn new(params: Params) -> Passwords {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let hashing = cores.min(HASHING_MAX);
        Passwords {
            params,
            admitted: Semaphore::new(hashing + WAITING_MAX),
            hashing: Arc::new(Semaphore::new(hashing)),
        }
    }

    /// The PHC string of a new password.
    pub(super) async fn hash(&self, password: String) -> Result<String> {
        let params = self.params.clone();
        self.run(move || hash(&params, &password)).await
    }

    /// Whether the password belongs to this hash. Without one (nobody of that name, or without a
    /// password) it hashes all the same: the answer takes as long and tells nothing.
    pub(super) async fn verify(&self, password: String, stored: Option<String>) -> Result<Verdict> {
        let params = self.params.clone();
        self.run(move || match stored {
            Some(stored) => verify(&params, &password, &stored),
            None => hash(&params, &password).map(|_| Verdict::Wrong),
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let _admitted = self.admit()?;
        let turn = self.hashing.clone().acquire_owned().await.expect("never closed");
        // The turn goes with the work: a caller who goes away does not free the core.
        let work = move || {
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
    }

    fn admit(&self) -> Result<SemaphorePermit<'_>> {
        self.admitted.try_acquire().map_err(|_| {
            let msg = "too many people are signing in; try again in a moment";
            Error::new(ErrorCode::Busy, msg).retry_ms(RETRY_MS)
        })
    }
}

fn hash(params: &Params, password: &str) -> Result<String> {
    let salt = random::<SALT_LEN>()?;
    let hashed = Argon2::from(params).hash_password_with_salt(password.as_bytes(), &salt);
    Ok(hashed.map_err(Error::internal)?.to_string())
}

fn verify(today: &Params, password: &str, stored: &str) -> Result<Verdict> {
    let stored = PasswordHash::new(stored).map_err(Error::internal)?;
    let params = Params::try_from(&stored).map_err(Error::internal)?;
    let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else {
        return Err(Error::internal(std::io::Error::other("a stored password has no hash")));
    };
    let hashed = Argon2::from(&params)
        .hash_password_with_salt(password.as_bytes(), salt)
        .map_err(Error::internal)?;
    let right = hashed.hash.is_some_and(|hashed| same(hashed, expected));
    let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    Ok(match right {
        false => Verdict::Wrong,
        true if cost(&params) == cost(today) => Verdict::Right,
        true => Verdict::Rehashed(hash(today, password)?),
    })
}
