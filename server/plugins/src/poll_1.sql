CREATE TABLE poll_question (
    id TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    conv TEXT NOT NULL,
    user_id TEXT NOT NULL,
    question TEXT NOT NULL,
    -- A list as JSON.
    options TEXT NOT NULL,
    multiple BIGINT NOT NULL,
    anonymous BIGINT NOT NULL,
    -- The language and the time zone of its card.
    locale TEXT NOT NULL,
    tz TEXT NOT NULL,
    closes_at BIGINT NOT NULL,
    closed_at BIGINT,
    -- Rises with every vote and at the end: no vote comes after that, and no older card.
    rev BIGINT NOT NULL
);

CREATE TABLE poll_vote (
    poll TEXT NOT NULL,
    user_id TEXT NOT NULL,
    -- The intents of the last votes, the newest first: one of them again is a repetition.
    intent TEXT NOT NULL,
    -- A bit an option; of a secret poll nothing.
    choices BIGINT,
    PRIMARY KEY (poll, user_id)
);

-- Of secret polls: what was voted for, without who.
CREATE TABLE poll_tally (
    poll TEXT NOT NULL,
    choice BIGINT NOT NULL,
    votes BIGINT NOT NULL,
    PRIMARY KEY (poll, choice)
);
