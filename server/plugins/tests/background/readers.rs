//! Readers.

use std::sync::Arc;

use carillon_plugin::{
    Caller, Next, Plugin, Storage as _,
    protocol::{Cid, ErrorCode, OrgId, UserId, fact::Fact},
};
use carillon_store::kit::Kit;

use super::{
    count, ledger,
    ledger::{Fault, Note, Owe, Pass, World},
    note, now, pass, rows, write,
};

async fn cursor(kit: &Kit) -> u64 {
    let sql = "SELECT pos FROM plugin_cursor";
    kit.store().query(sql, vec![]).await.unwrap()[0].get(0).unwrap()
}

#[tokio::test]
async fn events_are_read_once_in_order_and_restarts_change_nothing() {
    let (mut kit, world) = ledger().await;
    for number in 0..700 {
        note(&kit, &format!("{number:04}")).await;
        if number % 300 == 7 {
            assert_eq!(kit.host().read_step("ledger").await.unwrap(), Next::Now);
        }
        if number % 300 == 8 {
            kit = kit.restarted(vec![super::ledger::plugin(world.clone())]).await;
        }
    }
    kit.settle().await;
    let wanted: Vec<_> = (0..700).map(|number| format!("{number:04}")).collect();
    assert_eq!(rows(&kit, "read").await, wanted);
    assert_eq!(cursor(&kit).await, 700);
}

#[tokio::test]
async fn two_nodes_that_both_read_do_nothing_twice() {
    let (kit, _) = ledger().await;
    let other = kit.another_host(vec![super::ledger::plugin(Arc::new(World::default()))]);
    for number in 0..40 {
        note(&kit, &format!("{number:02}")).await;
    }
    for _ in 0..5 {
        let (one, two) = tokio::join!(kit.host().read_step("ledger"), other.read_step("ledger"));
        assert!(one.is_ok() && two.is_ok());
    }
    assert_eq!(rows(&kit, "read").await.len(), 40);

    // One decides, then the other is faster.
    note(&kit, "the last").await;
    let faster = other.clone();
    kit.before_next_commit(async move {
        faster.read_step("ledger").await.unwrap();
    });
    assert_eq!(kit.host().read_step("ledger").await.unwrap(), Next::Now);
    kit.settle().await;
    assert_eq!(rows(&kit, "read").await.len(), 41);
    assert_eq!(count(&kit, "plugin_dead").await, 0);
}

#[tokio::test]
async fn a_new_plugin_begins_at_the_end_unless_it_says_otherwise() {
    let (kit, world) = ledger().await;
    note(&kit, "before").await;
    // The server has never seen the plugin.
    write(&kit, "DELETE FROM plugin_cursor", vec![vec![]]).await;
    let kit = kit.restarted(vec![super::ledger::plugin(world.clone())]).await;
    note(&kit, "after").await;
    kit.settle().await;
    assert_eq!(rows(&kit, "read").await, ["after"]);

    write(&kit, "DELETE FROM plugin_cursor", vec![vec![]]).await;
    let from_the_beginning = super::ledger::plugin(world).from_the_beginning();
    let kit = kit.restarted(vec![from_the_beginning]).await;
    kit.settle().await;
    assert_eq!(rows(&kit, "read").await, ["after", "after", "before"]);
}

#[tokio::test]
async fn one_event_that_fails_is_found_and_put_aside_after_ten_tries_and_costs_no_other() {
    for fault in [Fault::Refuse, Fault::Panic] {
        let (kit, world) = ledger().await;
        world.breaks("0123", fault);
        for number in 0..300 {
            note(&kit, &format!("{number:04}")).await;
        }
        kit.settle().await;
        assert_eq!(rows(&kit, "read").await.len(), 123, "all before it are done");
        // Nine pauses: 0.2 s, 0.4 s … 51.2 s.
        for failures in 1..10 {
            pass(&kit, 100 << failures).await;
        }
        let read = rows(&kit, "read").await;
        assert_eq!(read.len(), 299);
        assert!(!read.contains(&"0123".to_owned()));
        assert_eq!(count(&kit, "plugin_dead").await, 1);
        assert_eq!(cursor(&kit).await, 300);
    }
}

