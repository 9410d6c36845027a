-- A row a run of a node. Whoever says nothing for a day is forgotten.
CREATE TABLE node_run (
    run TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    beat TEXT NOT NULL,
    seen_at BIGINT NOT NULL
);

-- What one node does at a time, and until when.
CREATE TABLE node_lease (
    name TEXT NOT NULL PRIMARY KEY,
    run TEXT NOT NULL,
    until BIGINT NOT NULL
);
