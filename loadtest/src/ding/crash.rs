//! Ladders whose server is killed at random moments: every step is made once, in time, and none
//! after a confirmation.

use std::{
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use carillon_protocol::{
    Cid, Codec, Command, DingId, Effect, ErrorCode, PolicyId, Retry, UserId,
    channel::Channel,
    ding::{self, Rules, Step, Whom},
    frame::{ServerFrame, client},
    notify,
};

use super::{
    DingArgs,
    crowd::{self, Crowd, Member},
    judge::{self, Confirmation, Judgement, Ladder},
    vendor::{ACCOUNT, Vendor},
};
use crate::{
    bars::{Bar, Verdict},
    clock::{Deadline, new_cid, now_ns},
    cluster::site::{Database, Site},
    dice::Dice,
    fleet::{Failed, Target},
    link::Link,
    room::{Token, hello},
    seed::caller,
};

/// The steps of a ladder that a vendor carries out, in seconds: further from each other than the
/// vendor's clock is coarse. The one before them is the alert in the app.
const STEPS: [(i64, Channel); 4] =
    [(2, Channel::Sms), (14, Channel::Call), (26, Channel::Sms), (38, Channel::Call)];
/// How many people one alert is for.
const PEOPLE_EACH: usize = 50;
/// Of a hundred people, so many confirm …
const CONFIRM: u64 = 50;
/// … at some time until so long after everything must have been made: some are to be spared steps,
/// others have had all of them.
const CONFIRM_PAST_MS: u64 = 10_000;
/// A server lives for so long, and for up to so much longer.
const LIFE_MS: (u64, u64) = (500, 4_000);
/// How long an answer may take, before somebody asks again.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long an answer may take with all asking again.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// Between two tries to ask.
const PAUSE: Duration = Duration::from_millis(50);

/// What happens, when.
enum Act {
    Alert(usize),
    Confirm(usize),
    Kill(usize),
    Start(usize),
}

struct Run {
    site: Site,
    vendor: Vendor,
    admin: Token,
    crowd: Crowd,
    policy: PolicyId,
    /// Of each alert that was sent.
    sent: Vec<Option<(DingId, i64)>>,
    /// Of each person.
    confirmed: Vec<Option<Confirmation>>,
    kills: u32,
    out: PathBuf,
    dice: Dice,
}

/// One run; what was wrong is printed.
pub fn crash((program, out): (&Path, &Path), args: &DingArgs) -> Result<Vec<Verdict>, Failed> {
    let seed = args.seed.unwrap_or_else(now_ns);
    let mut run = Run::start((program, out), args, seed)?;
    let acts = run.plan(args.time_s * 1_000, args.away_s * 1_000);
    run.go(&acts)?;
    let found = run.judge();
    found.wrong.iter().take(20).for_each(|wrong| println!("wrong: {wrong}"));
    let (nodes, kills, away_s) = (args.nodes, run.kills, args.away_s);
    let confirmed = run.confirmed.iter().flatten().count();
    let (ladders, calls) = (run.ladders().len(), found.late_ms.len());
    println!(
        "{ladders} ladders of {} steps on {nodes} node(s), {confirmed} confirmed, {calls} calls of \
         the provider, {kills} times kill -9 and {away_s} s away (--seed {seed})",
        STEPS.len(),
    );
    println!("{found}");
    Ok(vec![Verdict {
        matter: format!("steps doubled, missing, late or after a confirmation, {nodes} node(s)"),
        figure: found.wrong.len() as f64,
        bar: Bar::AtMost(0.0),
        from: format!("{calls} calls, {} steps judged, {kills} kills", found.must + found.must_not),
    }])
}

fn now_ms() -> i64 {
    (now_ns() / 1_000_000) as i64
}

impl Run {
    fn start((program, out): (&Path, &Path), args: &DingArgs, seed: u64) -> Result<Run, Failed> {
        let nodes = usize::from(args.nodes);
        let database = if nodes > 1 { Database::Postgres } else { Database::Sqlite };
        let vendor = Vendor::start(seed)?;
        let mut site = Site::new(program, nodes, database)?;
        site.configure(&format!(
            "[egress]\nallow = [\"127.0.0.1/32\"]\nports = [{}]\n",
            vendor.port()
        ))?;
        let admin = caller(&site.organisation("Load", "load")?);
        for number in 0..nodes {
            site.start(number, out)?;
        }
        let mut link = Link::open(&site.targets()[0], &admin)?;
        crowd::unlimited(&mut link)?;
        let alerts = (args.ladders as usize).div_ceil(PEOPLE_EACH);
        let crowd = Crowd::make(&mut link, args.ladders as usize)?;
        reachable(&mut link, &vendor, &crowd.people)?;
        let policy = link.calls(vec![ding::CreatePolicy { rules: rules() }])?[0].policy;
        Ok(Run {
            site,
            vendor,
            admin,
            confirmed: vec![None; crowd.people.len()],
            crowd,
            policy,
            sent: vec![None; alerts],
            kills: 0,
            out: out.to_owned(),
            dice: Dice::new(seed),
        })
    }

    /// What happens, and after how many milliseconds: by time. A node that is killed is away for
    /// so long, and the others are left alone until it is back.
    fn plan(&mut self, time_ms: u64, away_ms: u64) -> Vec<(u64, Act)> {
        let (dice, nodes) = (&mut self.dice, self.site.len() as u64);
        let mut acts = Vec::new();
        // The last alert has time for its ladder.
        let begin_max = time_ms.saturating_sub(ladder_ms()).max(1);
        let confirm_max = ladder_ms() + judge::LATE_MS.unsigned_abs() + CONFIRM_PAST_MS;
        for alert in 0..self.sent.len() {
            let at = dice.below(begin_max);
            acts.push((at, Act::Alert(alert)));
            let first = alert * PEOPLE_EACH;
            for person in first..(first + PEOPLE_EACH).min(self.confirmed.len()) {
                if dice.percent(CONFIRM) {
                    acts.push((at + 1 + dice.below(confirm_max), Act::Confirm(person)));
                }
            }
        }
        let mut at = LIFE_MS.0;
        while at < time_ms {
            let node = dice.below(nodes) as usize;
            acts.extend([(at, Act::Kill(node)), (at + away_ms, Act::Start(node))]);
            at += away_ms + LIFE_MS.0 + dice.below(LIFE_MS.1);
        }
        acts.sort_by_key(|(at, _)| *at);
        acts
    }

    fn go(&mut self, acts: &[(u64, Act)]) -> Result<(), Failed> {
        let begun = now_ns();
        for (at, act) in acts {
            let due = begun + at * 1_000_000;
            thread::sleep(Duration::from_nanos(due.saturating_sub(now_ns())));
            match act {
                Act::Alert(alert) => self.alert(*alert)?,
                Act::Confirm(person) => self.confirm(*person)?,
                Act::Kill(node) => {
                    self.site.kill(*node);
                    self.kills += 1;
                }
                Act::Start(node) => self.site.start(*node, &self.out)?,
            }
        }
        // Whatever is due by then may be so late, and not later.
        let begun = self.sent.iter().flatten().map(|(_, began_at)| *began_at).max();
        let over = begun.unwrap_or_default() + ladder_ms() as i64 + judge::LATE_MS;
        while now_ms() < over && self.judge().is_missing_some() {
            thread::sleep(PAUSE);
        }
        // What would be made twice comes soon.
        thread::sleep(Duration::from_secs(5));
        Ok(())
    }

    fn judge(&self) -> Judgement {
        judge::judge(&self.ladders(), &due(), &self.vendor.asked())
    }

    fn alert(&mut self, number: usize) -> Result<(), Failed> {
        let first = number * PEOPLE_EACH;
        let people = self.crowd.people.iter().skip(first).take(PEOPLE_EACH);
        let users: Vec<UserId> = people.map(|person| person.user).collect();
        let to = ding::Audience { users, ..Default::default() };
        let text = format!("Power cut in hall {number}");
        let send = ding::Send { policy: Some(self.policy), ..crowd::alert(&text, to) };
        let targets = self.targets();
        let sent = surely(&targets, &self.admin, &send)?;
        let alert = surely(&targets, &self.admin, &ding::Get { ding: sent.ding })?;
        self.sent[number] = Some((sent.ding, alert.at));
        Ok(())
    }

    fn confirm(&mut self, person: usize) -> Result<(), Failed> {
        let Some((ding, _)) = self.sent[person / PEOPLE_EACH] else { return Ok(()) };
        let since = now_ms();
        let confirm = ding::Confirm { ding, reply: None, instead_of: None, others: false };
        surely(&self.targets(), &self.crowd.people[person].token, &confirm)?;
        self.confirmed[person] = Some(Confirmation { since, acked: now_ms() });
        Ok(())
    }

    /// In some order.
    fn targets(&mut self) -> Vec<Target> {
        let mut targets = self.site.targets();
        self.dice.shuffle(&mut targets);
        targets
    }

    fn ladders(&self) -> Vec<Ladder> {
        let ladder = |(number, person): (usize, &Member)| {
            let (ding, began_at) = self.sent[number / PEOPLE_EACH]?;
            let name = format!("{ding}:{}", person.user);
            Some(Ladder { name, began_at, confirmed: self.confirmed[number] })
        };
        self.crowd.people.iter().enumerate().filter_map(ladder).collect()
    }
}

/// How long a ladder is, in milliseconds.
fn ladder_ms() -> u64 {
    STEPS.iter().map(|(after_s, _)| after_s.unsigned_abs() * 1_000).max().unwrap_or_default()
}

/// The numbers of the steps, and when they are due.
fn due() -> Vec<(usize, i64)> {
    STEPS.iter().enumerate().map(|(number, (after_s, _))| (number + 1, *after_s)).collect()
}

fn rules() -> Rules {
    let step = |(after_s, channel): (i64, Channel)| Step {
        after_s: after_s as u32,
        channel,
        whom: Whom::Recipient,
        times: 1,
        every_s: 60,
    };
    Rules {
        name: "Texts and calls".into(),
        steps: [(0, Channel::App)].into_iter().chain(STEPS).map(step).collect(),
        overrides_quiet: true,
        quiet: Vec::new(),
        overriders: Vec::new(),
        cost_max: 1_000_000,
    }
}

/// Gives everybody a phone, and the organisation a vendor.
fn reachable(link: &mut Link, vendor: &Vendor, people: &[Member]) -> Result<(), Failed> {
    let twilio = notify::Provider::Twilio {
        base: Some(vendor.base()),
        account: ACCOUNT.into(),
        token: Some("a-token-of-thirty-two-characters".into()),
        from: "+14155550100".into(),
    };
    link.calls(vec![notify::SetSettings {
        providers: vec![twilio],
        sms: Some(notify::Vendor::Twilio),
        call: Some(notify::Vendor::Twilio),
        ..Default::default()
    }])?;
    let phone = |(number, person): (usize, &Member)| notify::SetContact {
        user: Some(person.user),
        kind: notify::ContactKind::Phone,
        address: Some(format!("+852{}", 90_000_000 + number)),
    };
    link.calls(people.iter().enumerate().map(phone).collect())?;
    Ok(())
}

/// Calls until there is an answer: the same intent each time.
fn surely<C: Command>(targets: &[Target], who: &Token, args: &C) -> Result<C::Reply, Failed> {
    let cid = (C::EFFECT == Effect::Once).then(new_cid);
    let deadline = Deadline::after(ANSWER_MAX);
    let mut tries = targets.iter().cycle();
    loop {
        let target = tries.next().ok_or_else(|| Failed::Usage("there is no node".into()))?;
        match once(target, who, cid, args) {
            Err(Failed::Io(_) | Failed::Closed { .. }) if !deadline.is_over() => {
                thread::sleep(PAUSE);
            }
            answered => return answered,
        }
    }
}

fn once<C: Command>(
    target: &Target,
    who: &Token,
    cid: Option<Cid>,
    args: &C,
) -> Result<C::Reply, Failed> {
    let mut link = Link::dial(target, hello(who, None), PATIENCE)?;
    link.write(client::call(Codec::Json, 1, C::OP, cid, None, args))?;
    loop {
        match link.read()? {
            ServerFrame::Ok { re: 1, data } => {
                return Ok(data.to().map_err(std::io::Error::from)?);
            }
            ServerFrame::Err { error, .. } => {
                let answer = format!("{}: {error}", C::OP);
                // Nobody answers an alert before it was shown to them: that may come late, too.
                let is_final = error.retry == Retry::No && error.code != ErrorCode::NotFound;
                return Err(match is_final {
                    true => Failed::Refused { number: 0, answer },
                    false => std::io::Error::other(answer).into(),
                });
            }
            _ => {}
        }
    }
}
