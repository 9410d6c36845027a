//! Runs a command with a PostgreSQL and a Redis beside it: `carillon-rig cargo nextest run`.

use std::{
    env,
    process::{Command, ExitCode},
};

use carillon_rig::{POSTGRES_VARIABLE, Postgres, REDIS_VARIABLE, Redis};

/// What shells answer when a program cannot be started.
const NOT_STARTED: u8 = 127;

fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    let Some(program) = words.next() else {
        eprintln!("usage: carillon-rig COMMAND [ARGUMENT]…");
        return ExitCode::FAILURE;
    };
    let (postgres, redis) = (Postgres::hasty(), Redis::start());
    let status = Command::new(&program)
        .args(words)
        .env(POSTGRES_VARIABLE, postgres.url("postgres"))
        .env(REDIS_VARIABLE, redis.url())
        .status();
    match status {
        // A command that a signal ended has no code.
        Ok(status) => status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => {
            eprintln!("{} cannot be started: {error}", program.display());
            ExitCode::from(NOT_STARTED)
        }
    }
}
