CREATE TABLE directory_org (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- One row at most, made by session.setup: its key is what keeps a second setup out.
CREATE TABLE directory_setup (
    id BIGINT PRIMARY KEY,
    org TEXT NOT NULL,
    at BIGINT NOT NULL
);

-- People and programs. No password: it cannot sign in by one.
CREATE TABLE directory_user (
    id TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    login TEXT NOT NULL,
    name TEXT NOT NULL,
    title TEXT,
    app BIGINT NOT NULL,
    admin BIGINT NOT NULL,
    locale TEXT NOT NULL,
    tz TEXT NOT NULL,
    password TEXT,
    created_at BIGINT NOT NULL
);
-- A person signs in without naming the organisation; two organisations may have programs of the
-- same name.
CREATE UNIQUE INDEX directory_user_login ON directory_user (login) WHERE app = 0;
CREATE UNIQUE INDEX directory_user_org_login ON directory_user (org, login);
CREATE UNIQUE INDEX directory_user_org_id ON directory_user (org, id);

-- digest: SHA-256 of the token, which itself is kept nowhere.
CREATE TABLE directory_session (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    scopes TEXT NOT NULL,
    label TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX directory_session_user ON directory_session (user_id, id);
CREATE INDEX directory_session_expires ON directory_session (expires_at);

-- A ticket is its row: who deletes it has used it.
CREATE TABLE directory_ticket (
    digest TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX directory_ticket_session ON directory_ticket (session);
CREATE INDEX directory_ticket_expires ON directory_ticket (expires_at);
