use carillon_plugin::{Caller, Plugin};
use carillon_protocol::{
    SessionId, UserId,
    id::Ulid,
    session::{Grant, Login},
};
use carillon_store::kit::Kit;

use super::*;

const MINUTE: i64 = 60_000;
/// From where the owner has signed in before.
const KNOWN: &str = "known";

/// An attempt as `session.login` makes it, whose password says what becomes of it.
async fn login(ctx: Ctx, args: Login) -> Result<Grant> {
    let known = args.label.as_deref() == Some(KNOWN);
    let source = Source::of(ctx.caller());
    let attempt = Attempt::begin(&ctx, &args.login, source, known).await?;
    match &*args.password {
        "right" => attempt.right(&ctx).await?,
        "unseen" => attempt.unseen(&ctx).await?,
        _ => {}
    }
    let (session, user) = (SessionId(Ulid::nil()), UserId(Ulid::nil()));
    Ok(Grant { token: String::new(), session, user, expires_at: 0 })
}

/// The counts of nodes that share them, at the beginning of the tests' time.
struct Door(Kit);

impl Door {
    async fn new() -> Door {
        let tables = include_str!("../5_attempts.sql");
        let plugin = Plugin::new("directory").nouns(&["session"]).migration(1, tables);
        Door(Kit::new(vec![plugin.command(login)]).await)
    }

    fn now(&self) -> i64 {
        self.0.host().now()
    }

    fn advance(&self, ms: i64) {
        self.0.clock().advance(ms);
    }

    /// An attempt on a name from a source; refused, it says when to come back.
    async fn attempt(
        &self,
        (name, source): (&str, u32),
        password: &str,
        label: Option<&str>,
    ) -> Result<(), i64> {
        let network = std::net::Ipv4Addr::from_bits(source).into();
        let caller = Caller::STRANGER.from_network(Some(network));
        let label = label.map(str::to_owned);
        let args = Login { login: name.into(), password: password.into(), label };
        let Err(refused) = self.0.host().call_typed(caller, None, &args).await else {
            return Ok(());
        };
        assert_eq!(refused.code(), ErrorCode::Rate, "{refused}");
        Err(refused.body().retry_ms.unwrap().cast_signed())
    }

    /// Whether an attempt from elsewhere is let through, and was wrong.
    async fn guess(&self, name: &str, source: u32) -> bool {
        self.attempt((name, source), "wrong", None).await.is_ok()
    }

    /// The same of the owner, who is known there.
    async fn knows(&self, name: &str, source: u32) -> Result<(), i64> {
        self.attempt((name, source), "wrong", Some(KNOWN)).await
    }

    /// How many guesses of a list are let through.
    async fn passed(&self, guesses: impl IntoIterator<Item = (String, u32)>) -> usize {
        let mut passed = 0;
        for (name, source) in guesses {
            passed += usize::from(self.guess(&name, source).await);
        }
        passed
    }
}

fn names(count: u32) -> impl Iterator<Item = (String, u32)> {
    (0..count).map(|number| (format!("name{number}"), 1))
}

