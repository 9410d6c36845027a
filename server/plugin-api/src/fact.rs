//! Facts: named numbers and series that a plugin offers for a period, for digests and reports.

use std::sync::Arc;

use carillon_protocol::{OrgId, fact::Fact};

use crate::{BoxFuture, Caller, Ctx, Error, Host, Plugin, Result, call::bounded, duties::Owner};

/// Of whom, and of which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The organisation.
    pub org: OrgId,
    /// The beginning, in milliseconds since the epoch.
    pub from: i64,
    /// The end, which is not in it.
    pub to: i64,
}

type Handler = dyn Fn(Ctx, Period) -> BoxFuture<'static, Result<Fact>> + Send + Sync;

/// A fact that a plugin offers.
#[derive(Clone)]
pub(crate) struct Offer {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) handler: Arc<Handler>,
}

impl Plugin {
    /// Offers a fact, as `chat.messages`: its name begins like the plugin's operations.
    ///
    /// # Panics
    /// If the name is not the plugin's, or is offered twice.
    pub fn fact<F>(
        mut self,
        name: &'static str,
        doc: &'static str,
        handler: fn(Ctx, Period) -> F,
    ) -> Plugin
    where
        F: Future<Output = Result<Fact>> + Send + 'static,
    {
        self.assert_own(name);
        assert!(self.facts.iter().all(|fact| fact.name != name), "{name} is offered twice");
        let handler = move |ctx, period| Box::pin(handler(ctx, period)) as BoxFuture<'static, _>;
        self.facts.push(Offer { name, doc, handler: Arc::new(handler) });
        self
    }
}

impl Host {
    /// The facts that plugins offer: the name and what it is, in a sentence.
    pub fn facts(&self) -> impl Iterator<Item = (&'static str, &'static str)> + '_ {
        self.all_duties().flat_map(|it| it.facts.iter().map(|fact| (fact.name, fact.doc)))
    }

    /// A fact for a period, whoever asks: who may is decided before.
    ///
    /// # Errors
    /// `E_NOT_FOUND` if nobody offers it.
    pub async fn fact(&self, name: &str, period: Period) -> Result<Fact> {
        let (fact, owner) = self.offer(name).ok_or_else(|| Error::not_found("fact"))?;
        let ctx = self.reading(Caller::SYSTEM, owner);
        bounded(async { (fact.handler)(ctx, period).await }).await
    }

    fn offer(&self, name: &str) -> Option<(&Offer, &Arc<Owner>)> {
        let mut offers = self.all_duties().flat_map(|it| it.facts.iter().map(|f| (f, &it.owner)));
        offers.find(|(fact, _)| fact.name == name)
    }
}
