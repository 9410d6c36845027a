//! People without an account come by a link: they wait, they are let in, and they are nobody else.

use carillon_plugin::protocol::{
    UserId,
    org::RemoveMember,
    session::{Resolve, Resolved},
};

use crate::*;

/// A guest: the session, as it is found by its token.
struct Visitor {
    entered: Entered,
    caller: Caller,
}

impl World {
    async fn linked(&self, room: RoomId) -> Linked {
        self.call(self.amy, Link { room, ttl_ms: None }).await.unwrap()
    }

    async fn enters(&self, secret: &str, name: &str) -> Result<Entered> {
        self.call(Caller::STRANGER, Enter { secret: secret.into(), name: name.into() }).await
    }

    async fn resolves(&self, token: &str) -> Result<Resolved> {
        self.call(Caller::SYSTEM, Resolve { token: token.into(), ticket: false }).await
    }

    async fn visitor(&self, secret: &str, name: &str) -> Visitor {
        let entered = self.enters(secret, name).await.unwrap();
        let who = self.resolves(&entered.token).await.unwrap();
        assert_eq!(who.scopes, [format!("room:{}", entered.room)]);
        let scopes = who.scopes.iter().map(String::as_str);
        let caller = Caller::signed_in(who.user, who.org, who.session, scopes);
        Visitor { entered, caller }
    }

    /// A guest who was let in.
    async fn let_in(&self, secret: &str, name: &str) -> (Visitor, ParticipantId) {
        let visitor = self.visitor(secret, name).await;
        let participant = self.comes(visitor.caller, visitor.entered.room).await;
        self.call(self.amy, Admit { participant, admit: true }).await.unwrap();
        self.comes_back(visitor.caller, visitor.entered.room, participant).await.unwrap();
        (visitor, participant)
    }

    async fn is_dead(&self, visitor: &Visitor) {
        self.kit.settle().await;
        let found = self.resolves(&visitor.entered.token).await;
        assert_eq!(code(found), ErrorCode::TokenExpired);
    }
}

#[tokio::test]
async fn a_guest_waits_until_somebody_lets_them_in_whatever_the_rules_are() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let amy = world.comes(world.amy, room).await;
    let link = world.linked(room).await;
    let mei = world.visitor(&link.secret, " Mei ").await;
    let knocked = world.joins(mei.caller, room).await.unwrap();
    let seat = &knocked.room.participants[0];
    assert_eq!((seat.waiting, seat.role, seat.name.as_deref()), (true, Role::Guest, Some("Mei")));
    assert_eq!((knocked.room.participants.len(), &knocked.offer), (1, &None), "only themselves");
    assert_eq!(world.carrier.connected(), [amy]);

    let mine = (mei.caller, knocked.participant);
    let speaks =
        world.publishes(mine, Source::Microphone, Some(Publication { muted: false })).await;
    assert_eq!(code(speaks), ErrorCode::Forbidden);
    assert_eq!(code(world.call(mei.caller, Get { room }).await), ErrorCode::NotFound);
    let admit = Admit { participant: knocked.participant, admit: true };
    assert_eq!(code(world.call(mei.caller, admit.clone()).await), ErrorCode::Forbidden);

    world.call(world.amy, admit).await.unwrap();
    let inside = world.joins(mei.caller, room).await.unwrap();
    assert_eq!((inside.participant, inside.offer.is_some()), (knocked.participant, true));
    world.sends(mine, Source::Camera).await;
    let shown = world.seat(room, knocked.participant).await.unwrap();
    assert_eq!((shown.name.as_deref(), shown.user), (Some("Mei"), mei.entered.user));
    assert_eq!(world.call(mei.caller, Get { room }).await.unwrap().participants.len(), 2);
    world.nothing_failed().await;
}

