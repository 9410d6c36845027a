//! What the making of robots promises, through the host as every caller meets it.

// Clippy knows `#[test]` functions as tests, not what they share.
#![allow(clippy::unwrap_used)]

use carillon_plugin::{
    Caller,
    protocol::{
        Cid, bot,
        conv::{self, History},
        id::Ulid,
        org,
    },
};
use carillon_plugins::{bot as robots, chat, directory};
use carillon_store::kit::Kit;

#[tokio::test]
async fn one_intent_that_is_sent_twice_at_once_makes_one_robot_and_leaves_nobody_behind() {
    let plugins = vec![directory::plugin(<_>::default()), chat::plugin(<_>::default())];
    let kit = Kit::new(plugins.into_iter().chain([robots::plugin()]).collect()).await;
    let (host, new) = (kit.host(), || Cid(kit.host().new_id()));
    let create = org::Create { name: "Harbour".into() };
    let org = host.call_typed(Caller::SYSTEM, Some(new()), &create).await.unwrap().org;
    let add = org::AddMember {
        org: Some(org),
        login: "amy".into(),
        name: "Amy".into(),
        password: None,
        title: None,
        admin: false,
        locale: None,
        tz: None,
        departments: Vec::new(),
    };
    let amy = host.call_typed(Caller::SYSTEM, Some(new()), &add).await.unwrap().user;
    let amy = Caller::on_behalf_of(amy, org);
    let group = conv::Create { title: "Bridge".into(), members: Vec::new(), history: History::All };
    let conv = host.call_typed(amy, Some(new()), &group).await.unwrap().conv;

    let (intent, make) = (new(), bot::Create { conv, name: "Alerts".into(), rules: None });
    let (meanwhile, same) = (host.clone(), make.clone());
    // The other one comes when this one's program is there and its robot is not.
    kit.before_commit(1, async move {
        meanwhile.call_typed(amy, Some(intent), &same).await.unwrap();
    });
    let made = host.call_typed(amy, Some(intent), &make).await.unwrap();

    let listed = host.call_typed(amy, None, &bot::List { conv }).await.unwrap().robots;
    assert_eq!(listed.iter().map(|it| it.robot).collect::<Vec<_>>(), [made.robot]);
    let all = org::ListMembers { limit: Some(10), ..org::ListMembers::default() };
    let members = host.call_typed(amy, None, &all).await.unwrap().members;
    let mut here: Vec<Ulid> = members.iter().map(|member| member.user.0).collect();
    here.sort_unstable();
    assert_eq!(here, [amy.user.0, made.robot.0], "the one who came too late is nobody");
}
