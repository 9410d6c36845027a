use std::future::pending;

use carillon_plugin::apart::Told;

use super::*;

/// A node that answers nothing.
struct Silent;

impl Node for Silent {
    fn ask(&self, _: Ask) -> BoxFuture<'_, Result<Told>> {
        Box::pin(pending())
    }
}

fn ask() -> Ask {
    serde_json::from_str(r#"{"Heads":[]}"#).unwrap()
}

#[tokio::test]
async fn a_process_that_asks_too_much_at_once_is_sent_away() {
    let processes = Processes::new("poll");
    let (say, _said) = mpsc::channel(QUEUE_MAX);
    let process = processes.enter(say).unwrap();
    let mut given = Vec::new();
    let mut asked = 0;
    while asked < ASKS_IN_ALL_MAX * ASKS_SLACK {
        given.push(processes.hand_out(Arc::new(Silent)).unwrap());
        let order = given.last().unwrap().0.order;
        for _ in 0..ASKS_MAX * ASKS_SLACK {
            asked += 1;
            processes.answer(process, order, (0, ask())).unwrap();
        }
        let more = processes.answer(process, order, (0, ask()));
        assert!(more.unwrap_err().contains("an order asks more than 32"));
    }
    given.push(processes.hand_out(Arc::new(Silent)).unwrap());
    let order = given.last().unwrap().0.order;
    let more = processes.answer(process, order, (0, ask()));
    assert!(more.unwrap_err().contains("it asks more than 64"));
    let over = processes.answer(process, u64::MAX, (0, ask()));
    assert_eq!(over, Ok(()), "of an order that is over nothing is answered");
}

#[tokio::test]
async fn what_a_process_never_had_is_away_and_what_it_may_have_had_is_lost() {
    let processes = Processes::new("poll");
    let (say, _said) = mpsc::channel(QUEUE_MAX);
    let process = processes.enter(say).unwrap();
    let (_never, done) = processes.hand_out(Arc::new(Silent)).unwrap();
    let (begun, done_of_begun) = processes.hand_out(Arc::new(Silent)).unwrap();
    begun.begun.store(true, Ordering::Release);
    processes.leave(process);
    assert!(done.await.unwrap().unwrap_err().is_away());
    let lost = done_of_begun.await.unwrap().unwrap_err();
    assert_eq!(lost.code(), ErrorCode::TimeoutUnknown);
    let none = processes.hand_out(Arc::new(Silent)).err().unwrap();
    assert!(none.is_away() && none.to_string().contains("carillon plugin poll"), "{none}");
}

#[tokio::test]
async fn a_process_that_leaves_is_let_go_when_nothing_of_it_is_under_way() {
    let processes = Processes::new("poll");
    let (say, mut said) = mpsc::channel(QUEUE_MAX);
    let process = processes.enter(say).unwrap();
    let (given, _done) = processes.hand_out(Arc::new(Silent)).unwrap();
    processes.hear(process, FromProcess::Leaving {}).unwrap();
    assert!(said.try_recv().is_err(), "an order is under way");
    assert!(processes.hand_out(Arc::new(Silent)).is_err(), "and no other comes");
    assert!(processes.take(process, given.order).is_some());
    assert!(matches!(said.try_recv(), Ok(Say::End)));
}