#[tokio::test]
async fn a_pause_survives_a_restart_and_ends_when_the_clock_is_set_back() {
    let (kit, world) = ledger().await;
    world.breaks("x", Fault::Refuse);
    note(&kit, "x").await;
    kit.settle().await;
    let kit = kit.restarted(vec![super::ledger::plugin(world.clone())]).await;
    world.mends();
    kit.settle().await;
    assert!(rows(&kit, "read").await.is_empty(), "it waits as before");
    kit.clock().advance(-1_000_000_000);
    kit.settle().await;
    assert_eq!(rows(&kit, "read").await, ["x"], "nobody waits until the old time comes again");
}

#[tokio::test]
async fn what_is_of_other_kinds_costs_no_write_but_once_in_a_while() {
    let other = || Plugin::new("quiet").on("quiet.event", |ctx, _| async move { Ok(ctx.tx()) });
    let kit = Kit::new(vec![super::ledger::plugin(Arc::default()), other()]).await;
    let quiet = async |kit: &Kit| -> u64 {
        let sql = "SELECT pos FROM plugin_cursor WHERE plugin = 'quiet'";
        kit.store().query(sql, vec![]).await.unwrap()[0].get(0).unwrap()
    };
    for number in 0..100 {
        note(&kit, &number.to_string()).await;
    }
    kit.settle().await;
    assert_eq!(quiet(&kit).await, 0);
    for _ in 0..18 {
        let host = kit.host();
        let notes = (0..500).map(|number: u32| {
            let (host, cid) = (host.clone(), Some(Cid(host.new_id())));
            let note = Note { text: number.to_string() };
            tokio::spawn(async move { host.call_typed(Caller::SYSTEM, cid, &note).await.unwrap() })
        });
        for noted in notes.collect::<Vec<_>>() {
            noted.await.unwrap();
        }
    }
    kit.settle().await;
    assert_eq!(quiet(&kit).await, 9_100);
}

#[tokio::test]
async fn what_is_forwarded_takes_effect_once() {
    let (kit, _) = ledger().await;
    let cid = Some(Cid(kit.host().new_id()));
    for _ in 0..3 {
        let args = Pass { text: "hello".into() };
        kit.host().call_typed(Caller::SYSTEM, cid, &args).await.unwrap();
    }
    let args = Pass { text: "another".into() };
    kit.host().call_typed(Caller::SYSTEM, cid, &args).await.unwrap_err();
    kit.settle().await;
    assert_eq!(rows(&kit, "read").await, ["hello"]);
}

#[tokio::test]
async fn who_is_let_into_an_operation_of_the_system_may_no_more_inside_of_it() {
    let (kit, _) = ledger().await;
    let (user, org) = (UserId(kit.host().new_id()), OrgId(kit.host().new_id()));
    let args = Owe { text: "owed".into(), user, org };
    let person = Caller::on_behalf_of(user, org);
    let host = kit.host();
    let refused = host.call_typed(person, None, &args).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::UnknownOp);
    host.call_typed(Caller::let_in(user, org), None, &args).await.unwrap();

    // It passes on another such operation in the name of its caller.
    let cid = Some(Cid(host.new_id()));
    let args = Pass { text: "hello".into() };
    let refused = host.call_typed(Caller::let_in(user, org), cid, &args).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::UnknownOp);
    kit.settle().await;
    assert!(rows(&kit, "read").await.is_empty());
}

#[tokio::test]
async fn a_fact_is_asked_for_by_name_and_period() {
    use carillon_plugin::Period;
    let (kit, _) = ledger().await;
    let start = now(&kit);
    note(&kit, "a").await;
    note(&kit, "b").await;
    kit.settle().await;
    let org = OrgId(carillon_plugin::protocol::id::Ulid::nil());
    let period = Period { org, conv: None, from: start, to: start + 1 };
    let Fact::Series { points, unit } = kit.host().fact("ledger.rows", period).await.unwrap()
    else {
        panic!("it is a series");
    };
    assert_eq!((points[0].at, points[0].value, &*unit), (start, 2.0, "rows"));
    assert!(kit.host().fact("ledger.nothing", period).await.is_err());
    let names: Vec<_> = kit.host().facts().map(|fact| fact.name).collect();
    assert_eq!(names, ["ledger.rows"]);
}
