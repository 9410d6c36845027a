CREATE TABLE ding_alert (
    id TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    -- Who sent it.
    user_id TEXT NOT NULL,
    body TEXT NOT NULL,
    about_conv TEXT,
    about_seq BIGINT,
    attachment TEXT,
    policy TEXT NOT NULL,
    -- What the policy said then, as JSON.
    rules TEXT NOT NULL,
    -- Whether quiet hours are passed over.
    urgent BIGINT NOT NULL,
    begins_at BIGINT NOT NULL,
    confirm_by BIGINT,
    reply_required BIGINT NOT NULL,
    series TEXT,
    recipients BIGINT NOT NULL,
    recalled_at BIGINT,
    -- How often its sender reminded people, when last, and through what: JSON.
    reminders BIGINT NOT NULL,
    reminded_at BIGINT,
    reminded_by TEXT NOT NULL,
    -- Rises whenever its ladder goes on.
    turn BIGINT NOT NULL,
    -- What it has cost, in hundredths.
    cost BIGINT NOT NULL,
    -- The position, in the order of commits, at which it was sent.
    pos BIGINT NOT NULL,
    -- The conversations of which it is for everybody, or for who has not read something: JSON.
    convs TEXT NOT NULL
);
CREATE INDEX ding_alert_user ON ding_alert (user_id, id);
CREATE INDEX ding_alert_begins ON ding_alert (org, begins_at);
CREATE INDEX ding_alert_about ON ding_alert (about_conv, begins_at) WHERE about_conv IS NOT NULL;

CREATE TABLE ding_recipient (
    ding TEXT NOT NULL,
    user_id TEXT NOT NULL,
    -- How far it has come, by its place in the list of states, and when.
    state BIGINT NOT NULL DEFAULT 0,
    at BIGINT NOT NULL,
    late BIGINT NOT NULL DEFAULT 0,
    handled_by TEXT,
    reply TEXT,
    -- How far the ladder is: see `ladder.rs`. What waits by itself is JSON; NULL, nothing.
    rung BIGINT NOT NULL DEFAULT 0,
    shift_ms BIGINT NOT NULL DEFAULT 0,
    waiting TEXT,
    -- The number of the reminder that is due with the next step; 0 if none is.
    remind BIGINT NOT NULL DEFAULT 0,
    -- When the ladder goes on; NULL, it does not.
    next_at BIGINT,
    PRIMARY KEY (ding, user_id)
);
CREATE INDEX ding_recipient_due ON ding_recipient (ding, next_at, user_id)
    WHERE next_at IS NOT NULL;
CREATE INDEX ding_recipient_state ON ding_recipient (ding, state, user_id);
CREATE INDEX ding_recipient_user ON ding_recipient (user_id, ding);
CREATE INDEX ding_recipient_open ON ding_recipient (user_id, ding) WHERE state < 3;

-- Who was called instead of whom.
CREATE TABLE ding_stand_in (
    ding TEXT NOT NULL,
    user_id TEXT NOT NULL,
    instead_of TEXT NOT NULL,
    PRIMARY KEY (ding, user_id, instead_of)
);
CREATE INDEX ding_stand_in_of ON ding_stand_in (ding, instead_of);
CREATE INDEX ding_stand_in_user ON ding_stand_in (user_id, ding);

CREATE TABLE ding_attempt (
    -- `{ding}:{recipient}:{step}:{nth}`.
    key TEXT PRIMARY KEY,
    -- The key that whoever carries it knows it by: of several recipients for whom somebody is
    -- called once, the first one's.
    sent TEXT NOT NULL,
    ding TEXT NOT NULL,
    -- The recipient.
    user_id TEXT NOT NULL,
    -- Who is reached; NULL, nobody.
    reached TEXT,
    step BIGINT NOT NULL,
    nth BIGINT NOT NULL,
    channel TEXT NOT NULL,
    at BIGINT NOT NULL,
    turn BIGINT NOT NULL,
    -- Whether it makes a noise.
    sound BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    why TEXT,
    -- When it was first not taken by who is to carry it; NULL, never.
    refused_at BIGINT,
    skip TEXT,
    cost BIGINT NOT NULL
);
CREATE INDEX ding_attempt_user ON ding_attempt (ding, user_id, at);
CREATE INDEX ding_attempt_sent ON ding_attempt (sent);
CREATE INDEX ding_attempt_instead ON ding_attempt (ding, reached, at) WHERE reached <> user_id;
CREATE INDEX ding_attempt_trying ON ding_attempt (ding, turn) WHERE outcome = 'trying';

-- The texts and calls that somebody got on a day of theirs.
CREATE TABLE ding_spending (
    user_id TEXT NOT NULL,
    day BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    PRIMARY KEY (user_id, day)
);
