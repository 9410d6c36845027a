//! Who is in the run: two organisations, their people, and the groups that they talk in.

use carillon_protocol::{ConvId, UserId, conv};

use crate::{
    device::{Owner, Part},
    dice::Dice,
    fleet::{Failed, Target},
    link::Link,
    room::Token,
    seed::{caller, people},
};

/// How many people a group has, about.
const GROUP_LEN: usize = 10;
/// Each has groups of two kinds: of neighbours, and mixed.
const ROUNDS: u64 = 2;
/// How many devices somebody has.
pub const DEVICES_EACH: usize = 2;
/// People come and go so often.
const CHANGE_NS: u64 = 1_500_000_000;
const NS: f64 = 1e9;

/// An organisation's administrator, and the word that only its messages have.
pub struct Org {
    /// The token.
    pub token: String,
    /// The word.
    pub canary: String,
}

/// What runs on one device.
pub type Cast = (Owner, Part);

/// Makes people and groups; answers who is on which device. Together they begin so many sends a
/// second.
pub fn seed(
    target: &Target,
    orgs: &[Org],
    (people_len, per_s): (usize, f64),
    dice: &mut Dice,
) -> Result<Vec<Cast>, Failed> {
    let devices = people_len * DEVICES_EACH;
    let every = (devices as f64 / per_s * NS) as u64;
    let mut cast = Vec::new();
    for (number, org) in orgs.iter().enumerate() {
        // The first organisation is the larger one.
        let share = if number == 0 { 2 } else { 1 };
        let len = people_len * share / (orgs.len() + 1);
        let team = Team::seed(target, (number, org), len, dice)?;
        cast.push((team.foreman(), team.changes()));
        for member in 0..team.people.len() {
            for _ in 0..DEVICES_EACH {
                // Spread over the time between two, and not in step.
                let first = dice.below(every.max(1));
                cast.push((team.owner(member), Part::Speaker { first, every }));
            }
        }
    }
    Ok(cast)
}

/// The people of one organisation.
struct Team {
    org: (usize, carillon_protocol::OrgId),
    foreman: UserId,
    token: String,
    people: Vec<(UserId, String)>,
    groups: Vec<(ConvId, Vec<UserId>)>,
}

impl Team {
    fn seed(
        target: &Target,
        (number, org): (usize, &Org),
        len: usize,
        dice: &mut Dice,
    ) -> Result<Team, Failed> {
        let (mut link, welcome) = Link::welcomed(target, &caller(&org.token))?;
        let people: Vec<(UserId, String)> = people(&mut link, len)?
            .into_iter()
            .map(|person| (person.user, person.token.token))
            .collect();
        let mut users: Vec<UserId> = people.iter().map(|(user, _)| *user).collect();
        let mut members = Vec::new();
        for _ in 0..ROUNDS {
            members.extend(users.chunks(GROUP_LEN).map(<[UserId]>::to_vec));
            dice.shuffle(&mut users);
        }
        let create = |(number, members): (usize, &Vec<UserId>)| conv::Create {
            title: format!("group {number}"),
            members: members.clone(),
            // What newcomers see differs, so that both are tried.
            history: if number % 2 == 0 { conv::History::All } else { conv::History::Joined },
        };
        let made = link.calls(members.iter().enumerate().map(create).collect())?;
        let groups = made.iter().map(|made| made.conv).zip(members).collect();
        let org_id = (number, welcome.org);
        let (foreman, token) = (welcome.user, org.token.clone());
        Ok(Team { org: org_id, foreman, token, people, groups })
    }

    /// The administrator, who made the groups and so lets people come and go.
    fn foreman(&self) -> Owner {
        let convs = self.groups.iter().map(|(conv, _)| *conv).collect();
        self.with(self.foreman, caller(&self.token), convs)
    }

    fn changes(&self) -> Part {
        Part::Foreman { every: CHANGE_NS, groups: self.groups.clone() }
    }

    /// A new device of one of the people.
    fn owner(&self, member: usize) -> Owner {
        let (user, token) = &self.people[member];
        let of_user = self.groups.iter().filter(|(_, members)| members.contains(user));
        self.with(*user, caller(token), of_user.map(|(conv, _)| *conv).collect())
    }

    fn with(&self, user: UserId, token: Token, convs: Vec<ConvId>) -> Owner {
        Owner { user, org: self.org, token, convs, foreman: self.foreman }
    }
}
