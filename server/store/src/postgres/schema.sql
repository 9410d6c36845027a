-- The store's own tables on PostgreSQL, version 1: those of SQLite, and one row that orders the
-- commits of all nodes.

-- Who appends to the log locks this row until the commit: so pos has no gaps, and is the order of
-- commits. Room is left on its page: the row is written in every batch.
CREATE TABLE meta (
    version BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    pos BIGINT NOT NULL,
    topics BIGINT NOT NULL,
    authors BIGINT NOT NULL
) WITH (fillfactor = 10);
COMMENT ON TABLE meta IS 'carillon';
-- The epoch only has to differ from that of every backup; 53 bits fit every client.
INSERT INTO meta VALUES (1, floor(random() * 9007199254740992)::BIGINT, 0, 0, 0);

CREATE TABLE migration (
    plugin TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (plugin, number)
);

CREATE TABLE topic (
    id BIGINT PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    org BYTEA NOT NULL
);

CREATE TABLE author (
    id BIGINT PRIMARY KEY,
    "user" BYTEA NOT NULL UNIQUE
);

CREATE TABLE event (
    pos BIGINT PRIMARY KEY,
    topic BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    n BIGINT NOT NULL,
    counts BIGINT NOT NULL,
    k TEXT NOT NULL,
    id BYTEA NOT NULL,
    by_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    cid BYTEA,
    hash BIGINT,
    data TEXT NOT NULL
);

CREATE UNIQUE INDEX event_seq ON event (topic, seq);

-- The cid first: it begins with the time, so that this index is appended to as well.
CREATE UNIQUE INDEX event_cid ON event (cid, by_id) WHERE cid IS NOT NULL;
