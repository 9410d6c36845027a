//! One alert for thousands of people who are all connected: how soon it is accepted, how soon the
//! last has it, how soon the sender sees the board, and what chat costs meanwhile.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use carillon_protocol::{Codec, Command, ConvId, DingId, ding, frame::client};

use super::{
    crowd::{self, Crowd},
    open_board::{self, Seen},
};
use crate::{
    bars::{Bar, Verdict, median},
    clock::now_ns,
    fleet::{Awaited, Failed, Fleet, Target},
    link::Link,
    place::{Place, Running},
    process::Process,
    room::{Token, heartbeat, hello, send},
    seed::{caller, people, room},
    wire,
};

/// How many people chat beside it.
const CHATTING: usize = 50;
/// How many messages they are sent in one round.
const MESSAGES: u32 = 3_000;
/// How many of them are on their way at once.
const WINDOW: u32 = 4;
/// How often the board is looked at.
const LOOKS: usize = 50;

/// Everybody, connected.
struct Site {
    sender: Sender,
    crowd: Crowd,
    alerted: Fleet,
    chat: Chat,
    process: Process,
    _server: Running,
    _place: Place,
}

/// Who alerts everybody. It is another connection each time, since none is read in between.
struct Sender {
    target: Target,
    token: Token,
}

/// People who chat, and are not alerted.
struct Chat {
    fleet: Fleet,
    conv: ConvId,
    said: u64,
}

/// What one alert took, in milliseconds.
struct Took {
    ding: DingId,
    accepted_ms: f64,
    out_ms: f64,
}

/// What it took until everybody had confirmed while the sender watched, in milliseconds.
struct Answered {
    acked_ms: f64,
    shown_ms: f64,
    pages_ms: Vec<f64>,
}

