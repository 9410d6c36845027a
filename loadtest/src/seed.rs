//! People and conversations to measure with, made through the protocol like anybody's.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::PathBuf,
};

use carillon_protocol::{ConvId, DeviceId, UserId, conv, limits::USERS_PER_CALL_MAX, session};
use clap::{Args, ValueEnum};

use crate::{
    clock::new_cid,
    fleet::{Failed, Target},
    link::Link,
    room::Token,
};

/// In an office everybody is in so many groups …
const GROUPS_EACH: usize = 20;
/// … of so many people.
const GROUP_LEN: usize = 50;

/// What is made.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Shape {
    /// One conversation of the caller and everybody else.
    Room,
    /// Everybody in 20 groups of 50.
    Office,
}

/// Who makes how much.
#[derive(Debug, Clone, Args)]
pub struct SeedArgs {
    /// The token of an administrator, with the scopes read, write and admin.
    #[arg(long)]
    pub token: String,
    /// How many people there are in the end; the caller is one of them in a room.
    #[arg(long, default_value_t = 5_000)]
    pub people: usize,
    /// What they are in.
    #[arg(long, value_enum, default_value = "room")]
    pub shape: Shape,
    /// The file that the tokens are written to.
    #[arg(long)]
    pub out: PathBuf,
}

/// Somebody who can connect.
pub struct Person {
    /// Who.
    pub user: UserId,
    /// How.
    pub token: Token,
}

/// Makes them; returns the id of the room, if there is one.
pub fn seed(target: &Target, args: &SeedArgs) -> Result<Option<ConvId>, Failed> {
    let caller = caller(&args.token);
    let mut link = Link::open(target, &caller)?;
    let programs = match args.shape {
        Shape::Room => args.people.saturating_sub(1),
        Shape::Office => args.people,
    };
    let people = people(&mut link, programs)?;
    let users: Vec<UserId> = people.iter().map(|person| person.user).collect();
    let people = people.into_iter().map(|person| person.token);
    match args.shape {
        Shape::Room => {
            let room = room(&mut link, &users)?;
            write_tokens(args, std::iter::once(caller).chain(people))?;
            Ok(Some(room))
        }
        Shape::Office => {
            link.calls(groups(&users))?;
            write_tokens(args, people)?;
            Ok(None)
        }
    }
}

/// Who makes people and conversations.
pub fn caller(token: &str) -> Token {
    Token { token: token.to_owned(), device: new_device() }
}

/// Makes people. They are programs: those have no password, which would take a third of a second
/// each to hash.
pub fn people(link: &mut Link, len: usize) -> Result<Vec<Person>, Failed> {
    let run = new_cid().to_string().to_lowercase();
    let issue = |number| session::Issue {
        org: None,
        user: None,
        app: Some(format!("{run}-{number}")),
        scopes: None,
        ttl_ms: None,
    };
    let grants = link.calls((0..len).map(issue).collect())?;
    let person = |grant: session::Grant| Person { user: grant.user, token: caller(&grant.token) };
    Ok(grants.into_iter().map(person).collect())
}

/// One conversation of the caller and all of these.
pub fn room(link: &mut Link, users: &[UserId]) -> Result<ConvId, Failed> {
    let (first, rest) = users.split_at(users.len().min(USERS_PER_CALL_MAX));
    let conv = link.calls(vec![group("load test".into(), first)])?.remove(0).conv;
    let add = |users: &[UserId]| conv::AddMembers { conv, users: users.to_vec() };
    link.calls(rest.chunks(USERS_PER_CALL_MAX).map(add).collect())?;
    Ok(conv)
}

/// A group of these people and the caller.
pub fn group(title: String, members: &[UserId]) -> conv::Create {
    conv::Create { title, members: members.to_vec(), history: conv::History::All }
}

fn new_device() -> DeviceId {
    DeviceId(new_cid().0)
}

fn write_tokens(args: &SeedArgs, tokens: impl Iterator<Item = Token>) -> Result<(), Failed> {
    let mut file = BufWriter::new(File::create(&args.out)?);
    for token in tokens {
        serde_json::to_writer(&mut file, &token).map_err(std::io::Error::from)?;
        file.write_all(b"\n")?;
    }
    Ok(file.flush()?)
}

/// Groups of neighbours: in each of the rounds the neighbours are others.
fn groups(users: &[UserId]) -> Vec<conv::Create> {
    let mut groups = Vec::new();
    for round in 0..GROUPS_EACH {
        let mut mixed = users.to_vec();
        mixed.sort_by_key(|user| (user.0.0 >> round) % (GROUPS_EACH as u128 + 1));
        groups.extend(
            mixed
                .chunks(GROUP_LEN)
                .enumerate()
                .map(|(number, members)| group(format!("group {round}.{number}"), members)),
        );
    }
    groups
}

#[cfg(test)]
mod tests {
    use carillon_protocol::id::Ulid;

    use super::*;

    #[test]
    fn in_an_office_everybody_is_in_twenty_groups() {
        // Any numbers: these are spread as random ids are.
        let random = |n: u128| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let users: Vec<UserId> = (1..=500).map(|n| UserId(Ulid(random(n)))).collect();
        let groups = groups(&users);
        assert_eq!(groups.len(), GROUPS_EACH * 500 / GROUP_LEN);
        for user in users {
            let of = groups.iter().filter(|group| group.members.contains(&user));
            assert_eq!(of.count(), GROUPS_EACH);
        }
    }
}
