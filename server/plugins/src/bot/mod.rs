//! Robots: whoever has a robot's address posts into its conversation, in the shapes that programs
//! in use send already. What arrives is read by pure functions ([`dingtalk`], [`hook`]), checked in
//! DingTalk's order ([`receive`]), and written by `msg.post`, so that what is answered `ok` is on
//! disk. What robots post by themselves is a schedule's ([`schedule`]): a text, or what plugins
//! know about a period ([`digest`]).

mod alerts;
mod attention;
mod blocks;
mod digest;
mod dingtalk;
mod fit;
mod hook;
mod journal;
mod links;
mod make;
mod mrkdwn;
mod network;
mod post;
mod receive;
mod region;
mod robot;
mod rules;
mod schedule;
mod signature;
mod token;
mod window;

use std::sync::Arc;

use carillon_plugin::Plugin;

use self::{journal::Journal, window::Windows};

/// What the handlers share.
#[derive(Default)]
struct Bot {
    /// What was posted.
    windows: Windows,
    /// Refusals that were listed.
    noted: Windows,
    journal: Arc<Journal>,
}

/// The plugin.
pub fn plugin() -> Plugin {
    let plugin = Plugin::new("bot")
        .state(Arc::new(Bot::default()))
        .migration(1, include_str!("1_tables.sql"))
        .migration(2, include_str!("2_intents.sql"))
        .forward(make::create)
        .command(make::update)
        .command(make::rotate)
        .command(make::remove)
        .command(robot::list)
        .command(journal::list)
        .command(receive::known)
        .command(receive::receive);
    digest::of(schedule::of(plugin))
}
