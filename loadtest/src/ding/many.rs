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
    bars::{Bar, Verdict, median, quantile},
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
/// How often the board of an alert that is over is looked at.
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

/// An alert that was accepted, the connection that it was sent on, and when.
struct Sent {
    ding: DingId,
    link: Link,
    since: u64,
    accepted_ms: f64,
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
pub fn many(
    (program, out): (&Path, &Path),
    len: usize,
    repetitions: u16,
) -> Result<Vec<Verdict>, Failed> {
    let mut site = Site::start((program, out), len)?;
    let (mut took, mut boards, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..repetitions {
        let (chat_us, _) = site.cpu_us(|site| site.chat.talk())?;
        let (alert_us, one) = site.cpu_us(Site::alert)?;
        let (mut link, ding) = (site.sender.link()?, one.ding);
        boards.extend(open_board::first_pages(&mut link, ding, |looks| looks >= LOOKS)?);
        let (both_us, other) = site.cpu_us(Site::alert_and_talk)?;
        show("an alert", (chat_us, alert_us, both_us));
        ratios.push((both_us - alert_us) / chat_us);
        took.extend([one, other]);
    }
    println!("one alert for {len} people who are connected, {} times", took.len());
    let answers = site.answers(repetitions)?;
    let accepted = median(took.iter().map(|took| took.accepted_ms));
    let out = took.iter().map(|took| took.out_ms).fold(0.0, f64::max);
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
        page("when all are reached", &boards),
        verdict("chat's processor time a message, meanwhile ÷ alone", ratio, 1.2, rounds),
    ];
    verdicts.extend(answers);
    Ok(verdicts)
}

/// What a server took for chat, for something else, and for both at once.
fn show(other: &str, (chat_us, other_us, both_us): (f64, f64, f64)) {
    let each = |us: f64| us / f64::from(MESSAGES);
    println!(
        "{other} {:.0} ms of the processors; chat {:.1} us a message alone, {:.1} us meanwhile",
        other_us / 1e3,
        each(chat_us),
        each(both_us - other_us),
    );
}

/// What the pages of a board took, in milliseconds.
fn page(when: &str, pages_ms: &[f64]) -> Verdict {
    Verdict {
        matter: format!("the board's first page (ms), {when}: median"),
        figure: median(pages_ms.iter().copied()),
        bar: Bar::AtMost(50.0),
        from: spread(pages_ms),
    }
}

/// While everybody confirms both processors are busy until the last has: whoever looks meanwhile
/// stands in the same queue, and waits no longer than those who confirm.
fn page_beside(acked_ms: f64, pages_ms: &[f64]) -> Verdict {
    Verdict {
        matter: "the board's first page ÷ all confirming, meanwhile: medians".to_owned(),
        figure: median(pages_ms.iter().copied()) / acked_ms,
        bar: Bar::AtMost(1.0),
        from: format!("{acked_ms:.0} ms for all; {}", spread(pages_ms)),
    }
}

fn spread(pages_ms: &[f64]) -> String {
    let of = |share| quantile(pages_ms.iter().copied(), share);
    let [half, most, all] = [of(0.5), of(0.99), of(1.0)];
    format!(
        "{} pages, half in {half:.1} ms, 99 % in {most:.1} ms, all in {all:.1} ms",
        pages_ms.len()
    )
}

impl Site {
    fn start((program, out): (&Path, &Path), len: usize) -> Result<Site, Failed> {
        let place = Place::new(program, 1)?;
        let server = place.start_logged(&out.join("many.log"))?;
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
            let talked = talking.join().expect("who chats does not panic");
            let took = took?;
            talked.map(|()| took)
        })
    }

    /// Everybody confirms while the sender has the board open, without chat and with it.
    fn answers(&mut self, repetitions: u16) -> Result<Vec<Verdict>, Failed> {
        let (mut ratios, mut all, mut reaching) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..repetitions {
            let (chat_us, ()) = self.cpu_us(|site| site.chat.talk())?;
            let one = self.call(&mut reaching)?;
            let (answers_us, one) = self.cpu_us(|site| site.answer(one, false))?;
            let other = self.call(&mut reaching)?;
            let (both_us, other) = self.cpu_us(|site| site.answer(other, true))?;
            show("answers", (chat_us, answers_us, both_us));
            ratios.push((both_us - answers_us) / chat_us);
            all.extend([one, other]);
        }
        let len = self.crowd.people.len();
        let acked = median(all.iter().map(|it| it.acked_ms));
        let shown = all.iter().map(|it| it.shown_ms - it.acked_ms).fold(0.0, f64::max);
        let pages: Vec<f64> = all.into_iter().flat_map(|it| it.pages_ms).collect();
        println!(
            "{len} people confirmed with the board open: acknowledged in {acked:.0} ms (median), \
             shown at most {shown:.0} ms later",
        );
        let rounds = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect::<Vec<_>>().join(" ");
        let chat = Verdict {
            matter: format!("chat's processor time while all confirm ÷ alone, {len} people"),
            figure: median(ratios),
            bar: Bar::AtMost(1.2),
            from: rounds,
        };
        Ok(vec![page("while all are reached", &reaching), page_beside(acked, &pages), chat])
    }

    /// An alert that everybody has; its sender looks at the board until then.
    fn call(&mut self, pages_ms: &mut Vec<f64>) -> Result<DingId, Failed> {
        let Sent { ding, mut link, since, .. } = self.sender.send(&self.crowd)?;
        let (alerted, reached) = (&mut self.alerted, AtomicBool::new(false));
        thread::scope(|scope| {
            let is_over = |_| reached.load(Ordering::Acquire);
            let board = scope.spawn(move || open_board::first_pages(&mut link, ding, is_over));
            let out = reach(alerted, ding, since);
            // Also if they have it not.
            reached.store(true, Ordering::Release);
            let looks = board.join().expect("who looks at a board does not panic");
            out?;
            pages_ms.extend(looks?);
            Ok(ding)
        })
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
            let confirm = ding::Confirm { ding, reply: None, instead_of: None, others: false };
            let acked = all_call(alerted, 2, &confirm).map(|()| now_ns());
            // Also if they could not: then the board gives up.
            answered.store(true, Ordering::Release);
            let seen = board.join().expect("a board does not panic");
            let talked = talk.map(|talk| talk.join().expect("who chats does not panic"));
            let (acked, Seen { pages_ms, whole_at }) = (acked?, seen?);
            talked.unwrap_or(Ok(()))?;
            let ms = |at: u64| at.saturating_sub(since) as f64 / 1e6;
            Ok(Answered { acked_ms: ms(acked), shown_ms: ms(whole_at), pages_ms })
        })
    }
}

