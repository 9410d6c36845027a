//! Alerts over HTTP: what they carry, boards as tables, and DingTalk's addresses.

use carillon_protocol::{
    DingId,
    ding::{Confirm, Decline},
    session,
};
use serde_json::{Value, json};

use crate::{
    kit::{Person, TestServer, cid, exchange, http},
    page::Page,
    sessions::PASSWORD,
};

/// A server with `amy`, who sends, `bob`, `carol`, and `zoe` elsewhere.
async fn world() -> (TestServer, [Person; 4]) {
    let server = TestServer::start().await;
    let (org, other) = (server.org("Harbour").await, server.org("Peak").await);
    let amy = server.admin(org, "amy").await;
    let (bob, carol) = (server.person(org, "bob").await, server.person(org, "carol").await);
    let zoe = server.person(other, "zoe").await;
    (server, [amy, bob, carol, zoe])
}

async fn upload(
    server: &TestServer,
    who: &Person,
    query: &str,
    kind: &str,
    body: &[u8],
) -> (u16, Value) {
    let bearer = format!("Bearer {}", who.token);
    let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
    let path = format!("/v1/ding/attachments?{query}");
    let (status, body) = http(server.url(), "POST", &path, &headers, body.to_vec()).await;
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn look(server: &TestServer, who: &Person, path: &str) -> hyper::Response<Vec<u8>> {
    let bearer = format!("Bearer {}", who.token);
    exchange(server.url(), "GET", path, &[("authorization", &bearer)], Vec::new()).await
}

async fn alert(server: &TestServer, by: &Person, args: &Value) -> DingId {
    let (status, body) = server.rpc(Some(&by.token), "ding.send", Some(cid()), args).await;
    assert_eq!(status, 200, "{body}");
    body["ding"].as_str().unwrap().parse().unwrap()
}

/// Waits until somebody was shown an alert.
async fn shown(server: &TestServer, who: &Person, ding: DingId) {
    let args = json!({ "ding": ding });
    while server.rpc(Some(&who.token), "ding.get", None, &args).await.0 != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_alert_carries_is_for_those_whom_it_concerns_and_runs_nowhere() {
    let (server, [amy, bob, carol, zoe]) = world().await;
    let script = b"<script>alert(1)</script>";
    let (status, page) = upload(&server, &amy, "name=..%2Fa%20b.html", "text/html", script).await;
    assert_eq!((status, &page["name"], &page["size"]), (200, &json!("a b.html"), &json!(25)));
    let (_, voice) = upload(&server, &amy, "name=note.webm&lasts_ms=900", "audio/webm", b"v").await;
    let path = |it: &Value| format!("/v1/ding/attachments/{}", it["attachment"].as_str().unwrap());
    assert_eq!(look(&server, &bob, &path(&page)).await.status(), 404);
    let to = json!({ "users": [bob.user] });
    let args = json!({ "text": "Read it", "to": to, "attachment": page["attachment"] });
    let ding = alert(&server, &amy, &args).await;
    shown(&server, &bob, ding).await;

    let answer = look(&server, &bob, &path(&page)).await;
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((answer.status().as_u16(), answer.body().as_slice()), (200, script.as_slice()));
    assert_eq!(header("content-type"), "application/octet-stream");
    assert_eq!(header("content-disposition"), "attachment; filename*=UTF-8''a%20b%2Ehtml");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(header("content-security-policy").ends_with("sandbox"));
    for stranger in [&carol, &zoe] {
        assert_eq!(look(&server, stranger, &path(&page)).await.status(), 404);
    }
    assert_eq!(http(server.url(), "GET", &path(&page), &[], Vec::new()).await.0, 401);
    let heard = look(&server, &amy, &path(&voice)).await;
    assert_eq!(heard.headers()["content-type"], "audio/webm");
    assert!(heard.headers()["content-disposition"].to_str().unwrap().starts_with("inline"));
    // Nobody sends what others uploaded.
    let theirs = json!({ "text": "Mine", "to": to, "attachment": voice["attachment"] });
    let (status, error) = server.rpc(Some(&carol.token), "ding.send", Some(cid()), &theirs).await;
    assert_eq!((status, &error["field"]), (404, &json!("attachment")));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_nameless_is_refused() {
    let (server, [amy, ..]) = world().await;
    let kind = "application/octet-stream";
    let large = vec![0; 1024 * 1024 + 1];
    assert_eq!(upload(&server, &amy, "name=a", kind, &large).await.0, 413);
    assert_eq!(upload(&server, &amy, "name=a", kind, b"").await.0, 400);
    for (query, kind, field) in [
        ("", kind, "name"),
        ("name=%0a", kind, "name"),
        ("name=a", "nothing", "media_type"),
        ("name=a&lasts_ms=600001", "audio/webm", "lasts_ms"),
    ] {
        let (status, error) = upload(&server, &amy, query, kind, b"x").await;
        assert_eq!((status, error["field"].as_str()), (400, Some(field)), "{query} {kind}");
    }
    // Twenty of the largest a day.
    let largest = vec![0; 1024 * 1024];
    for _ in 0..20 {
        assert_eq!(upload(&server, &amy, "name=a", kind, &largest).await.0, 200);
    }
    let (status, error) = upload(&server, &amy, "name=a", kind, b"x").await;
    assert_eq!((status, &error["code"]), (403, &json!("E_QUOTA")));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_shows_pictures_by_its_cookie_and_no_page_of_others_does() {
    let server = TestServer::start().await;
    crate::sessions::person(&server, "amy").await;
    let page = Page::of(&server);
    let args = json!({"login": "amy", "password": PASSWORD, "label": "Chrome"});
    let signed_in = page.call("session.login", &args).await;
    let (pair, _) = signed_in.cookie();
    let origin = page.origin.as_deref().unwrap();
    let headers = [("cookie", pair.as_str()), ("origin", origin), ("content-type", "image/png")];
    let path = "/v1/ding/attachments?name=a.png";
    let (_, picture) = http(server.url(), "POST", path, &headers, b"png".to_vec()).await;
    let picture: Value = serde_json::from_slice(&picture).unwrap();
    let path = format!("/v1/ding/attachments/{}", picture["attachment"].as_str().unwrap());
    let ask = async |from: Option<&str>| {
        let mut headers = vec![("cookie", pair.as_str())];
        headers.extend(from.map(|from| ("sec-fetch-site", from)));
        http(server.url(), "GET", &path, &headers, Vec::new()).await.0
    };
    assert_eq!((ask(None).await, ask(Some("same-origin")).await), (200, 200));
    assert_eq!((ask(Some("cross-site")).await, ask(Some("same-site")).await), (403, 403));
    // What changes something needs to say whose page it is.
    let headers = [("cookie", pair.as_str()), ("content-type", "image/png")];
    let (status, _) =
        http(server.url(), "POST", "/v1/ding/attachments?name=a", &headers, b"x".to_vec()).await;
    assert_eq!(status, 403);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_is_a_table_in_which_nothing_counts() {
    let (server, [amy, bob, carol, zoe]) = world().await;
    let args = json!({ "text": "Shift at six", "to": { "users": [bob.user, carol.user] } });
    let ding = alert(&server, &amy, &args).await;
    shown(&server, &bob, ding).await;
    shown(&server, &carol, ding).await;
    let evil = "=HYPERLINK(\"http://evil\")".to_owned();
    let decline = Decline { ding, reason: evil };
    server.host().call_typed(bob.caller(), None, &decline).await.unwrap();
    let confirm = Confirm { ding, reply: Some("好".into()), instead_of: None, others: false };
    server.host().call_typed(carol.caller(), None, &confirm).await.unwrap();

    let path = format!("/v1/ding/{ding}/recipients.csv");
    let answer = look(&server, &amy, &path).await;
    assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
    let table = String::from_utf8(answer.into_body()).unwrap();
    let lines: Vec<&str> = table.strip_prefix('\u{feff}').unwrap().lines().collect();
    assert_eq!(lines[0], "user,name,state,at,late,handled_by,reply,reached_through");
    assert_eq!(lines.len(), 3);
    assert!(table.contains(r#"declined"#) && table.contains(r#""'=HYPERLINK(""http://evil"")""#));
    assert!(table.contains(",好,"));
    for stranger in [&bob, &zoe] {
        assert_eq!(look(&server, stranger, &path).await.status(), 404);
    }
    server.stop().await;
}

/// A call as DingTalk's clients make it.
async fn dingtalk(
    server: &TestServer,
    token: Option<&str>,
    path: &str,
    body: Value,
) -> (u16, Value) {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(token.map(|token| ("x-acs-dingtalk-access-token", token)));
    let path = format!("/v1.0/robot/ding/{path}");
    let (status, body) =
        http(server.url(), "POST", &path, &headers, body.to_string().into_bytes()).await;
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_of_dingtalks_sends_looks_and_recalls() {
    let (server, [_, bob, carol, zoe]) = world().await;
    let issue = session::Issue {
        org: Some(bob.org),
        user: None,
        app: Some("monitor".into()),
        scopes: Some(vec!["read".into(), "write".into()]),
        ttl_ms: None,
    };
    let token = server.system(&issue).await.token;
    let token = Some(token.as_str());
    let args = json!({ "robotCode": "dingbot", "remindType": 1, "content": "Disk full",
        "receiverUserIdList": [bob.user, "carol", "nobody"] });
    let (status, sent) = dingtalk(&server, token, "send", args.clone()).await;
    assert_eq!(status, 200, "{sent}");
    assert_eq!(sent["failedList"], json!({ "userNotExist": ["nobody"] }));
    let ding: DingId = sent["openDingId"].as_str().unwrap().parse().unwrap();
    shown(&server, &carol, ding).await;
    shown(&server, &bob, ding).await;
    let confirm = Confirm { ding, reply: None, instead_of: None, others: false };
    server.host().call_typed(bob.caller(), None, &confirm).await.unwrap();
    let named = json!({ "robotCode": "dingbot", "openDingId": ding });
    let (status, read) = dingtalk(&server, token, "readStatuses/query", named.clone()).await;
    assert_eq!((status, &read["success"]), (200, &json!(true)));
    let list = read["result"]["robotDingReadInfoList"].as_array().unwrap();
    let status_of = |who: &Person| {
        let it = list.iter().find(|it| it["userId"] == json!(who.user)).unwrap();
        it["readStatus"].as_str().unwrap().to_owned()
    };
    assert_eq!((status_of(&bob), status_of(&carol)), ("READ".into(), "UNREAD".into()));
    let (status, recalled) = dingtalk(&server, token, "recall", named.clone()).await;
    assert_eq!((status, &recalled["openDingId"]), (200, &json!(ding)));

    // What is wrong is said in DingTalk's words.
    let wrong = |change: fn(&mut Value)| {
        let mut args = args.clone();
        change(&mut args);
        args
    };
    for (args, status, code) in [
        (wrong(|it| it["robotCode"] = json!("")), 400, "invalidParameter.robotCode.empty"),
        (wrong(|it| it["remindType"] = json!(4)), 400, "invalidParameter.remindType"),
        (wrong(|it| it["content"] = json!("")), 400, "invalidParameter.text"),
        (
            wrong(|it| it["receiverUserIdList"] = json!([])),
            400,
            "invalidParameter.receiverUserIdList",
        ),
        (
            wrong(|it| it["receiverUserIdList"] = json!(["nobody"])),
            400,
            "invalidParameter.receiverUserIdList",
        ),
    ] {
        let (got, error) = dingtalk(&server, token, "send", args).await;
        assert_eq!((got, error["code"].as_str()), (status, Some(code)), "{error}");
        assert!(error["requestid"].is_string() && error["message"].is_string());
    }
    let foreign = Some(zoe.token.as_str());
    assert_eq!(dingtalk(&server, foreign, "recall", named.clone()).await.0, 404);
    assert_eq!(dingtalk(&server, foreign, "send", args.clone()).await.0, 400);
    for stranger in [None, Some("cdt_nothing")] {
        let (status, error) = dingtalk(&server, stranger, "send", args.clone()).await;
        assert_eq!((status, error["code"].as_str()), (401, Some("InvalidAuthentication")));
    }
    server.stop().await;
}
