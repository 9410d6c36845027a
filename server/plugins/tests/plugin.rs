//! What the operator sees of plugins, and the facts that administrators ask for.

// Clippy knows `#[test]` functions as tests, not what they share.
#![allow(clippy::unwrap_used)]

use carillon_plugin::{
    Caller, Clock as _, Ctx, Delivery, Error, Plugin, Result, Tx,
    protocol::{
        Cid, Command, ErrorCode, Event, OrgId, SessionId, UserId,
        fact::{self, Fact},
        id::Ulid,
        node, org,
        plugin::{DropDead, List, ListDead, RetryDead},
        program::AddProgram,
    },
};
use carillon_plugins::{directory, node as nodes, plugin};
use carillon_store::kit::Kit;

/// Reads what happens to people, and can do nothing with it.
fn clumsy() -> Plugin {
    async fn drops(_: Ctx, _: Event) -> Result<Tx> {
        Err(Error::conflict("both hands full"))
    }
    async fn stumbles(_: Ctx, _: Delivery<String>) -> Result<Tx> {
        Err(Error::conflict("not today"))
    }
    Plugin::new("clumsy").on("org.member_added", drops).effect("mail", stumbles)
}

async fn kit() -> Kit {
    let plugins =
        vec![directory::plugin(<_>::default()), nodes::plugin(), plugin::plugin(), clumsy()];
    Kit::new(plugins).await
}

async fn system<C: Command>(kit: &Kit, args: C) -> Result<C::Reply> {
    let cid = Some(Cid(kit.host().new_id()));
    kit.host().call_typed(Caller::SYSTEM, cid, &args).await
}

async fn org(kit: &Kit) -> OrgId {
    system(kit, org::Create { name: "Harbour".into() }).await.unwrap().org
}

async fn person(kit: &Kit, org: OrgId, login: &str, admin: bool) -> Caller {
    let args = org::AddMember {
        org: Some(org),
        login: login.into(),
        name: login.into(),
        password: None,
        title: None,
        admin,
        locale: None,
        tz: None,
        departments: Vec::new(),
    };
    let user: UserId = system(kit, args).await.unwrap().user;
    Caller::signed_in(user, org, SessionId(Ulid::nil()), ["read", "write", "admin"])
}

#[tokio::test]
async fn every_plugin_is_listed_with_how_far_it_is() {
    let kit = kit().await;
    let org = org(&kit).await;
    person(&kit, org, "amy", true).await;
    kit.settle().await;
    kit.clock().advance(100);
    let run = carillon_plugin::protocol::RunId(Ulid(7));
    let beat = node::Beat {
        run,
        name: "east".into(),
        version: "0.1.0".into(),
        started_at: 1,
        applied: 1,
        connections: 0,
        bus_us: None,
        lost_hints: 0,
    };
    system(&kit, beat).await.unwrap();
    let lease = node::Lease { name: "plugin:clumsy".into(), run, ttl_ms: 1_000 };
    system(&kit, lease).await.unwrap();

    let plugins = system(&kit, List {}).await.unwrap().plugins;
    let names: Vec<_> = plugins.iter().map(|plugin| plugin.name.as_str()).collect();
    assert_eq!(names, ["directory", "node", "plugin", "clumsy"]);
    assert!(plugins[1].operations.contains(&"node.lease".to_owned()));
    assert!(plugins[1].reading.is_none() && plugins[1].node.is_none());
    let clumsy = &plugins[3];
    assert_eq!(clumsy.effects, ["mail"]);
    assert_eq!(clumsy.node.as_deref(), Some("east"));
    assert_eq!(clumsy.error.as_deref(), Some("E_CONFLICT: both hands full"));
    let reading = clumsy.reading.as_ref().unwrap();
    assert_eq!(reading.kinds, ["org.member_added"]);
    assert_eq!((reading.failures, reading.behind_ms), (1, 100));
    assert!(reading.behind > 0);
}

