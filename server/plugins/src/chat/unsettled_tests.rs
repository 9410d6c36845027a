//! Own cursors while the database fails or does not keep up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use carillon_plugin::{
    BoxFuture, Caller, Clock, Committed, Error, Head, Host, Live, LiveChange, Logged, Look, Result,
    Row, Storage, Tail, Transaction, Value, Window,
};
use carillon_protocol::{
    Cid, Command, ConvId, ErrorCode, Event, OrgId, SessionId, Topic, UserId,
    conv::{Create, History},
    event::Ephemeral,
    id::Ulid,
    msg::{Body, Send},
    org,
};
use carillon_store::{
    Store,
    kit::{FakeClock, Kit},
};

use super::{CACHE_BYTES, Chat, roster::Message, unsettled::Cursors};
use crate::directory;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A database that fails when a page of events after the first one is read.
struct Failing {
    store: Store,
    fails: Arc<AtomicBool>,
    since: u64,
}

impl Storage for Failing {
    fn commit(&self, tx: Transaction) -> BoxFuture<'static, Result<Committed>> {
        self.store.commit(tx)
    }

    fn query(&self, sql: &str, args: Vec<Value>) -> BoxFuture<'_, Result<Vec<Row>>> {
        self.store.query(sql, args)
    }

    fn heads(&self, topics: Vec<Topic>) -> BoxFuture<'_, Result<Vec<Head>>> {
        self.store.heads(topics)
    }

    fn events(
        &self,
        topic: Topic,
        window: Window,
        look: Look,
        counted: bool,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Event>>> {
        let late = matches!(look, Look::After(seq) if seq > self.since);
        if late && self.fails.load(Ordering::Relaxed) {
            let error = Error::new(ErrorCode::Unavailable, "the disk is gone");
            return Box::pin(async { Err(error) });
        }
        self.store.events(topic, window, look, counted, limit)
    }

    fn events_at(&self, topic: Topic, seqs: Vec<u64>) -> BoxFuture<'_, Result<Vec<Event>>> {
        self.store.events_at(topic, seqs)
    }

    fn tails(&self, tails: Vec<Tail>, counted: bool) -> BoxFuture<'_, Result<Vec<Vec<Event>>>> {
        self.store.tails(tails, counted)
    }

    fn news(&self, tails: Vec<Tail>, after: Option<u64>) -> BoxFuture<'_, Result<Vec<Vec<Event>>>> {
        self.store.news(tails, after)
    }

    fn log_after(
        &self,
        after: u64,
        through: u64,
        kinds: &[&'static str],
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Logged>>> {
        self.store.log_after(after, through, kinds, limit)
    }

    fn relations(&self) -> BoxFuture<'_, Result<Vec<String>>> {
        self.store.relations()
    }

    fn find(&self, by: UserId, cid: Cid) -> BoxFuture<'_, Result<Option<(Event, i64)>>> {
        self.store.find(by, cid)
    }

    fn position(&self) -> (u64, u64) {
        self.store.position()
    }

    fn reaches(&self, pos: u64) -> BoxFuture<'_, bool> {
        self.store.reaches(pos)
    }
}

/// Nobody is connected.
struct Nobody;

impl Live for Nobody {
    fn committed(&self, _: &[(Event, Vec<LiveChange>)]) {}

    fn push(&self, _: &Topic, _: Ephemeral) {}

