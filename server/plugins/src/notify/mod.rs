//! What reaches people outside of the app. Other plugins ask for attempts ([`send`]) and learn from
//! the log `x:notify:{org}` what became of them; that log is the only thing they see of this.
//!
//! An attempt is a row with a key of its asker's. It is carried out by an effect of the outbox:
//! many pushes together ([`push`]), everything else one by one ([`carry`]). What costs money is
//! noted as begun before it is handed over, so that a crash is followed by a question, not by a
//! second call. Reports of providers come in through [`report`].

mod attempt;
mod backoff;
mod carry;
mod code;
mod contact;
mod device;
mod hidden;
mod list;
mod private;
mod push;
mod reach;
mod report;
mod rest;
mod send;
mod settings;
mod trial;
mod withdraw;
mod words;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use carillon_notify::{
    egress::{self, Egress, Guard},
    mail::Mailer,
    webpush::Keys,
};
use carillon_plugin::{
    Caller, Ctx, Error, Plugin, Result,
    protocol::{OrgId, Topic, org, session::Whoami},
};
use tokio::sync::OnceCell;

/// Mail servers to which connections are kept.
const MAILERS_MAX: usize = 64;

/// The ways out of the server, which a process has once.
pub struct Ways {
    /// The guarded client.
    pub egress: Arc<Egress>,
    /// Whom the people of a push service may write to: `mailto:…` or `https://…`.
    pub contact: String,
    /// Where people and providers reach this server, as `https://chat.example.org`.
    pub public_url: Option<String>,
}

impl Ways {
    /// Ways that lead nowhere, for who only looks at the plugin.
    pub fn closed() -> Ways {
        let egress = Egress::new(Guard::default(), egress::distrustful(), egress::System);
        let contact = "mailto:nobody@example.org".to_owned();
        Ways { egress: Arc::new(egress), contact, public_url: None }
    }
}

/// What the handlers share.
struct Notify {
    ways: Ways,
    keys: OnceCell<Arc<Keys>>,
    /// By organisation, with the settings that they were made of.
    mailers: Mutex<HashMap<OrgId, (String, Arc<Mailer>)>>,
    backoff: backoff::Backoff,
}

impl Notify {
    /// The mailer of these settings, which keeps its connections as long as they stay.
    fn mailer(
        &self,
        org: OrgId,
        settings: &str,
        open: impl FnOnce() -> Result<Mailer>,
    ) -> Result<Arc<Mailer>> {
        let mut mailers = self.mailers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, mailer)) = mailers.get(&org)
            && of == settings
        {
            return Ok(Arc::clone(mailer));
        }
        let mailer = Arc::new(open()?);
        if mailers.len() >= MAILERS_MAX {
            mailers.clear();
        }
        mailers.insert(org, (settings.to_owned(), Arc::clone(&mailer)));
        Ok(mailer)
    }
}

/// The plugin.
pub fn plugin(ways: Ways) -> Plugin {
    let (keys, mailers, backoff) = (OnceCell::new(), Mutex::default(), <_>::default());
    let plugin = Plugin::new("notify").state(Arc::new(Notify { ways, keys, mailers, backoff }));
    let carriers = carry::EFFECTS.into_iter();
    carriers
        .fold(plugin, |plugin, effect| plugin.effect_with(effect, carry::RETRIES, carry::carry))
        .migration(1, include_str!("1_tables.sql"))
        .command(send::send)
        .command(send::cancel)
        .command(reach::reach)
        .command(report::report)
        .command(list::list)
        .command(list::mine)
        .command(list::sweep)
        .command(contact::get)
        .command(contact::set)
        .command(contact::verify)
        .command(device::key)
        .command(device::subscribe)
        .command(device::unsubscribe)
        .command(device::list)
        .command(settings::get)
        .command(settings::set)
        .command(trial::test)
        .effect_with(push::EFFECT, push::RETRIES, push::push)
        .effect_with(withdraw::EFFECT, withdraw::RETRIES, withdraw::withdraw)
        .on(carillon_plugin::protocol::session::kind::ENDED, device::signed_out)
        .on(org::kind::MEMBER_LEFT, contact::left)
}

/// Where what became of attempts is told.
fn topic(org: OrgId) -> Result<Topic> {
    format!("x:notify:{org}").parse().map_err(Error::internal)
}

/// Refuses whoever lacks a permission.
async fn permit(ctx: &Ctx, permission: &str) -> Result<()> {
    match may(ctx, permission).await? {
        true => Ok(()),
        false => Err(Error::denied(format!("this needs the permission `{permission}`"))),
    }
}

/// Whether the caller has a permission.
async fn may(ctx: &Ctx, permission: &str) -> Result<bool> {
    let caller = ctx.caller();
    if caller.is_system() {
        return Ok(true);
    }
    let identity = ctx.call_as(caller, None, &Whoami {}).await?;
    Ok(identity.permissions.iter().any(|it| it == permission))
}

/// The caller, who is a person with an organisation.
fn person(ctx: &Ctx) -> Result<Caller> {
    let caller = ctx.caller();
    if caller.user.0.is_nil() {
        return Err(Error::denied("sign in as a person: the system has no phone"));
    }
    Ok(caller)
}

/// `$from, $from+1 …`, for a list of so many values.
fn places(from: usize, count: usize) -> String {
    let places: Vec<String> = (from..from + count).map(|place| format!("${place}")).collect();
    places.join(", ")
}
