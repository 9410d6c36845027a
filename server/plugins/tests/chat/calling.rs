//! Who may call everybody of a group at once.

use carillon_protocol::{
    ConvId, ErrorCode, UserId,
    conv::{
        Audience, Callers, GetLimits, History, List, Open, Rules, RulesChange, RulesChangedData,
        SetLimits, SetRules, kind,
    },
    limits::MENTIONS_MAX,
    msg::{Body, Send, SentData, kind as message},
};

use super::{Caller, Result, World, cid, code, field, person, topic, users};

const OWNERS: Rules = Rules { mention_all: Callers::Owners, ding_all: Callers::Owners };
const OPEN: Rules = Rules { mention_all: Callers::Members, ding_all: Callers::Members };

fn to_all(conv: ConvId) -> Send {
    let body = Body::Text { text: "@Everyone 開會".into(), mentions: Vec::new() };
    Send { conv, body, reply_to: None, everybody: true }
}

/// In whose logs it stands that they were mentioned.
fn mentioned(world: &World) -> Vec<UserId> {
    let committed = world.kit.committed().into_iter().map(|(event, _)| event);
    let mut users: Vec<UserId> = committed
        .filter(|event| &*event.k == message::MENTIONED)
        .filter_map(|event| match event.topic {
            carillon_protocol::Topic::User(user) => Some(user),
            _ => None,
        })
        .collect();
    users.sort_unstable();
    users
}

/// Whom an alert to the whole group would reach, for the plugin that sends it.
async fn alerted(world: &World, by: Caller, conv: ConvId, unread: Option<u64>) -> Result<usize> {
    let asks = Caller::let_in(by.user, by.org);
    Ok(world.call(asks, Audience { conv, unread }).await?.users.len())
}

/// Somebody who administers the organisation.
async fn administrator(world: &World) -> Caller {
    let args = carillon_protocol::org::AddMember {
        org: Some(world.org),
        login: "boss".into(),
        name: "Boss".into(),
        password: None,
        title: None,
        admin: true,
        locale: None,
        tz: None,
        departments: Vec::new(),
    };
    let added = world.kit.host().call_typed(Caller::SYSTEM, Some(cid()), &args).await.unwrap();
    let session = carillon_protocol::SessionId(super::next_id());
    Caller::signed_in(added.user, world.org, session, ["read", "write", "admin"])
}

#[tokio::test]
async fn a_message_to_everybody_mentions_all_others_who_are_there() {
    let world = World::new().await;
    let conv = world.group(&[world.bob, world.carol, world.dan], History::All).await;
    world.removes(world.amy, conv, &[world.dan]).await.unwrap();
    world.kit.committed();
    let seq = world.call(world.bob, to_all(conv)).await.unwrap().seq;
    let mut others = users(&[world.amy, world.carol]);
    others.sort_unstable();
    assert_eq!(mentioned(&world), others);
    let last = world.summary(world.amy, conv).await.last.unwrap();
    let data: SentData = last.data.to().unwrap();
    assert_eq!((last.seq, data.everybody, data.body.mentions()), (seq, true, &[][..]));
}

#[tokio::test]
async fn a_crowd_learns_it_in_the_conversation_alone() {
    let world = World::new().await;
    let mut members = Vec::new();
    for number in 0..=MENTIONS_MAX {
        members.push(person(&world.kit, world.org, &format!("n{number}")).await);
    }
    let conv = world.group(&members, History::All).await;
    world.kit.committed();
    world.call(world.amy, to_all(conv)).await.unwrap();
    assert_eq!(mentioned(&world), []);
    world.removes(world.amy, conv, &members[..1]).await.unwrap();
    world.call(world.amy, to_all(conv)).await.unwrap();
    assert_eq!(mentioned(&world).len(), MENTIONS_MAX);
}