#[tokio::test]
async fn what_failed_for_good_is_shown_by_pages_and_given_up() {
    let kit = kit().await;
    let org = org(&kit).await;
    for number in 0..3 {
        person(&kit, org, &format!("p{number}"), false).await;
        kit.settle().await;
        for failures in 1..10 {
            kit.clock().advance(100 << failures);
            kit.settle().await;
        }
    }
    let page = |after, limit| ListDead { plugin: Some("clumsy".into()), after, limit };
    let first = system(&kit, page(None, Some(2))).await.unwrap();
    assert!(first.more && first.dead.len() == 2);
    assert!(
        first.dead.iter().all(|it| it.tries == 10 && it.error == "E_CONFLICT: both hands full")
    );
    let rest = system(&kit, page(Some(first.dead[1].id), None)).await.unwrap();
    assert!(!rest.more && rest.dead.len() == 1);
    let others = ListDead { plugin: Some("directory".into()), ..ListDead::default() };
    assert!(system(&kit, others).await.unwrap().dead.is_empty());

    let id = first.dead[0].id;
    let again = system(&kit, RetryDead { id }).await.unwrap_err();
    assert_eq!(again.code(), ErrorCode::Conflict, "it fails as before, and stays");
    system(&kit, DropDead { id }).await.unwrap();
    assert_eq!(system(&kit, DropDead { id }).await.unwrap_err().code(), ErrorCode::NotFound);
    assert_eq!(system(&kit, RetryDead { id }).await.unwrap_err().code(), ErrorCode::NotFound);
    assert_eq!(system(&kit, ListDead::default()).await.unwrap().dead.len(), 2);
}

#[tokio::test]
async fn a_program_that_left_has_no_place_in_the_log_and_one_that_is_back_keeps_it() {
    let kit = kit().await;
    let (org, user) = (org(&kit).await, UserId(kit.host().new_id()));
    system(&kit, AddProgram { org, user, name: "clerk".into() }).await.unwrap();
    let clerk = Caller::on_behalf_of(user, org);
    let listens = || kit.host().listens(clerk, &["org.created"]);
    listens().await.unwrap();
    system(&kit, org::RemoveMember { user }).await.unwrap();
    kit.settle().await;
    let gone = kit.host().listener_at(user).await.unwrap_err();
    assert_eq!(gone.code(), ErrorCode::NotFound);

    // It is taken back and listens before anybody has read that it left.
    system(&kit, org::RestoreMember { user }).await.unwrap();
    system(&kit, org::RemoveMember { user }).await.unwrap();
    system(&kit, org::RestoreMember { user }).await.unwrap();
    let place = listens().await.unwrap();
    kit.settle().await;
    assert_eq!(kit.host().listener_at(user).await.unwrap(), place);
}

#[tokio::test]
async fn an_administrator_asks_for_facts_about_the_own_organisation_and_nobody_else_does() {
    let kit = kit().await;
    let (org, other) = (org(&kit).await, org(&kit).await);
    let amy = person(&kit, org, "amy", true).await;
    let ben = person(&kit, org, "ben", false).await;
    let until = kit.clock().now() + 1;
    let people =
        |org| fact::Get { fact: "org.people".into(), org, conv: None, since: until - 1, until };
    let ask = async |caller, args| kit.host().call_typed(caller, None, &args).await;

    let Fact::Number { value, .. } = ask(amy, people(None)).await.unwrap().fact else {
        panic!("it is a number");
    };
    assert_eq!(value, 2.0);
    let before = fact::Get { until: until - 1, ..people(None) };
    let Fact::Number { value, .. } = ask(amy, before).await.unwrap().fact else {
        panic!("it is a number");
    };
    assert_eq!(value, 0.0);
    let code = async |caller, args| ask(caller, args).await.unwrap_err().code();
    assert_eq!(code(ben, people(None)).await, ErrorCode::Forbidden);
    assert_eq!(code(amy, people(Some(other))).await, ErrorCode::NotFound);
    let unknown = fact::Get { fact: "org.nothing".into(), ..people(None) };
    assert_eq!(code(amy, unknown).await, ErrorCode::NotFound);
    let backwards = fact::Get { since: until + 1, ..people(None) };
    assert_eq!(code(amy, backwards).await, ErrorCode::BadArg);
    assert_eq!(code(Caller::SYSTEM, people(None)).await, ErrorCode::BadArg);
    assert!(ask(Caller::SYSTEM, people(Some(org))).await.is_ok());
    let facts = kit.host().call_typed(amy, None, &fact::List {}).await.unwrap().facts;
    assert_eq!(facts[0].name, "org.people");
}
