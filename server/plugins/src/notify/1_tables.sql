-- What was asked for, for several people at once.
CREATE TABLE notify_message (
    id TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    -- As JSON.
    alert TEXT NOT NULL,
    made_at BIGINT NOT NULL
);

CREATE INDEX notify_message_old ON notify_message (org, made_at);

CREATE TABLE notify_attempt (
    org TEXT NOT NULL,
    key TEXT NOT NULL,
    message TEXT NOT NULL,
    plugin TEXT NOT NULL,
    subject TEXT NOT NULL,
    channel TEXT NOT NULL,
    user_id TEXT NOT NULL,
    -- waiting, begun, or an outcome.
    state TEXT NOT NULL,
    why TEXT,
    -- How many times whoever carries it certainly refused it.
    turn BIGINT NOT NULL,
    -- When it was handed to whoever carries it, who did not say yet whether they took it.
    begun_at BIGINT,
    vendor TEXT,
    reference TEXT,
    -- Where to, if not to the person's own address; and where it went.
    address TEXT,
    -- Whether a reply to that number may be meant for it.
    asks BIGINT NOT NULL,
    -- What was answered.
    answer TEXT,
    -- Whether devices were told to take it away.
    withdrawn BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    done_at BIGINT,
    PRIMARY KEY (org, key)
);

CREATE INDEX notify_attempt_of ON notify_attempt (message, state);

CREATE INDEX notify_attempt_about ON notify_attempt (org, plugin, subject, user_id);

CREATE INDEX notify_attempt_log ON notify_attempt (org, made_at, key);

CREATE INDEX notify_attempt_mine ON notify_attempt (org, user_id, made_at, key);

CREATE INDEX notify_attempt_reference ON notify_attempt (reference);

CREATE INDEX notify_attempt_address ON notify_attempt (address, made_at);

CREATE TABLE notify_contact (
    org TEXT NOT NULL,
    user_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- The address that is used.
    address TEXT,
    -- Another one, until its code comes back.
    pending TEXT,
    code TEXT,
    code_until BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    PRIMARY KEY (org, user_id, kind)
);

-- Codes that were sent within a day, to count them.
CREATE TABLE notify_code (
    id TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    user_id TEXT NOT NULL,
    address TEXT NOT NULL,
    sent_at BIGINT NOT NULL
);

CREATE INDEX notify_code_of ON notify_code (org, user_id);

CREATE INDEX notify_code_by ON notify_code (org, sent_at);

CREATE TABLE notify_device (
    id TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    user_id TEXT NOT NULL,
    session TEXT,
    endpoint TEXT NOT NULL,
    p256dh TEXT NOT NULL,
    auth TEXT NOT NULL,
    name TEXT NOT NULL,
    since BIGINT NOT NULL
);

CREATE INDEX notify_device_of ON notify_device (org, user_id);

CREATE INDEX notify_device_session ON notify_device (session);

-- One row: the key that every browser's subscription is bound to.
CREATE TABLE notify_key (
    id BIGINT PRIMARY KEY,
    private TEXT NOT NULL
);

CREATE TABLE notify_settings (
    org TEXT PRIMARY KEY,
    -- As JSON, with its secrets.
    settings TEXT NOT NULL,
    rev BIGINT NOT NULL
);

-- The secrets at the ends of the addresses that vendors report to.
CREATE TABLE notify_callback (
    secret TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    vendor TEXT NOT NULL
);

CREATE INDEX notify_callback_of ON notify_callback (org);