    fn called(&self, _: &'static str, _: Option<ErrorCode>, _: Duration) {}
}

async fn once<C: Command>(host: &Host, caller: Caller, args: C) -> Result<C::Reply> {
    host.call_typed(caller, Some(Cid(host.new_id())), &args).await
}

async fn person(host: &Host, org: OrgId, login: &str) -> Caller {
    let args = org::AddMember {
        org: Some(org),
        login: login.into(),
        name: login.into(),
        password: None,
        title: None,
        admin: false,
        locale: None,
        tz: None,
        departments: Vec::new(),
    };
    let user = once(host, Caller::SYSTEM, args).await.unwrap().user;
    Caller::signed_in(user, org, SessionId(Ulid::nil()), ["read", "write"])
}

/// A group of two.
async fn group(host: &Host) -> (Caller, Caller, ConvId) {
    let args = org::Create { name: "Harbour Retail".into() };
    let org = once(host, Caller::SYSTEM, args).await.unwrap().org;
    let (amy, bob) = (person(host, org, "amy").await, person(host, org, "bob").await);
    let args =
        Create { title: "Shop".into(), members: vec![bob.user], history: History::default() };
    (amy, bob, once(host, amy, args).await.unwrap().conv)
}

async fn says(host: &Host, caller: Caller, conv: ConvId) -> Result<u64> {
    let body = Body::Text { text: "x".into(), mentions: Vec::new() };
    Ok(once(host, caller, Send { conv, body, reply_to: None, everybody: false }).await?.seq)
}

#[tokio::test]
async fn a_recovery_that_fails_half_way_is_begun_anew() {
    let plugins = || vec![directory::plugin(<_>::default()), super::plugin(<_>::default())];
    let kit = Kit::new(plugins()).await;
    let (amy, bob, conv) = group(kit.host()).await;
    // More than one page.
    for _ in 0..600 {
        says(kit.host(), amy, conv).await.unwrap();
    }
    let last = says(kit.host(), bob, conv).await.unwrap();

    // A node that starts now knows nothing but the log.
    let fails = Arc::new(AtomicBool::new(true));
    let storage = Failing { store: kit.store().clone(), fails: fails.clone(), since: 100 };
    let clock: Arc<dyn Clock> = Arc::new(FakeClock::new(1));
    let host = Host::new(plugins(), Arc::new(storage), clock, Arc::new(Nobody));
    let read = async || -> Result<_> {
        let mine = host.listening(bob).await?;
        Ok(mine.into_iter().find_map(|it| it.read))
    };
    assert_eq!(read().await.unwrap_err().code(), ErrorCode::Unavailable);
    fails.store(false, Ordering::Relaxed);
    assert_eq!(read().await.unwrap(), Some((last, 601)));
}

#[tokio::test]
async fn sending_goes_on_after_too_much_has_waited() {
    let chat = Arc::new(Chat::new(<_>::default(), CACHE_BYTES));
    let plugins = vec![directory::plugin(<_>::default()), super::of(chat.clone())];
    let kit = Kit::new(plugins).await;
    let (amy, _, conv) = group(kit.host()).await;
    for number in 0..super::unsettled::WAITING_LIMIT as u128 {
        let by = UserId(Ulid(number));
        let elsewhere = ConvId(Ulid(number / 1_000));
        chat.unsettled.note(elsewhere, Message { seq: 2, n: 1, by, at: 0 });
    }
    let refused = says(kit.host(), amy, conv).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Busy);
    // Nobody reads meanwhile: it is the message that was refused that makes room.
    let again = async { while says(kit.host(), amy, conv).await.is_err() {} };
    tokio::time::timeout(PATIENCE, again).await.expect("there is room again");
}

#[tokio::test]
async fn a_node_that_nobody_writes_through_forgets_and_finds_it_in_the_log() {
    let settings = super::Settings { node: Some("here".into()) };
    let chat = Arc::new(Chat::new(settings, CACHE_BYTES));
    let plugins = vec![directory::plugin(<_>::default()), super::of(chat.clone())];
    let kit = Kit::new(plugins).await;
    let (_, bob, conv) = group(kit.host()).await;
    let last = says(kit.host(), bob, conv).await.unwrap();
    // What others write through other nodes.
    for number in 0..3 * super::unsettled::WAITING_LIMIT as u128 {
        let (by, elsewhere) = (UserId(Ulid(number)), ConvId(Ulid(number / 1_000)));
        chat.unsettled.note(elsewhere, Message { seq: 2, n: 1, by, at: 0 });
        assert_ne!(chat.unsettled.pressure(0), super::unsettled::Pressure::Full);
    }
    chat.lists.forget(bob.user);
    let mine = kit.host().listening(bob).await.unwrap();
    assert_eq!(mine.into_iter().find_map(|it| it.read), Some((last, 1)));
    says(kit.host(), bob, conv).await.expect("nobody waits");
}

#[test]
fn what_is_recovered_while_newer_cursors_are_settled_waits_for_the_next_time() {
    let unsettled = super::Unsettled::default();
    let (conv, amy, bob) = (ConvId(Ulid(1)), UserId(Ulid(2)), UserId(Ulid(3)));
    unsettled.note(conv, Message { seq: 9, n: 8, by: amy, at: 0 });
    let taken = unsettled.take_due(1_000);
    unsettled.note(conv, Message { seq: 3, n: 2, by: bob, at: 0 });
    unsettled.settled(&taken);
    let [(_, waits)] = &unsettled.take_due(9_000)[..] else { panic!("one waits") };
    let mut cursors = Cursors::default();
    waits.add_to(conv, &mut cursors);
    let row = vec![conv.into(), bob.into(), 3.into(), 2.into(), Value::Pos];
    assert_eq!(cursors.rows(), [row]);
}

#[test]
fn who_wrote_and_read_has_one_row_with_the_farther_cursor() {
    let unsettled = super::Unsettled::default();
    let (conv, amy, bob) = (ConvId(Ulid(1)), UserId(Ulid(2)), UserId(Ulid(3)));
    unsettled.note(conv, Message { seq: 9, n: 8, by: amy, at: 0 });
    unsettled.note(conv, Message { seq: 7, n: 6, by: bob, at: 0 });
    let mut cursors = Cursors::default();
    unsettled.take_due(1_000).iter().for_each(|(conv, own)| own.add_to(*conv, &mut cursors));
    cursors.move_to(conv, amy, (5, 4));
    cursors.move_to(conv, bob, (9, 8));
    let row = |user: UserId| vec![conv.into(), user.into(), 9.into(), 8.into(), Value::Pos];
    assert_eq!(cursors.rows(), [row(amy), row(bob)]);
}
