//! In whose name something is called or has its effect.

use std::sync::Arc;

use carillon_plugin::{
    Caller, Ctx, Plugin, Result, Storage as _, Tx,
    protocol::{Cid, Event, OrgId, UserId, id::Ulid},
};
use carillon_store::kit::Kit;

use super::{
    call, ledger,
    ledger::{Fault, Note, Owe, World},
    pass,
};

#[tokio::test]
async fn what_is_owed_is_done_in_the_name_of_whoever_the_transaction_is_of_in_the_end() {
    let (kit, _) = ledger().await;
    let (user, org) = (UserId(kit.host().new_id()), OrgId(kit.host().new_id()));
    call(&kit, Owe { text: "hello".into(), user, org }).await.unwrap();
    kit.settle().await;
    let events: Vec<_> = kit.committed().into_iter().map(|(event, _)| event).collect();
    let of = |kind: &str| events.iter().find(|event| &*event.k == kind).expect("it was done");
    assert_eq!(of("ledger.fired").by, user);
    assert_eq!(of("ledger.shouted").data.to::<OrgId>().unwrap(), org);
}

/// Notes something for an organisation.
async fn note_for(kit: &Kit, org: OrgId, text: &str) {
    let (caller, cid) = (Caller::for_plugin(UserId(Ulid::nil()), org), Cid(kit.host().new_id()));
    kit.host().call_typed(caller, Some(cid), &Note { text: text.into() }).await.unwrap();
}

#[tokio::test]
async fn events_come_by_organisation_in_their_order() {
    let (kit, world) = ledger().await;
    let [one, other] = [(); 2].map(|()| OrgId(kit.host().new_id()));
    for org in [one, one, other, one, other, other, other] {
        note_for(&kit, org, "hello").await;
    }
    kit.settle().await;
    let wanted = [(one, 2), (other, 1), (one, 1), (other, 3)];
    assert_eq!(*world.batches.lock().unwrap(), wanted);
}

#[tokio::test]
async fn who_only_keeps_rows_reads_of_all_organisations_together() {
    async fn gather(ctx: Ctx, events: Vec<Event>) -> Result<Tx> {
        let world = ctx.state::<World>();
        world.batches.lock().unwrap().push((ctx.caller().org, events.len()));
        Ok(ctx.tx())
    }
    let world = Arc::new(World::default());
    let chronicle = Plugin::new("chronicle").state(world.clone());
    let plugins = vec![
        super::ledger::plugin(Arc::default()),
        chronicle.reads_of_all(&[super::ledger::NOTED], gather),
    ];
    let kit = Kit::new(plugins).await;
    for _ in 0..5 {
        note_for(&kit, OrgId(kit.host().new_id()), "hello").await;
    }
    kit.settle().await;
    assert_eq!(*world.batches.lock().unwrap(), [(OrgId(Ulid::nil()), 5)]);
}

#[tokio::test]
async fn what_follows_from_an_event_is_of_the_organisation_in_which_it_happened() {
    let (kit, world) = ledger().await;
    let orgs = [(); 2].map(|()| OrgId(kit.host().new_id()));
    for (org, text) in orgs.iter().zip(["mark one", "mark other"]) {
        note_for(&kit, *org, text).await;
    }
    let is_found = async |sql: &str, org: OrgId| {
        let rows = kit.store().query(sql, vec![org.into()]).await.unwrap();
        assert_eq!(rows.len(), 1, "{sql}");
    };
    kit.host().read_step("ledger").await.unwrap();
    for org in orgs {
        is_found("SELECT key FROM plugin_timer WHERE org = $1", org).await;
        is_found("SELECT key FROM plugin_outbox WHERE org = $1", org).await;
        let topic = format!("x:audit:{org}").parse().unwrap();
        assert_eq!(kit.store().heads(vec![topic]).await.unwrap()[0].head, 1);
    }

    // The same when an operator lets it be tried again.
    world.breaks("mark again", Fault::Refuse);
    note_for(&kit, orgs[1], "mark again").await;
    kit.settle().await;
    for failures in 1..10 {
        pass(&kit, 100 << failures).await;
    }
    world.mends();
    let sql = "SELECT id FROM plugin_dead";
    let id: String = kit.store().query(sql, vec![]).await.unwrap()[0].get(0).unwrap();
    kit.host().retry_dead(id.parse().unwrap()).await.unwrap();
    is_found("SELECT key FROM plugin_outbox WHERE org = $1", orgs[1]).await;
}
