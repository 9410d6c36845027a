//! What is kept of a secret poll, and what anybody learns of it.

use carillon_plugin::protocol::{card::UpdatedData, conv::AddMembers};

use crate::*;

pub async fn nobody_learns_what_somebody_voted_for_in_a_secret_poll(world: World) {
    let multiple = true;
    let poll = world.opens(Open { anonymous: true, multiple, ..world.lunch() }).await;
    world.kit.committed();
    let choices = Value::Choices(vec!["0".into(), "2".into()]);
    world.presses(world.bob, world.cid(), choices).await.unwrap();
    world.votes(world.carol, poll, &[2]).await.unwrap();
    world.card().await;

    let changes = world.kit.committed();
    assert!(!changes.is_empty());
    for (event, _) in changes {
        let data: UpdatedData = event.data.to().unwrap();
        assert_eq!((event.by, event.cid), (world.amy.user, None), "not by who voted");
        assert_eq!(data.card.unwrap().fields, [], "and says nothing of the votes");
    }
    for who in [world.amy, world.bob] {
        let seen = world.poll(who, poll).await;
        assert_eq!((seen.voters, seen.counts, seen.mine), (2, None, None));
        let votes = Votes { poll, after: None, limit: None };
        assert_eq!(code(world.call(who, votes).await), ErrorCode::Forbidden);
    }
    // Nothing that is kept of a person says what the vote was for, nor does any intent.
    let rows = async |sql: &str| world.kit.host().storage().query(sql, vec![]).await.unwrap();
    for row in rows("SELECT choices FROM poll_vote").await {
        assert_eq!(row.get::<Option<i64>>(0).unwrap(), None);
    }
    for caller in [world.bob, world.carol] {
        let topic = Topic::User(caller.user);
        let read = log::Read { topic, after: Some(0), before: None, limit: None };
        assert_eq!(world.call(caller, read).await.unwrap().events, []);
    }
    let changed = world.votes(world.bob, poll, &[1]).await;
    assert_eq!(code(changed), ErrorCode::Conflict, "a vote is final");

    world.closes(world.amy, poll).await.unwrap();
    assert_eq!(world.shown().await, ["**1** · 50%", "**0** · 0%", "**2** · 100%"]);
    assert_eq!(world.poll(world.dan_joined().await, poll).await.counts, Some(vec![1, 0, 2]));
}

impl World {
    async fn dan_joined(&self) -> Caller {
        let users = vec![self.dan.user];
        let add = AddMembers { conv: self.conv, users };
        self.call(self.amy, add).await.unwrap();
        self.dan
    }
}
