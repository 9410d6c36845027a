//! A board that its sender has open while everybody answers: it asks again as the web app does.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use carillon_protocol::{
    Codec, Command, DingId,
    ding::{self, State},
    frame::{ServerFrame, client},
};

use crate::{
    clock::{Deadline, now_ns},
    fleet::Failed,
    link::{self, Link},
};

/// What happens to several people at once is looked at together.
const TOGETHER: Duration = Duration::from_secs(1);
/// So many people are on the page that is open.
const PAGE: u32 = 50;
/// How soon the board must show the last answer after everybody has an acknowledgement.
const SHOWN_MAX: Duration = Duration::from_secs(30);
/// How long one look at the socket takes, if nothing comes.
const LOOK: Duration = Duration::from_millis(20);

/// Between two looks at the first page.
const PAUSE: Duration = Duration::from_millis(20);

/// How long the first page takes, in milliseconds, time after time until `is_over(looks so far)`.
pub fn first_pages(
    link: &mut Link,
    ding: DingId,
    is_over: impl Fn(usize) -> bool,
) -> Result<Vec<f64>, Failed> {
    let mut pages_ms = Vec::new();
    loop {
        let since = now_ns();
        link.calls(vec![ding::Status { ding, states: Vec::new(), after: None, limit: None }])?;
        pages_ms.push((now_ns() - since) as f64 / 1e6);
        if is_over(pages_ms.len()) {
            return Ok(pages_ms);
        }
        thread::sleep(PAUSE);
    }
}

/// What a board took.
#[derive(Debug, Default)]
pub struct Seen {
    /// How long each page of recipients took, in milliseconds.
    pub pages_ms: Vec<f64>,
    /// When it showed all confirmations, in nanoseconds since the epoch.
    pub whole_at: u64,
}

/// A board, and what is asked for it.
struct Board {
    link: Link,
    ding: DingId,
    /// The next time to ask, if something has happened.
    due: Option<u64>,
    /// What is asked: the page and since when, and the tally.
    page: Option<(u64, u64)>,
    tally: Option<u64>,
    calls: u64,
    confirmed: u32,
    seen: Seen,
}

/// Keeps the board of an alert for so many people open until it shows that all have confirmed;
/// `answered` says that all are acknowledged.
pub fn watch(link: Link, ding: DingId, people: u32, answered: &AtomicBool) -> Result<Seen, Failed> {
    let seen = Seen::default();
    let (due, page, tally) = (Some(now_ns()), None, None);
    let mut board = Board { link, ding, due, page, tally, calls: 0, confirmed: 0, seen };
    let mut deadline = None;
    while board.confirmed < people {
        if answered.load(Ordering::Acquire) {
            let deadline = *deadline.get_or_insert_with(|| Deadline::after(SHOWN_MAX));
            if deadline.is_over() {
                let shown = board.confirmed;
                return Err(Failed::Usage(format!("the board shows {shown} of {people} answers")));
            }
        }
        board.turn()?;
    }
    board.seen.whole_at = now_ns();
    Ok(board.seen)
}

impl Board {
    /// Asks if it is time, and takes in what comes.
    fn turn(&mut self) -> Result<(), Failed> {
        let is_idle = self.page.is_none() && self.tally.is_none();
        if is_idle && self.due.is_some_and(|due| due <= now_ns()) {
            self.due = None;
            let ding = self.ding;
            self.tally = Some(self.call(&ding::Get { ding })?);
            let states = vec![State::Queued, State::Delivered, State::Seen];
            let page = ding::Status { ding, states, after: None, limit: Some(PAGE) };
            self.page = Some((self.call(&page)?, now_ns()));
        }
        let Some(text) = self.link.text_within(LOOK)? else { return Ok(()) };
        match link::frame(&text)? {
            ServerFrame::Ok { re, data } if self.tally == Some(re) => {
                let alert: ding::Ding = data.to().map_err(std::io::Error::from)?;
                self.confirmed = alert.sent.map_or(0, |tally| tally.confirmed);
                let ding = self.ding;
                self.call(&ding::Status { ding, states: Vec::new(), after: None, limit: Some(1) })?;
                self.tally = None;
            }
            ServerFrame::Ok { re, .. } => {
                if let Some((_, since)) = self.page.take_if(|(page, _)| *page == re) {
                    self.seen.pages_ms.push((now_ns() - since) as f64 / 1e6);
                }
            }
            ServerFrame::Err { error, .. } => {
                return Err(Failed::Refused { number: 0, answer: format!("the board: {error}") });
            }
            _ if text.contains("\"ding.") => {
                let due = now_ns() + TOGETHER.as_nanos() as u64;
                self.due = Some(self.due.map_or(due, |before| before.min(due)));
            }
            _ => {}
        }
        Ok(())
    }

    fn call<C: Command>(&mut self, args: &C) -> Result<u64, Failed> {
        self.calls += 1;
        self.link.write(client::call(Codec::Json, self.calls, C::OP, None, None, args))?;
        Ok(self.calls)
    }
}