#[tokio::test]
async fn a_guest_has_one_place_and_finds_it_again_by_the_token_alone() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    world.comes(world.amy, room).await;
    let link = world.linked(room).await;
    let mei = world.visitor(&link.secret, "Mei").await;
    let first = world.comes(mei.caller, room).await;
    assert_eq!(world.comes(mei.caller, room).await, first, "who reloads the page knocks once");
    world.call(world.amy, Admit { participant: first, admit: true }).await.unwrap();
    assert_eq!(world.comes(mei.caller, room).await, first);
    assert_eq!(world.room(room).await.participants.len(), 2);
}

#[tokio::test]
async fn who_was_let_in_comes_back_without_knocking_while_somebody_of_the_meeting_is_there() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let amy = world.comes(world.amy, room).await;
    let link = world.linked(room).await;
    let (mei, place) = world.let_in(&link.secret, "Mei").await;
    world.leaves(mei.caller, place).await.unwrap();
    let back = world.joins(mei.caller, room).await.unwrap();
    assert!(back.offer.is_some() && back.participant != place);
    let names = back.room.participants.iter().map(|it| it.name.as_deref().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["amy", "Mei"], "guests see everybody by name");

    let turned = world.visitor(&link.secret, "Ann").await;
    let knocks = world.comes(turned.caller, room).await;
    world.leaves(turned.caller, knocks).await.unwrap();
    let knocks = world.joins(turned.caller, room).await.unwrap();
    assert!(knocks.offer.is_none(), "who left while they waited waits");
    world.call(world.amy, Admit { participant: knocks.participant, admit: false }).await.unwrap();
    assert!(world.joins(turned.caller, room).await.unwrap().offer.is_none());
    assert!(world.seat(room, amy).await.is_some());
    world.nothing_failed().await;
}

#[tokio::test]
async fn only_who_keeps_a_room_makes_lists_and_revokes_its_links() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    world.comes(world.amy, room).await;
    world.comes(world.bob, room).await;
    let link = world.linked(room).await;
    let (make, links) = (|| Link { room, ttl_ms: None }, || Links { room });
    let unlink = || Unlink { link: link.link };
    assert_eq!(code(world.call(world.bob, make()).await), ErrorCode::Forbidden);
    assert_eq!(code(world.call(world.bob, links()).await), ErrorCode::Forbidden);
    assert_eq!(code(world.call(world.bob, unlink()).await), ErrorCode::Forbidden);
    for elsewhere in [world.dan, world.zoe] {
        let found = code(world.call(elsewhere, unlink()).await);
        assert!(matches!(found, ErrorCode::NotFound | ErrorCode::NotMember), "{found}");
    }
    assert_eq!(code(world.call(world.zoe, make()).await), ErrorCode::NotFound);
    assert_eq!(code(world.call(world.zoe, links()).await), ErrorCode::NotFound);
    assert_eq!(code(world.call(world.zoe, unlink()).await), ErrorCode::NotFound);

    world.visitor(&link.secret, "Mei").await;
    let listed = world.call(world.amy, links()).await.unwrap().links;
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].link, listed[0].by, listed[0].guests), (link.link, world.amy.user, 1));
    for _ in 1..20 {
        world.linked(room).await;
    }
    assert_eq!(code(world.call(world.amy, make()).await), ErrorCode::Quota);
    world.call(world.amy, unlink()).await.unwrap();
    world.call(world.amy, unlink()).await.unwrap();
    assert_eq!(world.call(world.amy, links()).await.unwrap().links.len(), 19);
    for ttl_ms in [0, -1, 30 * 86_400_000 + 1] {
        let made = world.call(world.amy, Link { room, ttl_ms: Some(ttl_ms) }).await;
        assert_eq!(field(made), (ErrorCode::BadArg, "ttl_ms".into()));
    }
    world.nothing_failed().await;
}

