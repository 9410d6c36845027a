//! The task without a connection, its clock in the test's hand.

use std::{fs, path::Path};

use carillon_protocol::{
    ConvId, ErrorBody, ErrorCode,
    frame::{ServerFrame, Welcome},
    id::Ulid,
};

use super::*;
use crate::{link::Heard, socket::Down};

async fn offline(dir: &Path) -> Task {
    let options = Options::new("http://h", "t");
    let (disk, _) = Disk::open(Some(dir)).await.unwrap();
    let (feed, events) = Feed::new();
    let (device, me) = (DeviceId(Ulid(1)), carillon_protocol::UserId(Ulid(2)));
    let welcome = Welcome {
        session: carillon_protocol::SessionId(Ulid(3)),
        hb_ms: 1,
        caps: vec![],
        limits: Default::default(),
        now: 0,
        user: me,
        org: carillon_protocol::OrgId(Ulid(4)),
        server: String::new(),
    };
    Task {
        address: Address::of(&options.server).unwrap(),
        options,
        clock: Clock::start(),
        chance: Chance::new(Some(7)),
        link: Link::Waiting(u64::MAX),
        attempt: 0,
        requests: mpsc::channel(1).1,
        shared: Arc::new(Shared {
            welcome: Mutex::new(Arc::new(welcome)),
            ended: OnceLock::new(),
            events: Mutex::new(Some(events)),
            #[cfg(feature = "rooms")]
            taps: tokio::sync::broadcast::Sender::new(1),
        }),
        calls: Calls::new(),
        outbox: Outbox::default(),
        taking: HashMap::new(),
        sending: HashMap::new(),
        sync: Sync::new(me, None, &HashMap::new()),
        feed,
        disk,
        progress: Progress { device, user: None, sync: None, topics: HashMap::new() },
        unsaved: true,
        save_at: Some(0),
        answering: Answering::new(),
        listening: crate::listener::Listening::default(),
    }
}

#[tokio::test]
async fn after_a_failed_write_the_folder_is_put_right_though_nothing_else_is_to_be_written() {
    let dir = tempfile::tempdir().unwrap();
    // Lines are written before the progress, which cannot be.
    let blocked = dir.path().join("progress.json.new");
    fs::create_dir(&blocked).unwrap();
    let mut task = offline(dir.path()).await;
    let body = msg::Body::Text { text: "hi".into(), mentions: vec![] };
    let send = msg::Send { conv: ConvId(Ulid(9)), body, reply_to: None, everybody: false };
    let (taken, receipt) = oneshot::channel();
    task.queue(Entry { cid: Cid(Ulid(5)), send }, taken);
    task.save(0);
    let written = task.disk.written().await;
    task.written(written);
    assert!(matches!(receipt.await, Ok(Err(Error::Storage(_)))));
    let lines = || fs::read_to_string(dir.path().join("outbox.jsonl")).unwrap();
    assert!(lines().contains("queued"));

    fs::remove_dir(&blocked).unwrap();
    assert_eq!((task.save(0), task.disk.busy()), (Some(SAVE_MS), false), "not in a tight loop");
    task.save(SAVE_MS);
    assert!(task.disk.busy());
    let written = task.disk.written().await;
    assert!(written.result.is_ok());
    assert_eq!(lines(), "");
    assert!(dir.path().join("progress.json").exists());
}

/// How long the task waits after the connection went down.
fn wait_after(task: &mut Task, down: Down) -> u64 {
    assert!(task.heard(Heard::Down(down)).is_none(), "it comes back");
    let Link::Waiting(until) = task.link else { panic!("it waits") };
    until - task.clock.now()
}

fn cut() -> Down {
    Down::Lost { retry_ms: None, reason: "cut".into() }
}

#[tokio::test(start_paused = true)]
async fn each_failure_doubles_the_bound_of_the_wait_and_being_in_step_starts_it_anew() {
    let dir = tempfile::tempdir().unwrap();
    let mut task = offline(dir.path()).await;
    let mut longest = [0; 10];
    for seed in 0..100 {
        task.chance = Chance::new(Some(seed));
        task.heard(Heard::Frame(ServerFrame::Synced { sync: "1.0.0".into() }));
        for (attempt, longest) in longest.iter_mut().enumerate() {
            let wait = wait_after(&mut task, cut());
            assert!(wait <= (500 << attempt).min(30_000), "{attempt}: {wait}");
            *longest = wait.max(*longest);
        }
    }
    for (attempt, longest) in longest.into_iter().enumerate() {
        assert!(longest > (500 << attempt).min(30_000) * 3 / 4, "{attempt}: {longest}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_server_says_is_waited_for_however_many_tries_there_were() {
    let dir = tempfile::tempdir().unwrap();
    let mut task = offline(dir.path()).await;
    let mut waits = std::collections::HashSet::new();
    for attempt in 0..50 {
        let busy = ErrorBody { retry_ms: Some(7_000), ..ErrorBody::new(ErrorCode::Busy, "later") };
        let down = if attempt % 2 == 0 {
            Down::refused(busy, &mut task.chance)
        } else {
            Down::Lost { retry_ms: Some(7_000), reason: "the node goes down".into() }
        };
        let wait = wait_after(&mut task, down);
        assert!((7_000..=7_500).contains(&wait), "{wait}");
        waits.insert(wait);
    }
    assert!(waits.len() > 25, "not all at once: {waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_connects_when_it_is_time_and_no_sooner() {
    let dir = tempfile::tempdir().unwrap();
    let mut task = offline(dir.path()).await;
    let down = Down::Lost { retry_ms: Some(7_000), reason: "the node goes down".into() };
    let wait = wait_after(&mut task, down);
    tokio::time::advance(Duration::from_millis(wait - 1)).await;
    let due = task.pump();
    assert!(matches!(task.link, Link::Waiting(_)) && due.is_some(), "it comes back to this");
    tokio::time::advance(Duration::from_millis(1)).await;
    task.pump();
    assert!(matches!(task.link, Link::Connecting(_)));
}
