//! People who left the organisation stay where they were, and are in nobody's way.

use carillon_protocol::{
    conv::{ListMembers, Member, Open, Role, Update},
    org::{RemoveMember, RestoreMember},
};

use crate::*;

impl World {
    async fn leaves(&self, who: Caller) {
        self.call(Caller::SYSTEM, RemoveMember { user: who.user }).await.unwrap();
    }

    async fn returns(&self, who: Caller) {
        self.call(Caller::SYSTEM, RestoreMember { user: who.user }).await.unwrap();
    }

    async fn members(&self, caller: Caller, conv: ConvId) -> Vec<Member> {
        let args = ListMembers { conv, after: None, limit: None };
        self.call(caller, args).await.unwrap().members
    }

    /// Who is said to have left.
    async fn left(&self, caller: Caller, conv: ConvId) -> Vec<UserId> {
        let members = self.members(caller, conv).await.into_iter();
        members.filter(|member| member.left).map(|member| member.user).collect()
    }
}

/// What everybody is told of a message by `amy`, which `bob` and `dan` have read.
async fn told(world: &World, conv: ConvId, seq: u64) -> (Option<(u64, u64)>, [Vec<UserId>; 2]) {
    let read = world.half(world.amy, conv, seq, State::Read).await;
    let unread = world.half(world.amy, conv, seq, State::Unread).await;
    (world.counts(world.amy, conv, seq).await, [read, unread])
}

#[tokio::test]
async fn who_left_is_neither_a_reader_nor_somebody_who_has_not_read() {
    let world = World::new().await;
    let conv = world.group(&[world.bob, world.carol, world.dan], History::All).await;
    let seq = world.says(world.amy, conv, "one").await.seq;
    for reader in [world.bob, world.dan] {
        world.shown(reader, conv, 1, seq).await;
    }
    let everybody = (Some((2, 3)), [users(&[world.bob, world.dan]), users(&[world.carol])]);
    assert_eq!(told(&world, conv, seq).await, everybody);
    world.leaves(world.carol).await;
    world.leaves(world.dan).await;
    let one = (Some((1, 1)), [users(&[world.bob]), vec![]]);
    assert_eq!(told(&world, conv, seq).await, one);
    let world = world.restarted().await;
    assert_eq!(told(&world, conv, seq).await, one, "a fresh start says the same");
    world.returns(world.carol).await;
    world.returns(world.dan).await;
    assert_eq!(told(&world, conv, seq).await, everybody, "they are back as they were");
}

#[tokio::test]
async fn the_author_who_left_counts_in_neither_as_before() {
    let world = World::new().await;
    let conv = world.group(&[world.bob, world.carol], History::All).await;
    let seq = world.says(world.bob, conv, "bye").await.seq;
    world.shown(world.carol, conv, 1, seq).await;
    world.leaves(world.bob).await;
    assert_eq!(world.counts(world.amy, conv, seq).await, Some((1, 2)));
}

#[tokio::test]
async fn the_list_of_members_says_who_left() {
    let world = World::new().await;
    let conv = world.group(&[world.bob, world.carol], History::All).await;
    assert_eq!(world.left(world.amy, conv).await, []);
    world.leaves(world.bob).await;
    assert_eq!(world.left(world.amy, conv).await, [world.bob.user]);
    let bob = world.members(world.amy, conv).await.swap_remove(1);
    assert_eq!((&*bob.name, bob.role), ("bob 陳", Role::Member), "with the name of before");
    assert_eq!(world.summary(world.amy, conv).await.members, 3, "as many as the list has");
    world.returns(world.bob).await;
    assert_eq!(world.left(world.amy, conv).await, []);
}

#[tokio::test]
async fn who_left_is_added_nowhere_and_taken_out_anywhere() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    world.leaves(world.bob).await;
    world.leaves(world.carol).await;
    let asked = [world.dan, world.carol];
    let refused = world.adds(world.amy, conv, &asked).await;
    assert_eq!(field(refused), (ErrorCode::Conflict, "users[1]".into()));
    let members = users(&asked);
    let create = Create { title: "New".into(), members, history: History::All };
    assert_eq!(
        field(world.call(world.amy, create).await),
        (ErrorCode::Conflict, "members[1]".into())
    );
    let open = Open { user: world.carol.user };
    assert_eq!(field(world.call(world.amy, open).await), (ErrorCode::Conflict, "user".into()));
    assert_eq!(world.adds(world.amy, conv, &[world.bob]).await.unwrap(), 1, "he is in it");
    assert!(world.removes(world.amy, conv, &[world.bob, world.carol]).await.is_ok());
    assert_eq!(world.members(world.amy, conv).await.len(), 1);
}

