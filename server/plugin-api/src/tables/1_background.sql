-- What plugins do besides answering: the host's own tables, which go by the name of `plugin`.

-- How far each plugin has read the log.
CREATE TABLE plugin_cursor (
    plugin TEXT NOT NULL PRIMARY KEY,
    pos BIGINT NOT NULL,
    -- How many events it is given at once: halved while one of them fails, to find which.
    size BIGINT NOT NULL,
    -- Of the event after pos.
    failures BIGINT NOT NULL,
    retry_at BIGINT NOT NULL,
    error TEXT
);

-- Calls that are due later. A key is set once: the last time counts.
CREATE TABLE plugin_timer (
    plugin TEXT NOT NULL,
    key TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    op TEXT NOT NULL,
    args TEXT NOT NULL,
    org TEXT NOT NULL,
    user_id TEXT NOT NULL,
    -- The cid of the call, another one each time the key is set.
    intent TEXT NOT NULL,
    failures BIGINT NOT NULL,
    error TEXT,
    PRIMARY KEY (plugin, key)
);

CREATE INDEX plugin_timer_due ON plugin_timer (plugin, due_at);

-- Effects on the world outside, until they are done.
CREATE TABLE plugin_outbox (
    plugin TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    payload TEXT NOT NULL,
    org TEXT NOT NULL,
    intent TEXT NOT NULL,
    failures BIGINT NOT NULL,
    retry_at BIGINT NOT NULL,
    error TEXT,
    PRIMARY KEY (plugin, kind, key)
);

CREATE INDEX plugin_outbox_retry ON plugin_outbox (plugin, retry_at);

-- What failed for good, until somebody looks at it.
CREATE TABLE plugin_dead (
    id TEXT NOT NULL PRIMARY KEY,
    plugin TEXT NOT NULL,
    -- event, timer or outbox.
    source TEXT NOT NULL,
    -- What it was, in JSON: enough to try it again.
    what TEXT NOT NULL,
    error TEXT NOT NULL,
    at BIGINT NOT NULL,
    tries BIGINT NOT NULL
);

CREATE INDEX plugin_dead_plugin ON plugin_dead (plugin, id);
