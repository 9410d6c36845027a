//! People write, at times that are fixed beforehand; what they write is seen by the others.

use std::time::Duration;

use carillon_protocol::{ConvId, UserId};
use clap::Args;

use crate::{
    clock::now_ns,
    fleet::Failed,
    herd::Herd,
    link::Link,
    report::Report,
    room::{Token, send},
    seed, wire,
};

use super::{LOOK_MS, NS, SiteArgs, counted, delays, watch::Watch};

/// How long everybody may take to connect, and to receive the rest.
const CONNECT_NS_MAX: u64 = 60 * NS;
const REST_NS_MAX: u64 = 10 * NS;
/// How many begin to connect at once.
const DIALS_PER_S: u64 = 500;
/// The most who write in one conversation that many listen to.
const AUTHORS_MAX: usize = 16;

/// What both have in common.
#[derive(Debug, Clone, Args)]
pub struct TalkArgs {
    #[command(flatten)]
    site: SiteArgs,
    /// The token of an administrator, with the scopes read, write and admin.
    #[arg(long)]
    token: String,
    /// How many messages all of them together begin a second.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=50_000))]
    per_s: u64,
    /// For how long, in seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_000))]
    seconds: u64,
    /// How long the text of a message is, in bytes.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(22..=16_000))]
    text_len: u16,
}

/// People in groups.
#[derive(Debug, Clone, Args)]
pub struct ChatArgs {
    #[command(flatten)]
    talk: TalkArgs,
    /// How many people there are.
    #[arg(long, default_value_t = 200)]
    people: usize,
    /// How many of them are in a group; each is in one.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(2..=500))]
    group: u16,
}

/// One conversation.
#[derive(Debug, Clone, Args)]
pub struct FanoutArgs {
    #[command(flatten)]
    talk: TalkArgs,
    /// How many listen to it.
    #[arg(long, default_value_t = 1_000)]
    listeners: usize,
}

/// Who writes where, and how many see it.
struct Talk {
    tokens: Vec<Token>,
    /// Who writes, by number, in which conversation, and how many are connected to it.
    authors: Vec<(usize, ConvId, usize)>,
}

/// People write to each other in groups.
pub fn chat(args: &ChatArgs) -> Result<(), Failed> {
    let len = usize::from(args.group);
    let talk = talk(&args.talk, args.people, |link, users| {
        let group =
            |(number, users): (usize, &[UserId])| seed::group(format!("group {number}"), users);
        let made = link.calls(users.chunks(len).enumerate().map(group).collect())?;
        let convs = made.iter().zip(users.chunks(len)).enumerate();
        Ok(convs
            .flat_map(|(group, (made, users))| {
                let (conv, members) = (made.conv, users.len());
                (0..members).map(move |member| (group * len + member, conv, members))
            })
            .collect())
    })?;
    let what = format!("{} people in groups of {len}", args.people);
    run(&args.talk, talk, "People write to each other", &what)
}

/// One conversation, and many who listen to it.
pub fn fanout(args: &FanoutArgs) -> Result<(), Failed> {
    let talk = talk(&args.talk, args.listeners, |link, users| {
        let conv = seed::room(link, users)?;
        let authors = 0..users.len().min(AUTHORS_MAX);
        Ok(authors.map(|author| (author, conv, users.len())).collect())
    })?;
    let what = format!("one conversation of {} people", args.listeners);
    run(&args.talk, talk, "One conversation, and many who listen", &what)
}

fn talk(
    args: &TalkArgs,
    people: usize,
    make: impl FnOnce(&mut Link, &[UserId]) -> Result<Vec<(usize, ConvId, usize)>, Failed>,
) -> Result<Talk, Failed> {
    let target = args.site.targets()?.remove(0);
    let mut link = Link::open(&target, &seed::caller(&args.token))?;
    let people = seed::people(&mut link, people)?;
    let users: Vec<UserId> = people.iter().map(|person| person.user).collect();
    let authors = make(&mut link, &users)?;
    if authors.is_empty() {
        return Err(Failed::Usage("there has to be somebody who writes".into()));
    }
    Ok(Talk { tokens: people.into_iter().map(|person| person.token).collect(), authors })
}

