//! Where people are reached: nobody gives somebody else's number as their own.

use carillon_plugin::{
    Caller, Result,
    protocol::{
        ErrorCode,
        notify::{Contact, ContactKind, Contacts, GetContact, Outcome, SetContact, VerifyContact},
        org,
    },
};

use crate::{
    twilio::Twilio,
    world::{World, call, field, person, ways},
};

const MINUTE: i64 = 60_000;

impl World {
    async fn gives(&self, who: Caller, number: &str) -> Result<Contacts> {
        let address = Some(number.to_owned());
        self.call(who, SetContact { user: None, kind: ContactKind::Phone, address }).await
    }

    async fn proves(&self, who: Caller, code: &str) -> Result<Contacts> {
        let args = VerifyContact { kind: ContactKind::Phone, code: code.to_owned() };
        self.call(who, args).await
    }
}

/// The code in the last message that was sent.
async fn code(world: &World, twilio: &Twilio) -> String {
    world.kit.settle().await;
    let said = twilio.taken().pop().unwrap().said;
    let digits: String = said.chars().filter(char::is_ascii_digit).take(6).collect();
    assert_eq!(digits.len(), 6, "{said}");
    digits
}

fn used(address: &str) -> Option<Contact> {
    Some(Contact { address: Some(address.into()), pending: None })
}

#[tokio::test]
async fn a_number_is_used_once_its_code_has_come_back() {
    let twilio = Twilio::open().await;
    let world = World::with_twilio(twilio.port()).await;
    let contacts = world.gives(world.bob, "+852 9876 5432").await.unwrap();
    let both =
        Contact { address: Some("+85291234567".into()), pending: Some("+85298765432".into()) };
    assert_eq!(contacts.phone, Some(both));
    let code = code(&world, &twilio).await;
    assert_eq!(twilio.taken()[0].to, "+85298765432");
    let contacts = world.proves(world.bob, &code).await.unwrap();
    assert_eq!(contacts.phone, used("+85298765432"));
    // It works once.
    assert_eq!(field(world.proves(world.bob, &code).await).0, ErrorCode::Conflict);
    assert_eq!(world.outcomes()[0].1, Outcome::Accepted);
    let args = SetContact { user: None, kind: ContactKind::Phone, address: None };
    assert_eq!(world.call(world.bob, args).await.unwrap().phone, None);
}

#[tokio::test]
async fn codes_are_neither_guessed_nor_sent_without_end() {
    let twilio = Twilio::open().await;
    let world = World::with_twilio(twilio.port()).await;
    world.gives(world.bob, "+85298765432").await.unwrap();
    let right = code(&world, &twilio).await;
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        assert_eq!(field(world.proves(world.bob, wrong).await).0, ErrorCode::BadArg);
    }
    assert_eq!(field(world.proves(world.bob, &right).await).0, ErrorCode::Conflict);

    let again = world.gives(world.bob, "+85298765432").await;
    assert_eq!(field(again).0, ErrorCode::Rate);
    for _ in 0..4 {
        world.kit.clock().advance(MINUTE);
        world.gives(world.bob, "+85298765432").await.unwrap();
    }
    world.kit.clock().advance(MINUTE);
    assert_eq!(field(world.gives(world.bob, "+85298765432").await).0, ErrorCode::Rate);
    assert_eq!(field(world.gives(world.bob, "+85291111111").await).0, ErrorCode::Rate);
    // Nor does somebody else pester that number.
    assert_eq!(field(world.gives(world.amy, "+85298765432").await).0, ErrorCode::Rate);
    world.gives(world.amy, "+85291111111").await.unwrap();
    let late = code(&world, &twilio).await;
    world.kit.clock().advance(15 * MINUTE);
    assert_eq!(field(world.proves(world.amy, &late).await).0, ErrorCode::Conflict);
}

#[tokio::test]
async fn addresses_of_others_are_for_those_who_administer_people() {
    let world = World::new(ways(&[], None)).await;
    let (amy, bob) = (world.amy.user, world.bob.user);
    let get = |user| GetContact { user: Some(user) };
    world.phone(bob, "+85291234567").await;
    let contacts = world.call(world.bob, GetContact { user: None }).await.unwrap();
    assert_eq!(contacts.phone, used("+85291234567"));
    assert_eq!(world.call(world.amy, get(bob)).await.unwrap(), contacts);
    assert_eq!(field(world.call(world.bob, get(amy)).await).0, ErrorCode::Forbidden);
    for user in [amy, bob] {
        let address = Some("+85290000001".to_owned());
        let args = SetContact { user: Some(user), kind: ContactKind::Phone, address };
        // Also of their own number: they would not have to prove it.
        assert_eq!(field(world.call(world.bob, args).await).0, ErrorCode::Forbidden);
    }
    let nobody = carillon_plugin::protocol::UserId(world.kit.host().new_id());
    assert_eq!(field(world.call(world.amy, get(nobody)).await).0, ErrorCode::NotFound);
    // Nobody carries messages yet, so no code can be sent.
    assert_eq!(field(world.gives(world.bob, "+85298765432").await).0, ErrorCode::Conflict);
    assert_eq!(field(world.gives(world.bob, "98765432").await).1, "address");
}

#[tokio::test]
async fn what_other_organisations_send_to_a_number_keeps_nobody_from_proving_it() {
    let twilio = Twilio::open().await;
    let world = World::with_twilio(twilio.port()).await;
    let create = org::Create { name: "Peak".into() };
    let other = call(&world.kit, Caller::SYSTEM, create).await.unwrap().org;
    let zoe = person(&world.kit, other, "zoe", true).await;
    world.call(zoe, crate::world::twilio(twilio.port())).await.unwrap();
    for _ in 0..5 {
        world.kit.clock().advance(MINUTE);
        world.gives(zoe, "+85298765432").await.unwrap();
        world.kit.settle().await;
    }
    world.kit.clock().advance(MINUTE);
    assert_eq!(field(world.gives(zoe, "+85298765432").await).0, ErrorCode::Rate);
    world.gives(world.bob, "+85298765432").await.unwrap();
    let code = code(&world, &twilio).await;
    let contacts = world.proves(world.bob, &code).await.unwrap();
    assert_eq!(contacts.phone, used("+85298765432"));
}
