//! Programs that listen: each has a place in the log, as a plugin that reads it has.
//!
//! The place moves when the program has dealt with everything up to there, so what it was told
//! before it went away is told again. Two nodes that tell the same program move it by what each
//! has heard acknowledged: neither passes over what nobody has dealt with.

use std::collections::{HashMap, hash_map::Entry};

use carillon_protocol::{ErrorCode, Event, OrgId, Topic, UserId, event};

use crate::{Caller, Error, Host, Logged, Result, Window, call::bounded, withhold};

/// So many events of the kinds are looked at in one step, whoever may see them.
const LOOK_MAX: usize = 256;
/// So many positions are looked through in one step.
const SPAN: u64 = 16_384;
/// So many steps are made in all to find what programs have yet to deal with, when somebody asks
/// how far they are; one of which nothing was found by then is as far behind as was looked at.
const STEPS_MAX: usize = 128;

/// The next events for a program.
#[derive(Debug)]
pub struct Hearing {
    /// With their positions, oldest first.
    pub events: Vec<(u64, Event)>,
    /// Up to there nothing else concerns it.
    pub seen: u64,
}

/// A program that listens, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listens {
    /// Which.
    pub program: UserId,
    /// Whose.
    pub org: OrgId,
    /// The kinds of events, as it named them last.
    pub kinds: Vec<&'static str>,
    /// Up to there it has dealt with everything.
    pub pos: u64,
    /// How many positions the log has from the first event on that it has yet to deal with.
    pub behind: u64,
    /// When that event happened, in milliseconds since the epoch.
    pub since: Option<i64>,
}

/// A kind of durable events, as the table of events spells it; nothing if there is none.
pub fn kind_of(name: &str) -> Option<&'static str> {
    struct Find<'a>(&'a str, Option<&'static str>);
    impl event::Visitor for Find<'_> {
        fn event<D>(&mut self, k: &'static str, _: &'static str) {
            self.1 = self.1.or((k == self.0).then_some(k));
        }
        fn ephemeral<D>(&mut self, _: &'static str, _: &'static str) {}
    }
    let mut find = Find(name, None);
    event::each(&mut find);
    find.1
}

