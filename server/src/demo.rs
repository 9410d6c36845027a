//! The demo company *Harbour Retail 港灣零售*: a head office, two shops, finance and HR.
//!
//! It is written by the same operations that people use, each at the time at which the story says
//! it happened. Every step has a fixed `cid`, so a seeding that was interrupted goes on where it
//! stopped and nothing happens twice.

mod story;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use carillon_plugin::{Caller, Error, Host, Result};
use carillon_protocol::{
    Cid, ConvId, DepartmentId, ErrorCode, OrgId, UserId, conv, department, id::Ulid, msg, org,
};

use story::{Conv, Moment, Story};

/// The company's name.
pub const COMPANY: &str = "Harbour Retail 港灣零售";
/// Everybody's password; public, which is why the demo listens on loopback only.
pub const PASSWORD: &str = "harbour-demo";

const STORY: &str = include_str!("demo/story.txt");

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// Hong Kong is 8 hours ahead of UTC all year.
const HONG_KONG_MS: i64 = 8 * 60 * MINUTE_MS;
/// People joined so many days before the day of seeding: earlier than they said anything.
const JOINED_DAYS_AGO: i64 = 30;
/// The most people that one page of the directory has; the story has fewer.
const PAGE: u32 = 200;

/// The steps that take effect once. Their `cid`s have the time 0, which no client's have.
#[derive(Clone, Copy)]
enum Step {
    Company,
    Person(usize),
    Conv(usize),
    Moment(usize),
    Department(usize),
}

impl Step {
    fn cid(self) -> Option<Cid> {
        let (kind, index) = match self {
            Step::Company => (0, 0),
            Step::Person(index) => (1, index),
            Step::Conv(index) => (2, index),
            Step::Moment(index) => (3, index),
            Step::Department(index) => (4, index),
        };
        Some(Cid(Ulid::from_parts(0, (kind << 64) | index as u128)))
    }
}

/// Who is in the demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Company {
    /// The organisation.
    pub org: OrgId,
    /// The people by sign-in name; all have the password [`PASSWORD`].
    pub people: BTreeMap<String, UserId>,
}

/// Writes the demo company into an empty log, once. A company that an earlier version of the
/// story wrote stays as it is.
///
/// # Errors
/// What the operations refuse.
pub async fn seed(host: &Host) -> Result<Company> {
    let story = Story::read(STORY).expect("a test reads the story");
    let seeding = Seeding::begin(host, &story).await?;
    match seeding.converse(&story).await {
        Err(error) if error.code() != ErrorCode::IdempotencyConflict => Err(error),
        _ => Ok(seeding.company),
    }
}

struct Seeding<'a> {
    host: &'a Host,
    /// The first moment of today in Hong Kong.
    midnight: i64,
    company: Company,
    names: BTreeMap<&'a str, &'a str>,
    /// Those of the story, in its order.
    departments: Vec<DepartmentId>,
}

