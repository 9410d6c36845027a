//! Passwords: argon2id (RFC 9106) as PHC strings, off the runtime and a bounded number at a time,
//! of which every source has its share.

use std::sync::Arc;

use argon2::{
    Argon2, Params,
    password_hash::{PasswordHasher, phc::PasswordHash},
};
use carillon_plugin::{Error, Result};
use carillon_protocol::ErrorCode;

use super::{
    source::Source,
    token::{random, same},
    turns::Turns,
};

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
    turns: Arc<Turns<Source>>,
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
        Passwords { params, turns: Turns::new(cores.min(HASHING_MAX), WAITING_MAX) }
    }

    /// The PHC string of a new password.
    pub(super) async fn hash(&self, source: Source, password: String) -> Result<String> {
        let params = self.params.clone();
        self.run(source, move || hash(&params, &password)).await
    }

    /// Whether the password belongs to this hash. Without one (nobody of that name, or without a
    /// password) it hashes all the same: the answer takes as long and tells nothing.
    pub(super) async fn verify(
        &self,
        source: Source,
        password: String,
        stored: Option<String>,
    ) -> Result<Verdict> {
        let params = self.params.clone();
        self.run(source, move || match stored {
            Some(stored) => verify(&params, &password, &stored),
            None => hash(&params, &password).map(|_| Verdict::Wrong),
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        source: Source,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = self.turns.take(source).await.ok_or_else(|| {
            let msg = "too many people are signing in; try again in a moment";
            Error::new(ErrorCode::Busy, msg).retry_ms(RETRY_MS)
        })?;
        // The turn goes with the work: a caller who goes away does not free the core.
        let work = move || {
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
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

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap(passes: u32) -> Params {
        Params::new(Params::MIN_M_COST, passes, 1, None).unwrap()
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_another_is_not() {
        let passwords = Passwords::new(cheap(1));
        let stored = passwords.hash(Source::Node, "開門 please".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{stored}");
        let verify = |text: &str| passwords.verify(Source::Node, text.into(), Some(stored.clone()));
        assert!(matches!(verify("開門 please").await, Ok(Verdict::Right)));
        assert!(matches!(verify("開門 pleasE").await, Ok(Verdict::Wrong)));
        let nobody = passwords.verify(Source::Node, "開門 please".into(), None).await;
        assert!(matches!(nobody, Ok(Verdict::Wrong)));
        assert_ne!(
            passwords.hash(Source::Node, "開門 please".into()).await.unwrap(),
            stored,
            "salted"
        );
    }

    #[tokio::test]
    async fn a_right_password_is_hashed_again_when_the_cost_changed() {
        let old = Passwords::new(cheap(1)).hash(Source::Node, "swordfish".into()).await.unwrap();
        let passwords = Passwords::new(cheap(2));
        let wrong = passwords.verify(Source::Node, "sardine!!".into(), Some(old.clone())).await;
        assert!(matches!(wrong, Ok(Verdict::Wrong)));
        let Ok(Verdict::Rehashed(new)) =
            passwords.verify(Source::Node, "swordfish".into(), Some(old)).await
        else {
            panic!("not hashed again");
        };
        let again = passwords.verify(Source::Node, "swordfish".into(), Some(new)).await;
        assert!(matches!(again, Ok(Verdict::Right)));
    }

    #[tokio::test]
    async fn more_people_than_may_wait_are_told_to_come_back() {
        let passwords = Passwords { params: cheap(1), turns: Turns::new(1, 0) };
        let taken = passwords.turns.take(Source::Node).await;
        let refused = passwords.hash(Source::Node, "swordfish".into()).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Busy);
        assert_eq!(refused.body().retry_ms, Some(RETRY_MS));
        drop(taken);
        assert!(passwords.hash(Source::Node, "swordfish".into()).await.is_ok());
    }

    #[test]
    fn the_default_cost_is_the_one_that_owasp_asks_for() {
        let params = Params::default();
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (19 * 1024, 2, 1));
    }
}
