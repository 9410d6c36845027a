//! How long somebody with many conversations waits for the first of them.

use carillon_protocol::{Topic, frame::ServerFrame};

use crate::{
    bars::{Bar, Verdict, median},
    clock::now_ns,
    fleet::{Failed, Target},
    link::Link,
    place::Place,
    room::{Token, message},
    seed::{caller, group, people},
};

/// How many conversations the person is in …
const CONVS: usize = 2_000;
/// … with so many messages each.
const MESSAGES_EACH: usize = 5;
/// How often each figure is measured; the median counts.
const REPETITIONS: usize = 10;
const FIRST_PAGE_MS_MAX: f64 = 300.0;

/// From the connect, in milliseconds.
struct Times {
    first_page: f64,
    synced: f64,
}

/// Connects to a server that has just started, and again to the same.
pub fn resume(place: &Place) -> Result<Vec<Verdict>, Failed> {
    let person = seed(&place.start()?.target()?, place.token())?;
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..REPETITIONS {
        let server = place.start()?;
        cold.push(measure(&server.target()?, &person)?);
        warm.push(measure(&server.target()?, &person)?);
    }
    println!(
        "resume: {CONVS} conversations with {MESSAGES_EACH} messages each, from the connect; \
         median of {REPETITIONS}"
    );
    println!("{:<26}{:>16}{:>12}", "server", "first page ms", "synced ms");
    let verdict = |(name, times): (&str, Vec<Times>)| {
        let first_page = median(times.iter().map(|times| times.first_page));
        let synced = median(times.iter().map(|times| times.synced));
        println!("{name:<26}{first_page:>16.1}{synced:>12.1}");
        Verdict {
            matter: format!("resume, {CONVS} conversations, {name}: first page, ms"),
            figure: first_page,
            bar: Bar::AtMost(FIRST_PAGE_MS_MAX),
            from: format!("synced after {synced:.1} ms"),
        }
    };
    Ok([("just started", cold), ("warm", warm)].map(verdict).into())
}

/// Somebody else writes, so that there is something to read.
fn seed(target: &Target, token: &str) -> Result<Token, Failed> {
    let mut link = Link::open(target, &caller(token))?;
    let person = people(&mut link, 1)?.remove(0);
    let create = |number| group(format!("conversation {number}"), &[person.user]);
    let convs = link.calls((0..CONVS).map(create).collect())?;
    let messages = (0..CONVS * MESSAGES_EACH).map(|number| {
        let text = format!("message {number} of a conversation among many, as long as most are");
        message(convs[number % CONVS].conv, text)
    });
    link.calls(messages.collect())?;
    Ok(person.token)
}

/// A page has been received when it has been read and parsed.
fn measure(target: &Target, person: &Token) -> Result<Times, Failed> {
    let start = now_ns();
    let since = || (now_ns() - start) as f64 / 1e6;
    let mut link = Link::hello(target, person)?;
    let (mut first_page, mut convs) = (None, 0);
    loop {
        match link.read()? {
            ServerFrame::Page(topics) => {
                first_page.get_or_insert_with(since);
                convs += topics.iter().filter(|page| matches!(page.topic, Topic::Conv(_))).count();
            }
            ServerFrame::Synced { .. } => break,
            _ => {}
        }
    }
    let first_page = first_page.filter(|_| convs == CONVS);
    let first_page = first_page.ok_or_else(|| Failed::Usage(format!("{convs} came back")))?;
    Ok(Times { first_page, synced: since() })
}
