-- The store's own tables, version 1. Narrow on purpose: a burst of messages writes little else.

CREATE TABLE meta (
    -- Positions of another epoch mean nothing here: a restored backup gets a new one.
    epoch BIGINT NOT NULL
);

CREATE TABLE migration (
    plugin TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (plugin, number)
) WITHOUT ROWID;

-- A topic's head is not kept here: it is the last entry of event_seq, so that a message writes one
-- row less and the two cannot disagree.
CREATE TABLE topic (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    org BLOB NOT NULL
);

CREATE TABLE author (
    id INTEGER PRIMARY KEY,
    user BLOB NOT NULL UNIQUE
);

-- Appended to only: the table grows at its end, and pos is the order of commits.
CREATE TABLE event (
    pos INTEGER PRIMARY KEY,
    topic BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    n BIGINT NOT NULL,
    counts BIGINT NOT NULL,
    k TEXT NOT NULL,
    id BLOB NOT NULL,
    by_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    cid BLOB,
    hash BIGINT,
    data TEXT NOT NULL
);

CREATE UNIQUE INDEX event_seq ON event (topic, seq);

-- The cid first: it begins with the time, so that this index is appended to as well.
CREATE UNIQUE INDEX event_cid ON event (cid, by_id) WHERE cid IS NOT NULL;
