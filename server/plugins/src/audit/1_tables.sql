-- What was administered, each row chained to the one before. All that is text in `audit.walk`.
CREATE TABLE audit_row (
    n BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    address TEXT,
    op TEXT NOT NULL,
    object TEXT NOT NULL,
    before TEXT,
    after TEXT,
    outcome TEXT NOT NULL,
    times BIGINT NOT NULL,
    -- Of the organisation, or `server`.
    org TEXT NOT NULL,
    -- The event that it was made of.
    event TEXT NOT NULL,
    -- The hash of the row before; 64 zeros for the first.
    prev TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_row_org ON audit_row (org, n);
CREATE INDEX audit_row_actor ON audit_row (actor, n);
INSERT ONLY audit_row;
