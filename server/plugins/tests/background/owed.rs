//! In whose name something is called or has its effect.

use carillon_plugin::protocol::{OrgId, UserId};

use super::{call, ledger, ledger::Owe};

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
