//! `carillon audit`: who administered what, and whether that is what was written.

use std::path::PathBuf;

use carillon_plugins::audit::verify::Verifier;
use carillon_protocol::{
    OrgId, UserId,
    audit::{List, Outcome as Ended, Row, Walk},
};
use clap::{Args, Subcommand};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Failure, Outcome, admin::ttl_ms, say, system::System};
use crate::{
    audit::{PublicKey, read, read_public, roots_path},
    clock::SystemClock,
    config::Config,
};

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Show who administered what, the newest first
    List(ListArgs),
    /// Look whether the log is what was written, against what was signed
    Verify(VerifyArgs),
    /// Print the public half of the key that this node signs with: keep it elsewhere
    Key,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only of this organisation
    #[arg(long, value_name = "ID")]
    org: Option<OrgId>,
    /// Only what this person or program did
    #[arg(long, value_name = "ID")]
    actor: Option<UserId>,
    /// Only this operation, or those that begin like this: org.member.
    #[arg(long)]
    op: Option<String>,
    /// Only what was done to this, as member:ID
    #[arg(long)]
    object: Option<String>,
    /// Only what is not older, as 12h or 90d
    #[arg(long, value_name = "TIME", value_parser = ttl_ms)]
    since: Option<i64>,
    /// Rows before this one
    #[arg(long, value_name = "ROW")]
    below: Option<u64>,
    /// At most so many, 1 to 200
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The file of what was signed; this node's own, if nothing is said
    #[arg(long, value_name = "FILE")]
    roots: Option<PathBuf>,
    /// The public key, as `carillon audit key` printed it; this node's own, if nothing is said
    #[arg(long)]
    key: Option<PublicKey>,
}

pub(super) async fn audit(config: &Config, command: AuditCommand) -> Outcome {
    match command {
        AuditCommand::List(args) => list(config, args).await,
        AuditCommand::Verify(args) => verify(config, args).await,
        AuditCommand::Key => say(&read_public(config)?.to_string()),
    }
}

/// A moment as people and programs read it.
fn moment(ms: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok();
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{ms} ms"))
}

async fn list(config: &Config, args: ListArgs) -> Outcome {
    let now = carillon_plugin::Clock::now(&SystemClock::default());
    let wanted = List {
        org: args.org,
        actor: args.actor,
        op: args.op,
        object: args.object,
        since: args.since.map(|ago| now.saturating_sub(ago)),
        until: None,
        below: args.below,
        limit: Some(args.limit),
    };
    let system = System::reach(config).await?;
    let listed = system.call(&wanted).await;
    system.close().await;
    let listed = listed?;
    listed.rows.iter().try_for_each(|row| say(&line(row)))?;
    match (listed.more, listed.rows.last()) {
        (true, Some(last)) => say(&format!("there are older ones: --below {}", last.n)),
        _ => Ok(()),
    }
}

fn line(row: &Row) -> String {
    let what = &row.what;
    let nobody = what.actor.0.is_nil();
    let actor = if nobody { "-".to_owned() } else { what.actor.to_string() };
    let org = row.org.map_or("-".to_owned(), |org| org.to_string());
    let refused = match what.outcome {
        Ended::Done => String::new(),
        Ended::Refused => format!("  refused {} times", what.times),
    };
    let address = what.address.as_deref().unwrap_or("-");
    let object = if what.object.is_empty() { "-" } else { &what.object };
    format!(
        "{}  {}  {org}  {actor}  {address}  {}  {object}{refused}",
        row.n,
        moment(row.at),
        what.op
    )
}

async fn verify(config: &Config, args: VerifyArgs) -> Outcome {
    let key = args.key.map_or_else(|| read_public(config), Ok)?;
    let path = args.roots.unwrap_or_else(|| roots_path(config));
    let found = read(&path, &key)?;
    let signed = found.roots.last().cloned();
    let mut verifier = Verifier::new(found.roots);
    let system = System::reach(config).await?;
    let walked = walk(&system, &mut verifier).await;
    system.close().await;
    walked?;
    let (rows, _, broken) = verifier.end();
    let sentences = broken.iter().map(|broken| broken.sentence(moment));
    let sentences: Vec<_> = found.broken.into_iter().chain(sentences).collect();
    if !sentences.is_empty() {
        sentences.iter().try_for_each(|sentence| say(&format!("broken: {sentence}")))?;
        return Err(Failure("the audit log is not what was written".into()));
    }
    say(&match signed {
        Some(root) => {
            let at = moment(root.at);
            format!("all {rows} rows are as they were written; row {} was signed at {at}", root.n)
        }
        None => format!("all {rows} rows fit each other; none has been signed yet"),
    })
}

async fn walk(system: &System<'_>, verifier: &mut Verifier) -> Outcome {
    let mut after = 0;
    loop {
        let links = system.call(&Walk { after }).await?.links;
        let Some(last) = links.last() else { return Ok(()) };
        after = last.n;
        links.iter().for_each(|link| verifier.row(link));
    }
}