#[tokio::test]
async fn a_link_that_does_not_work_says_what_became_of_it_to_who_has_it() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    world.comes(world.amy, room).await;
    let (first, second) = (world.linked(room).await, world.linked(room).await);
    let look =
        async |secret: &str| world.call(Caller::STRANGER, Look { secret: secret.into() }).await;
    let seen = look(&first.secret).await.unwrap();
    assert_eq!((&*seen.org, seen.title, seen.phase), ("Harbour", None, Phase::Open));

    assert_eq!(code(look("cgl_AAAAAAAAAAAAAAAAAAAAAA").await), ErrorCode::NotFound);
    assert_eq!(code(world.enters("", "").await), ErrorCode::NotFound, "nothing of the name");
    let named = world.enters(&first.secret, "\u{202e}\n").await;
    assert_eq!(field(named), (ErrorCode::BadArg, "name".into()));
    world.call(world.amy, Unlink { link: first.link }).await.unwrap();
    assert_eq!(field(look(&first.secret).await), (ErrorCode::Conflict, "secret".into()));
    assert_eq!(code(world.enters(&first.secret, "Mei").await), ErrorCode::Conflict);
    world.call(world.amy, End { room }).await.unwrap();
    assert_eq!(field(world.enters(&second.secret, "Mei").await), (ErrorCode::Conflict, "".into()));

    let starts_at = Some(world.kit.host().now() + 3_600_000);
    let later = world.opens(Create { starts_at, ..world.now_here() }).await;
    let third = world.call(world.amy, Link { room: later, ttl_ms: Some(1_000) }).await.unwrap();
    assert_eq!(Some(third.expires_at), starts_at.map(|at| at + 1_000), "from when it begins");
    world.kit.clock().advance(3_601_000);
    let late = world.enters(&third.secret, "Mei").await;
    assert_eq!(field(late), (ErrorCode::Conflict, "secret".into()));
}

#[tokio::test]
async fn who_is_put_out_comes_back_by_nothing_but_knocking_anew() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let amy = world.comes(world.amy, room).await;
    let link = world.linked(room).await;
    let (mei, place) = world.let_in(&link.secret, "Mei").await;
    world.call(world.amy, Kick { participant: place }).await.unwrap();
    assert_eq!(world.carrier.connected(), [amy]);
    assert_eq!(code(world.joins(mei.caller, room).await), ErrorCode::Forbidden);
    world.is_dead(&mei).await;
    let again = world.visitor(&link.secret, "Mei").await;
    assert!(world.joins(again.caller, room).await.unwrap().offer.is_none(), "and waits");
    world.nothing_failed().await;
}

#[tokio::test]
async fn a_revoked_link_takes_its_guests_along_and_nobody_else() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let amy = world.comes(world.amy, room).await;
    let (leaked, other) = (world.linked(room).await, world.linked(room).await);
    let (mei, _) = world.let_in(&leaked.secret, "Mei").await;
    let waits = world.visitor(&leaked.secret, "Ann").await;
    world.comes(waits.caller, room).await;
    let (_, stays) = world.let_in(&other.secret, "Lee").await;
    world.call(world.amy, Unlink { link: leaked.link }).await.unwrap();
    assert_eq!(world.carrier.connected(), [amy, stays]);
    let left = world.room(room).await.participants;
    assert_eq!(left.iter().map(|it| it.participant).collect::<Vec<_>>(), [amy, stays]);
    assert_eq!(code(world.joins(waits.caller, room).await), ErrorCode::Forbidden);
    world.is_dead(&mei).await;
    world.is_dead(&waits).await;
    world.nothing_failed().await;
}

