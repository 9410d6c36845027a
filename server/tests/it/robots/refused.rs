//! Who may post, who may not, and what is said about it.

use carillon_protocol::{
    ErrorCode,
    bot::{self, Reason, Rules},
    conv,
    limits::TEXT_LEN_MAX,
    msg,
    msg::Body,
    org, receipt,
};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Shop, often, sign};
use crate::{
    kit::{PATIENCE, TestServer, cid, http},
    process::{Process, add_org, add_person, carillon},
};

fn text(content: &str) -> Value {
    json!({"msgtype": "text", "text": {"content": content}})
}

/// The newest refusal in the robot's list.
async fn last(shop: &Shop) -> Option<Reason> {
    shop.deliveries().await.first()?.refused.as_ref().map(|refusal| refusal.reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_is_dingtalks_and_slacks_and_is_listed_with_its_reason() {
    let shop = Shop::open(Rules { keywords: vec!["alarm".into()], ..often() }).await;
    let ask = |query: &'static str, body: Value| {
        let shop = &shop;
        async move {
            let answer = shop.send_as(query, &body).await;
            (answer["errcode"].as_i64().unwrap(), answer["errmsg"].as_str().unwrap().to_owned())
        }
    };
    for (body, errcode, reason) in [
        (text("quiet"), 310_000, Reason::Keywords),
        (json!({"msgtype": "voice"}), 400_105, Reason::Kind),
        (json!([]), 40_035, Reason::Body),
        (text(" "), 40_035, Reason::Empty),
        (text(&format!("alarm {}", "x".repeat(20_000))), 460_101, Reason::Large),
        (text(&"x".repeat(70_000)), 460_101, Reason::Large),
    ] {
        assert_eq!(ask("", body).await.0, errcode);
        if errcode != 460_101 {
            assert_eq!(last(&shop).await, Some(reason));
        }
    }
    assert!(ask("", text("quiet")).await.1.starts_with("keywords not in content"));
    assert_eq!(ask("", text("an alarm")).await, (0, "ok".into()));
    assert_eq!(last(&shop).await, None);
    for (body, expected) in [
        (r#"{"text":"quiet"}"#, (400, "keywords not in content")),
        ("nonsense", (400, "invalid_payload")),
        (r#"{"text":""}"#, (400, "no_text")),
        (r#"{"text":"alarm"}"#, (200, "ok")),
    ] {
        let (status, words) = shop.hook("/hook", body).await;
        assert_eq!((status, words.as_str()), expected);
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_nobodys_is_told_so_and_not_for_ever() {
    let mut shop = Shop::open(often()).await;
    shop.robot.token = "0".repeat(64);
    let expected = json!({"errcode": 300_001, "errmsg": "token is not exist"});
    assert_eq!(shop.send(&text("x")).await, expected);
    assert_eq!(shop.hook("/hook", r#"{"text":"x"}"#).await, (404, "no_service".into()));
    assert!(is_slowed_down(&shop, &text("x")).await, "whoever guesses is");
    shop.close().await;
}

/// Whether somebody who sends this again and again is told to wait.
async fn is_slowed_down(shop: &Shop, body: &Value) -> bool {
    for _ in 0..1_000 {
        if shop.send(body).await["errcode"] == -1 {
            return true;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_refused_again_and_again_is_slowed_down() {
    let shop = Shop::open(Rules { keywords: vec!["alarm".into()], ..often() }).await;
    let until_unread = async {
        loop {
            assert!(is_slowed_down(&shop, &json!([])).await);
            // A place may have come free meanwhile: then it is posted.
            match shop.hook("/hook", r#"{"text":"alarm"}"#).await {
                (200, _) => {}
                (status, words) => return (status, words),
            }
        }
    };
    let answer = timeout(PATIENCE, until_unread).await.expect("nothing more is read of it");
    assert_eq!(answer, (503, "server_error".into()));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_does_not_push_what_was_posted_out_of_the_list() {
    let shop = Shop::open(often()).await;
    assert_eq!(shop.send(&text("x")).await["errcode"], 0);
    for _ in 0..55 {
        assert_eq!(shop.send(&text("")).await["errcode"], 40_035);
    }
    let listed = shop.deliveries().await;
    assert_eq!(listed.len(), 41, "of refusals so many a minute");
    assert!(listed.last().is_some_and(|call| call.refused.is_none()));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_of_yesterday_and_a_strange_address_are_refused() {
    let shop = Shop::open(Rules { signed: true, ..often() }).await;
    let secret = shop.robot.secret.clone().unwrap();
    let old = (Shop::now() - 86_400_000).to_string();
    let signed = format!("&timestamp={old}&sign={}", sign(&secret, &old).replace('+', "%2B"));
    let answer = shop.send_as(&signed, &text("x")).await;
    assert!(answer["errmsg"].as_str().unwrap().starts_with("invalid timestamp"), "{answer}");
    assert_eq!(shop.hook("/hook", r#"{"text":"x"}"#).await.0, 403, "a hook cannot be signed");
    let networks = vec!["192.0.2.0/24".to_owned()];
    let rules = Some(Rules { networks, ..often() });
    let update = bot::Update { robot: shop.id(), name: None, rules, enabled: None };
    assert_eq!(shop.call(&shop.amy, &update).await.unwrap().secret, None);
    let answer = shop.send(&text("x")).await;
    assert_eq!(answer, json!({"errcode": 310_000, "errmsg": "ip 127.0.0.1 not in whitelist"}));
    let networks = vec!["192.0.2.0/24".to_owned(), "127.0.0.0/8".to_owned()];
    let rules = Some(Rules { networks, ..often() });
    let update = bot::Update { rules, ..update };
    shop.call(&shop.amy, &update).await.unwrap();
    assert_eq!(shop.send(&text("x")).await["errcode"], 0);
    let update = bot::Update { rules: Some(Rules { signed: true, ..often() }), ..update };
    let fresh = shop.call(&shop.amy, &update).await.unwrap().secret;
    assert!(fresh.is_some_and(|fresh| fresh != secret), "a secret that was given up is gone");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_posts_too_much_is_told_how_long_to_wait() {
    let shop = Shop::open(Rules { per_minute: Some(3), ..Rules::default() }).await;
    assert_eq!(shop.send(&text("x")).await["errcode"], 0);
    assert_eq!(shop.send(&text("")).await["errcode"], 40_035, "it is read, and counts as a post");
    assert_eq!(shop.send(&text("x")).await["errcode"], 0);
    let answer = shop.send(&text("x")).await;
    assert_eq!(answer["errcode"], 130_101);
    assert_eq!(answer["errmsg"], "send too fast, exceed 3 times per minute");
    assert!((1..=60).contains(&answer["wait"].as_u64().unwrap()));
    assert_eq!(shop.hook("/hook", r#"{"text":"x"}"#).await, (429, "rate_limited".into()));
    assert_eq!(last(&shop).await, Some(Reason::Rate));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_of_a_group_makes_and_changes_its_robots() {
    let shop = Shop::open(often()).await;
    let code = |result: carillon_plugin::Result<()>| result.unwrap_err().code();
    let robot = shop.id();
    let create = bot::Create { conv: shop.conv, name: "x".into(), rules: None };
    let rotate = bot::Rotate { robot };
    let calls = bot::ListDeliveries { robot };
    let stranger = shop.server.person(shop.amy.org, "carol").await;
    for (who, expected) in [(&shop.bob, ErrorCode::Forbidden), (&stranger, ErrorCode::NotFound)] {
        assert_eq!(code(shop.call(who, &create).await.map(drop)), expected);
        assert_eq!(code(shop.call(who, &rotate).await.map(drop)), expected);
        assert_eq!(code(shop.call(who, &calls).await.map(drop)), expected);
        let update = bot::Update { robot, name: None, rules: None, enabled: Some(false) };
        assert_eq!(code(shop.call(who, &update).await.map(drop)), expected);
        assert_eq!(code(shop.call(who, &bot::Remove { robot }).await.map(drop)), expected);
    }
    let list = bot::List { conv: shop.conv };
    let seen = shop.call(&shop.bob, &list).await.unwrap().robots;
    assert_eq!((seen[0].name.as_str(), seen[0].rules.as_ref()), ("Alarms 港", None));
    let own = shop.call(&shop.amy, &list).await.unwrap().robots;
    assert_eq!(own[0].rules.as_ref().and_then(|rules| rules.per_minute), Some(600));
    assert_eq!(code(shop.call(&stranger, &list).await.map(drop)), ErrorCode::NotFound);
    let open = conv::Open { user: shop.bob.user };
    let direct = shop.call(&shop.amy, &open).await.unwrap().conv;
    let in_direct = bot::Create { conv: direct, ..create };
    assert_eq!(code(shop.call(&shop.amy, &in_direct).await.map(drop)), ErrorCode::Forbidden);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_answer_was_lost_asks_again_and_has_the_address_of_the_one_robot() {
    let shop = Shop::open(often()).await;
    let rules = Rules { signed: true, ..often() };
    let create = bot::Create { conv: shop.conv, name: "Deploy".into(), rules: Some(rules) };
    let host = shop.server.host();
    let cid = cid();
    let make =
        async |create: &bot::Create| host.call_typed(shop.amy.caller(), Some(cid), create).await;
    let (lost, known) = (make(&create).await.unwrap(), make(&create).await.unwrap());
    assert_eq!(lost.robot, known.robot);
    assert_ne!((&lost.token, &lost.secret), (&known.token, &known.secret));
    let list = bot::List { conv: shop.conv };
    assert_eq!(shop.call(&shop.amy, &list).await.unwrap().robots.len(), 2, "one more, not two");
    for (token, is_known) in [(lost.token, false), (known.token, true)] {
        assert_eq!(shop.server.system(&bot::Known { token }).await.known, is_known);
    }
    let other = bot::Create { name: "Another".into(), ..create };
    assert_eq!(make(&other).await.unwrap_err().code(), ErrorCode::IdempotencyConflict);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_is_renamed_silenced_given_a_new_address_and_taken_away() {
    let mut shop = Shop::open(often()).await;
    let robot = shop.id();
    let update =
        bot::Update { robot, name: Some("Fire".into()), rules: None, enabled: Some(false) };
    shop.call(&shop.amy, &update).await.unwrap();
    assert_eq!(shop.send(&text("x")).await["errcode"], 400_102);
    let listed = shop.call(&shop.amy, &bot::List { conv: shop.conv }).await.unwrap().robots;
    assert_eq!((listed[0].name.as_str(), listed[0].enabled), ("Fire", false));
    let update = bot::Update { robot, name: None, rules: None, enabled: Some(true) };
    shop.call(&shop.amy, &update).await.unwrap();
    let fresh = shop.call(&shop.amy, &bot::Rotate { robot }).await.unwrap();
    assert_eq!(shop.send(&text("x")).await["errcode"], 300_001, "the old address is gone");
    shop.robot = fresh;
    assert_eq!(shop.send(&text("x")).await["errcode"], 0);
    shop.call(&shop.amy, &bot::Remove { robot }).await.unwrap();
    assert_eq!(shop.send(&text("x")).await["errcode"], 300_001);
    assert!(shop.call(&shop.amy, &bot::List { conv: shop.conv }).await.unwrap().robots.is_empty());
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_that_an_administrator_takes_out_of_the_organisation_is_silent() {
    let shop = Shop::open(often()).await;
    let user = carillon_protocol::UserId(shop.id().0);
    shop.server.system(&org::RemoveMember { user }).await;
    assert_eq!(shop.send(&text("x")).await["errcode"], 400_102);
    assert_eq!(last(&shop).await, Some(Reason::Disabled));
    let listed = shop.call(&shop.amy, &bot::List { conv: shop.conv }).await.unwrap().robots;
    assert!(!listed[0].enabled);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_counts_among_nobody_and_calls_those_whom_it_names() {
    let mut shop = Shop::open(often()).await;
    let body = json!({"msgtype": "text", "text": {"content": "door @bob"},
        "at": {"atUserIds": ["bob", shop.amy.user.to_string(), "nobody"]}});
    assert_eq!(shop.send(&body).await["errcode"], 0);
    let event = shop.said_event().await;
    let Body::Text { text, mentions } = event.data.to::<msg::SentData>().unwrap().body else {
        panic!("not a text");
    };
    assert_eq!(text, "door @bob @amy");
    let mut both = vec![shop.amy.user, shop.bob.user];
    both.sort_unstable();
    assert_eq!(mentions, both);
    shop.seen.event_of(msg::kind::MENTIONED).await;
    let counts = receipt::Counts { conv: shop.conv, seqs: vec![event.seq] };
    let counts = shop.call(&shop.amy, &counts).await.unwrap().counts;
    assert_eq!(counts, [(event.seq, 0, 2)], "both people are to read it, and nobody else");
    let members = conv::ListMembers { conv: shop.conv, after: None, limit: None };
    assert_eq!(shop.call(&shop.amy, &members).await.unwrap().members.len(), 2);
    let all = json!({"msgtype": "text", "text": {"content": "fire"}, "at": {"isAtAll": true}});
    assert_eq!(shop.send(&all).await["errcode"], 0);
    assert_eq!(shop.said().await, Body::Text { text: "fire @all".into(), mentions: both });
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_put_in_once_where_its_owner_is_called_and_says_nothing_but_a_name() {
    let mut shop = Shop::open(often()).await;
    let org = shop.amy.org;
    for (login, name) in [("138", "@ann @ann"), ("1380", "*Bo*"), ("ann", "@138 @138")] {
        let add = org::AddMember {
            org: Some(org),
            login: login.into(),
            name: name.into(),
            password: None,
            title: None,
            admin: false,
            locale: None,
            tz: None,
            departments: Vec::new(),
        };
        shop.server.system(&add).await;
    }
    let called = json!({"atUserIds": ["ann", "138", "1380"]});
    let body = json!({"msgtype": "text", "at": called,
        "text": {"content": "@1380 and @138请看 @13800 @ann"}});
    assert_eq!(shop.send(&body).await["errcode"], 0);
    let Body::Text { text, .. } = shop.said().await else { panic!("not a text") };
    assert_eq!(text, "@*Bo* and @@ann @ann请看 @13800 @@138 @138");
    let body = json!({"msgtype": "markdown", "at": called,
        "markdown": {"title": "t", "text": "**@1380**"}});
    assert_eq!(shop.send(&body).await["errcode"], 0);
    let Body::Markdown { text, .. } = shop.said().await else { panic!("not Markdown") };
    assert_eq!(text, r"**@\*Bo\*** @\@ann \@ann @\@138 \@138");
    let full = "@ann ".repeat(3_200);
    let body = json!({"msgtype": "text", "at": called, "text": {"content": &full}});
    assert_eq!(shop.send(&body).await["errcode"], 0, "names are left out, not the message");
    let Body::Text { text, .. } = shop.said().await else { panic!("not a text") };
    assert!(full.len() < text.len() && text.len() <= TEXT_LEN_MAX, "{}", text.len());
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_ok_is_there_after_a_restart_and_so_is_the_list() {
    let mut shop = Shop::open(often()).await;
    assert_eq!(shop.send(&text("kept")).await["errcode"], 0);
    shop.said().await;
    assert_eq!(shop.deliveries().await.len(), 1);
    let Shop { server, amy, conv, robot, seen, .. } = shop;
    drop(seen);
    let server: TestServer = server.restart().await;
    let host = server.host();
    let list = msg::List { conv, before: None, after: None, around: None, limit: None };
    let kept = host.call_typed(amy.caller(), Some(cid()), &list).await.unwrap().events;
    assert_eq!(kept.len(), 1);
    let list = bot::ListDeliveries { robot: robot.robot };
    assert_eq!(host.call_typed(amy.caller(), None, &list).await.unwrap().deliveries.len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_and_no_secret_is_ever_written_into_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let mut serve = carillon();
    serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
    serve.env("CARILLON_LOG__LEVEL", "trace").stderr(std::fs::File::create(&log).unwrap());
    let server = Process::start(serve).await;
    let org = add_org(&data, "Harbour");
    let amy = add_person(&data, org, "amy");
    let call = async |op: &str, args: Value| {
        let bearer = format!("Bearer {}", amy.token);
        let key = cid().to_string();
        let headers = [
            ("content-type", "application/json"),
            ("authorization", bearer.as_str()),
            ("idempotency-key", key.as_str()),
        ];
        let path = format!("/v1/rpc/{op}");
        let body = args.to_string().into_bytes();
        let (status, answer) = http(&server.url, "POST", &path, &headers, body).await;
        assert_eq!(status, 200, "{op}: {}", String::from_utf8_lossy(&answer));
        serde_json::from_slice::<Value>(&answer).unwrap()
    };
    let conv = call("conv.create", json!({"title": "Shop", "members": []})).await;
    let rules = json!({"signed": true});
    let made = json!({"conv": conv["conv"], "name": "Alarm", "rules": rules});
    let made = call("bot.create", made).await;
    let (token, secret) = (made["token"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let at = Shop::now().to_string();
    let good = format!("&timestamp={at}&sign={}", sign(secret, &at).replace('+', "%2B"));
    let other: String = token.chars().rev().collect();
    let body = text("hello").to_string();
    for (path, status) in [
        (format!("/robot/send?access_token={token}{good}"), 200),
        (format!("/robot/send?access_token={token}&timestamp=1&sign=x"), 200),
        (format!("/robot/send/{token}"), 404),
        (format!("/hook/{token}"), 403),
        (format!("/services/a/b/{token}"), 403),
        (format!("/hooks/{other}"), 404),
    ] {
        let body = body.clone().into_bytes();
        let (found, _) = http(&server.url, "POST", &path, &[], body).await;
        assert_eq!(found, status, "{}", path.replace(token, "…"));
    }
    let wrong = json!({"robot": made["robot"]});
    assert_eq!(call("bot.deliveries", wrong).await["deliveries"].as_array().unwrap().len(), 4);
    server.terminate();
    assert!(server.status().await.success());
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("bot.receive"), "it says what was called");
    for kept in [token, secret, &other, &sign(secret, &at)] {
        assert!(!log.contains(kept));
    }
}
