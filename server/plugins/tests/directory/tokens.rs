//! Tokens and tickets.

use crate::*;

#[tokio::test]
async fn a_forged_token_is_nobodys() {
    let world = World::new().await;
    let token = &world.amy_token;
    let last = if token.ends_with('A') { "B" } else { "A" };
    let changed = format!("{}{last}", &token[..token.len() - 1]);
    let as_app = token.replace("cdt_", "cat_");
    let (_, bob) = world.joins("bob").await;
    let swapped = format!("{}{}", &token[..26], &bob[26..]);
    let unknown = format!("cdt_{}", "A".repeat(64));
    let ticket = format!("ctk_{}", "A".repeat(43));
    for bad in ["", "x", &changed, &as_app, &swapped, &unknown, &ticket, &token[..40]] {
        assert_eq!(code(world.resolve(bad).await), ErrorCode::Unauth, "{bad}");
    }
    assert!(world.resolve(token).await.is_ok());
    // What was refused before it was cached is refused from the cache too.
    assert_eq!(code(world.resolve(&changed).await), ErrorCode::Unauth);
}

#[tokio::test]
async fn a_session_ends_when_its_time_has_come() {
    let world = World::new().await;
    world.kit.clock().advance(30 * DAY - 1);
    assert!(world.resolve(&world.amy_token).await.is_ok());
    world.kit.clock().advance(1);
    for _ in 0..2 {
        assert_eq!(code(world.resolve(&world.amy_token).await), ErrorCode::TokenExpired);
    }
}

#[tokio::test]
async fn a_ticket_opens_one_socket() {
    let world = World::new().await;
    let ticket = world.call(world.amy, Ticket {}).await.unwrap();
    assert!(ticket.token.starts_with("ctk_"));
    assert_eq!(ticket.expires_at, world.kit.host().now() + MINUTE);
    let opened = world.resolve(&ticket.token).await.unwrap();
    assert_eq!((Some(opened.session), opened.user), (world.amy.session, world.amy.user));
    assert_eq!(code(world.resolve(&ticket.token).await), ErrorCode::Unauth);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_show_one_ticket_at_once_one_gets_in() {
    let world = World::new().await;
    let token = world.call(world.amy, Ticket {}).await.unwrap().token;
    let tries: Vec<_> = (0..16)
        .map(|_| {
            let (host, token) = (world.kit.host().clone(), token.clone());
            tokio::spawn(async move {
                host.call_typed(Caller::SYSTEM, None, &Resolve { token, ticket: true }).await
            })
        })
        .collect();
    let mut opened = 0;
    for attempt in tries {
        match attempt.await.unwrap() {
            Ok(_) => opened += 1,
            Err(error) => assert_eq!(error.code(), ErrorCode::Unauth, "{error}"),
        }
    }
    assert_eq!(opened, 1);
}

#[tokio::test]
async fn a_ticket_is_good_for_a_minute_and_never_longer_than_its_session() {
    let world = World::new().await;
    let late = world.call(world.amy, Ticket {}).await.unwrap();
    let orphan = world.call(world.amy, Ticket {}).await.unwrap();
    world.kit.clock().advance(MINUTE);
    assert_eq!(code(world.resolve(&late.token).await), ErrorCode::TokenExpired);
    assert_eq!(code(world.resolve(&orphan.token).await), ErrorCode::TokenExpired);
    let orphan = world.call(world.amy, Ticket {}).await.unwrap();
    world.call(world.amy, Logout {}).await.unwrap();
    assert_eq!(code(world.resolve(&orphan.token).await), ErrorCode::TokenExpired);
}

#[tokio::test]
async fn a_session_has_a_bounded_number_of_unused_tickets() {
    let world = World::new().await;
    for _ in 0..32 {
        world.call(world.amy, Ticket {}).await.unwrap();
    }
    let refused = world.call(world.amy, Ticket {}).await.unwrap_err();
    assert_eq!((refused.code(), refused.body().retry_ms), (ErrorCode::Rate, Some(60_000)));
    world.kit.clock().advance(MINUTE);
    assert!(world.call(world.amy, Ticket {}).await.is_ok());
}

#[tokio::test]
async fn nothing_secret_lies_in_the_database() {
    let world = World::new().await;
    let ticket = world.call(world.amy, Ticket {}).await.unwrap().token;
    let app = Issue { app: Some("echo".into()), ..issue() };
    let app = world.call(world.amy, app).await.unwrap().token;
    let secrets = [PASSWORD, &world.amy_token, &world.amy_token[30..], &ticket[4..], &app[30..]];
    let files = world.kit.at_rest().await;
    let lies = |text: &str| {
        files.iter().any(|file| file.windows(text.len()).any(|found| found == text.as_bytes()))
    };
    assert!(lies("amy 陳"), "what is no secret is found");
    for secret in secrets {
        assert!(!lies(secret), "a secret lies in the database");
    }
}
