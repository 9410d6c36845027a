//! Schedules: what robots post by themselves.
//!
//! A schedule that is neither paused nor stopped has one timer, at the time in its row. When that
//! is due, the next one is planned in the transaction that has the messages posted
//! (`bot.schedule.fire`): so whatever becomes of them, the schedule goes on. Each conversation has
//! a call of its own (`bot.schedule.post`), which asks again who may, so one that refuses holds up
//! no other. Its message has an intent that follows from the schedule, the conversation and the
//! time, so it is written once, by whatever node and after whatever crash.

mod due;
mod place;
pub(super) mod put;
mod receive;
mod row;
mod times;

use carillon_plugin::Plugin;
use carillon_protocol::org::kind::UPDATED;

/// The part of the plugin.
pub(super) fn of(plugin: Plugin) -> Plugin {
    plugin
        .migration(3, include_str!("../3_schedules.sql"))
        .command(put::put)
        .command(put::get)
        .command(put::list)
        .command(put::pause)
        .command(put::remove)
        .command(put::preview)
        .command(due::fire)
        .command(due::post)
        .command(due::shift)
        .command(receive::receive)
        .on(UPDATED, due::moved)
}
