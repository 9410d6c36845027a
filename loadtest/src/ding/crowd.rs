//! People who can be alerted, made through the protocol like anybody.

use carillon_protocol::{DepartmentId, UserId, department, ding, org, session};

use crate::{fleet::Failed, link::Link, room::Token, seed};

/// A department of people.
pub struct Crowd {
    /// Which.
    pub department: DepartmentId,
    /// Who is in it.
    pub people: Vec<Member>,
}

/// Somebody of it.
pub struct Member {
    /// Who.
    pub user: UserId,
    /// How they connect.
    pub token: Token,
}

impl Crowd {
    /// Makes a department of so many people without passwords. The caller administers.
    pub fn make(link: &mut Link, len: usize) -> Result<Crowd, Failed> {
        let create = department::Create { name: "Crowd".into(), parent: None, head: None };
        let department = link.calls(vec![create])?[0].department;
        let login = |number: usize| format!("crowd-{number}");
        let add = |number| org::AddMember {
            org: None,
            login: login(number),
            name: format!("Person {number}"),
            password: None,
            title: None,
            admin: false,
            locale: None,
            tz: None,
            departments: vec![department],
        };
        let issue = |number| session::Issue {
            org: None,
            user: Some(login(number)),
            app: None,
            scopes: None,
            ttl_ms: None,
        };
        let added = link.calls((0..len).map(add).collect())?;
        let grants = link.calls((0..len).map(issue).collect())?;
        let member = |(added, grant): (org::MemberAdded, session::Grant)| Member {
            user: added.user,
            token: seed::caller(&grant.token),
        };
        let people = added.into_iter().zip(grants).map(member).collect();
        Ok(Crowd { department, people })
    }

    /// An alert for all of them.
    pub fn alert(&self, text: &str) -> ding::Send {
        let to = ding::Audience { departments: vec![self.department], ..Default::default() };
        alert(text, to)
    }
}

/// An alert now, under the organisation's first choice of policies.
pub fn alert(text: &str, to: ding::Audience) -> ding::Send {
    ding::Send {
        text: text.to_owned(),
        to,
        about: None,
        attachment: None,
        policy: None,
        at: None,
        repeat: None,
        within_ms: None,
        reply_required: false,
        urgent: false,
    }
}

/// Lets the caller send as many alerts as a measurement needs.
pub fn unlimited(link: &mut Link) -> Result<(), Failed> {
    let mut settings = link.calls(vec![ding::GetSettings {}])?.remove(0);
    settings.sent_a_day = 1_000;
    settings.quiet = None;
    link.calls(vec![settings])?;
    Ok(())
}
