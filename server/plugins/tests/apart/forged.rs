//! What a process sends that no handler of ours would: it is refused whole.

use carillon_plugin::{
    BoxFuture,
    apart::{Done, Link, Node, Order},
    protocol::id::Ulid,
};
use serde_json::{Value, json};

use super::{ledger::Note, *};

/// A process that answers this.
struct Forged(Value);

impl Link for Forged {
    fn perform(&self, _: Order, _: Arc<dyn Node>) -> BoxFuture<'_, Result<Done>> {
        let done = serde_json::from_value(self.0.clone()).expect("it is written as ours is");
        Box::pin(async move { Ok(done) })
    }
}

/// Whether a note is taken whose handler said this, and decided this beside nothing else.
async fn send(pushed: Value, part: &str, value: Value) -> Result<()> {
    let nil = Ulid::nil();
    let mut decided = json!({
        "org": nil, "by": nil, "statements": [], "emits": [], "rewrites": [], "audited": [],
        "owed": [],
    });
    decided[part] = value;
    // The answer is made of what is committed, and must be there.
    let done = json!({ "pushed": pushed, "became": { "Decided": decided } });
    let plugin = ledger::plugin(Arc::default()).elsewhere(Arc::new(Forged(done)));
    let kit = Kit::new(vec![plugin]).await;
    let noted = call(&kit, Note { text: "x".into() }).await;
    assert_eq!(count(&kit, "ledger_row").await, u64::from(noted.is_ok()));
    noted.map(drop)
}

async fn refused(part: &str, value: Value) -> ErrorCode {
    code(send(json!([]), part, value).await)
}

fn statement(sql: &str, rows: Value) -> Value {
    json!({ "sql": sql, "rows": rows, "expect": "Any" })
}

const INSERT: &str = "INSERT INTO ledger_row (what, said, at) VALUES ('a', 'b', $1)";

fn good() -> Value {
    statement(INSERT, json!([[{ "Int": 1 }]]))
}

#[tokio::test]
async fn a_transaction_that_no_handler_could_have_returned_is_refused() {
    let long = "k".repeat(201);
    let owes = |op: &str, key: &str| {
        let call = json!({ "due_at": 0, "key": key, "op": op, "args": "{}", "replaces": true });
        json!([{ "Call": call }])
    };
    let effect = |kind: &str, key: &str| {
        let put = json!({ "kind": kind, "key": key, "payload": "1", "replaces": true });
        json!([{ "Effect": put }])
    };
    assert_eq!(refused("owed", effect("whisper", "k")).await, ErrorCode::NotFound);
    assert_eq!(refused("owed", effect("shout", &long)).await, ErrorCode::TooLarge);
    assert_eq!(refused("owed", owes("ledger.fire", &long)).await, ErrorCode::TooLarge);
    assert_eq!(refused("owed", json!([{ "NoCall": long }])).await, ErrorCode::TooLarge);
    assert_eq!(refused("owed", owes("plugin.token", "k")).await, ErrorCode::Forbidden);
    assert_eq!(refused("statements", json!(vec![good(); 1_001])).await, ErrorCode::TooLarge);
    let rows = statement(INSERT, json!(vec![[json!({ "Int": 1 })]; 10_001]));
    assert_eq!(refused("statements", json!([rows])).await, ErrorCode::TooLarge);
    let theirs = statement("DELETE FROM plugin_timer", json!([[]]));
    assert_eq!(refused("statements", json!([good(), theirs])).await, ErrorCode::Forbidden);
    let named = statement(INSERT, json!([[{ "Seq": 0 }]]));
    assert_eq!(refused("statements", json!([named])).await, ErrorCode::BadArg);
    let rewrite = json!([{ "emit": 0, "seq": 1, "data": {} }]);
    assert_eq!(refused("rewrites", rewrite).await, ErrorCode::BadArg);
}

#[tokio::test]
async fn what_is_said_to_live_connections_is_all_its_own_or_nothing_is_said() {
    let said =
        |topic: &str, k: &str| json!(["x:ledger:notes", { "k": k, "topic": topic, "data": {} }]);
    let own = || said("x:ledger:notes", "ledger.said");
    for other in [said("x:audit:server", "ledger.said"), said("x:ledger:notes", "read")] {
        let told = send(json!([own(), other]), "statements", json!([good()])).await;
        assert_eq!(code(told), ErrorCode::Forbidden, "{other}");
    }
    send(json!([own()]), "statements", json!([good()])).await.expect("all of it is its own");
}
