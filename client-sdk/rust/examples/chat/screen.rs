//! How messages look: a line each, with the names of people.

use std::collections::HashMap;

use carillon_client::{
    Client, Error,
    protocol::{ConvId, Event, UserId},
    text,
};

/// Knows who people are.
pub struct Screen {
    client: Client,
    names: HashMap<UserId, String>,
}

impl Screen {
    /// A screen that knows its owner.
    pub async fn new(client: Client) -> Result<Screen, Error> {
        let names = HashMap::from([(client.me(), client.whoami().await?.name)]);
        Ok(Screen { client, names })
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
            let minutes = event.at.div_euclid(60_000).rem_euclid(24 * 60);
            let (hour, minute) = (minutes / 60, minutes % 60);
            let name = self.name(event.by);
            println!("{:>5} {hour:02}:{minute:02}Z {name}: {}", event.seq, clean(&said));
        }
    }
}

/// What others wrote, without the control characters that would take over a terminal.
pub fn clean(text: &str) -> String {
    let space = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(space).collect()
}
