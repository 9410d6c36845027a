//! What happens while PostgreSQL stands still: who says so, and what is answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use carillon_protocol::{
    Cid, Codec, Command as _, ConvId, ErrorBody, Retry,
    frame::{ServerFrame, client},
    msg,
};

use super::Site;
use crate::{
    bars::{Bar, Verdict},
    clock::{new_cid, now_ns},
    fleet::{Failed, Target},
    http,
    link::Link,
    room::message,
    seed::{self, Person},
};

/// People who write, each the next message when the one before is answered.
const AUTHORS: usize = 8;
/// How long everything is well, before and after.
const WELL: Duration = Duration::from_secs(2);
/// How often the node is asked whether it is ready.
const LOOK: Duration = Duration::from_millis(10);
const RED_S_MAX: f64 = 2.0;
const NS: f64 = 1e9;

/// An answer that a message got.
struct Answer {
    cid: Cid,
    asked: u64,
    at: u64,
    error: Option<ErrorBody>,
}

/// For so many seconds.
pub fn stall(site: &Site, seconds: u64) -> Result<Vec<Verdict>, Failed> {
    let target = site.target(0)?;
    let mut link = Link::open(&target, &seed::caller(site.token()))?;
    let people = seed::people(&mut link, AUTHORS)?;
    let users: Vec<_> = people.iter().map(|person| person.user).collect();
    let conv = seed::room(&mut link, &users)?;
    let over = AtomicBool::new(false);
    let (looks, answers, [stalled, thawed]) = thread::scope(|scope| {
        let looking = scope.spawn(|| look(&target, &over));
        let author = |person| {
            let (target, over) = (&target, &over);
            scope.spawn(move || write(target, person, conv, over))
        };
        let writing: Vec<_> = people.iter().map(author).collect();
        thread::sleep(WELL);
        let stall = site.postgres().stall();
        let stalled = now_ns();
        thread::sleep(Duration::from_secs(seconds));
        drop(stall);
        let thawed = now_ns();
        thread::sleep(WELL);
        over.store(true, Ordering::Relaxed);
        let mut answers = Vec::new();
        for author in writing {
            answers.extend(author.join().expect("authors do not panic")?);
        }
        let looks = looking.join().expect("nobody who looks panics");
        Ok::<_, Failed>((looks, answers, [stalled, thawed]))
    })?;
    let kept = in_log(site);
    let acknowledged = answers.iter().filter(|answer| answer.error.is_none());
    let unkept = acknowledged.filter(|answer| !kept.contains(&hex(answer.cid))).count();
    print(&answers, (stalled, thawed));
    let red = looks.iter().find(|(at, ready)| *at > stalled && !ready).map(|(at, _)| *at);
    let green = looks.iter().find(|(at, ready)| *at > thawed && *ready).map(|(at, _)| *at);
    let after = |at: Option<u64>, from: u64| {
        at.map_or(f64::INFINITY, |at| at.saturating_sub(from) as f64 / NS)
    };
    let refused = answers.iter().filter_map(|answer| answer.error.as_ref());
    let lost = refused.filter(|error| !matches!(error.retry, Retry::Same | Retry::After)).count();
    let count = |what: &str, figure: usize| Verdict {
        matter: format!("PostgreSQL stands still: {what}"),
        figure: figure as f64,
        bar: Bar::AtMost(0.0),
        from: format!("{} answers", answers.len()),
    };
    Ok(vec![
        Verdict {
            matter: format!("PostgreSQL stands still for {seconds} s: until /readyz is red, s"),
            figure: after(red, stalled),
            bar: Bar::AtMost(RED_S_MAX),
            from: format!("green {:.2} s after it went on", after(green, thawed)),
        },
        count("acknowledged and not in the log", unkept),
        count("errors that cannot be retried", lost),
    ])
}

/// Asks whether the node is ready, and writes down what it said and when.
fn look(target: &Target, over: &AtomicBool) -> Vec<(u64, bool)> {
    let mut looks = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let ready = http::is_ready(target);
        looks.push((now_ns(), ready));
        thread::sleep(LOOK);
    }
    looks
}

/// Writes one message after the other; what is refused is said again.
fn write(
    target: &Target,
    person: &Person,
    conv: ConvId,
    over: &AtomicBool,
) -> Result<Vec<Answer>, Failed> {
    let mut link = Link::open(target, &person.token)?;
    let (mut answers, mut cid) = (Vec::<Answer>::new(), new_cid());
    for id in 0.. {
        // The last message is one that was acknowledged, or can never be.
        let is_done = answers.last().is_none_or(|answer| {
            let again = |error: &ErrorBody| matches!(error.retry, Retry::Same | Retry::After);
            !answer.error.as_ref().is_some_and(again)
        });
        if over.load(Ordering::Relaxed) && is_done {
            break;
        }
        if is_done {
            cid = new_cid();
        }
        let asked = now_ns();
        let send = message(conv, cid.to_string());
        link.write(client::call(Codec::Json, id, msg::Send::OP, Some(cid), None, &send))?;
        let error = loop {
            match link.read()? {
                ServerFrame::Ok { re, .. } if re == id => break None,
                ServerFrame::Err { re: Some(re), error } if re == id => break Some(*error),
                _ => {}
            }
        };
        let wait_ms = error.as_ref().and_then(|error| error.retry_ms).unwrap_or_default();
        answers.push(Answer { cid, asked, at: now_ns(), error });
        thread::sleep(Duration::from_millis(wait_ms));
    }
    Ok(answers)
}

/// The intents of all messages in the log, as the database writes them.
fn in_log(site: &Site) -> BTreeSet<String> {
    let sql = format!("SELECT encode(cid, 'hex') FROM event WHERE k = '{}'", msg::kind::SENT);
    site.sql(&sql).lines().map(str::to_owned).collect()
}

fn hex(cid: Cid) -> String {
    cid.0.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What was asked before it went on, and answered after it stood still.
fn print(answers: &[Answer], (stalled, thawed): (u64, u64)) {
    let meanwhile = answers.iter().filter(|answer| answer.at > stalled && answer.asked < thawed);
    let mut by_code = BTreeMap::<&str, (u64, u64, u64)>::new();
    for answer in meanwhile {
        let code = answer.error.as_ref().map_or("ok", |error| error.code.as_str());
        let (count, early, longest) = by_code.entry(code).or_default();
        *count += 1;
        *early += u64::from(answer.at < thawed);
        *longest = (*longest).max(answer.at - answer.asked);
    }
    for (code, (count, early, longest)) in by_code {
        println!(
            "stall: {count} answered with {code}, {early} of them while it stood still; \
             the longest wait {:.2} s",
            longest as f64 / NS
        );
    }
}
