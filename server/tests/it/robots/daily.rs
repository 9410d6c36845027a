//! What robots post by themselves: the programs of the README, as they stand there, and the
//! pictures of digests as browsers ask for them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use carillon_plugin::Plugin;
use carillon_protocol::{
    ConvId,
    bot::Rules,
    digest::{Preview, Section, Show, Span, Template},
    fact::Fact,
    id::Ulid,
    msg::Body,
    schedule::{List, Says, Schedule},
};
use serde_json::{Value, json};

use super::Shop;
use crate::kit::{TestServer, http};

#[path = "../../../../client-sdk/rust/examples/daily.rs"]
mod program;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The process that a test below starts: this program, with this test alone.
#[test]
#[ignore = "a test below runs it in a process of its own"]
fn a_daily_summary_in_a_process_of_its_own() {
    if std::env::var_os("ROBOT").is_some() {
        program::main().unwrap();
    }
}

impl Shop {
    /// Runs a program to its end, which must be a good one, and says what is planned by then.
    async fn plans(&self, mut program: Command) -> Schedule {
        program
            .env("CARILLON_URL", self.server.url())
            .env("CARILLON_TOKEN", &self.amy.token)
            .env("ROBOT", self.id().to_string())
            .env("ROBOT_TOKEN", &self.robot.token);
        let output = tokio::task::spawn_blocking(move || program.output()).await.unwrap().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{err}");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut schedules =
            self.call(&self.amy, &List { robot: self.id() }).await.unwrap().schedules;
        let planned = schedules.pop().unwrap();
        assert!(schedules.is_empty() && said.contains(&format!("next: {}", planned.next[0])));
        assert_eq!((&*planned.schedule, &*planned.cron), ("daily", "0 9 * * 1-5"));
        planned
    }

    /// A call of the robot's program: the status and the answer.
    async fn asks(&self, verb: &str, token: &str, body: Value) -> (u16, Value) {
        let path = format!("/robot/schedule/{verb}?access_token={token}");
        let headers = [("content-type", "application/json")];
        let body = body.to_string().into_bytes();
        let (status, answer) = http(self.server.url(), "POST", &path, &headers, body).await;
        (status, serde_json::from_slice(&answer).unwrap())
    }
}

#[test]
fn a_daily_summary_takes_fifteen_lines() {
    for path in [
        "client-sdk/typescript/examples/daily.ts",
        "client-sdk/rust/examples/daily.rs",
        "server/tests/it/robots/programs/daily.py",
    ] {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        let is_code = |line: &&str| !line.trim().is_empty() && !line.starts_with(['#', '/']);
        // An attribute is code.
        let attributes = text.lines().filter(|line| line.starts_with("#[")).count();
        assert!(text.lines().filter(is_code).count() + attributes <= 15, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daily_summary_is_planned_in_python_and_again_in_rust_as_one_and_the_same() {
    let shop = Shop::open(Rules::default()).await;
    let mut python = Command::new("python3");
    python.arg(root().join("server/tests/it/robots/programs/daily.py"));
    let planned = shop.plans(python).await;
    let mut rust = Command::new(std::env::current_exe().unwrap());
    let name = "robots::daily::a_daily_summary_in_a_process_of_its_own";
    rust.args(["--exact", name, "--ignored", "--nocapture"]);
    assert_eq!(shop.plans(rust).await.next, planned.next);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daily_summary_is_planned_in_typescript() {
    let shop = Shop::open(Rules::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("daily.mjs");
    // It has no types that would have to be taken away.
    std::fs::copy(root().join("client-sdk/typescript/examples/daily.ts"), &program).unwrap();
    let mut node = Command::new("node");
    node.arg(program);
    shop.plans(node).await;
}

#[tokio::test]
async fn a_robots_address_plans_for_that_robot_and_sees_nothing_of_the_organisation() {
    let shop = Shop::open(Rules::default()).await;
    let token = shop.robot.token.clone();
    let says = json!({ "kind": "text", "text": "Good morning" });
    let plan = json!({ "schedule": "m", "title": "M", "cron": "0 9 * * *", "says": says });
    let (status, planned) = shop.asks("put", &token, plan.clone()).await;
    assert_eq!((status, &planned["robot"]), (200, &json!(shop.id())));
    let (_, listed) = shop.asks("list", &token, json!({})).await;
    assert_eq!(listed["schedules"][0]["schedule"], "m");
    for (verb, token, body, status, code) in [
        ("put", "no", plan.clone(), 404, "E_NOT_FOUND"),
        ("put", &*token, json!([]), 400, "E_BAD_ARG"),
        ("put", &*token, json!({ "schedule": "m" }), 400, "E_BAD_ARG"),
    ] {
        let (answered, error) = shop.asks(verb, token, body).await;
        assert_eq!((answered, &error["code"]), (status, &json!(code)), "{verb}");
    }
    // Nor does it post into another group than the robot's, even its owner's.
    let mut elsewhere = plan.clone();
    elsewhere["convs"] = json!([shop.conv, ConvId(Ulid(1))]);
    let (status, error) = shop.asks("put", &token, elsewhere).await;
    assert_eq!((status, &error["field"]), (403, &json!("convs[1]")));
    let of_all = json!({ "kind": "digest", "digest": "bottlenecks" });
    let mut more = plan;
    more["says"] = of_all;
    assert_eq!(shop.asks("put", &token, more).await.0, 403);
    assert_eq!(shop.asks("remove", &token, json!({ "schedule": "m" })).await, (200, json!({})));
    let (_, listed) = shop.asks("list", &token, json!({})).await;
    assert_eq!(listed, json!({ "schedules": [] }));
}

#[tokio::test]
async fn a_picture_is_read_with_a_token_by_whoever_may_and_kept_by_the_browser() {
    // Of nothing there is no picture, and nothing has happened yet.
    let steady = || {
        let seven = |_, _| async { Ok(Fact::Number { value: 7.0, unit: "boats".into() }) };
        Plugin::new("pier").fact_of_conversation("pier.boats", "Boats at the pier.", seven)
    };
    let shop = Shop::on(TestServer::with_plugins(vec![steady]).await, Rules::default()).await;
    let section = Section {
        title: None,
        fact: "pier.boats".into(),
        period: Span::Last7Days,
        show: Show::Chart,
    };
    let says = Says::Template { template: Template { intro: None, sections: vec![section] } };
    let preview = Preview { robot: shop.id(), title: "T".into(), says };
    let body = shop.call(&shop.amy, &preview).await.unwrap().body;
    let Body::Markdown { text, .. } = body else { panic!("{body:?}") };
    let (_, path) = text.split_once("](").unwrap();
    let path = path.trim_end_matches(')');
    let get = async |token: Option<&str>| {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|it| ("authorization", &**it)).collect();
        http(shop.server.url(), "GET", path, &headers, Vec::new()).await
    };
    let (status, png) = get(Some(&shop.amy.token)).await;
    assert!(status == 200 && png.starts_with(b"\x89PNG\r\n") && png.len() < 60 * 1024);
    assert_eq!(get(Some(&shop.bob.token)).await.0, 404, "another's preview");
    assert_eq!(get(None).await.0, 401);
}
