//! Every bound that a client can meet, with its reason. `welcome.limits` announces the first ones.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $value:expr;)+) => {
        $($(#[doc = $doc])+ pub const $name: $type = $value;)+

        /// Every one with its name and its doc comment, for documents and types.
        pub const ALL: &[(&str, &str, u64)] =
            &[$((stringify!($name), concat!($($doc),+), $name as u64),)+];
    };
}

limits! {
    /// The largest frame a client may send, in bytes: a text of the full length fits, also with a
    /// backslash before each character and with every mention. Only one of control characters,
    /// which JSON writes with six bytes each, may not.
    FRAME_LEN_MAX: usize = 64 * 1024;
    /// The longest text of a message, in bytes of UTF-8.
    TEXT_LEN_MAX: usize = 16 * 1024;
    /// The most people one message may mention: each is a row in that person's own log.
    MENTIONS_MAX: usize = 200;
    /// The largest card, in bytes of JSON: as much as a text.
    CARD_LEN_MAX: usize = 16 * 1024;
    /// The longest title of a card, of one of its items or of a Markdown message, in characters: it
    /// stands in one line of a list.
    CARD_TITLE_LEN_MAX: usize = 200;
    /// The longest label, question or note in a card, in characters.
    CARD_LABEL_LEN_MAX: usize = 200;
    /// The longest name that a program reads in a card (`key`, `act`, `id`, `value`), in bytes.
    CARD_KEY_LEN_MAX: usize = 64;
    /// The most facts in a card: more of them are a table, and belong behind a link.
    CARD_FIELDS_MAX: usize = 20;
    /// The most items in a card.
    CARD_ITEMS_MAX: usize = 20;
    /// The most buttons in a card: all of them are seen at once.
    CARD_BUTTONS_MAX: usize = 10;
    /// The most questions in a form: more of them need a page.
    CARD_INPUTS_MAX: usize = 20;
    /// The most options of a question.
    CARD_OPTIONS_MAX: usize = 50;
    /// The longest answer to a question that does not say how long it may be, in characters.
    CARD_ANSWER_LEN: u32 = 1_000;
    /// The longest address in a card, in bytes.
    URL_LEN_MAX: usize = 2_048;
    /// The fewest options of a poll: of fewer there is nothing to choose.
    POLL_OPTIONS_MIN: usize = 2;
    /// The most options of a poll: each is a fact of its card.
    POLL_OPTIONS_MAX: usize = 20;
    /// The longest option of a poll, in characters: all of them, twice, fit into a card.
    POLL_OPTION_LEN_MAX: usize = 80;
    /// The longest time that a poll is open, in milliseconds, 90 days: none is open for ever.
    POLL_LASTS_MS: i64 = 90 * 24 * 3_600_000;
    /// The longest title of a room, in characters: it stands in one line.
    ROOM_TITLE_LEN_MAX: usize = 100;
    /// The most people in one room.
    ROOM_PARTICIPANTS_MAX: usize = 100;
    /// The most guests of one room, with those who knock: half of it is left to people of the
    /// organisation, however many come by a link.
    ROOM_GUESTS_MAX: usize = 50;
    /// The most links for guests of one room that work at a time.
    ROOM_LINKS_MAX: usize = 20;
    /// The longest life of a link for guests, in milliseconds, from now or from when a planned room
    /// is to begin: 30 days.
    GUEST_LINK_TTL_MAX_MS: i64 = 30 * 24 * 3_600_000;
    /// The most pictures that one participant sees at once.
    VIEWS_MAX: usize = 49;
    /// The longest description of a connection, in bytes: one of every slot fits, and a frame
    /// holds it.
    SDP_LEN_MAX: usize = 60 * 1024;
    /// The longest candidate of a connection, in bytes.
    CANDIDATE_LEN_MAX: usize = 512;
    /// The longest time that a room is planned ahead, in milliseconds: a year.
    ROOM_AHEAD_MS: i64 = 366 * 24 * 3_600_000;
    /// The most robots that post into one conversation.
    ROBOTS_PER_CONV_MAX: usize = 20;
    /// The most words of which a robot's messages must hold one, as DingTalk's.
    ROBOT_KEYWORDS_MAX: usize = 10;
    /// The longest of those words, in characters.
    ROBOT_KEYWORD_LEN_MAX: usize = 50;
    /// The most networks from which a robot may be called.
    ROBOT_NETWORKS_MAX: usize = 20;
    /// The most messages that a robot may be allowed in a minute: ten a second are more than
    /// anybody reads, and their times are kept in memory.
    ROBOT_PER_MINUTE_MAX: u32 = 600;
    /// The most people that one alert is for: as many as a group has.
    DING_PEOPLE_MAX: usize = 5_000;
    /// The most roles, departments or conversations that an alert names.
    DING_SOURCES_MAX: usize = 50;
    /// The longest text of an alert, in characters: more is a message.
    DING_TEXT_LEN_MAX: usize = 2_000;
    /// The longest reply to an alert, or reason against it, in characters.
    DING_REASON_LEN_MAX: usize = 500;
    /// The most steps of a policy.
    DING_STEPS_MAX: usize = 10;
    /// The most quiet hours of a policy.
    DING_QUIET_MAX: usize = 7;
    /// What all alerts of an organisation may be allowed to cost at most, in hundredths.
    DING_BUDGET_MAX: u64 = 100_000_000_000;
    /// The most turns of a rota: four a day, and some for holidays.
    DING_DUTY_MAX: usize = 100;
    /// The most policies that an organisation makes.
    DING_POLICIES_MAX: usize = 50;
    /// The most rotas of an organisation.
    DING_DUTIES_MAX: usize = 20;
    /// The most bytes that an alert carries: a minute of voice and more, or a picture of a notice.
    DING_ATTACHMENT_LEN_MAX: usize = 1024 * 1024;
    /// The most schedules of a robot: more of them would be a program of its own.
    SCHEDULES_PER_ROBOT_MAX: usize = 20;
    /// The most conversations that a schedule posts to.
    SCHEDULE_PLACES_MAX: usize = 10;
    /// The longest cron expression, in characters: lists of minutes and days fit.
    CRON_LEN_MAX: usize = 100;
    /// The most parts of a digest: it is read on a phone.
    DIGEST_SECTIONS_MAX: usize = 12;
    /// The longest text that stands above the parts of a digest, in bytes.
    DIGEST_INTRO_LEN_MAX: usize = 4 * 1024;
    /// The most charts in a digest: each is a picture that is kept.
    DIGEST_CHARTS_MAX: usize = 4;
    /// The most lines of a fact.
    FACT_LINES_MAX: usize = 20;
    /// The largest picture of a chart, in bytes: 16 colours on 720 by 400 take less.
    PICTURE_LEN_MAX: usize = 60 * 1024;
    /// The most attempts that one call asks for: as many as one effect sends at once.
    ATTEMPTS_PER_CALL_MAX: usize = 250;
    /// The longest key of an attempt, in bytes: as much as every provider gives back.
    ATTEMPT_KEY_LEN_MAX: usize = 100;
    /// The most attempts in one answer.
    ATTEMPTS_PER_PAGE_MAX: u32 = 200;
    /// The longest title of what people are told outside of the app, in characters.
    ALERT_TITLE_LEN_MAX: usize = 100;
    /// The longest text of it, in characters; push and text messages show its beginning.
    ALERT_BODY_LEN_MAX: usize = 2_000;
    /// The longest path in the app that it leads to, in bytes.
    ALERT_LINK_LEN_MAX: usize = 500;
    /// The longest name by which devices replace it, in bytes.
    ALERT_TAG_LEN_MAX: usize = 64;
    /// The most people that `notify.reach` is asked about: those of one alert.
    REACH_PEOPLE_MAX: usize = 5_000;
    /// The longest e-mail address or phone number, in characters (RFC 5321).
    CONTACT_LEN_MAX: usize = 254;
    /// The most devices of one person that web push reaches; a new one takes the oldest's place.
    PUSH_DEVICES_MAX: usize = 10;
    /// The most providers of an organisation: each vendor once.
    PROVIDERS_MAX: usize = 4;
    /// The most members of a group.
    MEMBERS_MAX: usize = 5_000;
    /// The most people that one call may name.
    USERS_PER_CALL_MAX: usize = 500;
    /// The longest title of a conversation or name of a person, in characters.
    NAME_LEN_MAX: usize = 100;
    /// The most values nested in each other: deeper ones would exhaust a reader's stack.
    DEPTH_MAX: usize = 32;
    /// The most calls that one connection may have unanswered; then the server stops reading from
    /// it.
    CALLS_IN_FLIGHT_MAX: usize = 16;
    /// The most windows of one installation that may be connected side by side.
    TABS_PER_DEVICE_MAX: usize = 8;
    /// The most events in one answer.
    EVENTS_PER_PAGE_MAX: u32 = 200;
    /// The most people in one answer.
    PEOPLE_PER_PAGE_MAX: u32 = 200;
    /// The most conversations in one answer.
    CONVS_PER_PAGE_MAX: u32 = 200;
    /// The most messages that `receipt.counts` and `receipt.watch` count at once.
    RECEIPT_SEQS_MAX: usize = 100;
    /// The longest table of people that is imported, in bytes: several times what the most people
    /// take. Over a socket it has to fit into a frame.
    TABLE_LEN_MAX: usize = 1024 * 1024;
    /// In conversations of up to so many members everybody sees the cursors of the others move.
    CURSORS_MEMBERS_MAX: usize = 50;
    /// In larger conversations `receipt.watch` takes one's own messages only: in a full group
    /// everybody would else be told of everybody.
    WATCH_MEMBERS_MAX: usize = 500;
    /// How long a `receipt.watch` is good for, in milliseconds: who looks on calls again before.
    WATCH_LASTS_MS: i64 = 90_000;
    /// The most people whose presence one connection watches: several screens full.
    WATCHED_PEOPLE_MAX: usize = 200;
    /// A frame of the catch-up holds at most so many bytes: it can be drawn while the next travels.
    PAGE_LEN_MAX: usize = 48 * 1024;
    /// The largest integer that every client can hold (2^53 - 1).
    INT_MAX: u64 = (1 << 53) - 1;
}

/// What `welcome.limits` announces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// Bytes of an inbound frame.
    pub frame: u64,
    /// Bytes of a message's text.
    pub text: u64,
    /// People that a message may mention.
    pub mentions: u64,
    /// Members of a group.
    pub members: u64,
    /// People that one call may name.
    pub users_per_call: u64,
    /// Calls a second that change something, after a burst of three times as many.
    pub writes_per_s: u32,
    /// Calls a second that read, after a burst of three times as many.
    pub reads_per_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            frame: FRAME_LEN_MAX as u64,
            text: TEXT_LEN_MAX as u64,
            mentions: MENTIONS_MAX as u64,
            members: MEMBERS_MAX as u64,
            users_per_call: USERS_PER_CALL_MAX as u64,
            writes_per_s: 20,
            reads_per_s: 100,
        }
    }
}
