-- Wrong passwords, which count on all nodes alike. What is tried by is a digest: people type their
-- passwords into the field for the name. A debt is paid off with time: a row whose `until` has
-- passed means nothing.
CREATE TABLE directory_attempt (
    tried TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    until BIGINT NOT NULL
);
CREATE INDEX directory_attempt_until ON directory_attempt (until);