#[tokio::test]
async fn a_thousand_tries_let_at_most_10_a_minute_through_from_wherever_they_come() {
    let door = Door::new().await;
    let mut passed = Vec::new();
    for source in 0..1_000 {
        if door.guess("amy", source).await {
            passed.push(door.now());
        }
        door.advance(300);
    }
    let in_minute = |from| passed.iter().filter(move |&&at| (from..from + MINUTE).contains(&at));
    let worst = passed.iter().map(|&from| in_minute(from).count()).max();
    assert!(worst <= Some(10), "{worst:?}");
    assert!(passed.len() >= 13, "nobody is locked out for good: {}", passed.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_are_no_better_than_one_after_another() {
    let door = std::sync::Arc::new(Door::new().await);
    let tries: Vec<_> = (0..50)
        .map(|source| {
            let door = std::sync::Arc::clone(&door);
            tokio::spawn(async move { door.guess("amy", source).await })
        })
        .collect();
    let mut passed = 0;
    for one in tries {
        passed += usize::from(one.await.unwrap());
    }
    assert_eq!(passed, 5);
}

#[tokio::test]
async fn each_wrong_password_doubles_the_wait_up_to_a_minute() {
    let door = Door::new().await;
    let mut waits = Vec::new();
    for _ in 0..14 {
        while let Err(wait_ms) = door.knows("amy", 1).await {
            waits.push(wait_ms / 1_000);
            door.advance(wait_ms);
        }
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert!(door.knows("bob", 1).await.is_ok(), "others are not held up");
}

#[tokio::test]
async fn who_signs_in_from_the_usual_place_is_not_held_up_by_the_whole_world() {
    let door = Door::new().await;
    let world = (0..100).map(|source| ("amy".to_owned(), source));
    assert_eq!(door.passed(world).await, 5);
    assert!(door.knows("amy", 7).await.is_ok());
    assert!(!door.guess("amy", 1_000).await, "from a new place the owner waits, too");
}

#[tokio::test]
async fn a_source_that_tries_many_names_holds_up_itself_and_nobody_else() {
    let door = Door::new().await;
    assert_eq!(door.passed(names(1_000)).await, 20);
    assert!(door.guess("amy", 2).await);
    assert!(door.knows("amy", 1).await.is_ok(), "nor who is known there");
    let mut in_an_hour = 0;
    for second in 0..3_600 {
        door.advance(1_000);
        in_an_hour += usize::from(door.guess(&format!("s{second}"), 1).await);
    }
    assert!(in_an_hour < 150, "{in_an_hour}");
}

#[tokio::test]
async fn an_office_where_everybody_is_new_and_some_mistype_is_not_held_up() {
    let door = Door::new().await;
    for person in 0..500 {
        let name = format!("name{person}");
        if person % 10 == 0 {
            assert!(door.guess(&name, 1).await);
        }
        door.advance(1_000);
        door.attempt((&name, 1), "right", None).await.unwrap();
        door.advance(1_000);
    }
}

#[tokio::test]
async fn right_passwords_cost_nothing_and_forgive_the_name_but_not_the_source() {
    let door = Door::new().await;
    for _ in 0..100 {
        door.attempt(("amy", 1), "right", None).await.unwrap();
        door.attempt(("bob", 1), "unseen", None).await.unwrap();
    }
    for _ in 0..4 {
        assert!(door.guess("amy", 1).await);
    }
    door.attempt(("amy", 1), "right", None).await.unwrap();
    let passed = door.passed(names(100)).await;
    assert_eq!(passed, 16, "an account of one's own does not pay for guesses");
    assert!(door.guess("amy", 2).await, "the name is forgiven");
}

#[tokio::test]
async fn an_attempt_that_was_right_leaves_the_wait_as_it_was() {
    let door = Door::new().await;
    assert_eq!(door.passed(names(20)).await, 20);
    door.advance(WAIT_MS);
    door.attempt(("amy", 1), "right", None).await.unwrap();
    assert!(door.guess("bob", 1).await);
}

#[tokio::test]
async fn time_makes_up_for_everything_and_a_clock_that_goes_back_for_nothing() {
    let door = Door::new().await;
    for _ in 0..5 {
        assert!(door.guess("amy", 1).await);
    }
    door.advance(-MINUTE);
    let refused = door.attempt(("amy", 1), "wrong", None).await;
    assert_eq!(refused, Err(WAIT_MS), "never longer");
    let nine = || (0..9).map(|_| ("amy".to_owned(), 1));
    door.advance(MINUTE + 2 * NAME.forget_ms);
    assert_eq!(door.passed(nine()).await, 2);
    door.advance(58 * NAME.forget_ms);
    assert_eq!(door.passed(nine()).await, 5);
}

#[tokio::test]
async fn who_waits_when_the_clock_is_put_back_waits_no_longer_than_before() {
    let door = Door::new().await;
    for _ in 0..6 {
        assert!(door.knows("amy", 1).await.is_ok());
        door.advance(WAIT_MS);
    }
    door.advance(-60 * MINUTE);
    let refused = door.knows("amy", 1).await;
    assert_eq!(refused, Err(2 * WAIT_MS));
    door.advance(2 * WAIT_MS);
    assert_eq!(door.knows("amy", 1).await, Ok(()), "and not an hour");
    assert_eq!(door.knows("amy", 1).await, Err(4 * WAIT_MS), "what was owed is owed");
    // From elsewhere the same, by the name and by the source.
    assert_eq!(door.passed(names(20)).await, 20);
    door.advance(-60 * MINUTE);
    assert_eq!(door.attempt(("bob", 1), "wrong", None).await, Err(WAIT_MS));
    door.advance(WAIT_MS);
    assert!(door.guess("bob", 1).await);
}

#[tokio::test]
async fn what_is_forgiven_is_forgotten() {
    let door = Door::new().await;
    let people = (0..100).map(|number| (format!("name{number}"), number));
    assert_eq!(door.passed(people).await, 100);
    door.advance(NAME.forget_ms);
    assert!(door.guess("amy", 1).await);
    let rows = "SELECT COUNT(*) FROM directory_attempt";
    let rows = door.0.host().storage().query(rows, Vec::new()).await.unwrap();
    assert_eq!(rows[0].get::<i64>(0).unwrap(), 2, "of one attempt");
}