impl Host {
    /// A program listens to these kinds from now on; answers where it is in the log. One that
    /// listens for the first time begins at the end.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` if the database cannot answer.
    pub async fn listens(&self, program: Caller, kinds: &[&'static str]) -> Result<u64> {
        let (end, _) = self.storage().position();
        let mut tx = self.listening_tx();
        let row = [program.user.into(), program.org.into(), kinds.join(" ").into(), end.into()];
        tx.run(
            "INSERT INTO listener_place (user_id, org, kinds, pos) VALUES ($1, $2, $3, $4)
             ON CONFLICT (user_id) DO UPDATE SET kinds = excluded.kinds",
            row,
        );
        self.commit(tx).await?;
        self.listener_at(program.user).await
    }

    /// Where a program that listens is in the log.
    ///
    /// # Errors
    /// `E_NOT_FOUND` if it has never listened, or was removed; `E_UNAVAILABLE` if the database
    /// cannot answer.
    pub async fn listener_at(&self, program: UserId) -> Result<u64> {
        let sql = "SELECT pos FROM listener_place WHERE user_id = $1";
        let rows = self.storage().query(sql, vec![program.into()]).await?;
        rows.first().ok_or_else(|| Error::not_found("listener"))?.get(0)
    }

    /// A program has dealt with everything up to a position; answers where it is. If another node
    /// was faster, that is somewhere else.
    ///
    /// # Errors
    /// As [`Host::listener_at`].
    pub async fn listener_moves(&self, program: UserId, from: u64, to: u64) -> Result<u64> {
        let mut tx = self.listening_tx();
        tx.run_one(
            "UPDATE listener_place SET pos = $1 WHERE user_id = $2 AND pos = $3",
            [to.into(), program.into(), from.into()],
        );
        match self.commit(tx).await {
            Ok(_) => Ok(to),
            Err(error) if error.is_raced() => self.listener_at(program).await,
            Err(error) => Err(error),
        }
    }

    /// The programs that listen, connected or not, and how far each is: those that are furthest
    /// back in the log, at most so many.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` if the database cannot answer.
    pub async fn listeners(&self, limit: usize) -> Result<Vec<Listens>> {
        let sql = "SELECT user_id, org, kinds, pos FROM listener_place ORDER BY pos LIMIT $1";
        let (mut all, mut steps) = (Vec::new(), STEPS_MAX);
        for row in self.storage().query(sql, vec![limit.into()]).await? {
            let (program, org, pos): (UserId, OrgId, u64) = (row.get(0)?, row.get(1)?, row.get(3)?);
            let kinds: String = row.get(2)?;
            let kinds = kinds.split_whitespace().filter_map(kind_of).collect();
            let listens = Listens { program, org, kinds, pos, behind: 0, since: None };
            all.push(self.how_far(listens, &mut steps).await?);
        }
        Ok(all)
    }

    /// Finds the first event that a program has yet to deal with, in so many steps.
    async fn how_far(&self, it: Listens, steps: &mut usize) -> Result<Listens> {
        let (end, _) = self.storage().position();
        let caller = Caller::on_behalf_of(it.program, it.org);
        let mut seen = it.pos;
        while *steps > 0 {
            *steps -= 1;
            let hearing = self.hears(caller, seen, &it.kinds, 1).await?;
            if let Some((pos, event)) = hearing.events.first() {
                let behind = (end + 1).saturating_sub(*pos);
                return Ok(Listens { behind, since: Some(event.at), ..it });
            }
            if hearing.seen >= end || hearing.seen == seen {
                return Ok(it);
            }
            seen = hearing.seen;
        }
        Ok(Listens { behind: end.saturating_sub(seen), ..it })
    }

    /// The oldest events of these kinds after a position that the caller may see.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` if the database cannot answer.
    pub async fn hears(
        &self,
        caller: Caller,
        after: u64,
        kinds: &[&'static str],
        limit: usize,
    ) -> Result<Hearing> {
        let up_to = self.storage().position().0.min(after + SPAN);
        let found = self.storage().log_after(after, up_to, kinds, LOOK_MAX).await?;
        let last = found.last().map_or(after, |last| last.pos);
        let mut seen = if found.len() == LOOK_MAX { last } else { up_to.max(last) };
        let (mut events, mut windows) = (Vec::new(), HashMap::new());
        for Logged { pos, org, mut event } in found {
            // Nobody's memory is filled with conversations of other organisations.
            if org != caller.org {
                continue;
            }
            let window = self.window_of(caller, &event.topic, &mut windows).await?;
            let Some(window) = window.filter(|window| window.sees(event.seq)) else { continue };
            withhold(std::slice::from_mut(&mut event), window);
            events.push((pos, event));
            if events.len() == limit {
                seen = pos;
                break;
            }
        }
        Ok(Hearing { events, seen })
    }

    async fn window_of<'w>(
        &self,
        caller: Caller,
        topic: &Topic,
        windows: &'w mut HashMap<Topic, Option<Window>>,
    ) -> Result<Option<&'w Window>> {
        let window = match windows.entry(topic.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let window = match bounded(self.window(caller, topic)).await {
                    Ok(window) => Some(window),
                    Err(error) if is_refusal(error.code()) => None,
                    Err(error) => return Err(error),
                };
                new.insert(window)
            }
        };
        Ok(window.as_ref())
    }

    fn listening_tx(&self) -> crate::Tx {
        let duties = self.all_duties().next().expect("a host has plugins");
        self.reading(Caller::SYSTEM, &duties.owner).tx()
    }
}

fn is_refusal(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::NotFound | ErrorCode::NotMember | ErrorCode::Forbidden)
}
