//! Idle connections: resident memory of the server for one more of them.

use std::{thread, time::Duration};

use clap::Args;

use crate::{
    ServerArgs,
    bars::{Bar, Verdict},
    fanout::tokens,
    fleet::{Failed, Fleet},
    process::Resident,
    room::{heartbeat, hello},
};

/// Where counting begins: what the process needs once is spent by then.
const BASE: usize = 1_000;
/// How many join between two heartbeats; far fewer than join within the time of one.
const STEP: usize = 1_000;

/// Resident memory of the server for one connection, in bytes.
const RESIDENT_MAX: f64 = 3_000.0;

/// How many and how long.
#[derive(Debug, Clone, Args)]
pub struct IdleArgs {
    /// How many connections there are in the end; the file has a token for each.
    #[arg(long, default_value_t = 10_000)]
    pub connections: usize,
    /// How long nothing happens before memory is read, in seconds.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=60))]
    settle_s: u64,
}

/// Opens the connections; returns what one of them costs. The server should be a fresh process:
/// memory that others have left would be used again.
pub fn idle(server: &ServerArgs, args: &IdleArgs) -> Result<Verdict, Failed> {
    if args.connections <= BASE {
        return Err(Failed::Usage(format!("--connections must be above {BASE}")));
    }
    let tokens = tokens(&server.tokens, args.connections)?;
    let mut fleet = Fleet::new(server.target()?)?;
    let settled = || -> Result<Resident, Failed> {
        thread::sleep(Duration::from_secs(args.settle_s));
        Ok(server.process().resident()?)
    };
    println!("{:>12}{:>16}{:>16}", "connections", "resident KiB", "anonymous KiB");
    let print = |len: usize, resident: Resident| {
        println!("{len:>12}{:>16}{:>16}", resident.total, resident.anonymous);
    };
    print(0, settled()?);
    let mut base = None;
    while fleet.len() < args.connections {
        let len = args.connections.min(fleet.len() + STEP);
        fleet.grow(len, |number| Some(hello(&tokens[number], None)))?;
        // Everybody has been read from and written to: idle, but not untouched.
        heartbeat(&mut fleet)?;
        if fleet.len() == BASE {
            base = Some(settled()?);
        }
    }
    let (base, end) = (base.expect("there are more than that"), settled()?);
    print(BASE, base);
    print(fleet.len(), end);
    let each = |base: u64, end: u64| {
        end.saturating_sub(base) as f64 * 1024.0 / (args.connections - BASE) as f64
    };
    let anonymous = each(base.anonymous, end.anonymous);
    Ok(Verdict {
        matter: format!("an idle connection beyond the first {BASE}, bytes"),
        figure: each(base.total, end.total),
        bar: Bar::AtMost(RESIDENT_MAX),
        from: format!("{} connections; {anonymous:.0} B of it anonymous", fleet.len()),
    })
}
