//! What the plugin `notify` promises to alerts, kept in memory: who can be reached through what,
//! and what was asked for. What it does with that is told by the tests of `notify`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use carillon_plugin::{
    Ctx, Error, Plugin, Result,
    protocol::{
        Access, Channel, Command, Effect, ErrorCode, Topic, UserId,
        ding::Done as Told,
        notify::{
            AnsweredData, AttemptedData, Cancel, Done, Reach, Reachable, Reached, Send, To, Way,
            kind,
        },
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    pub at: i64,
    pub channel: Channel,
    pub key: String,
    pub user: UserId,
    pub body: String,
    pub link: Option<String>,
}

#[derive(Default)]
struct Book {
    people: BTreeMap<UserId, Reachable>,
    prices: BTreeMap<Channel, u32>,
    keys: BTreeSet<String>,
    carried: Vec<Carried>,
    cancelled: Vec<(i64, Cancel)>,
    /// How many calls of `notify.send` are refused from now on.
    refuses: u32,
    /// Why it cannot say who has which addresses.
    broken: Option<ErrorCode>,
}

/// What the tests set and see.
#[derive(Clone, Default)]
pub struct Carrier(Arc<Mutex<Book>>);

/// `notify.say`: what a provider reports.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Say {
    /// What became of attempts.
    Attempted(AttemptedData),
    /// What somebody answered.
    Answered(AnsweredData),
}

impl Command for Say {
    type Reply = Told;
    const OP: &'static str = "notify.say";
    const DOC: &'static str = "What a provider reports.";
    const EFFECT: Effect = Effect::State;
    const ACCESS: Access = Access::System;
}

impl Carrier {
    fn book<T>(&self, with: impl FnOnce(&mut Book) -> T) -> T {
        with(&mut self.0.lock().unwrap())
    }

    /// Channels can be used, and cost so much.
    pub fn prices(&self, prices: &[(Channel, u32)]) {
        self.book(|book| book.prices.extend(prices.iter().copied()));
    }

    /// Somebody has these addresses.
    pub fn reaches(&self, user: UserId, channels: &[Channel]) {
        let has = |channel| channels.contains(&channel);
        let person = Reachable {
            user,
            push: u32::from(has(Channel::Push)),
            email: has(Channel::Email),
            phone: has(Channel::Sms),
        };
        self.book(|book| book.people.insert(user, person));
    }

    /// The next calls are refused.
    pub fn refuses(&self, calls: u32) {
        self.book(|book| book.refuses = calls);
    }

    /// It cannot say who has which addresses, or it can again.
    pub fn broken(&self, why: Option<ErrorCode>) {
        self.book(|book| book.broken = why);
    }

    /// What was handed over since the last look.
    pub fn carried(&self) -> Vec<Carried> {
        self.book(|book| std::mem::take(&mut book.carried))
    }

    /// What was taken back since the last look.
    pub fn cancelled(&self) -> Vec<(i64, Cancel)> {
        self.book(|book| std::mem::take(&mut book.cancelled))
    }

    pub fn plugin(&self) -> Plugin {
        Plugin::new("notify")
            .state(Arc::new(self.clone()))
            .command(reach)
            .command(send)
            .command(cancel)
            .command(say)
    }
}

async fn reach(ctx: Ctx, args: Reach) -> Result<Reached> {
    if let Some(code) = ctx.state::<Carrier>().book(|book| book.broken) {
        return Err(Error::new(code, "the addresses cannot be read"));
    }
    Ok(ctx.state::<Carrier>().book(|book| Reached {
        people: args.users.iter().filter_map(|user| book.people.get(user).cloned()).collect(),
        ways: book.prices.iter().map(|(&channel, &cents)| Way { channel, cents }).collect(),
    }))
}

async fn send(ctx: Ctx, args: Send) -> Result<Done> {
    ctx.state::<Carrier>().book(|book| {
        if let Some(left) = book.refuses.checked_sub(1) {
            book.refuses = left;
            return Err(Error::away("nobody carries it now"));
        }
        for to in args.to {
            if !book.keys.insert(to.key.clone()) {
                continue;
            }
            let (channel, alert) = (args.channel, args.alert.clone());
            let (body, link) = (alert.body, alert.link);
            let To { key, user } = to;
            book.carried.push(Carried { at: ctx.now(), channel, key, user, body, link });
        }
        Ok(Done {})
    })
}

async fn cancel(ctx: Ctx, args: Cancel) -> Result<Done> {
    ctx.state::<Carrier>().book(|book| book.cancelled.push((ctx.now(), args)));
    Ok(Done {})
}

async fn say(ctx: Ctx, args: Say) -> Result<Told> {
    let mut tx = ctx.tx();
    let topic: Topic = "x:notify:test".parse().unwrap();
    match args {
        Say::Attempted(data) => tx.emit(topic, kind::ATTEMPTED, &data),
        Say::Answered(data) => tx.emit(topic, kind::ANSWERED, &data),
    };
    ctx.commit(tx).await?;
    Ok(Told {})
}
