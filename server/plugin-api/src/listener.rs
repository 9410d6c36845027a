//! Programs that listen: each has a place in the log, as a plugin that reads it has.
//!
//! The place moves when the program has dealt with everything up to there, so what it was told
//! before it went away is told again. Two nodes that tell the same program move it by what each
//! has heard acknowledged: neither passes over what nobody has dealt with.

use std::collections::{HashMap, hash_map::Entry};

use carillon_protocol::{ErrorCode, Event, Topic, UserId};

use crate::{Caller, Error, Host, Logged, Result, Window, call::bounded, withhold};

/// So many events of the kinds are looked at in one step, whoever may see them.
const LOOK_MAX: usize = 256;
/// So many positions are looked through in one step.
const SPAN: u64 = 16_384;

/// The next events for a program.
#[derive(Debug)]
pub struct Hearing {
    /// With their positions, oldest first.
    pub events: Vec<(u64, Event)>,
    /// Up to there nothing else concerns it.
    pub seen: u64,
}

impl Host {
    /// Where a program is in the log. One that listens for the first time begins at the end.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` if the database cannot answer.
    pub async fn listener_at(&self, program: UserId) -> Result<u64> {
        let name = name_of(program);
        let sql = "SELECT pos FROM plugin_cursor WHERE plugin = $1";
        let rows = self.storage().query(sql, vec![name.clone().into()]).await?;
        if let Some(row) = rows.first() {
            return row.get(0);
        }
        let (end, _) = self.storage().position();
        let insert = "INSERT INTO plugin_cursor (plugin, pos, size, failures, retry_at, error)
                      VALUES ($1, $2, 0, 0, 0, NULL) ON CONFLICT (plugin) DO NOTHING";
        let mut tx = self.listening_tx();
        tx.run(insert, [name.clone().into(), end.into()]);
        self.commit(tx).await?;
        let rows = self.storage().query(sql, vec![name.into()]).await?;
        rows.first().ok_or_else(|| Error::not_found("cursor"))?.get(0)
    }

    /// A program has dealt with everything up to a position; answers where it is. If another node
    /// was faster, that is somewhere else.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` if the database cannot answer.
    pub async fn listener_moves(&self, program: UserId, from: u64, to: u64) -> Result<u64> {
        let name = name_of(program);
        let mut tx = self.listening_tx();
        tx.run_one(
            "UPDATE plugin_cursor SET pos = $1 WHERE plugin = $2 AND pos = $3",
            [to.into(), name.into(), from.into()],
        );
        match self.commit(tx).await {
            Ok(_) => Ok(to),
            Err(error) if error.is_raced() => self.listener_at(program).await,
            Err(error) => Err(error),
        }
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
        for Logged { pos, mut event, .. } in found {
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

fn name_of(program: UserId) -> String {
    format!("app:{program}")
}
