-- One row a conversation. `pair` is the two people of a direct one: there is one only.
-- `changed_seq` is the event that last changed the members: who changes them names the one they
-- looked at. Own cursors up to `settled_seq` are in `chat_cursor`. Those of messages written since
-- follow from the log.
CREATE TABLE chat_conversation (
    id TEXT NOT NULL PRIMARY KEY,
    org TEXT NOT NULL,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    history TEXT NOT NULL,
    pair TEXT UNIQUE,
    members BIGINT NOT NULL,
    changed_seq BIGINT NOT NULL,
    settled_seq BIGINT NOT NULL,
    settled_n BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE chat_member (
    conv TEXT NOT NULL,
    user_id TEXT NOT NULL,
    role TEXT NOT NULL,
    active BIGINT NOT NULL,
    PRIMARY KEY (conv, user_id)
);
CREATE INDEX chat_member_of ON chat_member (user_id, active, conv);

-- When a person was in: from the event that brought them to the one that removed them.
CREATE TABLE chat_span (
    conv TEXT NOT NULL,
    user_id TEXT NOT NULL,
    from_seq BIGINT NOT NULL,
    to_seq BIGINT,
    PRIMARY KEY (conv, user_id, from_seq)
);
CREATE INDEX chat_span_of ON chat_span (user_id, conv, from_seq);

CREATE TABLE chat_cursor (
    conv TEXT NOT NULL,
    user_id TEXT NOT NULL,
    read_seq BIGINT NOT NULL,
    read_n BIGINT NOT NULL,
    changed_pos BIGINT NOT NULL,
    PRIMARY KEY (conv, user_id)
);

-- What a person saw on a day (days since the epoch, UTC), packed. Day 0 is all the older ones.
CREATE TABLE chat_read_day (
    conv TEXT NOT NULL,
    user_id TEXT NOT NULL,
    day BIGINT NOT NULL,
    spans TEXT NOT NULL,
    PRIMARY KEY (conv, user_id, day)
);
