-- rev: counts what administers, so that of two changes at once the second looks again: a policy
-- names rotas, settings name a policy, and there are only so many. settings: JSON; none, those that
-- ship with Carillon.
CREATE TABLE ding_rules (
    org TEXT PRIMARY KEY,
    rev BIGINT NOT NULL,
    settings TEXT
);

CREATE TABLE ding_policy (
    id TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    rules TEXT NOT NULL
);
CREATE INDEX ding_policy_org ON ding_policy (org, id);

CREATE TABLE ding_duty (
    id TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    rota TEXT NOT NULL
);
CREATE INDEX ding_duty_org ON ding_duty (org, id);

-- Who stands in for somebody, and when; NULL, from the beginning on, or without an end.
CREATE TABLE ding_deputy (
    user_id TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    deputy TEXT NOT NULL,
    from_at BIGINT,
    until_at BIGINT
);
CREATE INDEX ding_deputy_deputy ON ding_deputy (deputy);

-- How many alerts somebody has sent on a day of the organisation's; a row a person.
CREATE TABLE ding_sender (
    user_id TEXT PRIMARY KEY,
    day BIGINT NOT NULL,
    alerts BIGINT NOT NULL
);

-- What the alerts of an organisation have cost on a day and in a month of its own: `2026-11-23`,
-- `2026-11`.
CREATE TABLE ding_budget (
    org TEXT NOT NULL,
    span TEXT NOT NULL,
    cost BIGINT NOT NULL,
    PRIMARY KEY (org, span)
);

-- send: what is sent again and again, as JSON. begins_at: what the rule counts from. next_at: the
-- time that is owed; none, it is over.
CREATE TABLE ding_series (
    id TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    sender TEXT NOT NULL,
    send TEXT NOT NULL,
    begins_at BIGINT NOT NULL,
    next_at BIGINT,
    stopped TEXT
);
CREATE INDEX ding_series_sender ON ding_series (sender, id);

-- bytes: in base64. used: whether an alert carries it; others go after a day.
CREATE TABLE ding_attachment (
    id TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    lasts_ms BIGINT,
    made_at BIGINT NOT NULL,
    used BIGINT NOT NULL,
    bytes TEXT NOT NULL
);
CREATE INDEX ding_attachment_owner ON ding_attachment (owner, made_at);
CREATE INDEX ding_attachment_unused ON ding_attachment (made_at) WHERE used = 0;
CREATE INDEX ding_alert_attachment ON ding_alert (attachment) WHERE attachment IS NOT NULL;
