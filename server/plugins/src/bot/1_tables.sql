-- id: as a person's, the author of what it posts. digest: SHA-256 of the token, which is kept
-- nowhere. secret: as it is, because signatures are made with it; whoever reads it here can sign,
-- but not call, since that takes the token too. keywords, networks: lists as JSON.
CREATE TABLE bot_robot (
    id TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    conv TEXT NOT NULL,
    digest TEXT NOT NULL,
    secret TEXT,
    keywords TEXT NOT NULL,
    networks TEXT NOT NULL,
    per_minute BIGINT NOT NULL,
    enabled BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    made_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX bot_robot_digest ON bot_robot (digest);
CREATE INDEX bot_robot_conv ON bot_robot (conv, id);

-- The last calls of each robot. refused: why, as JSON; none if it was posted.
CREATE TABLE bot_delivery (
    robot TEXT NOT NULL,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    source TEXT,
    refused TEXT,
    PRIMARY KEY (robot, id)
);
