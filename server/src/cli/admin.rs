//! `carillon token`, `user` and `org`.

use carillon_protocol::{OrgId, org, session};
use clap::{Args, Subcommand};

use super::{
    Failure, Outcome,
    people::{self, ImportArgs, InviteArgs},
    say,
    system::System,
};
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// The sign-in name of a person
    #[arg(long, value_name = "NAME", required_unless_present = "app", conflicts_with = "app")]
    user: Option<String>,
    /// The name of a program; made if there is none
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// For how long, as 12h or 90d
    #[arg(long, value_name = "TIME", value_parser = ttl_ms, default_value = "90d")]
    ttl: i64,
    /// What it may do: read, write, admin
    #[arg(long, value_name = "SCOPE", value_delimiter = ',', default_value = "read,write")]
    scopes: Vec<String>,
    /// The organisation, where there are several
    #[arg(long, value_name = "ID")]
    org: Option<OrgId>,
}

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a person
    Add(UserArgs),
    /// Add and change many people by a table
    Import(ImportArgs),
    /// Make a link by which people join, or by which one person sets a password
    Invite(InviteArgs),
}

#[derive(Debug, Args)]
pub(super) struct UserArgs {
    /// The sign-in name
    #[arg(long)]
    login: String,
    /// The name that people see
    #[arg(long)]
    name: String,
    /// Read a password from standard input
    #[arg(long)]
    password_stdin: bool,
    /// The job title
    #[arg(long)]
    title: Option<String>,
    /// Make the person an administrator
    #[arg(long)]
    admin: bool,
    /// The organisation, where there are several
    #[arg(long, value_name = "ID")]
    org: Option<OrgId>,
}

#[derive(Debug, Subcommand)]
pub(super) enum OrgCommand {
    /// Add an organisation
    Add {
        /// Its name
        #[arg(long)]
        name: String,
    },
}

/// A span of time as people write it: a number and `m`, `h` or `d`.
pub(super) fn ttl_ms(text: &str) -> Result<i64, String> {
    let (number, unit_ms) = match text.char_indices().last() {
        Some((end, 'm')) => (&text[..end], 60_000),
        Some((end, 'h')) => (&text[..end], 3_600_000),
        Some((end, 'd')) => (&text[..end], 86_400_000),
        _ => return Err("a number with m, h or d, as 12h or 90d".into()),
    };
    let number: i64 = number.parse().map_err(|_| "the number cannot be read".to_owned())?;
    number.checked_mul(unit_ms).filter(|ms| *ms > 0).ok_or_else(|| "out of range".into())
}

/// Prints the token and nothing else, so that scripts can use it.
pub(super) async fn token(config: &Config, args: TokenArgs) -> Outcome {
    let issue = session::Issue {
        org: args.org,
        user: args.user,
        app: args.app,
        scopes: Some(args.scopes),
        ttl_ms: Some(args.ttl),
    };
    let system = System::reach(config).await?;
    let grant = system.call(&issue).await;
    system.close().await;
    say(&grant?.token)
}

pub(super) async fn user(config: &Config, command: UserCommand) -> Outcome {
    match command {
        UserCommand::Add(args) => add_user(config, args).await,
        UserCommand::Import(args) => people::import(config, args).await,
        UserCommand::Invite(args) => people::invite(config, args).await,
    }
}

async fn add_user(config: &Config, args: UserArgs) -> Outcome {
    let password = if args.password_stdin { Some(read_password()?) } else { None };
    let add = org::AddMember {
        org: args.org,
        login: args.login,
        name: args.name,
        password,
        title: args.title,
        admin: args.admin,
        locale: None,
        tz: None,
        departments: Vec::new(),
    };
    let system = System::reach(config).await?;
    let added = system.call(&add).await;
    system.close().await;
    say(&added?.user.to_string())
}

pub(super) async fn org(config: &Config, OrgCommand::Add { name }: OrgCommand) -> Outcome {
    let system = System::reach(config).await?;
    let created = system.call(&org::Create { name }).await;
    system.close().await;
    say(&created?.org.to_string())
}

/// A password comes from standard input: on the command line every process could read it.
fn read_password() -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::ttl_ms;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        assert_eq!(ttl_ms("90d"), Ok(7_776_000_000));
        assert_eq!(ttl_ms("15m"), Ok(900_000));
        for wrong in ["", "d", "10", "0h", "-1d", "1.5h", "9999999999999d", "十d"] {
            assert!(ttl_ms(wrong).is_err(), "{wrong}");
        }
    }
}
