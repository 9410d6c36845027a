-- locale, tz: what people start with. rev: counts the changes that are decided by looking at more
-- than one row (the tree, managers, roles, who left): of two at once the second looks again.
ALTER TABLE directory_org ADD COLUMN locale TEXT NOT NULL DEFAULT 'zh-HK';
ALTER TABLE directory_org ADD COLUMN tz TEXT NOT NULL DEFAULT 'Asia/Hong_Kong';
ALTER TABLE directory_org ADD COLUMN rev BIGINT NOT NULL DEFAULT 0;

-- Who left keeps the row: names of old messages, and the way back.
ALTER TABLE directory_user ADD COLUMN manager TEXT;
ALTER TABLE directory_user ADD COLUMN left_at BIGINT;
CREATE INDEX directory_user_manager ON directory_user (manager) WHERE manager IS NOT NULL;

-- position: the order among siblings, with gaps.
CREATE TABLE directory_department (
    id TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    parent TEXT,
    name TEXT NOT NULL,
    head TEXT,
    position BIGINT NOT NULL
);
CREATE UNIQUE INDEX directory_department_name
    ON directory_department (org, (COALESCE(parent, '')), name);
CREATE INDEX directory_department_head ON directory_department (head) WHERE head IS NOT NULL;

-- position: the person's main department comes first.
CREATE TABLE directory_department_member (
    department TEXT NOT NULL,
    user_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (department, user_id)
);
CREATE INDEX directory_department_member_user ON directory_department_member (user_id, position);

-- permissions: with spaces between. The administrator's role has the id of its organisation and
-- all of them, whatever the column says.
CREATE TABLE directory_role (
    id TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    name TEXT NOT NULL,
    permissions TEXT NOT NULL
);
CREATE UNIQUE INDEX directory_role_name ON directory_role (org, name);

CREATE TABLE directory_role_member (
    role TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (role, user_id)
);
CREATE INDEX directory_role_member_user ON directory_role_member (user_id);

INSERT INTO directory_role (id, org, name, permissions)
    SELECT id, id, 'Administrator', '' FROM directory_org;
INSERT INTO directory_role_member (role, user_id)
    SELECT org, id FROM directory_user WHERE admin = 1 AND app = 0;
ALTER TABLE directory_user DROP COLUMN admin;

-- digest: SHA-256 of the link's token, which itself is kept nowhere. user_id: whose password it
-- sets; without one it makes new people.
CREATE TABLE directory_invite (
    id TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    digest TEXT NOT NULL,
    made_by TEXT NOT NULL,
    user_id TEXT,
    department TEXT,
    uses_left BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX directory_invite_digest ON directory_invite (digest);
CREATE INDEX directory_invite_org ON directory_invite (org, id);
CREATE INDEX directory_invite_expires ON directory_invite (expires_at);

ALTER TABLE directory_session ADD COLUMN seen_at BIGINT NOT NULL DEFAULT 0;
UPDATE directory_session SET seen_at = created_at;