#[tokio::test]
async fn a_direct_conversation_with_who_left_is_read_and_not_written_to() {
    let world = World::new().await;
    let conv = world.call(world.amy, Open { user: world.bob.user }).await.unwrap().conv;
    let (once, hello) = (cid(), message(conv, "hello"));
    let sent = world.call_as(world.amy, once, &hello).await.unwrap();
    world.says(world.bob, conv, "bye").await;
    world.leaves(world.bob).await;

    let again = world.call(world.amy, Open { user: world.bob.user }).await.unwrap();
    assert_eq!(again.conv, conv, "it can be opened");
    assert_eq!(world.shown(world.amy, conv, 1, 3).await.unread, 0);
    let refused = world.call(world.amy, message(conv, "still there?")).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Blocked);
    assert!(refused.body().msg.contains("has left the organisation"), "{refused}");
    let repeated = world.call_as(world.amy, once, &hello).await.unwrap();
    assert_eq!((repeated.seq, repeated.dup), (sent.seq, true), "what was sent was sent");
    let world = world.restarted().await;
    let refused = world.call(world.amy, message(conv, "still there?")).await;
    assert_eq!(code(refused), ErrorCode::Blocked);
    world.returns(world.bob).await;
    world.says(world.amy, conv, "welcome back").await;
}

#[tokio::test]
async fn notes_to_oneself_and_groups_of_one_are_written_all_the_same() {
    let world = World::new().await;
    let notes = world.call(world.amy, Open { user: world.amy.user }).await.unwrap().conv;
    let group = world.group(&[world.bob], History::All).await;
    world.leaves(world.bob).await;
    world.says(world.amy, notes, "milk").await;
    world.says(world.amy, group, "anybody?").await;
}

#[tokio::test]
async fn a_group_whose_owner_left_belongs_to_who_is_in_it_longest_until_the_owner_is_back() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    world.adds(world.amy, conv, &[world.carol]).await.unwrap();
    world.leaves(world.amy).await;
    let rename = |title: &str| Update { conv, title: title.into() };
    assert_eq!(code(world.call(world.carol, rename("Ours")).await), ErrorCode::Forbidden);
    assert_eq!(code(world.adds(world.carol, conv, &[world.dan]).await), ErrorCode::Forbidden);
    world.call(world.bob, rename("Ours")).await.unwrap();
    world.adds(world.bob, conv, &[world.dan]).await.unwrap();
    let owners = async |caller| {
        let members = world.members(caller, conv).await.into_iter();
        let owners = members.filter(|member| member.role == Role::Owner && !member.left);
        owners.map(|member| member.user).collect::<Vec<_>>()
    };
    assert_eq!(owners(world.carol).await, users(&[world.bob]));
    world.returns(world.amy).await;
    assert_eq!(owners(world.carol).await, users(&[world.amy]));
    assert_eq!(code(world.call(world.bob, rename("Mine")).await), ErrorCode::Forbidden);
}

#[tokio::test]
async fn who_leaves_another_organisation_changes_nothing() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    let seq = world.says(world.amy, conv, "one").await.seq;
    world.leaves(world.zoe).await;
    assert_eq!(world.counts(world.amy, conv, seq).await, Some((0, 1)));
}

#[tokio::test]
async fn who_leaves_while_being_added_is_said_to_have_left() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    let seq = world.says(world.amy, conv, "one").await.seq;
    let (host, user) = (world.kit.host().clone(), world.carol.user);
    world.kit.before_next_commit(async move {
        host.call_typed(Caller::SYSTEM, None, &RemoveMember { user }).await.unwrap();
    });
    world.adds(world.amy, conv, &[world.carol]).await.unwrap();
    assert_eq!(world.left(world.amy, conv).await, [world.carol.user]);
    assert_eq!(world.counts(world.amy, conv, seq).await, Some((0, 1)));
    let world = world.restarted().await;
    assert_eq!(world.left(world.amy, conv).await, [world.carol.user]);
}