impl<'a> Seeding<'a> {
    async fn begin(host: &'a Host, story: &Story<'a>) -> Result<Seeding<'a>> {
        let now = host.now() + HONG_KONG_MS;
        let midnight = now - now.rem_euclid(DAY_MS) - HONG_KONG_MS;
        let past = host.at(midnight - JOINED_DAYS_AGO * DAY_MS);
        let create = org::Create { name: COMPANY.to_owned() };
        let created = past.call_typed(Caller::SYSTEM, Step::Company.cid(), &create).await?;
        let company = Company { org: created.org, people: BTreeMap::new() };
        let names = story.people.iter().map(|person| (person.login, person.name)).collect();
        let departments = Vec::new();
        let mut seeding = Seeding { host, midnight, company, names, departments };
        seeding.divide(&past, story).await?;
        seeding.hire(&past, story).await?;
        Ok(seeding)
    }

    /// Makes the departments, which nobody heads yet: the people come after them.
    async fn divide(&mut self, past: &Host, story: &Story<'_>) -> Result<()> {
        for (index, department) in story.departments.iter().enumerate() {
            let parent = department.parent.map(|parent| self.departments[parent]);
            let name = department.name.to_owned();
            let create = department::Create { name, parent, head: None };
            let created =
                past.call_typed(Caller::SYSTEM, Step::Department(index).cid(), &create).await?;
            self.departments.push(created.department);
        }
        Ok(())
    }

    /// Says who heads the departments.
    async fn appoint(&self, story: &Story<'_>) -> Result<()> {
        for (&department, told) in self.departments.iter().zip(&story.departments) {
            let head = Some(Some(self.user(told.head)?));
            let update = department::Update { department, name: None, head };
            self.host.call_typed(Caller::SYSTEM, None, &update).await?;
        }
        Ok(())
    }

    /// Where a person is, in the order of the story.
    fn departments_of(&self, story: &Story<'_>, login: &str) -> Vec<DepartmentId> {
        let places = self.departments.iter().zip(&story.departments);
        let there = places.filter(|(_, told)| told.head == login || told.others.contains(&login));
        there.map(|(department, _)| *department).collect()
    }

    /// Adds the people who are not there yet: a password costs too much to be hashed for nothing.
    async fn hire(&mut self, past: &Host, story: &Story<'_>) -> Result<()> {
        let org = self.company.org;
        let reader = Caller::on_behalf_of(UserId(Ulid::nil()), org);
        let list = org::ListMembers { limit: Some(PAGE), ..org::ListMembers::default() };
        let there = past.call_typed(reader, None, &list).await?;
        let people = there.members.into_iter().filter(|member| !member.app);
        self.company.people = people.map(|member| (member.login, member.user)).collect();
        for (index, person) in story.people.iter().enumerate() {
            if self.company.people.contains_key(person.login) {
                continue;
            }
            let add = org::AddMember {
                org: Some(org),
                login: person.login.to_owned(),
                name: person.name.to_owned(),
                password: Some(PASSWORD.to_owned()),
                title: Some(person.title.to_owned()),
                admin: person.admin,
                locale: None,
                tz: None,
                departments: self.departments_of(story, person.login),
            };
            let added = past.call_typed(Caller::SYSTEM, Step::Person(index).cid(), &add).await?;
            self.company.people.insert(person.login.to_owned(), added.user);
        }
        Ok(())
    }

    async fn converse(&self, story: &Story<'_>) -> Result<()> {
        if self.is_told(story).await? {
            return Ok(());
        }
        self.appoint(story).await?;
        let mut convs: Vec<Option<(ConvId, u64)>> = vec![None; story.convs.len()];
        for (index, moment) in story.moments.iter().enumerate() {
            let day = self.midnight - moment.days_ago * DAY_MS;
            let host = self.host.at(day + moment.minute_of_day * MINUTE_MS);
            let (conv, head) = match convs[moment.conv] {
                Some(begun) => begun,
                None => (self.open(&host, moment.conv, &story.convs[moment.conv]).await?, 0),
            };
            let head = self.happen(&host, index, moment, conv, head).await?;
            convs[moment.conv] = Some((conv, head));
        }
        Ok(())
    }

    /// Whether the last thing that the story tells is in the log.
    async fn is_told(&self, story: &Story<'_>) -> Result<bool> {
        let said = |(_, moment): &(usize, &Moment<'_>)| moment.said.is_some();
        let last = story.moments.iter().enumerate().rfind(said);
        let (index, moment) = last.expect("a test reads the story");
        let cid = Step::Moment(index).cid().expect("every step has one");
        Ok(self.host.storage().find(self.user(moment.who)?, cid).await?.is_some())
    }

    async fn open(&self, host: &Host, index: usize, conv: &Conv<'_>) -> Result<ConvId> {
        let owner = self.caller(conv.owner)?;
        let cid = Step::Conv(index).cid();
        let others: Vec<UserId> =
            conv.others.iter().map(|login| self.user(login)).collect::<Result<_>>()?;
        let opened = match conv.title {
            Some(title) => {
                let title = title.to_owned();
                let create = conv::Create { title, members: others, history: conv::History::All };
                host.call_typed(owner, cid, &create).await?
            }
            None => host.call_typed(owner, cid, &conv::Open { user: others[0] }).await?,
        };
        Ok(opened.conv)
    }

    /// Answers the newest position of the conversation after it.
    async fn happen(
        &self,
        host: &Host,
        index: usize,
        moment: &Moment<'_>,
        conv: ConvId,
        head: u64,
    ) -> Result<u64> {
        let caller = self.caller(moment.who)?;
        let Some(said) = moment.said else {
            let read = conv::Read { conv, from: None, seq: head };
            host.call_typed(caller, None, &read).await?;
            return Ok(head);
        };
        let (text, mentions) = self.mentions(said)?;
        let send = msg::Send {
            conv,
            body: msg::Body::Text { text, mentions },
            reply_to: None,
            everybody: false,
        };
        let sent = host.call_typed(caller, Step::Moment(index).cid(), &send).await?;
        Ok(sent.seq)
    }

    /// Writes out `@login` as the person's name.
    fn mentions(&self, said: &str) -> Result<(String, Vec<UserId>)> {
        let mut parts = said.split('@');
        let mut text = parts.next().unwrap_or_default().to_owned();
        let mut users = Vec::new();
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(part.len());
            let (login, rest) = part.split_at(end);
            users.push(self.user(login)?);
            text.push('@');
            text.push_str(self.names.get(login).copied().unwrap_or(login));
            text.push_str(rest);
        }
        Ok((text, users))
    }

    fn user(&self, login: &str) -> Result<UserId> {
        self.company.people.get(login).copied().ok_or_else(|| Error::not_found("person"))
    }

    fn caller(&self, login: &str) -> Result<Caller> {
        Ok(Caller::on_behalf_of(self.user(login)?, self.company.org))
    }
}
