//! Short forms of the chat's operations.

use std::collections::BTreeMap;

use carillon_protocol::{
    ConvId, Event, UserId,
    card::{self, Card},
    conv::{self, Summary},
    msg, receipt,
};

use crate::{Client, Error};

/// What a message says; `None` if the event is something else, or of a kind that only a newer
/// version can show: say that there is something.
pub fn body(event: &Event) -> Option<msg::Body> {
    if &*event.k != msg::kind::SENT {
        return None;
    }
    Some(event.data.to::<msg::SentData>().ok()?.body)
}

/// What a message says in words: its text, the source of its Markdown, or the title and the text
/// of its card; `None` as of [`body`].
pub fn text(event: &Event) -> Option<String> {
    match body(event)? {
        msg::Body::Text { text, .. } | msg::Body::Markdown { text, .. } => Some(text),
        msg::Body::Card { card, .. } => {
            let words: Vec<String> = [card.title, card.text].into_iter().flatten().collect();
            Some(words.join("\n"))
        }
    }
}

impl Client {
    /// The direct conversation with a person, made if there is none yet.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn open(&self, user: UserId) -> Result<ConvId, Error> {
        Ok(self.call(&conv::Open { user }).await?.conv)
    }

    /// A new group with these other members, at most 500.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn create_group(
        &self,
        title: impl Into<String>,
        members: Vec<UserId>,
    ) -> Result<ConvId, Error> {
        let (title, history) = (title.into(), conv::History::All);
        Ok(self.call(&conv::Create { title, members, history }).await?.conv)
    }

    /// All conversations.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn conversations(&self) -> Result<Vec<Summary>, Error> {
        let mut all: Vec<Summary> = Vec::new();
        loop {
            let after = all.last().map(|last| last.conv);
            let page = self.call(&conv::List { after, limit: Some(200) }).await?;
            let end = !page.more || page.convs.is_empty();
            all.extend(page.convs);
            if end {
                return Ok(all);
            }
        }
    }

    /// All members of a conversation.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn members(&self, conv: ConvId) -> Result<Vec<conv::Member>, Error> {
        let mut all: Vec<conv::Member> = Vec::new();
        loop {
            let after = all.last().map(|last| last.user);
            let page = self.call(&conv::ListMembers { conv, after, limit: Some(200) }).await?;
            let end = !page.more || page.members.is_empty();
            all.extend(page.members);
            if end {
                return Ok(all);
            }
        }
    }

    /// Sends a card through the outbox: only programs may.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send_card(&self, conv: ConvId, card: Card) -> Result<msg::Sent, Error> {
        let body = msg::Body::Card { owner: None, card: Box::new(card) };
        self.queue(msg::Send { conv, body, reply_to: None, everybody: false }).await?.sent().await
    }

    /// Puts another card in place of one that this program has sent, for everybody.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn set_card(&self, conv: ConvId, seq: u64, card: Card) -> Result<u64, Error> {
        Ok(self.call(&card::Set { conv, seq, card }).await?.rev)
    }

    /// Presses a button of a card, or sends its form.
    ///
    /// # Errors
    /// As [`Client::call`]; what the card's owner refuses it with.
    pub async fn act(
        &self,
        conv: ConvId,
        seq: u64,
        act: impl Into<String>,
        values: BTreeMap<String, card::Value>,
    ) -> Result<card::Acted, Error> {
        self.call(&card::Act { conv, seq, act: act.into(), values }).await
    }

    /// The newest messages, oldest first; at most 200.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn history(&self, conv: ConvId, limit: u32) -> Result<Vec<Event>, Error> {
        let limit = Some(limit);
        let list = msg::List { conv, before: None, after: None, around: None, limit };
        Ok(self.call(&list).await?.events)
    }

    /// Says that the messages `from..=seq` were on the screen.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn read(&self, conv: ConvId, from: u64, seq: u64) -> Result<conv::ReadDone, Error> {
        self.call(&conv::Read { conv, from: Some(from), seq }).await
    }

    /// How many have read a message, and of how many.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn read_count(&self, conv: ConvId, seq: u64) -> Result<(u64, u64), Error> {
        let counted = self.call(&receipt::Counts { conv, seqs: vec![seq] }).await?;
        Ok(counted.counts.first().map_or((0, 0), |(_, read, total)| (*read, *total)))
    }

    /// Who has read a message, or who has not: the first 200, and how many there are.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn receipts(
        &self,
        conv: ConvId,
        seq: u64,
        state: receipt::State,
    ) -> Result<receipt::Listed, Error> {
        self.call(&receipt::List { conv, seq, state, after: None, limit: Some(200) }).await
    }
}