#[tokio::test]
async fn who_enters_while_the_link_is_revoked_is_not_in() {
    for after in 0..3 {
        let world = World::new().await;
        let room = world.opens(world.now_here()).await;
        world.comes(world.amy, room).await;
        let link = world.linked(room).await;
        let (host, amy, unlink) = (world.kit.host().clone(), world.amy, Unlink { link: link.link });
        world.kit.before_commit(after, async move {
            host.call_typed(amy, None, &unlink).await.unwrap();
        });
        let entered = world.enters(&link.secret, "Mei").await;
        if let Ok(entered) = entered {
            let who = world.resolves(&entered.token).await.unwrap();
            let scopes = who.scopes.iter().map(String::as_str);
            let mei = Caller::signed_in(who.user, who.org, who.session, scopes);
            let joined = world.joins(mei, room).await;
            assert!(joined.is_err(), "{after}: {joined:?}");
        }
        world.kit.settle().await;
        assert_eq!(world.room(room).await.participants.len(), 1, "{after}");
        world.nothing_failed().await;
    }
}

#[tokio::test]
async fn guests_are_not_left_alone() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let amy = world.comes(world.amy, room).await;
    let bob = world.comes(world.bob, room).await;
    let link = world.linked(room).await;
    let (mei, _) = world.let_in(&link.secret, "Mei").await;
    world.leaves(world.amy, amy).await.unwrap();
    assert_eq!(world.seat(room, bob).await.unwrap().role, Role::Host, "never a guest");
    world.leaves(world.bob, bob).await.unwrap();
    assert_eq!(world.room(room).await.head.phase, Phase::Ended);
    assert_eq!(world.carrier.connected(), []);
    world.is_dead(&mei).await;

    let starts_at = Some(world.kit.host().now() + 3_600_000);
    let later = world.opens(Create { starts_at, ..world.now_here() }).await;
    let amy = world.comes(world.amy, later).await;
    let link = world.linked(later).await;
    let (lee, place) = world.let_in(&link.secret, "Lee").await;
    world.leaves(world.amy, amy).await.unwrap();
    world.kit.settle().await;
    assert_eq!(world.room(later).await.participants, []);
    assert_eq!(world.carrier.connected(), []);
    world.comes(world.amy, later).await;
    let back = world.joins(lee.caller, later).await.unwrap();
    assert!(back.participant != place && back.offer.is_none(), "and knocks again");
    world.nothing_failed().await;
}

#[tokio::test]
async fn the_card_and_the_attendance_list_name_guests_as_such() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    assert_eq!(world.cards().await.len(), 1);
    let amy = world.comes(world.amy, room).await;
    let link = world.linked(room).await;
    let (mei, place) = world.let_in(&link.secret, "amy").await;
    world.leaves(mei.caller, place).await.unwrap();
    let list = Attendance { room, after: None, limit: None };
    let there = world.call(world.bob, list).await.unwrap().presences;
    let named: Vec<_> = there.iter().map(|it| (it.participant, it.name.as_deref())).collect();
    assert_eq!(named, [(amy, None), (place, Some("amy"))]);
    world.leaves(world.amy, amy).await.unwrap();
    let cards = world.cards().await;
    assert_eq!(cards[0].fields[1].value, "amy, amy \\(guest\\)");
}

#[tokio::test]
async fn half_of_a_room_is_left_to_its_people_and_a_network_sends_thirty_guests_in_ten_minutes() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    world.comes(world.amy, room).await;
    let link = world.linked(room).await;
    let from = |last: u8| Caller::STRANGER.from_network(Some([192, 0, 2, last].into()));
    let enter = || Enter { secret: link.secret.clone(), name: "Mei".into() };
    for number in 0..30 {
        let entered = world.call(from(1), enter()).await.unwrap();
        let scope = format!("room:{room}");
        let mei = Caller::signed_in(entered.user, entered.org, entered.session, [&*scope]);
        world.comes(mei, room).await;
        if number < 20 {
            let entered = world.call(from(2), enter()).await.unwrap();
            let mei = Caller::signed_in(entered.user, entered.org, entered.session, [&*scope]);
            world.comes(mei, room).await;
        }
    }
    let error = world.call(from(1), enter()).await.err().unwrap();
    assert_eq!((error.code(), error.body().retry_ms), (ErrorCode::Rate, Some(60_000)));
    let one_more = world.visitor(&link.secret, "Lee").await;
    assert_eq!(code(world.joins(one_more.caller, room).await), ErrorCode::Quota);
    world.comes(world.bob, room).await;
    world.kit.clock().advance(10 * 60_000);
    world.call(from(1), enter()).await.unwrap();
}