/// Connects everybody.
fn connect(herd: &mut Herd) -> Result<(), Failed> {
    let start = now_ns();
    (0..herd.len()).for_each(|it| herd.dial_at(it, start + it as u64 * NS / DIALS_PER_S));
    while herd.up() < herd.len() {
        herd.turn(Duration::from_millis(LOOK_MS))?;
        if now_ns() > start + CONNECT_NS_MAX {
            let missing = herd.len() - herd.up();
            return Err(Failed::Late { missing, what: "the end of the catch-up".into() });
        }
    }
    Ok(())
}

/// What was not begun, and how many arrivals the rest means.
#[derive(Default)]
struct Said {
    begun: u64,
    unsaid: u64,
    arrivals: usize,
}

fn run(args: &TalkArgs, talk: Talk, title: &str, who: &str) -> Result<(), Failed> {
    let mut herd = Herd::new(args.site.targets()?, talk.tokens)?;
    connect(&mut herd)?;
    herd.begin();
    let (said, stopped) = write(args, &mut herd, &talk.authors)?;
    let end = now_ns() + REST_NS_MAX;
    let missing = |herd: &Herd| herd.timeline.deliveries.len() < said.arrivals as u64;
    while now_ns() < end && (herd.unanswered() > 0 || missing(&herd)) {
        herd.turn(Duration::from_millis(LOOK_MS))?;
    }
    let timeline = &herd.timeline;
    let (arrived, expected) = (timeline.deliveries.len(), said.arrivals);
    let mut facts = vec![
        ("messages".to_owned(), format!("{} begun, {} not", said.begun, said.unsaid)),
        ("acknowledged".to_owned(), timeline.acks.len().to_string()),
        ("not answered".to_owned(), herd.unanswered().to_string()),
        ("arrivals".to_owned(), format!("{arrived} of {expected}")),
        ("from due to acknowledged".to_owned(), delays(&timeline.acks)),
        ("from due to seen".to_owned(), delays(&timeline.deliveries)),
    ];
    facts.extend(counted(&herd));
    let TalkArgs { per_s, seconds, text_len, .. } = args;
    args.site.finish(&Report {
        title: title.into(),
        what: format!("{who}, {per_s} messages a second of {text_len} B for {seconds} s"),
        stopped,
        facts,
        verdicts: Vec::new(),
        bands: Vec::new(),
        charts: Vec::new(),
        timeline: herd.timeline,
        arrivals: "arrivals",
    })
}

/// Everybody writes in turn. Times are fixed beforehand: who is late is not waited for.
fn write(
    args: &TalkArgs,
    herd: &mut Herd,
    authors: &[(usize, ConvId, usize)],
) -> Result<(Said, Option<String>), Failed> {
    let (mut watch, mut said, mut number) = (args.site.watch(), Said::default(), 0);
    let (start, all) = (now_ns(), args.per_s * args.seconds);
    while number < all {
        let (due, now) = (start + number * NS / args.per_s, now_ns());
        if due > now {
            herd.turn(Duration::from_nanos(due - now).min(Duration::from_millis(LOOK_MS)))?;
            if let Some(why) = watch.look(&herd.timeline) {
                return Ok((said, Some(why)));
            }
            continue;
        }
        if let Some(why) = Watch::late(now - due) {
            return Ok((said, Some(why)));
        }
        let (author, conv, members) = authors[number as usize % authors.len()];
        number += 1;
        if herd.is_up(author) {
            let text = wire::stamped(due, args.text_len.into());
            herd.call(author, number, &send(number, conv, text), due);
            (said.begun, said.arrivals) = (said.begun + 1, said.arrivals + members);
        } else {
            said.unsaid += 1;
            herd.timeline.at(now).failed += 1;
        }
    }
    Ok((said, None))
}
