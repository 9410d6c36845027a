//! Real PostgreSQL and Redis servers for tests and load tests.
//!
//! Tests that do nothing to a server share one of each: [`database`] lends an empty database there.
//! The program of this crate runs a command with both beside it.
//!
//! Each stands in a temporary folder of its own, listens on loopback on a port that was free, and
//! ends when it is dropped. They are the Debian packages `postgresql` and `redis-server`, which
//! `make services` installs. Everything here blocks: it runs before and after what is tested.

mod child;
mod port;
mod postgres;
mod redis;
mod redis_cluster;
mod redis_sentinel;

pub use child::Child;
pub use port::free_port;
pub use postgres::{POSTGRES_VARIABLE, Postgres, Stalled, TempDatabase, database};
pub use redis::{REDIS_VARIABLE, Redis, Tls, shared as shared_redis};
pub use redis_cluster::RedisCluster;
pub use redis_sentinel::RedisSentinel;
