//! How messages look: a line each, with the names of people.

use std::collections::HashMap;

use carillon_client::{
    Client, Error,
    protocol::{ConvId, Event, UserId},
    text,
};
use jiff::{Timestamp, tz::TimeZone};

/// Knows who people are.
pub struct Screen {
    client: Client,
    names: HashMap<UserId, String>,
    zone: TimeZone,
}

impl Screen {
    /// A screen that knows its owner.
    pub async fn new(client: Client) -> Result<Screen, Error> {
        let me = client.whoami().await?;
        let names = HashMap::from([(client.me(), me.name)]);
        // A zone that this machine does not know is no reason not to show the message.
        let zone = TimeZone::get(&me.tz).unwrap_or(TimeZone::UTC);
        Ok(Screen { client, names, zone })
    }

    /// Learns the names of the people in a conversation.
    pub async fn learn(&mut self, conv: ConvId) -> Result<(), Error> {
        for member in self.client.members(conv).await? {
            self.names.insert(member.user, clean(&member.name));
        }
        Ok(())
    }

    /// The name of a person; who has left in the meantime is a number.
    pub fn name(&self, user: UserId) -> String {
        self.names.get(&user).cloned().unwrap_or_else(|| user.to_string())
    }

    /// Prints a message; what is none, as who came and went, is passed over.
    pub fn print(&self, event: &Event) {
        if let Some(said) = text(event) {
            let at = Timestamp::from_millisecond(event.at).unwrap_or_default();
            let at = at.to_zoned(self.zone.clone()).strftime("%a %H:%M");
            println!("{:>5} {at} {}: {}", event.seq, self.name(event.by), clean(&said));
        }
    }
}

/// What others wrote, without the control characters that would take over a terminal.
pub fn clean(text: &str) -> String {
    let space = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(space).collect()
}
