//! Facts: named numbers, series and lists that a plugin offers for a period, for digests and
//! reports.

use std::sync::Arc;

use carillon_protocol::{
    ConvId, OrgId,
    fact::{About, Fact, Named},
};

use crate::{BoxFuture, Caller, Ctx, Error, Host, Plugin, Result, call::bounded, duties::Owner};

/// Of whom, and of which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The organisation.
    pub org: OrgId,
    /// The conversation, of a fact about one; none for every other.
    pub conv: Option<ConvId>,
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
    pub(crate) about: About,
    /// So long after the end of a period it is known, in milliseconds.
    pub(crate) settles: i64,
    pub(crate) handler: Arc<Handler>,
}

impl Plugin {
    /// Offers a fact about an organisation, as `org.people`: its name begins like the plugin's
    /// operations.
    ///
    /// # Panics
    /// If the name is not the plugin's, or is offered twice.
    pub fn fact<F>(
        self,
        name: &'static str,
        doc: &'static str,
        handler: fn(Ctx, Period) -> F,
    ) -> Plugin
    where
        F: Future<Output = Result<Fact>> + Send + 'static,
    {
        self.offers((name, doc, About::Organisation), handler)
    }

    /// Offers a fact about one conversation, which its members may ask for: the handler is called
    /// with a [`Period::conv`] of which whoever asks is a member.
    ///
    /// # Panics
    /// As [`Plugin::fact`].
    pub fn fact_of_conversation<F>(
        self,
        name: &'static str,
        doc: &'static str,
        handler: fn(Ctx, Period) -> F,
    ) -> Plugin
    where
        F: Future<Output = Result<Fact>> + Send + 'static,
    {
        self.offers((name, doc, About::Conversation), handler)
    }

    /// Says that what a fact tells of a period is known only so many milliseconds after its end, as
    /// what is read within a day: digests ask for a period that has had its time.
    ///
    /// # Panics
    /// If the plugin does not offer it.
    pub fn settles(mut self, name: &str, ms: i64) -> Plugin {
        let offer = self.facts.iter_mut().find(|fact| fact.name == name);
        offer.expect("a fact is offered before it is described").settles = ms;
        self
    }

    fn offers<F>(
        mut self,
        (name, doc, about): (&'static str, &'static str, About),
        handler: fn(Ctx, Period) -> F,
    ) -> Plugin
    where
        F: Future<Output = Result<Fact>> + Send + 'static,
    {
        self.assert_own(name);
        assert!(self.facts.iter().all(|fact| fact.name != name), "{name} is offered twice");
        let handler = move |ctx, period| Box::pin(handler(ctx, period)) as BoxFuture<'static, _>;
        self.facts.push(Offer { name, doc, about, settles: 0, handler: Arc::new(handler) });
        self
    }
}

impl Host {
    /// The facts that plugins offer.
    pub fn facts(&self) -> impl Iterator<Item = Named> + '_ {
        let named = |fact: &Offer| {
            let (name, doc) = (fact.name.into(), fact.doc.into());
            Named { name, doc, about: fact.about }
        };
        self.all_duties().flat_map(move |it| it.facts.iter().map(named))
    }

    /// Of what a fact is.
    ///
    /// # Errors
    /// `E_NOT_FOUND` if nobody offers it.
    pub fn fact_about(&self, name: &str) -> Result<About> {
        let offer = self.offer(name).ok_or_else(|| Error::not_found("fact"))?;
        Ok(offer.0.about)
    }

    /// So many milliseconds after the end of a period a fact is known.
    ///
    /// # Errors
    /// `E_NOT_FOUND` if nobody offers it.
    pub fn fact_settles(&self, name: &str) -> Result<i64> {
        let offer = self.offer(name).ok_or_else(|| Error::not_found("fact"))?;
        Ok(offer.0.settles)
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
