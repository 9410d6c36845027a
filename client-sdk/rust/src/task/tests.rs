//! The task without a connection, its clock in the test's hand.

use std::{fs, path::Path};

use carillon_protocol::{ConvId, frame::Welcome, id::Ulid};

use super::*;

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
    let send = msg::Send { conv: ConvId(Ulid(9)), body, reply_to: None };
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
