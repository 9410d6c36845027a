//! Dings: alerts that are not over until the right person confirms them.
//!
//! An alert has a row for each recipient: how far it has come with them, how far its ladder is, and
//! when that goes on. There is one timer an alert, at the first of these times; it takes who is due
//! by the page, and a page is a transaction: what is tried is written down with where the ladder is
//! then, so nothing is tried twice or left out, whatever happens. Whoever answers touches their own
//! row only; a page of which somebody has answered meanwhile is read again.
//!
//! Outside of the app people are reached by the plugin `notify`. What a page has written down is
//! handed over by a call of its own (`deliver.rs`), which asks once more who has answered. Whoever
//! is called instead of several recipients is called once for all of them (`instead.rs`).

mod advance;
mod alert;
mod answer;
mod attachment;
mod audience;
mod board;
mod budget;
mod deliver;
mod deputy;
mod duty;
mod expire;
mod facts;
mod gather;
mod instead;
mod ladder;
mod leave;
mod list;
mod listen;
mod outcome;
mod plan;
mod planned;
mod policy;
mod quiet;
mod recall;
mod recurrence;
#[cfg(test)]
mod recurrence_tests;
mod remind;
mod revision;
mod rights;
mod rows;
mod send;
mod series;
mod settings;
mod simulate;
mod stop;
mod words;

use std::sync::Arc;

use carillon_plugin::{Plugin, TopicKind};
use carillon_protocol::{notify, org};

/// The plugin.
pub fn plugin() -> Plugin {
    let senders = Arc::new(listen::Senders::default());
    let observed = Arc::clone(&senders);
    facts::offer(
        Plugin::new("ding")
            .state(senders)
            .migration(1, include_str!("1_alerts.sql"))
            .migration(2, include_str!("2_rules.sql"))
            .once(send::send, send::sent)
            .command(simulate::simulate)
            .command(advance::advance)
            .command(deliver::deliver)
            .command(instead::instead)
            .command(answer::take)
            .command(answer::received)
            .command(answer::seen)
            .command(answer::confirm)
            .command(answer::decline)
            .once(remind::remind, remind::reminded)
            .command(recall::recall)
            .command(recall::spread)
            .command(list::get)
            .command(list::list)
            .command(board::status)
            .command(series::list)
            .command(series::end)
            .command(series::again)
            .command(attachment::attach)
            .command(attachment::open)
            .command(policy::list)
            .once(policy::create, policy::created)
            .command(policy::update)
            .command(policy::remove)
            .command(settings::get)
            .command(settings::set)
            .command(duty::list)
            .once(duty::create, duty::created)
            .command(duty::update)
            .command(duty::remove)
            .command(deputy::get)
            .command(deputy::set)
            .reads(&[notify::kind::ATTEMPTED], outcome::attempted)
            .on(notify::kind::ANSWERED, outcome::answered)
            .on(org::kind::MEMBER_LEFT, leave::left)
            .topics(TopicKind::Plugin("ding"), listen::mine, listen::sees)
            .live(listen::means)
            .observe(move |event| observed.observe(event)),
    )
}
