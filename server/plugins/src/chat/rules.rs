//! What may be done in a conversation. Pure: decides from what it is shown.

use std::collections::BTreeSet;

use carillon_plugin::{Error, Result, Window};
use carillon_protocol::{
    ErrorCode, OrgId, UserId,
    conv::{Callers, History, Kind, Role},
    limits::{MEMBERS_MAX, MENTIONS_MAX, NAME_LEN_MAX, USERS_PER_CALL_MAX},
    msg::Body,
};

use super::{
    bodies,
    roster::{Conversation, Person, Reading, Roster},
    spans::{MERGE_AFTER_DAYS, clip, day_of},
};
use crate::plain::plain;

/// How many things a page has if the caller does not say.
const PAGE_LEN: u32 = 50;

/// The person as somebody who is in the conversation or was. Whoever never was, or belongs to
/// another tenant, learns nothing.
pub(crate) fn known<'a>(
    (conv, roster): (&Conversation, &'a Roster),
    (org, user): (OrgId, UserId),
) -> Result<&'a Person> {
    let person = if conv.org == org { roster.person(user) } else { None };
    person.ok_or_else(|| Error::not_found("conversation"))
}

/// The person as a member.
pub(crate) fn member<'a>(
    (conv, roster): (&Conversation, &'a Roster),
    who: (OrgId, UserId),
) -> Result<&'a Person> {
    let person = known((conv, roster), who)?;
    if !person.is_active() {
        return Err(Error::new(ErrorCode::NotMember, "you are no longer in this conversation"));
    }
    Ok(person)
}

/// A title, as people read it.
pub(crate) fn title(title: &str) -> Result<String> {
    let title = plain(title);
    if title.is_empty() || title.chars().any(char::is_control) {
        return Err(Error::bad_arg("title", "give the group a title, without line breaks"));
    }
    if title.chars().count() > NAME_LEN_MAX {
        let msg = format!("a title has at most {NAME_LEN_MAX} characters");
        return Err(Error::too_large("title", msg));
    }
    Ok(title)
}

/// How many things to answer.
pub(crate) fn limit(asked: Option<u32>, max: u32) -> Result<u32> {
    let limit = asked.unwrap_or(PAGE_LEN);
    if (1..=max).contains(&limit) {
        return Ok(limit);
    }
    Err(Error::bad_arg("limit", format!("a page has 1 to {max}")))
}

/// The people that a call names, each once.
pub(crate) fn named(field: &str, users: &[UserId]) -> Result<BTreeSet<UserId>> {
    if users.len() > USERS_PER_CALL_MAX {
        let msg = format!("at most {USERS_PER_CALL_MAX} people a call");
        return Err(Error::too_large(field, msg));
    }
    Ok(users.iter().copied().collect())
}

/// Where the call names somebody.
fn place(field: &str, asked: &[UserId], user: UserId) -> String {
    let place = asked.iter().position(|&other| other == user);
    place.map_or_else(|| field.to_owned(), |at| format!("{field}[{at}]"))
}

/// Somebody whom the call names does not exist for this caller.
pub(crate) fn nobody(field: &str, asked: &[UserId], user: UserId) -> Error {
    Error::not_found("person").field(&place(field, asked, user))
}

/// Somebody whom the call names is not in the organisation any more.
pub(crate) fn left(field: &str, asked: &[UserId], user: UserId) -> Error {
    let msg = "this person has left the organisation; leave them out";
    Error::conflict(msg).field(&place(field, asked, user))
}

/// Refuses to speak where nobody would hear it. Not a conflict: what is refused for that may be
/// tried again when somebody else is done, and this may not.
pub(crate) fn may_write((conv, roster): (&Conversation, &Roster)) -> Result<()> {
    if conv.kind == Kind::Direct && roster.members().any(|person| person.away) {
        let msg = "this person has left the organisation, and reads nothing any more";
        return Err(Error::new(ErrorCode::Blocked, msg));
    }
    Ok(())
}

