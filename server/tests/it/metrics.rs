//! What Prometheus is told of plugins.

use serde_json::json;

use crate::{
    kit::{PATIENCE, cid, http},
    shop::Shop,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_say_what_plugins_have_yet_to_do() {
    let shop = Shop::open().await;
    let poll = json!({ "conv": shop.conv, "question": "Lunch?", "options": ["Noodles", "Rice"] });
    let opened = shop.server.rpc(Some(&shop.amy.token), "poll.open", Some(cid()), &poll).await;
    assert_eq!(opened.0, 200, "{}", opened.1);
    let value = |text: &str, sample: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(sample));
        line.map(|value| value.trim().parse::<f64>().unwrap())
    };
    // Who scrapes is not made to wait for the count, but shown it the next time.
    let counted = async {
        loop {
            let scraped = http(shop.server.url(), "GET", "/metrics", &[], Vec::new()).await;
            let text = String::from_utf8(scraped.1).unwrap();
            if value(&text, "carillon_plugin_timers{plugin=\"poll\"}").is_some() {
                return text;
            }
        }
    };
    let text = tokio::time::timeout(PATIENCE, counted).await.expect("it is counted");
    let timers = value(&text, "carillon_plugin_timers{plugin=\"poll\"}");
    assert!(timers >= Some(1.0), "its end is owed to it: {timers:?}");
    for name in ["timers_due", "outbox", "dead"] {
        let sample = format!("carillon_plugin_{name}{{plugin=\"poll\"}}");
        assert!(value(&text, &sample).is_some(), "{sample}");
    }
    for name in ["behind", "behind_seconds"] {
        let sample = format!("carillon_plugin_{name}{{plugin=\"audit\"}}");
        assert!(value(&text, &sample).is_some(), "{sample}");
    }
    shop.server.stop().await;
}
