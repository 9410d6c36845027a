//! Who may what in a room: pure decisions.

use std::collections::BTreeMap;

use carillon_plugin::{Error, Result};
use carillon_protocol::{
    ErrorCode, UserId,
    limits::{ROOM_GUESTS_MAX, ROOM_PARTICIPANTS_MAX},
    room::{Participant, Phase, Publication, Role, Rules, Source},
};

use super::rows::{Meeting, over};

/// Devices of one person in one room: a computer, a phone, a screen on the wall, and one spare.
pub(super) const DEVICES_MAX: usize = 4;
/// How many wait at most: as many as fit into a room.
const WAITING_MAX: usize = ROOM_PARTICIPANTS_MAX;

/// Whether somebody with this role may send something.
pub(super) fn may_send(role: Role, rules: &Rules, source: Source) -> bool {
    role >= Role::Moderator
        || match source {
            Source::Microphone => rules.microphones,
            Source::Camera => rules.cameras,
            Source::Screen | Source::ScreenAudio => rules.screens,
        }
}

const SOURCES: [Source; 4] =
    [Source::Microphone, Source::Camera, Source::Screen, Source::ScreenAudio];

/// All that somebody with this role may send.
pub(super) fn sources(role: Role, rules: &Rules) -> Vec<Source> {
    SOURCES.into_iter().filter(|&source| may_send(role, rules, source)).collect()
}

/// What of a participant is forwarded: what they send, not muted, and may.
pub(super) fn forwarded(seat: &Participant, rules: &Rules) -> Vec<Source> {
    let sends = seat.publications.iter().filter(|(_, publication)| !publication.muted);
    let sends = sends.map(|(&source, _)| source);
    sends.filter(|&source| may_send(seat.role, rules, source)).collect()
}

/// A muted screen is not shared any more, and neither is its sound without it.
fn is_of_a_screen(source: Source) -> bool {
    matches!(source, Source::Screen | Source::ScreenAudio)
}

/// What is left of publications when this is muted by somebody else.
pub(super) fn mute(publications: &mut BTreeMap<Source, Publication>, source: Source) {
    match source {
        Source::Screen => publications.retain(|&source, _| !is_of_a_screen(source)),
        Source::ScreenAudio => drop(publications.remove(&source)),
        Source::Microphone | Source::Camera => {
            publications.entry(source).and_modify(|publication| publication.muted = true);
        }
    }
}

/// Mutes what a participant may not send.
pub(super) fn hush(seat: &mut Participant, rules: &Rules) {
    for source in SOURCES {
        if !may_send(seat.role, rules, source) {
            mute(&mut seat.publications, source);
        }
    }
}

/// What a person may do, whose devices all may the same.
pub(super) fn role_of<'a>(
    mut seats: impl Iterator<Item = &'a Participant>,
    user: UserId,
) -> Option<Role> {
    seats.find(|seat| seat.user == user).map(|seat| seat.role)
}

/// Who becomes host when nobody is left who moderates: the member who has been in it longest.
pub(super) fn heir(meeting: &Meeting) -> Option<UserId> {
    if meeting.present().any(|seat| seat.role >= Role::Moderator) {
        return None;
    }
    let members = meeting.present().filter(|seat| seat.role == Role::Member);
    members.min_by_key(|seat| (seat.joined_at, seat.participant)).map(|seat| seat.user)
}

/// How somebody enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) role: Role,
    pub(super) waiting: bool,
}

/// How a member of the conversation enters, who is not in it with this device.
pub(super) fn entry(meeting: &Meeting, user: UserId) -> Result<Entry> {
    if meeting.head.phase == Phase::Ended {
        return Err(over());
    }
    let own = meeting.seats().filter(|seat| seat.user == user).count();
    if own >= DEVICES_MAX {
        let msg = format!("you are here with {DEVICES_MAX} devices; leave with one of them first");
        return Err(Error::new(ErrorCode::Quota, msg));
    }
    let is_there = meeting.role(user);
    let has_host = meeting.present().any(|seat| seat.role == Role::Host);
    let role = is_there.unwrap_or(match meeting.head.by == user {
        true if has_host => Role::Moderator,
        true => Role::Host,
        false => Role::Member,
    });
    let passes = is_there.is_some() || role >= Role::Moderator;
    if meeting.head.rules.locked && !passes {
        return Err(locked());
    }
    match meeting.head.rules.waiting && !passes {
        true => waits(meeting, role),
        false => room_for_one(meeting).map(|()| Entry { role, waiting: false }),
    }
}

/// How a guest enters, who is not in it: they wait, whatever the rules are; but not a second time,
/// unless nobody of the meeting would be with them.
pub(super) fn entry_of_guest(meeting: &Meeting, was_let_in: bool) -> Result<Entry> {
    if meeting.head.phase == Phase::Ended {
        return Err(over());
    }
    if meeting.head.rules.locked {
        return Err(locked());
    }
    if meeting.seats().filter(|seat| seat.role == Role::Guest).count() >= ROOM_GUESTS_MAX {
        let msg = format!("{ROOM_GUESTS_MAX} guests are here or wait; come later");
        return Err(Error::new(ErrorCode::Quota, msg));
    }
    match was_let_in && meeting.present().any(|seat| seat.role > Role::Guest) {
        true => room_for_one(meeting).map(|()| Entry { role: Role::Guest, waiting: false }),
        false => waits(meeting, Role::Guest),
    }
}

fn waits(meeting: &Meeting, role: Role) -> Result<Entry> {
    match meeting.seats().filter(|seat| seat.waiting).count() < WAITING_MAX {
        true => Ok(Entry { role, waiting: true }),
        false => {
            Err(Error::new(ErrorCode::Quota, format!("{WAITING_MAX} people wait; come later")))
        }
    }
}

pub(super) fn locked() -> Error {
    Error::denied("this meeting is locked; ask somebody in it to open it")
}

/// Refuses one more than fit in.
pub(super) fn room_for_one(meeting: &Meeting) -> Result<()> {
    match meeting.present().count() < ROOM_PARTICIPANTS_MAX {
        true => Ok(()),
        false => {
            let msg = format!("{ROOM_PARTICIPANTS_MAX} are in it; come when one has left");
            Err(Error::new(ErrorCode::Quota, msg))
        }
    }
}

/// What the caller may do in a room, at least a moderator.
pub(super) fn moderator(meeting: &Meeting, user: UserId) -> Result<Role> {
    match meeting.role(user) {
        Some(role) if role >= Role::Moderator => Ok(role),
        _ => Err(Error::denied("only who moderates this meeting does that; ask one of them")),
    }
}

/// Whether somebody may say how the room is and when it is over: who moderates it, and who opened
/// or planned it, also from outside.
pub(super) fn keeper(meeting: &Meeting, user: UserId) -> Result<()> {
    if meeting.head.by == user {
        return Ok(());
    }
    moderator(meeting, user).map(drop)
}

/// Whether an emoji is one, and nothing else: its characters are of the blocks that emoji are made
/// of (Unicode Technical Standard 51), not letters.
pub(super) fn is_emoji(text: &str) -> bool {
    let part = |c: char| {
        matches!(c,
            '#' | '*' | '0'..='9' | '\u{a9}' | '\u{ae}' | '\u{2000}'..='\u{2bff}' | '\u{3030}'
            | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}'
            | '\u{e0020}'..='\u{e007f}')
            && !c.is_whitespace()
            && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    (1..=16).contains(&text.chars().count()) && text.chars().all(part) && !text.is_ascii()
}
