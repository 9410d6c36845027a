//! Small conversations with an author each: what most of a day's traffic is.

use carillon_protocol::{ConvId, UserId};

use crate::{
    fleet::{AUTHORS_MAX, Failed, Fleet, Target},
    link::Link,
    room::{Token, hello},
    seed::{caller, group, people},
};

/// How many conversations there are, and connections that write.
pub const AUTHORS: usize = AUTHORS_MAX;
/// How many others each conversation has, besides the administrator who made it.
const LISTENERS_EACH: usize = 4;

/// The conversations and who is in them.
pub struct Teams {
    /// The conversation of each author.
    pub convs: Vec<ConvId>,
    /// Authors first.
    tokens: Vec<Token>,
}

impl Teams {
    /// Makes them.
    pub fn seed(target: &Target, token: &str) -> Result<Teams, Failed> {
        let mut link = Link::open(target, &caller(token))?;
        let people = people(&mut link, AUTHORS * (1 + LISTENERS_EACH))?;
        // Of the people, every sixteenth is in the same team; the first of it is its author.
        let team = |number: usize| -> Vec<UserId> {
            people.iter().skip(number).step_by(AUTHORS).map(|person| person.user).collect()
        };
        let create = |number| group(format!("team {number}"), &team(number));
        let made = link.calls((0..AUTHORS).map(create).collect())?;
        Ok(Teams {
            convs: made.iter().map(|made| made.conv).collect(),
            tokens: people.into_iter().map(|person| person.token).collect(),
        })
    }

    /// Connects the authors.
    pub fn authors(&self, target: Target) -> Result<Fleet, Failed> {
        self.connect(target, AUTHORS)
    }

    /// Connects everybody; the authors are the first.
    pub fn everybody(&self, target: Target) -> Result<Fleet, Failed> {
        self.connect(target, self.tokens.len())
    }

    fn connect(&self, target: Target, len: usize) -> Result<Fleet, Failed> {
        let mut fleet = Fleet::new(target)?;
        fleet.grow(len, |number| Some(hello(&self.tokens[number], None)))?;
        Ok(fleet)
    }
}
