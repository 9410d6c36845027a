//! Where plugins run is what the configuration says.

use std::path::Path;

use carillon_protocol::{
    conv::{Create, History},
    poll::{Get, Vote},
};
use tokio::time::timeout;

use super::{Apart, lunch};
use crate::{
    kit::{PATIENCE, cid},
    process::{Process, add_org, add_person, carillon, connect, run},
};

async fn serve(data: &Path, polls: &str) -> Process {
    let mut serve = carillon();
    serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    serve.env("CARILLON_PLUGINS__POLL__RUN", polls).env("CARILLON_LOG__LEVEL", "error");
    serve.env("CARILLON_LIMITS__READS_PER_S", "100000");
    Process::start(serve).await
}

/// What stands about polls in this column.
fn shown(data: &Path, column: &str) -> String {
    let table = run(data, &["plugins"]);
    let cells = |line: &str| -> Vec<String> {
        let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        cells.map(str::to_owned).collect()
    };
    let heads = cells(table.lines().next().unwrap());
    let poll = cells(table.lines().find(|line| line.starts_with("poll")).unwrap());
    poll[heads.iter().position(|head| head == column).unwrap()].clone()
}

/// What a command says that refuses to run.
fn refusal(args: &[&str], env: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = carillon();
    command.arg("--data").arg(folder.path()).args(args).envs(env.iter().copied());
    let output = tokio::task::block_in_place(|| command.output()).unwrap();
    assert!(!output.status.success(), "{args:?} {env:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_is_switched_off_keeps_what_it_has_and_goes_on_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let on = serve(data, "local").await;
    assert_eq!(shown(data, "RUNS"), "local");
    let amy = add_person(data, add_org(data, "Harbour"), "amy");
    let mut amys = connect(&on.url, &amy).await;
    let create = Create { title: "Lunch".into(), members: vec![], history: History::All };
    let conv = amys.call(&create).await.unwrap().conv;
    let poll = amys.call(&lunch(conv)).await.unwrap().poll;
    amys.call(&Vote { poll, choices: vec![1] }).await.unwrap();
    // The card is there, and shows the vote: the one call that is owed is the end by time.
    let settled = timeout(PATIENCE, async {
        while shown(data, "TIMERS") != "1" {
            tokio::task::yield_now().await;
        }
    });
    settled.await.expect("the card is changed in time");
    on.terminate();
    assert!(on.status().await.success());

    let off = serve(data, "off").await;
    assert_eq!((shown(data, "RUNS"), shown(data, "TIMERS")), ("off".into(), "1".into()));
    let mut amys = connect(&off.url, &amy).await;
    let (intent, vote) = (Some(cid()), Vote { poll, choices: vec![2] });
    let refused = amys.call_as(intent, None, &vote).await.unwrap_err();
    assert_eq!(refused.code.as_str(), "E_UNAVAILABLE");
    assert!(refused.msg.contains("switched off"), "{}", refused.msg);
    off.terminate();
    assert!(off.status().await.success());

    let on = serve(data, "local").await;
    assert_eq!((shown(data, "RUNS"), shown(data, "TIMERS")), ("local".into(), "1".into()));
    let mut amys = connect(&on.url, &amy).await;
    assert!(!amys.call_as(intent, None, &vote).await.unwrap().dup);
    let got = amys.call(&Get { poll }).await.unwrap();
    assert_eq!((got.voters, got.counts), (1, Some(vec![0, 0, 1])));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_makes_the_token_and_shows_who_is_linked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let server = serve(data, "remote").await;
    assert_eq!(shown(data, "RUNS"), "remote, none linked");
    let token = run(data, &["plugins", "token", "poll"]);
    let _process = Apart::start(&server.url, &token);
    let linked = timeout(PATIENCE, async {
        while shown(data, "RUNS") != "remote, 1 process linked" {
            tokio::task::yield_now().await;
        }
    });
    linked.await.expect("it is linked in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_run_elsewhere_is_refused_with_a_sentence() {
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    for (variable, run, says) in [
        ("CARILLON_PLUGINS__CHAT__RUN", "off", "`chat` runs in the node always; leave this out"),
        ("CARILLON_PLUGINS__AUDIT__RUN", "remote", "`audit` runs in the node always"),
        ("CARILLON_PLUGINS__POLS__RUN", "remote", "there is no such plugin"),
        ("CARILLON_PLUGINS__POLL__RUN", "apart", "expected \"local\", \"remote\" or \"off\""),
    ] {
        let said = refusal(&serve, &[(variable, run)]);
        assert!(said.contains(says), "{said}");
    }
    let node = ["--node", "http://127.0.0.1:1"];
    let said = refusal(&[&["plugin", "chat"], &node[..]].concat(), &[]);
    assert!(said.contains("those that may are `poll`"), "{said}");
    let said = refusal(&[&["plugin", "poll"], &node[..]].concat(), &[]);
    assert!(said.contains("CARILLON_PLUGIN_TOKEN"), "{said}");
    let said = refusal(&["plugin", "poll", "--node", "here"], &[]);
    assert!(said.contains("https://chat.example.org"), "{said}");
    let said = refusal(&["plugins", "token", "pol"], &[]);
    assert!(said.contains("there is no such plugin"), "{said}");
}