#[tokio::test]
async fn where_only_the_owner_calls_everybody_a_member_is_told_so_and_nothing_is_written() {
    let world = World::new().await;
    let conv = world.group(&[world.bob, world.carol], History::All).await;
    let seq = world.says(world.bob, conv, "stocktake").await.seq;
    assert_eq!(world.summary(world.bob, conv).await.rules, OPEN);
    assert_eq!(alerted(&world, world.bob, conv, None).await.unwrap(), 3);
    assert_eq!(alerted(&world, world.bob, conv, Some(seq)).await.unwrap(), 2);

    let set = SetRules { conv, rules: OWNERS.into() };
    let done = world.call(world.amy, set.clone()).await.unwrap().seq;
    assert_eq!(world.call(world.amy, set).await.unwrap().seq, done, "nothing new");
    let world = {
        let told = world.kit.committed().into_iter().map(|(event, _)| event);
        let event = told.filter(|event| &*event.k == kind::RULES_CHANGED).last().unwrap();
        assert_eq!((&event.topic, event.seq), (&topic(conv), done));
        assert_eq!(event.data.to::<RulesChangedData>().unwrap().rules, OWNERS);
        let refused = world.call(world.bob, to_all(conv)).await;
        assert_eq!(field(refused), (ErrorCode::Forbidden, "everybody".into()));
        world.restarted().await
    };

    let refused = world.call(world.bob, to_all(conv)).await;
    assert_eq!(field(refused), (ErrorCode::Forbidden, "everybody".into()));
    for unread in [None, Some(seq)] {
        let refused = alerted(&world, world.bob, conv, unread).await;
        assert_eq!(code(refused), ErrorCode::Forbidden);
    }
    assert_eq!(world.summary(world.bob, conv).await.head, done, "nothing was written");
    world.says(world.bob, conv, "@amy one by one").await;
    for person in [world.amy, world.bob] {
        let listed = world.call(person, List::default()).await.unwrap();
        assert_eq!(listed.convs[0].rules, OWNERS);
    }
    world.call(world.amy, to_all(conv)).await.unwrap();
    assert_eq!(alerted(&world, world.amy, conv, None).await.unwrap(), 3);

    let open = SetRules { conv, rules: OPEN.into() };
    world.call(world.amy, open).await.unwrap();
    world.call(world.bob, to_all(conv)).await.unwrap();
    assert_eq!(alerted(&world, world.bob, conv, Some(seq)).await.unwrap(), 2);
}

#[tokio::test]
async fn each_right_is_settled_by_itself() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    let rules = Rules { mention_all: Callers::Owners, ..OPEN };
    world.call(world.amy, SetRules { conv, rules: rules.into() }).await.unwrap();
    assert_eq!(code(world.call(world.bob, to_all(conv)).await), ErrorCode::Forbidden);
    assert_eq!(alerted(&world, world.bob, conv, None).await.unwrap(), 2);
    let rules = Rules { ding_all: Callers::Owners, ..OPEN };
    world.call(world.amy, SetRules { conv, rules: rules.into() }).await.unwrap();
    world.call(world.bob, to_all(conv)).await.unwrap();
    assert_eq!(code(alerted(&world, world.bob, conv, None).await), ErrorCode::Forbidden);
}

#[tokio::test]
async fn only_the_owner_settles_it_and_only_of_a_group() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    let set = async |who, conv| world.call(who, SetRules { conv, rules: OWNERS.into() }).await;
    assert_eq!(code(set(world.bob, conv).await), ErrorCode::Forbidden);
    assert_eq!(code(set(world.zoe, conv).await), ErrorCode::NotFound);
    let direct = world.call(world.amy, Open { user: world.bob.user }).await.unwrap().conv;
    assert_eq!(code(set(world.amy, direct).await), ErrorCode::Forbidden);
    set(world.amy, conv).await.unwrap();
    world.removes(world.amy, conv, &[world.amy]).await.unwrap();
    assert_eq!(code(set(world.amy, conv).await), ErrorCode::NotMember);
    // Who inherits the group may what its owner may.
    world.call(world.bob, to_all(conv)).await.unwrap();
}

#[tokio::test]
async fn what_the_organisation_forbids_no_group_allows_until_it_is_lifted() {
    let world = World::new().await;
    let boss = administrator(&world).await;
    let conv = world.group(&[world.bob], History::All).await;
    let limit = async |who, rules| world.call(who, SetLimits { rules }).await;
    assert_eq!(code(limit(world.amy, OWNERS).await), ErrorCode::Forbidden);
    limit(boss, OWNERS).await.unwrap();
    limit(boss, OWNERS).await.unwrap();
    assert_eq!(world.call(world.bob, GetLimits {}).await.unwrap(), OWNERS);
    assert_eq!(world.summary(world.bob, conv).await.rules, OWNERS);
    assert_eq!(code(world.call(world.bob, to_all(conv)).await), ErrorCode::Forbidden);
    assert_eq!(code(alerted(&world, world.bob, conv, None).await), ErrorCode::Forbidden);
    world.call(world.amy, to_all(conv)).await.unwrap();
    let direct = world.call(world.amy, Open { user: world.bob.user }).await.unwrap().conv;
    world.call(world.bob, to_all(direct)).await.unwrap();

    // What an owner settles meanwhile is what the owner changes, and not what is limited.
    let ding_all = Some(Callers::Owners);
    let rules = RulesChange { ding_all, ..<_>::default() };
    world.call(world.amy, SetRules { conv, rules }).await.unwrap();
    limit(boss, OPEN).await.unwrap();
    let own = Rules { ding_all: Callers::Owners, ..OPEN };
    assert_eq!(world.summary(world.bob, conv).await.rules, own);
    world.call(world.amy, SetRules { conv, rules: OPEN.into() }).await.unwrap();
    limit(boss, OWNERS).await.unwrap();

    // Another organisation has its own.
    assert_eq!(world.call(world.zoe, GetLimits {}).await.unwrap(), OPEN);
    limit(boss, OPEN).await.unwrap();
    world.call(world.bob, to_all(conv)).await.unwrap();
    assert_eq!(world.summary(world.bob, conv).await.rules, OPEN);
}
