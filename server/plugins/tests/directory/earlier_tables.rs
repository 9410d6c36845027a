//! What an earlier version wrote is still true.

use carillon_plugin::{Expect, Statement, Transaction, Value};
use carillon_protocol::role::{List, PERMISSIONS};

use crate::*;

/// The directory's tables as the first version made them.
fn first_version() -> Plugin {
    Plugin::new("directory").migration(1, include_str!("../../src/directory/1_tables.sql"))
}

async fn write(kit: &Kit, statements: Vec<(&'static str, Vec<Value>)>) {
    let statement = |(sql, row): (&'static str, Vec<Value>)| Statement {
        sql: sql.into(),
        rows: vec![row],
        expect: Expect::One,
    };
    let tx = Transaction {
        org: OrgId(Ulid::nil()),
        by: UserId(Ulid::nil()),
        at: 0,
        cid: None,
        prev: None,
        hash: 0,
        statements: statements.into_iter().map(statement).collect(),
        emits: Vec::new(),
        rewrites: Vec::new(),
    };
    kit.host().storage().commit(tx).await.unwrap();
}

#[tokio::test]
async fn who_administered_the_organisation_still_does_and_nobody_else() {
    let kit = Kit::new(vec![first_version()]).await;
    let org = OrgId(kit.host().new_id());
    let people = [("amy", 1), ("bob", 0)].map(|(login, admin)| {
        (login, admin, UserId(kit.host().new_id()), SessionId(kit.host().new_id()))
    });
    let mut statements = vec![(
        "INSERT INTO directory_org (id, name, created_at) VALUES ($1, 'Harbour', 1)",
        vec![org.into()],
    )];
    for (login, admin, user, session) in people {
        statements.push((
            "INSERT INTO directory_user
                 (id, org, login, name, app, admin, locale, tz, created_at)
             VALUES ($1, $2, $3, $3, 0, $4, 'zh-HK', 'Asia/Hong_Kong', 1)",
            vec![user.into(), org.into(), login.into(), admin.into()],
        ));
        statements.push((
            "INSERT INTO directory_session
                 (id, user_id, digest, scopes, label, created_at, expires_at)
             VALUES ($1, $2, '', 'read write admin', '', 7, $3)",
            vec![session.into(), user.into(), i64::MAX.into()],
        ));
    }
    write(&kit, statements).await;

    let kit = kit.restarted(plugins(None)).await;
    let scopes = ["read", "write", "admin"];
    let [amy, bob] =
        people.map(|(.., user, session)| Caller::signed_in(user, org, session, scopes));
    let who = kit.host().call_typed(amy, None, &Whoami {}).await.unwrap();
    assert_eq!(who.permissions, PERMISSIONS);
    let roles = kit.host().call_typed(bob, None, &List {}).await.unwrap().roles;
    assert!(roles[0].administrator);
    assert_eq!((roles.len(), roles[0].members), (1, 1));
    let org = kit.host().call_typed(bob, None, &Get {}).await.unwrap();
    assert_eq!((org.members, &*org.locale, &*org.tz), (2, "zh-HK", "Asia/Hong_Kong"));
    let devices = kit.host().call_typed(bob, None, &Devices::default()).await.unwrap().devices;
    assert_eq!(devices[0].seen_at, 7);
    let refused = kit.host().call_typed(bob, Some(cid()), &person("carol")).await;
    assert_eq!(code(refused), ErrorCode::Forbidden);
    assert!(kit.host().call_typed(amy, Some(cid()), &person("carol")).await.is_ok());
}
