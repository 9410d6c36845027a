-- Programs of others that listen, and how far each has dealt with the log.
CREATE TABLE listener_place (
    user_id TEXT NOT NULL PRIMARY KEY,
    org TEXT NOT NULL,
    -- The kinds of events as it named them last, with spaces between them.
    kinds TEXT NOT NULL,
    pos BIGINT NOT NULL
);

-- They stood among the plugins' own before.
DELETE FROM plugin_cursor WHERE plugin LIKE 'app:%';
