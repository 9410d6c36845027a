-- What robots post by themselves. says: what, as JSON. user_id: in whose name a digest asks; own: it
-- was the robot's program that put it, over the robot's address. due: the time that a timer waits
-- for; none while it is paused, or stopped everywhere. last: the time that was posted for last.
CREATE TABLE bot_schedule (
    robot TEXT NOT NULL,
    name TEXT NOT NULL,
    org TEXT NOT NULL,
    title TEXT NOT NULL,
    cron TEXT NOT NULL,
    says TEXT NOT NULL,
    paused BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    own BIGINT NOT NULL,
    put_at BIGINT NOT NULL,
    due BIGINT,
    last BIGINT,
    PRIMARY KEY (robot, name)
);
CREATE INDEX bot_schedule_org ON bot_schedule (org, robot) WHERE due IS NOT NULL;

-- Where they post it. last: the time that was posted for there. stopped: why nothing is posted there
-- any more. missing: what the digest lacked that was posted last, as JSON; NULL if nothing.
CREATE TABLE bot_schedule_place (
    robot TEXT NOT NULL,
    name TEXT NOT NULL,
    conv TEXT NOT NULL,
    last BIGINT,
    stopped TEXT,
    missing TEXT,
    PRIMARY KEY (robot, name, conv)
);

-- Pictures of digests: a PNG file in Base64. user_id: whose preview it is of; none of what was
-- posted, which the members of the conversation see.
CREATE TABLE bot_picture (
    id TEXT PRIMARY KEY,
    org TEXT NOT NULL,
    conv TEXT NOT NULL,
    user_id TEXT,
    png TEXT NOT NULL,
    made_at BIGINT NOT NULL
);
CREATE INDEX bot_picture_posted ON bot_picture (conv, id) WHERE user_id IS NULL;
CREATE INDEX bot_picture_preview ON bot_picture (made_at) WHERE user_id IS NOT NULL;
