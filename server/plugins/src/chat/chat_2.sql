-- Each node writes down what it heard of a person's day in a row of its own, so that two of them
-- never overwrite each other; what the person saw is what all of them say together. A node that is
-- the only one has no name.
CREATE TABLE chat_seen (
    conv TEXT NOT NULL,
    user_id TEXT NOT NULL,
    day BIGINT NOT NULL,
    node TEXT NOT NULL,
    spans TEXT NOT NULL,
    PRIMARY KEY (conv, user_id, day, node)
);
INSERT INTO chat_seen (conv, user_id, day, node, spans)
SELECT conv, user_id, day, '', spans FROM chat_read_day;
DROP TABLE chat_read_day;