/// Who stands in for the owners of a group while all of them have left the organisation: who has
/// been in it longest.
pub(crate) fn stand_in(conv: &Conversation, roster: &Roster) -> Option<UserId> {
    if conv.kind == Kind::Direct {
        return None;
    }
    next_owner(|| roster.present())
}

fn owns(conv: &Conversation, roster: &Roster, person: &Person) -> bool {
    person.role == Role::Owner || stand_in(conv, roster) == Some(person.user)
}

fn may_change(
    (conv, roster): (&Conversation, &Roster),
    caller: &Person,
    only_oneself: bool,
) -> Result<()> {
    if conv.kind == Kind::Direct {
        return Err(Error::denied("a direct conversation keeps its two people; make a group"));
    }
    if !only_oneself && !owns(conv, roster, caller) {
        return Err(Error::denied("only the owner of the group adds and removes others"));
    }
    Ok(())
}

/// Whether somebody may give the conversation another title.
pub(crate) fn may_rename((conv, roster): (&Conversation, &Roster), caller: &Person) -> Result<()> {
    if conv.kind == Kind::Direct {
        return Err(Error::denied("a direct conversation is called after the other person"));
    }
    if !owns(conv, roster, caller) {
        return Err(Error::denied("only the owner of the group renames it"));
    }
    Ok(())
}

/// Whether somebody may settle who calls everybody.
pub(crate) fn may_rule((conv, roster): (&Conversation, &Roster), caller: &Person) -> Result<()> {
    if conv.kind == Kind::Direct {
        return Err(Error::denied("in a direct conversation both may call each other"));
    }
    if !owns(conv, roster, caller) {
        return Err(Error::denied("only the owner of the group settles who calls everybody"));
    }
    Ok(())
}

/// Whether somebody is among those who may call everybody.
pub(crate) fn may_call(
    (conv, roster): (&Conversation, &Roster),
    caller: &Person,
    callers: Callers,
) -> bool {
    callers == Callers::Members || conv.kind == Kind::Direct || owns(conv, roster, caller)
}

/// Who comes, of those who are named.
pub(crate) fn newcomers(
    (conv, roster): (&Conversation, &Roster),
    caller: &Person,
    users: &[UserId],
) -> Result<Vec<UserId>> {
    may_change((conv, roster), caller, false)?;
    let mut named = at_least_one(users)?;
    named.retain(|&user| !roster.person(user).is_some_and(Person::is_active));
    if roster.active + named.len() > MEMBERS_MAX {
        let msg = format!("a group has at most {MEMBERS_MAX} members");
        return Err(Error::too_large("users", msg));
    }
    Ok(named.into_iter().collect())
}

/// Who goes, of those who are named.
pub(crate) fn leavers(
    (conv, roster): (&Conversation, &Roster),
    caller: &Person,
    users: &[UserId],
) -> Result<Vec<UserId>> {
    let mut named = at_least_one(users)?;
    may_change((conv, roster), caller, named.iter().all(|&user| user == caller.user))?;
    named.retain(|&user| roster.person(user).is_some_and(Person::is_active));
    Ok(named.into_iter().collect())
}

fn at_least_one(users: &[UserId]) -> Result<BTreeSet<UserId>> {
    if users.is_empty() {
        return Err(Error::bad_arg("users", "name somebody"));
    }
    named("users", users)
}

/// Who owns the group when these people have gone, if no owner is left: who has been in it longest.
/// Nobody could add people to a group without one. Every node comes to the same conclusion, because
/// it follows from the conversation's log alone: also who left the organisation may be the one.
pub(crate) fn heir(roster: &Roster, leaving: &[UserId]) -> Option<UserId> {
    let leaving: BTreeSet<_> = leaving.iter().copied().collect();
    next_owner(|| roster.members().filter(|person| !leaving.contains(&person.user)))
}

/// Who has been in it longest, if none of these people is an owner.
fn next_owner<'a, I>(people: impl Fn() -> I) -> Option<UserId>
where
    I: Iterator<Item = &'a Person>,
{
    if people().any(|person| person.role == Role::Owner) {
        return None;
    }
    people().min_by_key(|person| (person.joined_seq(), person.user)).map(|person| person.user)
}