#[tokio::test]
async fn a_guest_is_bound_to_one_room_and_to_the_rules_there() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    world.comes(world.amy, room).await;
    let link = world.linked(room).await;
    let (mei, place) = world.let_in(&link.secret, "Mei").await;
    let starts_at = Some(world.kit.host().now() + 3_600_000);
    let later = world.opens(Create { starts_at, ..world.now_here() }).await;
    assert_eq!(code(world.joins(mei.caller, later).await), ErrorCode::NotFound);
    assert_eq!(code(world.call(mei.caller, Get { room: later }).await), ErrorCode::NotFound);

    let rules = Rules { screens: false, locked: true, ..Rules::default() };
    let update = Update { room, title: None, starts_at: None, rules: Some(rules) };
    world.call(world.amy, update).await.unwrap();
    let shares = Some(Publication { muted: false });
    let shared = world.publishes((mei.caller, place), Source::Screen, shares).await;
    assert_eq!(code(shared), ErrorCode::Forbidden);
    assert_eq!(code(world.enters(&link.secret, "Lee").await), ErrorCode::Forbidden, "locked");
    world.comes_back(mei.caller, room, place).await.unwrap();
    let role = SetRole { participant: place, role: Role::Moderator };
    assert_eq!(code(world.call(world.amy, role).await), ErrorCode::Forbidden);
}

#[tokio::test]
async fn a_restart_keeps_a_guest_in_and_who_closes_the_page_waits_no_more() {
    let mut world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let amy = world.comes(world.amy, room).await;
    let link = world.linked(room).await;
    let (mei, place) = world.let_in(&link.secret, "Mei").await;
    let waits = world.visitor(&link.secret, "Ann").await;
    let knocks = world.comes(waits.caller, room).await;
    world.kit = world.kit.restarted(plugins(world.carrier.clone())).await;
    assert_eq!(world.comes_back(mei.caller, room, place).await.unwrap().participant, place);
    assert_eq!(world.resolves(&mei.entered.token).await.unwrap().user, mei.entered.user);
    world.kit.clock().advance(121_000);
    world.kit.settle().await;
    assert!(world.seat(room, knocks).await.is_none(), "no window of theirs is connected");
    assert!(world.seat(room, amy).await.is_some() && world.seat(room, place).await.is_some());
    assert!(world.joins(waits.caller, room).await.is_ok(), "who comes back knocks again");
    world.nothing_failed().await;
}

#[tokio::test]
async fn who_has_left_the_organisation_invites_nobody_any_more() {
    let world = World::new().await;
    let room = world.call(world.bob, world.now_here()).await.unwrap().room;
    world.comes(world.bob, room).await;
    world.comes(world.amy, room).await;
    let link = world.call(world.bob, Link { room, ttl_ms: None }).await.unwrap();
    world.call(world.amy, RemoveMember { user: world.bob.user }).await.unwrap();
    world.kit.settle().await;
    assert_eq!(code(world.enters(&link.secret, "Mei").await), ErrorCode::Conflict);
}

#[tokio::test]
async fn no_secret_and_no_token_is_kept_that_opens_anything() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    world.comes(world.amy, room).await;
    let link = world.linked(room).await;
    let (mei, _) = world.let_in(&link.secret, "Mei").await;
    let nobody: UserId = mei.entered.user;
    assert!(world.room(room).await.participants.iter().any(|it| it.user == nobody));
    for file in world.kit.at_rest().await {
        for secret in [&link.secret, &mei.entered.token] {
            let held = file.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!held, "{secret} is at rest");
        }
    }
}
