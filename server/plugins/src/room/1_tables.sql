CREATE TABLE room_meeting (
    id TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    conv TEXT NOT NULL,
    -- Who opened or planned it.
    user_id TEXT NOT NULL,
    title TEXT,
    phase TEXT NOT NULL,
    starts_at BIGINT,
    started_at BIGINT,
    ended_at BIGINT,
    -- As JSON.
    rules TEXT NOT NULL,
    -- The conversation, while this is what is open there without having been planned: one each.
    ad_hoc TEXT UNIQUE,
    -- The run of the node that carries the media; empty while nobody does.
    owner TEXT NOT NULL,
    -- The language and the time zone of its card.
    locale TEXT NOT NULL,
    tz TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- How many are in it; who waits does not count.
    present BIGINT NOT NULL,
    -- Rises with whatever the rights of others follow from: phase, rules, roles, who was put out.
    rev BIGINT NOT NULL,
    -- The newest event of its log.
    seq BIGINT NOT NULL
);
CREATE INDEX room_meeting_conv ON room_meeting (conv) WHERE phase <> 'ended';
CREATE INDEX room_meeting_org ON room_meeting (org) WHERE phase <> 'ended';
CREATE INDEX room_meeting_owner ON room_meeting (owner) WHERE phase <> 'ended';

CREATE TABLE room_participant (
    id TEXT PRIMARY KEY,
    room TEXT NOT NULL,
    user_id TEXT NOT NULL,
    -- Signed in by which; empty for who has none.
    session TEXT NOT NULL,
    -- A guest's.
    name TEXT,
    role TEXT NOT NULL,
    waiting BIGINT NOT NULL,
    joined_at BIGINT NOT NULL,
    left_at BIGINT,
    gone TEXT,
    hand_at BIGINT,
    -- As JSON.
    publications TEXT NOT NULL,
    -- When the node with the media last had them connected.
    seen_at BIGINT NOT NULL,
    -- The position, in the order of commits, at which they last came or were let in.
    pos BIGINT NOT NULL,
    -- Rises with every change of this row that others see.
    rev BIGINT NOT NULL
);
CREATE INDEX room_participant_room ON room_participant (room, id);
CREATE INDEX room_participant_present ON room_participant (user_id) WHERE left_at IS NULL;