/// Who is mentioned, if the message may be written.
pub(crate) fn mentioned(roster: &Roster, body: &Body) -> Result<Vec<UserId>> {
    bodies::check(body)?;
    let mentions = body.mentions();
    if mentions.len() > MENTIONS_MAX {
        let msg = format!("a message mentions at most {MENTIONS_MAX} people");
        return Err(Error::too_large("body.mentions", msg));
    }
    let outside = |user: &UserId| !roster.person(*user).is_some_and(Person::is_active);
    if let Some(at) = mentions.iter().position(outside) {
        // The same for a colleague outside as for somebody who does not exist: a mention must not
        // tell which people there are.
        let field = format!("body.mentions[{at}]");
        return Err(Error::not_found("member of the conversation").field(&field));
    }
    Ok(BTreeSet::from_iter(mentions.iter().copied()).into_iter().collect())
}

/// Everybody but the author, as far as a message may mention so many: who is in a larger
/// conversation learns it there and nowhere else.
pub(crate) fn everybody(roster: &Roster, author: UserId) -> Vec<UserId> {
    let others = || roster.present().map(|person| person.user).filter(|&user| user != author);
    if others().nth(MENTIONS_MAX).is_some() { Vec::new() } else { others().collect() }
}

/// A `conv.read`, clamped to the head: `n` is the count of messages up to `seq`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    pub(crate) from: Option<u64>,
    pub(crate) seq: u64,
    pub(crate) n: u64,
}

/// A row of `chat_seen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DayRow {
    pub(crate) day: i64,
    pub(crate) spans: String,
}

/// What a person's reads come to: in memory, and in the tables.
#[derive(Debug)]
pub(crate) struct ReadStep {
    pub(crate) reading: Reading,
    /// Whether the cursor moved.
    pub(crate) moved: bool,
    /// The rows to write.
    pub(crate) days: Vec<DayRow>,
    /// The days before this one are merged into day 0; their rows go.
    pub(crate) merged_before: Option<i64>,
}

impl ReadStep {
    /// Whether there is anything to write.
    pub(crate) fn is_news(&self) -> bool {
        self.moved || !self.days.is_empty()
    }
}

/// Adds up what a person was shown. Without `from` the cursor is continued; with it the cursor
/// still moves to the end, and what lies between stays unseen. Nothing outside the window was seen.
pub(crate) fn read(person: &Person, window: &Window, shown: &[Shown], now: i64) -> ReadStep {
    let (mut cursor, mut seen, mut news) = (person.cursor, person.seen.clone(), false);
    for show in shown {
        let from = show.from.unwrap_or(cursor.0 + 1);
        for (from, to) in clip(&window.0, from, show.seq) {
            news |= seen.add(from, to, now);
        }
        cursor = cursor.max((show.seq, show.n));
    }
    let (mut days, mut merged_before, mut oldest_day) = (Vec::new(), None, person.oldest_day);
    if news {
        let today = day_of(seen.newest_at().unwrap_or(now));
        let cutoff = today - MERGE_AFTER_DAYS;
        if oldest_day.is_some_and(|day| day < cutoff) {
            seen.collapse(cutoff);
            days.push(DayRow { day: 0, spans: seen.pack_before(cutoff) });
            (merged_before, oldest_day) = (Some(cutoff), Some(cutoff));
        }
        days.push(DayRow { day: today, spans: seen.pack_day(today) });
        oldest_day = oldest_day.or(Some(today));
    }
    let moved = cursor > person.cursor;
    let reading = Reading { user: person.user, cursor, seen, oldest_day };
    ReadStep { reading, moved, days, merged_before }
}

/// What newcomers see, as the tables have it.
pub(crate) fn history_text(history: History) -> &'static str {
    match history {
        History::All => "all",
        History::Joined => "joined",
    }
}

/// What a conversation is, as the tables have it.
pub(crate) fn kind_text(kind: Kind) -> &'static str {
    match kind {
        Kind::Direct => "direct",
        Kind::Group => "group",
    }
}

/// What a member may do, as the tables have it.
pub(crate) fn role_text(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Member => "member",
    }
}
