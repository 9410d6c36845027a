//! Guessing passwords: whoever does it waits, and nobody else.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::{
    kit::{TestServer, exchange},
    sessions::{PASSWORD, person},
};

/// A server behind a proxy that says where calls come from.
async fn behind_proxy() -> TestServer {
    let trust = |config: &mut carillon::config::Config| {
        config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    };
    TestServer::with(trust).await
}

/// What trying a password from somewhere comes to: the status, the seconds to wait, the body.
async fn attempt(
    server: &TestServer,
    from: IpAddr,
    login: &str,
    password: &str,
) -> (u16, Option<u64>, Value) {
    let from = from.to_string();
    let headers = [("content-type", "application/json"), ("x-forwarded-for", &*from)];
    let body = json!({"login": login, "password": password}).to_string().into_bytes();
    let answer = exchange(server.url(), "POST", "/v1/rpc/session.login", &headers, body).await;
    let wait = answer.headers().get("retry-after").map(|it| it.to_str().unwrap().parse().unwrap());
    (answer.status().as_u16(), wait, serde_json::from_slice(answer.body()).unwrap())
}

fn v4(text: &str, last: u8) -> IpAddr {
    format!("{text}.{last}").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_from_many_places_holds_up_nobody_else() {
    let server = behind_proxy().await;
    let amy = person(&server, "amy").await;
    let mut wrong = 0;
    for place in 0..40 {
        let guesses = (0..9).map(async |number| {
            let login = format!("name{place}.{number}");
            attempt(&server, v4("198.51.100", place), &login, "Summer2026").await.0
        });
        for guess in guesses {
            wrong += usize::from(guess.await == 401);
        }
    }
    assert_eq!(wrong, 360, "each of them is one of many");
    let (status, _, grant) = attempt(&server, v4("192.0.2", 1), "amy", PASSWORD).await;
    assert_eq!((status, &grant["user"]), (200, &json!(amy.user)), "{grant}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_the_world_guesses_waits_except_where_its_owner_is_known() {
    let server = behind_proxy().await;
    person(&server, "amy").await;
    let home = v4("192.0.2", 1);
    assert_eq!(attempt(&server, home, "amy", PASSWORD).await.0, 200);
    let mut refused = Vec::new();
    for place in 0..20 {
        let (status, wait, body) = attempt(&server, v4("198.51.100", place), "amy", "no").await;
        match status {
            401 => assert_eq!(body["code"], "E_UNAUTH"),
            _ => refused.push((status, wait, body)),
        }
    }
    assert!(refused.len() >= 10, "{refused:?}");
    for (status, wait, body) in refused {
        assert_eq!(
            (status, &body["code"], &body["retry"]),
            (429, &json!("E_RATE"), &json!("after"))
        );
        let wait_ms = body["retry_ms"].as_u64().unwrap();
        assert!((1..=60_000).contains(&wait_ms) && wait == Some(wait_ms.div_ceil(1_000)), "{body}");
    }
    assert_eq!(attempt(&server, home, "amy", PASSWORD).await.0, 200, "the owner at home");
    let server = server.restart().await;
    for place in 0..6 {
        attempt(&server, v4("203.0.113", place), "amy", "no").await;
    }
    assert_eq!(attempt(&server, home, "amy", PASSWORD).await.0, 200, "also after a restart");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_addresses_of_a_customers_network_are_one_who_guesses() {
    let server = behind_proxy().await;
    let mut wrong = 0;
    for host in 1..=60 {
        let from = format!("2001:db8:7:7::{host}").parse().unwrap();
        wrong += usize::from(attempt(&server, from, &format!("name{host}"), "no").await.0 == 401);
    }
    assert!((10..=30).contains(&wrong), "{wrong} of 60 guesses were looked at");
    let neighbour = "2001:db8:7:8::1".parse().unwrap();
    assert_eq!(attempt(&server, neighbour, "amy", "no").await.0, 401);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_count_alike_through_whichever_node_they_come() {
    let servers = TestServer::cluster(2).await;
    person(&servers[0], "amy").await;
    let guess = async |server| attempt(server, v4("198.51.100", 1), "amy", "no").await.0;
    let (east, west) = (&servers[0], &servers[1]);
    let mut wrong = 0;
    for _ in 0..6 {
        let both = tokio::join!(guess(east), guess(west));
        for status in <[u16; 2]>::from(both) {
            wrong += usize::from(status == 401);
        }
    }
    // A machine that stands still for seconds lets one or two more through; nodes that count each
    // for itself would let ten.
    assert!((5..10).contains(&wrong), "{wrong} of 12 guesses were looked at");
    for server in servers {
        server.stop().await;
    }
}