/// An alert that all devices say they have, and that nobody keeps.
fn alert(sender: &Sender, crowd: &Crowd, alerted: &mut Fleet) -> Result<Took, Failed> {
    let Sent { ding, since, accepted_ms, .. } = sender.send(crowd)?;
    let out_ms = reach(alerted, ding, since)?;
    sender.link()?.calls(vec![ding::Recall { ding }])?;
    alerted.wait(0..alerted.len(), Awaited::Text("\"ding.ended\""), 1)?;
    Ok(Took { ding, accepted_ms, out_ms })
}

/// All devices have an alert of then, and say so; answers when the last had it, in milliseconds.
fn reach(alerted: &mut Fleet, ding: DingId, since: u64) -> Result<f64, Failed> {
    alerted.wait(0..alerted.len(), Awaited::Text("\"ding.called\""), 1)?;
    let out_ms = (now_ns() - since) as f64 / 1e6;
    all_call(alerted, 1, &ding::Received { dings: vec![ding] })?;
    Ok(out_ms)
}

/// Everybody calls this at once; it is over when all are answered.
fn all_call<C: Command>(alerted: &mut Fleet, id: u64, args: &C) -> Result<(), Failed> {
    let call = client::call(Codec::Json, id, C::OP, None, None, args);
    let mut frame = Vec::new();
    wire::append_masked(&mut frame, &call);
    for number in 0..alerted.len() {
        alerted.write(number, &frame);
    }
    alerted.wait(0..alerted.len(), Awaited::Text("\"t\":\"ok\""), 1)
}

impl Sender {
    fn link(&self) -> Result<Link, Failed> {
        Link::open(&self.target, &self.token)
    }

    fn send(&self, crowd: &Crowd) -> Result<Sent, Failed> {
        let (mut link, since) = (self.link()?, now_ns());
        let sent = link.calls(vec![crowd.alert("Please come to the shop floor")])?.remove(0);
        let accepted_ms = (now_ns() - since) as f64 / 1e6;
        Ok(Sent { ding: sent.ding, link, since, accepted_ms })
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
            self.fleet.write(0, &frames);
            self.fleet.wait(0..self.fleet.len(), Awaited::StampsSince(since), WINDOW)?;
        }
        Ok(())
    }
}
