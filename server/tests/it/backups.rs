//! Backups: made beside traffic, restored elsewhere, and looked at before they are needed.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Output, sync::Arc};

use carillon_protocol::{Codec, ErrorCode, ServerFrame, conv, frame::Hello};
use tokio::sync::watch;

use crate::{
    client::TestClient,
    history::{History, Place, Written, read_log},
    kit::Person,
    process::{Process, add_org, add_person, carillon, connect, run},
};

/// Acknowledgements before a backup is made, and after it.
const ACKS: u64 = 200;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs a command that may fail.
fn attempt(data: &Path, args: &[&str]) -> Output {
    tokio::task::block_in_place(|| carillon().arg("--data").arg(data).args(args).output()).unwrap()
}

/// What a command says that fails.
fn refusal(data: &Path, args: &[&str]) -> String {
    let output = attempt(data, args);
    assert!(!output.status.success(), "{args:?} should fail");
    let (said, why) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{said}{why}")
}

/// Writes until it is told to stop; what was acknowledged, with the number of acknowledgements.
async fn write(
    mut client: TestClient,
    conv: carillon_protocol::ConvId,
    acks: Arc<watch::Sender<u64>>,
    stop: watch::Receiver<bool>,
) -> Vec<Written> {
    let mut written = Vec::new();
    while !*stop.borrow() {
        let text = format!("message {}", written.len());
        let told = Some(Place::from(&client.say(conv, &text).await));
        written.push(Written { text, told });
        acks.send_modify(|acks| *acks += 1);
    }
    written
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_beside_traffic_has_everything_that_was_acknowledged_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let (data, elsewhere) = (folder.path().join("data"), folder.path().join("elsewhere"));
    let file = folder.path().join("today.carillon");
    let server = Process::serve(&data).await;
    let org = add_org(&data, "Harbour");
    let (amy, bob) = (add_person(&data, org, "amy"), add_person(&data, org, "bob"));
    let mut amys = connect(&server.url, &amy).await;
    let create =
        conv::Create { title: "Shop".into(), members: vec![bob.user], history: conv::History::All };
    let conv = amys.call(&create).await.unwrap().conv;

    let (acks, stop) = (Arc::new(watch::Sender::new(0)), watch::Sender::new(false));
    let mut count = acks.subscribe();
    let writing = tokio::spawn(write(amys, conv, Arc::clone(&acks), stop.subscribe()));
    count.wait_for(|acks| *acks >= ACKS).await.unwrap();
    let before = *count.borrow() as usize;
    let made = run(&data, &["backup", text(&file)]);
    let after = *count.borrow();
    assert!(made.contains("sha256"), "{made}");
    count.wait_for(|acks| *acks >= after + ACKS).await.unwrap();
    stop.send_replace(true);
    let mut written = writing.await.unwrap();

    assert!(refusal(&data, &["backup", text(&file)]).contains("already"), "none is overwritten");
    assert!(refusal(&data, &["restore", text(&file)]).contains("in use"), "not under a server");
    assert!(run(&data, &["verify", text(&file)]).contains("as it was promised"));
    assert!(run(&data, &["verify", "--database"]).contains("as it was promised"));

    run(&elsewhere, &["restore", text(&file)]);
    assert!(run(&elsewhere, &["verify", "--database"]).contains("as it was promised"));
    let restored = Process::serve(&elsewhere).await;
    // The same people, with the tokens that they have.
    let log = read_log(&mut connect(&restored.url, &amy).await, conv).await;
    let there = log.iter().filter(|entry| entry.text.is_some()).count();
    assert!((before..written.len()).contains(&there), "{before} {there} {}", written.len());
    written.truncate(there);
    History { written: vec![(amy.user, written)], log, devices: Vec::new() }.assert_kept();
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_notices_that_a_backup_was_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("backup"));
    let org = add_org(&data, "Harbour");
    let amy = add_person(&data, org, "amy");
    let server = Process::serve(&data).await;
    let sync = connect(&server.url, &amy).await.sync;
    server.terminate();
    assert_eq!(server.status().await.code(), Some(0));

    // Without a server, too.
    run(&data, &["backup", text(&file)]);
    let why = refusal(&data, &["restore", text(&file)]);
    assert!(why.contains("not empty") && why.contains("--force"), "{why}");
    run(&data, &["restore", "--force", text(&file)]);
    let server = Process::serve(&data).await;
    let mut client = TestClient::open(&server.url, Codec::Json).await;
    let hello = |sync| Hello {
        v: 1,
        token: Some(amy.token.clone()),
        device: amy.device,
        tab: None,
        sync,
        caps: Vec::new(),
        handles: Vec::new(),
        listens: Vec::new(),
    };
    client.hello(&hello(sync)).await;
    let frames = client.until_closed().await.0;
    let error = frames.iter().find_map(|frame| match frame {
        ServerFrame::Err { error, .. } => Some(error.code),
        _ => None,
    });
    assert_eq!(error, Some(ErrorCode::TooFar), "{frames:?}");
    connect(&server.url, &amy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_backups_to_one_name_one_is_made_and_only_its_owner_can_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let (data, backups) = (folder.path().join("data"), folder.path().join("backups"));
    add_org(&data, "Harbour");
    fs::create_dir(&backups).unwrap();
    let (file, precious) = (backups.join("today"), folder.path().join("precious"));
    // A link that waits for the name of a former version's unfinished file leads nowhere.
    fs::write(&precious, "precious").unwrap();
    std::os::unix::fs::symlink(&precious, backups.join("today.part")).unwrap();

    let at_once = |_| {
        let (data, file) = (data.clone(), file.clone());
        tokio::task::spawn_blocking(move || {
            carillon().arg("--data").arg(data).arg("backup").arg(file).output().unwrap()
        })
    };
    let mut made = 0;
    for backup in [(); 4].map(at_once) {
        let output = backup.await.unwrap();
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        made += u32::from(output.status.success());
        assert!(output.status.success() || why.contains("is there already"), "{why}");
    }
    assert_eq!(made, 1);
    assert!(run(&data, &["verify", text(&file)]).contains("as it was promised"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    assert_eq!(fs::read_dir(&backups).unwrap().count(), 2, "nothing unfinished is left");
}

/// A data folder with a conversation, and a backup of it.
async fn shop(folder: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let (data, file) = (folder.join("data"), folder.join("backup"));
    let server = Process::serve(&data).await;
    let org = add_org(&data, "Harbour");
    let (amy, bob): (Person, Person) =
        (add_person(&data, org, "amy"), add_person(&data, org, "bob"));
    let mut amys = connect(&server.url, &amy).await;
    let create =
        conv::Create { title: "Shop".into(), members: vec![bob.user], history: conv::History::All };
    let conv = amys.call(&create).await.unwrap().conv;
    for number in 0..20 {
        amys.say(conv, &format!("message {number}")).await;
    }
    server.terminate();
    assert_eq!(server.status().await.code(), Some(0));
    run(&data, &["backup", text(&file)]);
    (data, file)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_with_one_wrong_byte_or_without_its_end_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = shop(folder.path()).await;
    let whole = fs::read(&file).unwrap();
    let bad = folder.path().join("bad");
    let mut planted = vec![whole[..whole.len() - 1].to_vec(), whole[..whole.len() / 2].to_vec()];
    planted.push([&whole[..], b"x"].concat());
    for at in (0..10).chain((10..whole.len()).step_by(whole.len() / 12)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        planted.push(bytes);
    }
    for bytes in planted {
        fs::write(&bad, &bytes).unwrap();
        let why = refusal(&data, &["verify", text(&bad)]);
        assert!(why.contains("damaged"), "{why}");
    }
    // Nothing is made of it, and nothing lost to it.
    let why = refusal(&data, &["restore", "--force", text(&bad)]);
    assert!(why.contains("damaged"), "{why}");
    assert!(run(&data, &["verify", "--database"]).contains("as it was promised"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_that_has_grown_moves_to_postgresql_with_its_tokens_and_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let org = add_org(&data, "Harbour");
    let amy = add_person(&data, org, "amy");
    let server = Process::serve(&data).await;
    let mut amys = connect(&server.url, &amy).await;
    let create =
        conv::Create { title: "Shop".into(), members: vec![], history: conv::History::All };
    let conv = amys.call(&create).await.unwrap().conv;
    let told = amys.say(conv, "we move").await;
    let file = folder.path().join("move");
    run(&data, &["backup", text(&file)]);
    drop((amys, server));

    let (database, other) = (carillon_rig::database(), folder.path().join("other"));
    let beside = |args: &[&str]| {
        let mut command = carillon();
        command.arg("--data").arg(&other).args(args).env("CARILLON_DATABASE", database.url());
        let output = tokio::task::block_in_place(|| command.output()).unwrap();
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned() + &why)
    };
    let restored = beside(&["restore", text(&file)]);
    assert!(restored.0, "{}", restored.1);
    let again = beside(&["restore", text(&file)]);
    assert!(!again.0 && again.1.contains("not empty"), "{}", again.1);

    let mut serve = carillon();
    serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&other);
    serve.env("CARILLON_DATABASE", database.url());
    let server = Process::start(serve).await;
    let mut amys = connect(&server.url, &amy).await;
    let log = read_log(&mut amys, conv).await;
    assert!(log.iter().any(|entry| entry.place == Place::from(&told)), "{log:?}");
    assert_eq!(amys.say(conv, "we are there").await.seq, told.seq + 1);
    let whole = beside(&["verify", "--database"]);
    assert!(whole.0, "{}", whole.1);
    let back = folder.path().join("back");
    let written = beside(&["backup", text(&back)]);
    assert!(written.0, "{}", written.1);
    assert!(run(&data, &["verify", text(&back)]).contains("as it was promised"));
}
