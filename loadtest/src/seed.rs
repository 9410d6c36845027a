//! People and conversations to measure with, made through the protocol like anybody's.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write},
    net::TcpStream,
    path::PathBuf,
    thread,
    time::Duration,
};

use carillon_protocol::{
    Codec, Command, ConvId, DeviceId, Effect, Retry, UserId, conv,
    frame::{ServerFrame, client},
    limits::{CALLS_IN_FLIGHT_MAX, USERS_PER_CALL_MAX},
    session,
};
use clap::{Args, ValueEnum};
use tungstenite::{Message, WebSocket};

use crate::{
    clock::new_cid,
    fleet::{Failed, Target},
    room::{Token, hello},
};

/// In an office everybody is in so many groups …
const GROUPS_EACH: usize = 20;
/// … of so many people.
const GROUP_LEN: usize = 50;
/// How long one answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// How often calls that are told to wait come back.
const WAITS_MAX: u32 = 100;

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

/// Makes them; returns the id of the room, if there is one.
pub fn seed(target: &Target, args: &SeedArgs) -> Result<Option<ConvId>, Failed> {
    let caller = Token { token: args.token.clone(), device: new_device() };
    let mut link = Link::open(target, &caller)?;
    let programs = match args.shape {
        Shape::Room => args.people.saturating_sub(1),
        Shape::Office => args.people,
    };
    // Programs have no password, which would take a third of a second each to hash.
    let run = new_cid().to_string().to_lowercase();
    let issue = |number| session::Issue {
        org: None,
        user: None,
        app: Some(format!("{run}-{number}")),
        scopes: None,
        ttl_ms: None,
    };
    let grants = link.calls((0..programs).map(issue).collect())?;
    let users: Vec<UserId> = grants.iter().map(|grant| grant.user).collect();
    let people = grants.into_iter().map(|g| Token { token: g.token, device: new_device() });
    match args.shape {
        Shape::Room => {
            let room = link.room(&users)?;
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
        groups.extend(mixed.chunks(GROUP_LEN).enumerate().map(|(number, members)| {
            let title = format!("group {round}.{number}");
            conv::Create { title, members: members.to_vec(), history: conv::History::All }
        }));
    }
    groups
}

/// One connection that calls.
struct Link {
    socket: WebSocket<TcpStream>,
    calls: u64,
}

impl Link {
    fn open(target: &Target, caller: &Token) -> Result<Link, Failed> {
        let stream = TcpStream::connect(target.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        let url = format!("ws://{}{}", target.address, target.path);
        let (socket, _) = tungstenite::client(url, stream).map_err(std::io::Error::other)?;
        let mut link = Link { socket, calls: 0 };
        link.write(hello(caller))?;
        while !matches!(link.read()?, ServerFrame::Synced { .. }) {}
        Ok(link)
    }

    fn room(&mut self, users: &[UserId]) -> Result<ConvId, Failed> {
        let (first, rest) = users.split_at(users.len().min(USERS_PER_CALL_MAX));
        let title = "load test".to_owned();
        let members = first.to_vec();
        let create = conv::Create { title, members, history: conv::History::All };
        let conv = self.calls(vec![create])?.remove(0).conv;
        let add = |users: &[UserId]| conv::AddMembers { conv, users: users.to_vec() };
        self.calls(rest.chunks(USERS_PER_CALL_MAX).map(add).collect())?;
        Ok(conv)
    }

    /// Calls one operation many times; the answers are in the same order.
    fn calls<C: Command>(&mut self, args: Vec<C>) -> Result<Vec<C::Reply>, Failed> {
        let mut replies = Vec::with_capacity(args.len());
        for args in args.chunks(CALLS_IN_FLIGHT_MAX) {
            replies.append(&mut self.calls_at_once(args)?);
        }
        Ok(replies)
    }

    /// As many calls as may be in flight.
    fn calls_at_once<C: Command>(&mut self, args: &[C]) -> Result<Vec<C::Reply>, Failed> {
        let first = self.calls;
        self.calls += args.len() as u64;
        let cid = || (C::EFFECT == Effect::Once).then(new_cid);
        let frame = |(id, args)| client::call(Codec::Json, id, C::OP, cid(), None, args);
        let frames: Vec<_> = (first..).zip(args).map(frame).collect();
        for frame in &frames {
            self.write(frame.clone())?;
        }
        let mut replies = BTreeMap::new();
        let mut waits = 0;
        while replies.len() < args.len() {
            match self.read()? {
                ServerFrame::Ok { re, data } => {
                    replies.insert(re, data.to().map_err(std::io::Error::from)?);
                }
                ServerFrame::Err { re: Some(re), error }
                    if error.retry == Retry::After && waits < WAITS_MAX =>
                {
                    waits += 1;
                    thread::sleep(Duration::from_millis(error.retry_ms.unwrap_or_default()));
                    self.write(frames[(re - first) as usize].clone())?;
                }
                ServerFrame::Err { error, .. } => {
                    let answer = format!("{}: {error}", C::OP);
                    return Err(Failed::Refused { number: 0, answer });
                }
                _ => {}
            }
        }
        Ok(replies.into_values().collect())
    }

    fn write(&mut self, frame: Vec<u8>) -> Result<(), Failed> {
        let text = String::from_utf8(frame).expect("JSON is UTF-8");
        Ok(self.socket.send(Message::text(text)).map_err(std::io::Error::other)?)
    }

    fn read(&mut self) -> Result<ServerFrame, Failed> {
        loop {
            match self.socket.read().map_err(std::io::Error::other)? {
                Message::Text(text) => {
                    let frame = ServerFrame::decode(Codec::Json, text.as_bytes());
                    return Ok(frame.map_err(std::io::Error::other)?);
                }
                Message::Close(close) => {
                    let last = format!("{close:?}");
                    return Err(Failed::Closed { number: 0, last });
                }
                _ => {}
            }
        }
    }
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