/// Measures one alert after the other.
pub fn many(program: &Path, len: usize, repetitions: u16) -> Result<Vec<Verdict>, Failed> {
    let mut site = Site::start(program, len)?;
    let (mut took, mut boards, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..repetitions {
        let (chat_us, _) = site.cpu_us(|site| site.chat.talk())?;
        let (alert_us, one) = site.cpu_us(Site::alert)?;
        boards.extend(site.boards(one.ding)?);
        let (both_us, other) = site.cpu_us(Site::alert_and_talk)?;
        println!("chat {chat_us:.0} us, an alert {alert_us:.0} us, both {both_us:.0} us");
        ratios.push((both_us - alert_us) / chat_us);
        took.extend([one, other]);
    }
    println!("one alert for {len} people who are connected, {} times", took.len());
    let answers = site.answers(repetitions)?;
    let accepted = median(took.iter().map(|took| took.accepted_ms));
    let out = took.iter().map(|took| took.out_ms).fold(0.0, f64::max);
    let worst = boards.iter().copied().fold(0.0, f64::max);
    let verdict = |matter: &str, figure, bar, from| Verdict {
        matter: format!("{matter}, {len} people"),
        figure,
        bar: Bar::AtMost(bar),
        from,
    };
    let ratio = median(ratios.iter().copied());
    let rounds = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect::<Vec<_>>().join(" ");
    let mut verdicts = vec![
        verdict("accepted (ms)", accepted, 1_000.0, "median".into()),
        verdict("the last has it (ms)", out, 5_000.0, "the slowest alert".into()),
        verdict(
            "the board's first page (ms)",
            median(boards),
            50.0,
            format!("median of {LOOKS} looks a round, the slowest {worst:.1} ms"),
        ),
        verdict("chat's processor time a message, meanwhile ÷ alone", ratio, 1.2, rounds),
    ];
    verdicts.extend(answers);
    Ok(verdicts)
}

impl Site {
    fn start(program: &Path, len: usize) -> Result<Site, Failed> {
        let place = Place::new(program, 1)?;
        let server = place.start()?;
        let target = server.target()?;
        let sender = Sender { target: server.target()?, token: caller(place.token()) };
        let mut link = sender.link()?;
        crowd::unlimited(&mut link)?;
        let crowd = Crowd::make(&mut link, len)?;
        let chatting = people(&mut link, CHATTING)?;
        let users: Vec<_> = chatting.iter().map(|person| person.user).collect();
        let conv = room(&mut link, &users)?;
        let mut fleet = Fleet::new(server.target()?)?;
        fleet.grow(CHATTING, |number| Some(hello(&chatting[number].token, None)))?;
        let mut alerted = Fleet::new(target)?;
        alerted.grow(len, |number| Some(hello(&crowd.people[number].token, None)))?;
        let chat = Chat { fleet, conv, said: 0 };
        let process = server.process();
        Ok(Site { sender, crowd, alerted, chat, process, _server: server, _place: place })
    }

    /// What something takes of the server's processors, in microseconds.
    fn cpu_us<T>(
        &mut self,
        something: impl FnOnce(&mut Site) -> Result<T, Failed>,
    ) -> Result<(f64, T), Failed> {
        heartbeat(&mut self.alerted)?;
        heartbeat(&mut self.chat.fleet)?;
        let before = self.process.cpu_us()?;
        let done = something(self)?;
        Ok(((self.process.cpu_us()? - before) as f64, done))
    }

    fn alert(&mut self) -> Result<Took, Failed> {
        alert(&self.sender, &self.crowd, &mut self.alerted)
    }

    fn alert_and_talk(&mut self) -> Result<Took, Failed> {
        let Site { sender, crowd, alerted, chat, .. } = self;
        thread::scope(|scope| {
            let talking = scope.spawn(|| chat.talk());
            let took = alert(sender, crowd, alerted);
            talking.join().expect("who chats does not panic")?;
            took
        })
    }

    /// Everybody confirms while the sender has the board open, without chat and with it.
    fn answers(&mut self, repetitions: u16) -> Result<Vec<Verdict>, Failed> {
        let (mut ratios, mut all) = (Vec::new(), Vec::new());
        for _ in 0..repetitions {
            let (chat_us, ()) = self.cpu_us(|site| site.chat.talk())?;
            let ding = self.call()?.ding;
            let (answers_us, one) = self.cpu_us(|site| site.answer(ding, false))?;
            let ding = self.call()?.ding;
            let (both_us, other) = self.cpu_us(|site| site.answer(ding, true))?;
            println!("chat {chat_us:.0} us, answers {answers_us:.0} us, both {both_us:.0} us");
            ratios.push((both_us - answers_us) / chat_us);
            all.extend([one, other]);
        }
        let len = self.crowd.people.len();
        let acked: Vec<f64> = all.iter().map(|it| it.acked_ms).collect();
        let shown = all.iter().map(|it| it.shown_ms - it.acked_ms).fold(0.0, f64::max);
        let pages: Vec<f64> = all.into_iter().flat_map(|it| it.pages_ms).collect();
        let worst = pages.iter().copied().fold(0.0, f64::max);
        let looks = pages.len();
        println!(
            "{len} people confirmed with the board open: acknowledged in {:.0} ms (median), shown \
             at most {shown:.0} ms later; {looks} pages of it in {:.1} ms (median), the slowest \
             in {worst:.1} ms",
            median(acked),
            median(pages),
        );
        let rounds = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect::<Vec<_>>().join(" ");
        Ok(vec![Verdict {
            matter: format!("chat's processor time while all confirm ÷ alone, {len} people"),
            figure: median(ratios),
            bar: Bar::AtMost(1.2),
            from: rounds,
        }])
    }

    /// An alert that everybody has.
    fn call(&mut self) -> Result<Took, Failed> {
        call(&self.sender, &self.crowd, &mut self.alerted)
    }

    /// Everybody confirms, all at once.
    fn answer(&mut self, ding: DingId, talking: bool) -> Result<Answered, Failed> {
        let Site { sender, crowd, alerted, chat, .. } = self;
        let (link, people, answered) =
            (sender.link()?, crowd.people.len() as u32, AtomicBool::new(false));
        thread::scope(|scope| {
            let board = scope.spawn(|| open_board::watch(link, ding, people, &answered));
            let talk = talking.then(|| scope.spawn(|| chat.talk()));
            let since = now_ns();
            let acked = confirm(alerted, ding).map(|()| now_ns());
            // Also if they could not: then the board gives up.
            answered.store(true, Ordering::Release);
            let seen = board.join().expect("a board does not panic");
            talk.map_or(Ok(()), |talk| talk.join().expect("who chats does not panic"))?;
            let (acked, Seen { pages_ms, whole_at }) = (acked?, seen?);
            let ms = |at: u64| at.saturating_sub(since) as f64 / 1e6;
            Ok(Answered { acked_ms: ms(acked), shown_ms: ms(whole_at), pages_ms })
        })
    }

    /// How long the first page takes, in milliseconds, time after time.
    fn boards(&mut self, ding: DingId) -> Result<Vec<f64>, Failed> {
        let look = ding::Status { ding, states: Vec::new(), after: None, limit: None };
        let (mut link, mut times) = (self.sender.link()?, Vec::with_capacity(LOOKS));
        for _ in 0..LOOKS {
            let since = now_ns();
            link.calls(vec![look.clone()])?;
            times.push((now_ns() - since) as f64 / 1e6);
        }
        Ok(times)
    }
}

/// An alert that all devices say they have, and that nobody keeps.
fn alert(sender: &Sender, crowd: &Crowd, alerted: &mut Fleet) -> Result<Took, Failed> {
    let took = call(sender, crowd, alerted)?;
    sender.link()?.calls(vec![ding::Recall { ding: took.ding }])?;
    alerted.wait(0..alerted.len(), Awaited::Text("\"ding.ended\""), 1)?;
    Ok(took)
}

/// Everybody confirms at once; it is over when all are acknowledged.
fn confirm(alerted: &mut Fleet, ding: DingId) -> Result<(), Failed> {
    let confirm = ding::Confirm { ding, reply: None, instead_of: None, others: false };
    let call = client::call(Codec::Json, 2, ding::Confirm::OP, None, None, &confirm);
    let mut frame = Vec::new();
    wire::append_masked(&mut frame, &call);
    for number in 0..alerted.len() {
        alerted.write(number, &frame)?;
    }
    alerted.wait(0..alerted.len(), Awaited::Text("\"t\":\"ok\""), 1)
}

/// An alert that all devices say they have.
fn call(sender: &Sender, crowd: &Crowd, alerted: &mut Fleet) -> Result<Took, Failed> {
    let mut link = sender.link()?;
    let since = now_ns();
    let sent = link.calls(vec![crowd.alert("Please come to the shop floor")])?.remove(0);
    let accepted_ms = (now_ns() - since) as f64 / 1e6;
    alerted.wait(0..alerted.len(), Awaited::Text("\"ding.called\""), 1)?;
    let out_ms = (now_ns() - since) as f64 / 1e6;
    let received = ding::Received { dings: vec![sent.ding] };
    let call = client::call(Codec::Json, 1, ding::Received::OP, None, None, &received);
    let mut frame = Vec::new();
    wire::append_masked(&mut frame, &call);
    for number in 0..alerted.len() {
        alerted.write(number, &frame)?;
    }
    alerted.wait(0..alerted.len(), Awaited::Text("\"t\":\"ok\""), 1)?;
    Ok(Took { ding: sent.ding, accepted_ms, out_ms })
}

impl Sender {
    fn link(&self) -> Result<Link, Failed> {
        Link::open(&self.target, &self.token)
    }
}

impl Chat {
    /// Messages in heaps, each after everybody has the one before.
    fn talk(&mut self) -> Result<(), Failed> {
        for _ in 0..MESSAGES / WINDOW {
            let since = now_ns();
            let mut frames = Vec::new();
            for _ in 0..WINDOW {
                self.said += 1;
                let call = send(self.said, self.conv, wire::stamped(now_ns(), 100));
                wire::append_masked(&mut frames, &call);
            }
            self.fleet.write(0, &frames)?;
            self.fleet.wait(0..self.fleet.len(), Awaited::StampsSince(since), WINDOW)?;
        }
        Ok(())
    }
}
