//! The directory: organisations, their people and programs, and who is signed in.
//!
//! An account belongs to one organisation, and a sign-in name to one account of the whole
//! installation: people sign in without naming the organisation. What belongs to another
//! organisation answers as if it did not exist.

mod attempts;
mod batch;
mod change;
mod department;
mod device;
mod ending;
mod fact;
mod guest;
mod import;
mod invite;
mod issue;
mod leave;
mod list;
mod member;
mod memory;
mod methods;
mod names;
mod org;
mod password;
mod permission;
mod program;
mod recipients;
mod resolve;
mod role;
mod rules;
mod session;
mod setup;
mod source;
mod token;
mod tree;
mod turns;

use std::sync::Arc;

pub use argon2::Params as PasswordParams;
use carillon_plugin::{Ctx, Error, Host, Listening, Plugin, Result, TopicKind, Window};
use carillon_protocol::{Event, Topic};

pub use self::token::{TokenDigest, new_setup_token, token_digest};
use self::{device::Uses, names::Names, password::Passwords, resolve::Sessions};

/// What the node says of the directory.
#[derive(Clone, Default)]
pub struct Settings {
    /// [`token_digest`] of the token that `session.setup` takes; without one it is refused.
    pub setup_token: Option<TokenDigest>,
    /// What a password costs to hash; by default 19 MiB and two passes (OWASP's minimum).
    pub password: PasswordParams,
    /// The password of everybody in a demo company, told to whoever asks how to sign in.
    pub demo: Option<String>,
}

/// What the handlers share.
struct Directory {
    setup_token: Option<TokenDigest>,
    demo: Option<String>,
    passwords: Passwords,
    sessions: Sessions,
    uses: Uses,
    names: Names,
}

impl Directory {
    /// Forgets what an event changed.
    fn observe(&self, event: &Event) {
        self.sessions.observe(event);
        self.names.observe(event);
    }
}

/// The plugin.
pub fn plugin(settings: Settings) -> Plugin {
    let directory = Arc::new(Directory {
        setup_token: settings.setup_token,
        demo: settings.demo,
        passwords: Passwords::new(settings.password),
        sessions: Sessions::default(),
        uses: Uses::default(),
        names: Names::default(),
    });
    let observed = directory.clone();
    Plugin::new("directory")
        .nouns(&["session", "org"])
        .state(directory)
        .migration(1, include_str!("directory/1_tables.sql"))
        .migration(2, include_str!("directory/2_departments_roles.sql"))
        .migration(3, include_str!("directory/3_indexes.sql"))
        .migration(4, include_str!("directory/4_networks.sql"))
        .migration(5, include_str!("directory/5_attempts.sql"))
        .migration(6, include_str!("directory/6_guests.sql"))
        .command(setup::setup)
        .command(methods::methods)
        .command(session::login)
        .command(session::whoami)
        .command(session::password)
        .command(session::token)
        .command(device::devices)
        .command(ending::logout)
        .command(ending::revoke)
        .command(issue::issue)
        .command(resolve::resolve)
        .command(guest::open)
        .command(guest::gone)
        .once(org::create, org::created)
        .command(org::get)
        .fact("org.people", "How many people are in the organisation.", fact::people)
        .command(org::update)
        .once(member::add, member::added)
        .command(list::list)
        .command(list::get)
        .command(change::update)
        .command(leave::remove)
        .command(leave::restore)
        .command(names::names)
        .command(recipients::recipients)
        .command(program::add)
        .command(program::find)
        .command(department::tree)
        .once(department::create, department::created)
        .command(department::update)
        .command(department::relocate)
        .command(department::remove)
        .command(role::list)
        .once(role::create, role::created)
        .command(role::update)
        .command(role::remove)
        .command(invite::create)
        .command(invite::list)
        .command(invite::revoke)
        .command(invite::look)
        .command(invite::accept)
        .command(import::check)
        .command(import::apply)
        .topics(TopicKind::User, my_log, see_my_log)
        .open_to_guests()
        .topics(TopicKind::Org, my_org_log, see_my_org_log)
        .live(ending::live)
        .observe(move |event| observed.observe(event))
}

fn listening(topic: Topic) -> Listening {
    Listening { topic, window: Window::all(), live: true, read: None, changed_pos: 0 }
}

/// The whole of a topic if it is the caller's own.
fn own(topic: &Topic, mine: &Topic) -> Result<Window> {
    if topic == mine { Ok(Window::all()) } else { Err(Error::not_found("topic")) }
}

async fn my_log(ctx: Ctx) -> Result<Vec<Listening>> {
    Ok(vec![listening(Topic::User(ctx.caller().user))])
}

async fn see_my_log(ctx: Ctx, topic: Topic) -> Result<Window> {
    own(&topic, &Topic::User(ctx.caller().user))
}

async fn my_org_log(ctx: Ctx) -> Result<Vec<Listening>> {
    Ok(vec![listening(Topic::Org(ctx.caller().org))])
}

async fn see_my_org_log(ctx: Ctx, topic: Topic) -> Result<Window> {
    own(&topic, &Topic::Org(ctx.caller().org))
}

/// Whether there is an organisation: without one the node offers its set-up.
///
/// # Errors
/// `E_UNAVAILABLE` if the database cannot answer.
pub async fn has_organisation(host: &Host) -> Result<bool> {
    let rows = host.storage().query("SELECT id FROM directory_org LIMIT 1", Vec::new()).await?;
    Ok(!rows.is_empty())
}
